"""A student's functions under all their names: a stand-in takes the place of each.

A loop may hold the loss under another name, in a dict, as a default argument, in a partial or in a
class. So for the time of a check the function itself calls whatever its global name stands for, and
a copy of it takes over that name. The same goes for a helper that the function only passes its
arguments on to (`wrappers`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import CellType, CodeType, FunctionType
from typing import Any

import torch

from a3lib.kit.checks.probes.wrappers import Passed, is_name, passed_on

# What torch.no_grad and torch.inference_mode make of a function, which they call `func`.
DECORATED = torch.no_grad()(lambda: None).__code__

# The functions that stand-ins and watchers take the place of.
REPLACED = (
    "compute_reward_for_mini_batch",
    "evaluate",
    "compute_reinforce_loss",
    "compute_kl_divergence",
    "compute_DPO_loss",
    "create_labels_from_attention_mask",
    "_get_batch_logps",
    "get_log_probs",
)


@contextmanager
def aliases_followed(namespace: dict[str, Any]) -> Iterator[None]:
    """Let each function of the assignment call what its name in the namespace stands for.

    A function whose globals are others' stays as it is, but for what torch.no_grad decorates.
    """
    before: list[tuple[Any, tuple[Any, ...]]] = []
    names = dict[str, Any]()

    def redirect(function: Any, name: str, places: tuple[str, ...] | None = None) -> None:
        parts = function.__code__, function.__defaults__, function.__kwdefaults__
        before.append((function, parts))
        function.__code__ = calls_by_name(name, function.__code__, places)
        if places is None:
            function.__defaults__ = function.__kwdefaults__ = None

    try:
        for name in REPLACED:
            given: Any = namespace.get(name)
            function = undecorated(given)
            # One function may have two of the names.
            if not is_redirectable(function, name, namespace) or is_among(function, before):
                continue
            names[name], own = given, copy_of(function, namespace)
            passed = passed_on(function, namespace)
            if passed and may_follow(passed, name, namespace, before):
                helper = copy_of(passed.helper, namespace)
                own = copy_of(function, {passed.name: helper, "torch": torch})
                redirect(passed.helper, name, passed.places)
            namespace[name] = own if function is given else decorated_again(given, own)
            redirect(function, name)
        yield
    finally:
        for function, parts in before:
            function.__code__, function.__defaults__, function.__kwdefaults__ = parts
        namespace |= names


def may_follow(
    passed: Passed, name: str, namespace: dict[str, Any], before: list[tuple[Any, tuple[Any, ...]]]
) -> bool:
    """Say whether a helper can be called by the name of the function that passes all on to it."""
    own = passed.name in REPLACED or name in (passed.places or ())
    known = is_among(passed.helper, before)
    return not own and not known and is_redirectable(passed.helper, name, namespace)


def is_among(function: Any, before: list[tuple[Any, tuple[Any, ...]]]) -> bool:
    """Say whether a function is redirected already."""
    return any(function is one for one, _ in before)


def is_redirectable(function: Any, name: str, namespace: dict[str, Any]) -> bool:
    """Say whether a function looks its names up in the namespace, where the stand-in will be."""
    return (
        type(function) is FunctionType
        and function.__globals__ is namespace
        and name not in function.__code__.co_freevars
        and all(map(is_name, function.__code__.co_freevars))
    )


def copy_of(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    """Return a function that does the same with these globals, with the same attributes."""
    copy = FunctionType(
        function.__code__,
        names,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    # What is counted in an attribute is counted for both.
    copy.__dict__ = function.__dict__
    copy.__doc__, copy.__qualname__, copy.__module__ = (
        function.__doc__,
        function.__qualname__,
        function.__module__,
    )
    return copy


def undecorated(function: Any) -> Any:
    """Return the function that torch.no_grad decorates, and any other as it is."""
    if type(function) is not FunctionType or function.__code__ is not DECORATED:
        return function
    cells = zip(DECORATED.co_freevars, function.__closure__ or (), strict=True)
    return dict(cells)["func"].cell_contents


def decorated_again(function: FunctionType, inner: FunctionType) -> FunctionType:
    """Return a copy of what torch.no_grad made of a function, with another one in its place."""
    cells = dict(zip(DECORATED.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple((cells | {"func": CellType(inner)}).values())
    made = FunctionType(DECORATED, function.__globals__, function.__name__, None, closure)
    made.__dict__ |= {**vars(function), "__wrapped__": inner}
    made.__doc__ = function.__doc__
    return made


def calls_by_name(name: str, own: CodeType, places: tuple[str, ...] | None = None) -> CodeType:
    """Return code that calls the global of this name, with all of its arguments.

    It has the free variables of `own`, which it does not use: a function keeps its closure. With
    `places` its parameters are `own`'s, and they are given to the global in that order.
    """
    free = ", ".join(own.co_freevars)
    taken, given = "*arguments, **more", "*arguments, **more"
    if places is not None:
        taken, given = ", ".join(own.co_varnames[: own.co_argcount]), ", ".join(places)
    mentioned = f"        if 0: {free}\n" if free else ""
    source = (
        f"def make({free}):\n"
        f"    def call({taken}):\n"
        f"{mentioned}"
        f"        return {name}({given})\n"
        "    return call\n"
    )
    made: dict[str, Any] = {}
    exec(compile(source, "<alias>", "exec"), made)
    code: CodeType = made["make"](*own.co_freevars).__code__
    return code
