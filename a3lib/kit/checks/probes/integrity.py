"""What probes rely on stays what it was before a student's code was loaded.

In the sandbox that code shares a process with the probes, so it can rebind what they use: their own
tables, torch, transformers, json, the builtins. `remember` notes what is there before; then
`put_back` restores what was rebound. New names stay, because an honest file may add a method to a
class. In a notebook nothing is remembered, and nothing put back.

It is one layer of several: whoever writes to memory gets past it. So a check should also want
numbers that have to be computed.
"""

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from operator import is_
from types import ModuleType
from typing import Any

from a3lib.kit.checks.probes import introspection, modes

OWN = "a3lib.kit"
PACKAGES = {"a3lib", "numpy", "safetensors", "tokenizers", "torch", "transformers"}
# What compiles, distributes, describes or connects, which no probe asks for: more than half.
LEFT_OUT = frozenset(
    (
        "asyncio",
        "concurrent",
        "ctypes",
        "email",
        "html",
        "http",
        "logging.handlers",
        "multiprocessing",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "test",
        "unittest",
        "urllib",
        "xml",
        "xmlrpc",
        "numpy._typing",
        "numpy.f2py",
        "numpy.ma",
        "numpy.testing",
        "torch._C._distributed",
        "torch._dynamo",
        "torch._decomp",
        "torch._export",
        "torch._functorch",
        "torch._guards",
        "torch._higher_order_ops",
        "torch._inductor",
        "torch._library",
        "torch._meta_registrations",
        "torch._native",
        "torch._numpy",
        "torch._prims",
        "torch._refs",
        "torch._subclasses",
        "torch.ao",
        "torch.compiler",
        "torch.cuda",
        "torch.distributed",
        "torch.distributions",
        "torch.export",
        "torch.fx",
        "torch.jit",
        "torch.masked",
        "torch.onnx",
        "torch.package",
        "torch.quantization",
        "torch.return_types",
        "torch.testing",
        "transformers.integrations",
        "transformers.quantizers",
        "transformers.utils.dummy_pt_objects",
    )
)
# A type whose attributes Python lets nobody set, by its flags.
IMMUTABLE = 1 << 8
# What Python calls by itself, and most classes do not have.
SPECIAL = {"__bool__", "__call__", "__del__", "__float__", "__getattr__", "__iter__", "__len__"}
MISSING = object()
# A module or class, its name, its live dictionary, and the names and values that were in it.
Names = tuple[Any, str, Mapping[str, Any], tuple[str, ...], tuple[Any, ...]]


class Changed(RuntimeError):
    """A student's code changed what the probes rely on, so that its answer says nothing."""


def nothing() -> list[str]:
    """Put nothing back, because nothing was remembered."""
    return []


def unguarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as it is."""
    return function


# Restores what was rebound, and returns the names of what no library put there.
put_back: Callable[[], list[str]] = nothing
# Returns a student's function; after a call of it everything is put back.
guarded: Callable[[Callable[..., Any]], Callable[..., Any]] = unguarded
# Puts back what the checks are made of when a student's function calls one that was lent to it.
entered: Callable[[], Any] = nothing
# Returns the names of what was put back after calls, and forgets them.
noted: Callable[[], list[str]] = nothing


def remember(objects: tuple[Any, ...] = ()) -> None:
    """Note what modules, classes and these objects are; called once, before a file is loaded."""
    global put_back, guarded, entered, noted
    changed: list[str] = []
    exact: list[tuple[Any, ...]] = []
    everything = [*names_of_all()]
    put_back = putting_back(exact, everything, objects)
    guarded = guarding(put_back, changed)

    # Loops call what is lent thousands of times, and the libraries take milliseconds to look at.
    of_the_checks = [names for names in everything if is_own(names[1])]

    def entered(
        put_back: Any = putting_back(exact, of_the_checks, ()), add: Any = changed.extend
    ) -> None:
        add(put_back())

    def noted(found: list[str] = changed) -> list[str]:
        known = found.copy()
        found.clear()
        return known

    exact += exact_contents()


def check() -> None:
    """Raise `Changed` where a call, or what read its results, changed what the probes rely on."""
    changed = [*noted(), *put_back()]
    if changed:
        raise Changed(f"it changed {changed[0]}, which the checks rely on: leave it as it is")
    if introspection.runs_elsewhere():
        raise Changed("a thread of it was still at work: wait for its end with join()")


def putting_back(
    exact: list[tuple[Any, ...]], everything: list[Names], objects: tuple[Any, ...]
) -> Callable[[], list[str]]:
    """Return a function that restores all this."""
    loaded = {names[1]: names[0] for names in everything if is_module(names)}
    saved = dict(vars(builtins))
    hiding = [(thing, type(thing), {*vars(thing)}) for thing in objects]

    # What is needed before the builtins and this module are as they were is bound as a default:
    # other names could be anybody's, and nobody can change defaults (see introspection).
    def put_back(
        restore_builtins: Any = vars(builtins).update,
        saved: Any = saved,
        python: Any = vars(builtins).values,
        values: Any = tuple(vars(builtins).values()),
        exact: Any = exact,
        restore_modules: Any = sys.modules.update,
        loaded: Any = loaded,
        tools: Any = (all, map, is_),
    ) -> list[str]:
        every, apply, same = tools
        changed = [] if every(apply(same, python(), values)) else ["Python's own functions"]
        restore_builtins(saved)
        for clear, update, contents, now, before in exact:
            if not every(apply(same, now(), before)):
                changed += ["the checks' own functions"]
            clear()
            update(contents)
        restore_modules(loaded)
        found = [*restored(everything), *restored_objects(hiding)]
        return changed + [name for name, value in found if not introspection.is_of_a_library(value)]

    return put_back


def guarding(
    put_back: Callable[[], list[str]], changed: list[str]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a function that guards functions; it adds to `changed` what they changed."""
    before, restore, ask_for_frames = modes.modes, modes.restore, modes.asking_for_frames()

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function, assigned=("__name__", "__doc__"), updated=())
        def call(*arguments: Any, **more: Any) -> Any:
            state = before()
            try:
                return function(*arguments, **more)
            finally:
                # Before any function of ours begins, which a student may have asked to be shown.
                ask_for_frames(None)
                changed.extend(put_back())
                restore(state)

        return call

    return guarded


def exact_contents() -> Iterator[tuple[Any, ...]]:
    """Yield how to restore all names of our own modules, and the tables that they have."""
    dictionaries = [vars(module) for name, module in sys.modules.items() if is_own(name)]
    tables = [value for names in dictionaries for value in names.values() if type(value) is dict]
    for table in [*dictionaries, *tables]:
        yield table.clear, table.update, table.copy(), table.values, tuple(table.values())


def is_own(name: str) -> bool:
    """Say whether a module is one of the kit's, which nobody else extends."""
    return f"{name}.".startswith(f"{OWN}.")


def is_module(names: Names) -> bool:
    """Say whether these are the names of a module."""
    return isinstance(names[0], ModuleType)


def names_of_all() -> Iterator[Names]:
    """Yield the libraries' modules that probes rely on, and the classes in them and in our own."""
    modules = {name: sys.modules[name] for name in [*sys.modules] if is_relied_on(name)}
    own = [module for name, module in sys.modules.items() if is_own(name)]
    kinds: dict[int, Any] = {
        id(kind): kind
        for module in [*modules.values(), *own]
        for value in vars(module).values()
        if isinstance(value, type)
        for kind in [*value.__mro__, *vars(type)["__mro__"].__get__(type(value))]
    }
    for name, module in modules.items():
        yield names_of(module, name, vars(module))
    for kind in kinds.values():
        place = str(kind.__module__)
        known = is_own(place) or place in modules
        if known and (not kind.__flags__ & IMMUTABLE or place == "builtins"):
            yield names_of(kind, f"{place}.{kind.__qualname__}", vars(kind))


def names_of(owner: Any, label: str, names: Mapping[str, Any]) -> Names:
    """Return what is in a module or class now."""
    return owner, label, names, tuple(names), tuple(names.values())


def is_relied_on(name: str) -> bool:
    """Say whether a module, by its name in `sys.modules`, is a library's that probes rely on."""
    if not isinstance(sys.modules[name], ModuleType) or name == "__main__" or is_own(name):
        return False
    parts = name.split(".")
    if any(".".join(parts[:count]) in LEFT_OUT for count in range(1, 4)):
        return False
    top = parts[0]
    return top in PACKAGES or top in sys.stdlib_module_names


def restored(everything: list[Names]) -> Iterator[tuple[str, Any]]:
    """Restore what was rebound; yield the name of each, and what stood there."""
    for owner, label, names, keys, values in everything:
        if len(names) != len(keys) or not all(map(is_, names.values(), values)):
            for name, value in zip(keys, values, strict=True):
                now = names.get(name, MISSING)
                if now is not value and is_code(value):
                    bind(owner, names, name, value)
                    yield f"{label}.{name}", now
            for name in set(names).difference(keys):
                now = names[name]
                if hides(owner, name, now):
                    bind(owner, names, name, MISSING)
                    yield f"{label}.{name}", now


def is_code(value: Any) -> bool:
    """Say whether a value is what programs call, and not a state that they keep."""
    return (
        callable(value)
        or isinstance(value, (ModuleType, float))
        or hasattr(type(value), "__get__")
        or type(value).__module__ in ("torch", "torch._C")
    )


def hides(owner: Any, name: str, value: Any) -> bool:
    """Say whether a new name stands before an inherited one or a builtin.

    A library that is loaded later may do so: what is from it stays.
    """
    if introspection.is_of_a_library(value):
        return False
    if not callable(value) and not hasattr(type(value), "__get__"):
        return False
    if isinstance(owner, ModuleType):
        return name in vars(builtins)
    bases = type.__dict__["__mro__"].__get__(owner)[1:]
    return name in SPECIAL or any(name in vars(base) for base in bases)


def bind(owner: Any, names: Any, name: str, value: Any) -> None:
    """Give a name back to a module or class, or take it away where the value is `MISSING`.

    What was done to a builtin type cannot be undone: it is found again, and refused, each time.
    """
    if isinstance(owner, ModuleType):
        names[name] = value
        if value is MISSING:
            del names[name]
        return
    with suppress(TypeError, AttributeError):
        if value is MISSING:
            type.__delattr__(owner, name)
        else:
            type.__setattr__(owner, name, value)


def restored_objects(objects: list[tuple[Any, type, set[str]]]) -> Iterator[tuple[str, Any]]:
    """Restore objects' classes and methods; yield the name of each, and what stood there."""
    for thing, kind, names in objects:
        if type(thing) is not kind:
            yield f"the class of a {kind.__name__}", type(thing)
            object.__setattr__(thing, "__class__", kind)
        for name in set(vars(thing)) - names:
            if hasattr(kind, name) and callable(vars(thing)[name]):
                yield f"{kind.__name__}.{name}", vars(thing).pop(name)
