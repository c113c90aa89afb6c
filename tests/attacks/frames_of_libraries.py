"""Let libraries name the frames below, which a file must not name itself."""

import ctypes
import inspect
import io
import logging
import operator
import sys
import traceback
from contextlib import suppress
from types import FrameType, SimpleNamespace


def error():
    try:
        raise ValueError
    except ValueError as raised:
        return raised


def of_torch():
    from torch._jit_internal import createResolutionCallbackFromFrame

    found = []
    for depth in range(1, 20):
        with suppress(AssertionError):
            found.append(createResolutionCallbackFromFrame(depth)("namespace"))
    return found


def of_executing():
    from executing import Source

    return Source.executing(error().__traceback__).frame


def of_stack_data():
    from stack_data import FrameInfo

    return [info.frame for info in FrameInfo.stack_data(error().__traceback__)]


def of_asyncio():
    from asyncio.base_tasks import _task_get_stack

    task = SimpleNamespace(_coro=(number for number in "ab"), _exception=None)
    return _task_get_stack(task, None)


def of_ctypes():
    place = ctypes.c_void_p.from_address(id(error().__traceback__) + 24).value
    return ctypes.cast(place, ctypes.py_object).value


def of_a_helper_of_traceback():
    given = []
    helper = traceback.extract_stack
    traceback.extract_stack = lambda frame, limit: given.append(frame) or []
    try:
        traceback.format_stack()
    finally:
        traceback.extract_stack = helper
    return given


def of_lines():
    import linecache

    given = []
    helper = linecache.lazycache
    linecache.lazycache = lambda name, names: given.append(names)
    try:
        traceback.format_stack()
    finally:
        linecache.lazycache = helper
    return given


def of_summaries():
    given = []
    helper = traceback.StackSummary.extract
    traceback.StackSummary.extract = classmethod(lambda kind, frames, **more: given.extend(frames))
    try:
        traceback.print_stack(file=io.StringIO())
    finally:
        traceback.StackSummary.extract = helper
    return given


def of_a_file():
    from torch._library.utils import get_source

    given = []
    helper = inspect.getfile
    inspect.getfile = lambda value: given.append(value) or ""
    try:
        get_source(1)
    finally:
        inspect.getfile = helper
    return given


def of_a_generator():
    return next(traceback._walk_tb_with_full_positions(error().__traceback__))


def of_logging():
    return logging.currentframe()


def of_a_handler():
    given = []
    helper = traceback.print_stack
    traceback.print_stack = lambda frame, file: given.append(frame)
    try:
        try:
            raise ValueError
        except ValueError:
            record = logging.LogRecord("a", 1, "b", 2, "c", (), None)
            logging.StreamHandler().handleError(record)
    finally:
        traceback.print_stack = helper
    return given


DOORS = {
    **{name: value for name, value in globals().items() if name.startswith("of_")},
    "a lambda": lambda: (lambda: sys._getframe())(),
    "a list": lambda: [sys._getframe() for _ in "a"],
    "map": lambda: [*map(sys._getframe, [0])],
    "attrgetter": lambda: operator.attrgetter("tb_frame")(error().__traceback__),
    "inspect": lambda: inspect.currentframe(),
    "the stack": lambda: inspect.stack()[0].frame,
    "the trace": lambda: inspect.getinnerframes(error().__traceback__)[0].frame,
}


def is_seen(value):
    if isinstance(value, (list, tuple)):
        return any(map(is_seen, value))
    return isinstance(value, (FrameType, dict))


def attack():
    for door in DOORS.values():
        with suppress(Exception):
            if is_seen(door()):
                return True
    return False
