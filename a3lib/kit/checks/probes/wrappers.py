"""Functions of the assignment that only pass their arguments on to a helper of the student's own.

Such a helper is the function itself under another name: a loop that calls it is a loop that calls
the function. Nothing is called to find out, because code can tell what it is called with: the
function's code has to be that of one of the few ways to write this.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from types import CodeType, FunctionType
from typing import Any

import torch

ANY_NUMBER = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
WITHOUT_GRADIENTS = ("torch", "no_grad")


@dataclass(frozen=True)
class Passed:
    """The helper that a function passes its arguments on to, by its global name.

    `places` are the helper's parameters in the order of the function's; None stands for "as given".
    """

    name: str
    helper: FunctionType
    places: tuple[str, ...] | None


def passed_on(function: FunctionType, namespace: dict[str, Any]) -> Passed | None:
    """Return to what a function passes all of its arguments on, if it does nothing else."""
    code = function.__code__
    called = [name for name in code.co_names if name not in WITHOUT_GRADIENTS]
    helper = namespace.get(called[0]) if len(called) == 1 else None
    if type(helper) is not FunctionType or not all(map(is_name, (*called, *code.co_varnames))):
        return None
    if "torch" in code.co_names and namespace.get("torch") is not torch:
        return None
    if code.co_freevars or code.co_cellvars or code.co_kwonlyargcount:
        return None
    for parameters, given, places in ways_to_pass(code, helper.__code__):
        kept = code.co_varnames[2 if places is None else code.co_argcount :]
        for body in ways_to_return(f"{called[0]}({given})", ", ".join(kept)):
            if is_like(code, parameters, body):
                return Passed(called[0], helper, places)
    return None


def ways_to_pass(
    code: CodeType, helper: CodeType
) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    """Yield parameters, what a helper is given of them, and which of its own these are."""
    if code.co_flags & ANY_NUMBER == ANY_NUMBER and not code.co_argcount:
        given = "*{}, **{}".format(*code.co_varnames)
        yield given, given, None
    if (code.co_flags | helper.co_flags) & ANY_NUMBER or helper.co_kwonlyargcount:
        return
    names, own = code.co_varnames[: code.co_argcount], helper.co_varnames[: helper.co_argcount]
    by_name = next((value for value in code.co_consts if type(value) is tuple), ())
    first = len(names) - len(by_name)
    if len(own) != len(names) or {*own[first:]} != {*by_name} or not {*by_name} <= {*names}:
        return
    given = ", ".join((*names[:first], *(f"{name}={name}" for name in by_name)))
    yield ", ".join(names), given, (*own[:first], *names[first:])


def ways_to_return(call: str, kept: str) -> Iterator[str]:
    """Yield bodies of a function that return what a call does, with these names for it, if any."""
    within = "    with torch.no_grad():\n    "
    if not kept:
        yield f"    return {call}\n"
        yield f"{within}    return {call}\n"
        return
    yield f"    {kept} = {call}\n    return {kept}\n"
    yield f"{within}    {kept} = {call}\n    return {kept}\n"
    yield f"{within}    {kept} = {call}\n        return {kept}\n"


def is_name(text: str) -> bool:
    """Say whether a text can be a name; code objects can hold any others."""
    return text.isidentifier() and not iskeyword(text)


def is_like(code: CodeType, parameters: str, body: str) -> bool:
    """Say whether code does what a function with these parameters and this body does."""
    # A text of its own is a constant, and others are found by their place.
    text = "    'text'\n" if code.co_consts and type(code.co_consts[0]) is str else ""
    source = f"def call({parameters}):\n{text}{body}"
    # Python reads attributes in another way of what is imported in the same text.
    return any(
        what_runs(code) == what_runs(compiled(beginning + source))
        for beginning in ("", "if 0:\n    import torch\n")
    )


def compiled(source: str) -> CodeType:
    """Return the code of the function `call` that a source defines."""
    made: dict[str, Any] = {}
    exec(compile(source, "<wrapper>", "exec"), made)
    code: CodeType = made["call"].__code__
    return code


def what_runs(code: CodeType) -> tuple[Any, ...]:
    """Return all of a function's code that its calls depend on: neither texts nor lines."""
    constants = tuple(value for value in code.co_consts if type(value) is not str)
    parameters = code.co_varnames, code.co_argcount, code.co_flags & ANY_NUMBER
    return code.co_code, code.co_exceptiontable, code.co_names, constants, *parameters
