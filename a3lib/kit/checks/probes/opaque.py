"""Functions that are handed to a student's code, and lead to nothing but their results.

A function's closure, its globals and what a method is bound to are there for everybody who has it.
So a watcher stands behind a generator, into whose frame nobody looks (see `introspection`).
"""

from collections.abc import Callable, Generator
from functools import cache
from types import CellType, CodeType, FunctionType
from typing import Any

from torch._C._dynamo.eval_frame import set_eval_frame

# Its globals are empty: those of a function of ours would lead to all of the probes. Torch's
# compiler shows frames that begin to whoever asked it to, so nobody may have asked when ours do.
SOURCE = """
def make(door, ask_for_frames):
    def {name}(*arguments, **more):
        ask_for_frames(None)
        result, error = door(None)((arguments, more))
        if error is not None:
            raise error
        return result
    return {name}
"""


def opaque(
    function: Callable[..., Any], first: Callable[[], Any] | None = None
) -> Callable[..., Any]:
    """Return a function that does the same, and tells nothing of how; it may call itself.

    `first` is called before each call.
    """
    doors = doors_to(function, first)
    next(doors)
    name = getattr(function, "__name__", "call")
    code = code_named(name if name.isidentifier() else "call")
    lent = {"door": doors.send, "ask_for_frames": set_eval_frame}
    cells = tuple(CellType(lent[name]) for name in code.co_freevars)
    clean: FunctionType = FunctionType(code, {}, code.co_name, None, cells)
    return clean


@cache
def code_named(name: str) -> CodeType:
    """Return the code of `make`'s function under a name; what is compiled once is had by all."""
    made: dict[str, Any] = {}
    exec(SOURCE.format(name=name), made)
    code: CodeType = made["make"](None, None).__code__
    return code


def doors_to(
    function: Callable[..., Any], first: Callable[[], Any] | None
) -> Generator[Any, Any, None]:
    """Yield, for each call, the way to make it: a call within a call has its own."""
    way = None
    while True:
        yield way
        door = door_to(function, first)
        next(door)
        way = door.send


def door_to(
    function: Callable[..., Any], first: Callable[[], Any] | None
) -> Generator[Any, Any, None]:
    """Take the arguments of one call; yield its result and no error, or None and its error."""
    call: tuple[tuple[Any, ...], dict[str, Any]] = yield
    arguments, more = call
    result, failure = None, None
    try:
        if first is not None:
            first()
        result = function(*arguments, **more)
    except BaseException as error:
        failure = error
    yield result, failure
