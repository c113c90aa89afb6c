"""A student's code in the sandbox does not look into the functions that called it, or trace them.

What Python offers for debuggers would show it the probes at work, and let it change what they saw.
No solution of an assignment needs that. An audit hook refuses it (PEP 578), which cannot be taken
away again; some libraries may go on, because logging, enum and typing look at frames as well.
"""

import os
import sys
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from threading import get_ident
from types import CodeType, FrameType, FunctionType
from typing import Any

from a3lib.kit.checks.probes.frames import (
    OUR_FILES,
    Trusted,
    callables_of,
    codes_below,
    keeps_frames,
)

# Asked for by nobody but debuggers, profilers and those who search memory.
NEVER = frozenset(
    (
        "sys.settrace",
        "sys.setprofile",
        "sys.monitoring.register_callback",
        "sys._current_frames",
        "sys._current_exceptions",
        "gc.get_objects",
        "gc.get_referrers",
        "gc.get_referents",
        "sys.addaudithook",
    )
)
# Asked for by libraries too.
BY_LIBRARIES = frozenset(
    (
        "sys._getframe",
        "object.__getattr__",
        "object.__setattr__",
        "ctypes.dlsym",
        "ctypes.cdata",
        "ctypes.PyObj_FromPtr",
        "ctypes.string_at",
        "ctypes.wstring_at",
    )
)
# How code could be made that bears a library's file name.
CODE = frozenset(("compile", "code.__new__", "marshal.loads"))
FRAMES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame"))
PARTS_OF_FUNCTIONS = frozenset(("__code__", "__defaults__", "__kwdefaults__"))
# They look at frames, or at the interpreter itself, for whoever called them.
GO_BETWEENS = tuple(
    os.path.join(os.path.dirname(os.__file__), name)
    for name in ("inspect.py", "ctypes" + os.sep, "pdb.py", "bdb.py")
)
WALKERS = frozenset(("walk_tb", "walk_stack", "extract_stack", "currentframe", "findCaller"))


def is_ours(code: CodeType, files: tuple[str, ...] = OUR_FILES) -> bool:
    """Say whether code is from a library's file and not from what a student handed in."""
    return code.co_filename.startswith(files)


def is_of_a_library(value: Any) -> bool:
    """Say whether a function is from a library's file, or was written by one, as dataclass does.

    Of anything else nothing is known.
    """
    if type(value) is not FunctionType:
        return False
    written = value.__code__.co_filename == "<string>"
    return is_ours(value.__code__) or (
        written and str(value.__globals__.get("__file__")).startswith(OUR_FILES)
    )


def runs_elsewhere() -> bool:
    """Say whether a student's code is at work in another thread."""
    frames = [frame for thread, frame in sys._current_frames().items() if thread != get_ident()]
    while frames:
        if not all(is_ours(frame.f_code) for frame in frames):
            return True
        frames = [frame.f_back for frame in frames if frame.f_back is not None]
    return False


def refuse() -> None:
    """Refuse a student's code, from now on, what only debuggers need."""
    at_work: set[int] = set()
    trusted = callables_of(), codes_below(sys._getframe())

    # All names are bound here, because by then others could be anybody's.
    def hook(
        event: str,
        arguments: tuple[Any, ...],
        never: Any = NEVER,
        by_libraries: Any = BY_LIBRARIES,
        of_code: Any = CODE,
        asked: Any = _is_asked_by_student,
        forged: Any = _is_forged_code,
        at_work: Any = at_work,
        trusted: Any = trusted,
        thread: Any = get_ident,
        error: Any = PermissionError,
    ) -> None:
        if event not in never and event not in by_libraries and event not in of_code:
            return
        me = thread()
        if me in at_work:
            return
        at_work.add(me)
        try:
            if event in of_code:
                refused = forged(event, arguments)
            else:
                refused = asked(event, arguments, trusted)
        finally:
            at_work.discard(me)
        if refused:
            raise error(f"{event} is for debuggers: leave it out of the file")

    sys.addaudithook(hook)


def _is_asked_by_student(
    event: str,
    arguments: tuple[Any, ...],
    trusted: Trusted,
    never: frozenset[str] = NEVER,
    frames: frozenset[str] = FRAMES,
    parts: frozenset[str] = PARTS_OF_FUNCTIONS,
    walkers: frozenset[str] = WALKERS,
    between: tuple[str, ...] = GO_BETWEENS,
    ours: tuple[str, ...] = OUR_FILES,
    here: str = __file__,
    getframe: Any = sys._getframe,
    text: Any = str,
    keeps: Any = keeps_frames,
) -> bool:
    """Say whether an audited event is one that a student's code must not cause."""
    if event == "object.__getattr__" and arguments[1] not in frames:
        return False
    if event == "object.__setattr__" and arguments[1] not in parts:
        return False
    if event == "ctypes.dlsym" and text(arguments[1]).lstrip("_")[:2] != "Py":
        return False
    frame: FrameType | None = getframe(2)
    if event in never:
        return frame is None or frame.f_code.co_filename != here
    # Whoever asks names it. A library that calls what it is given does not, such as a function that
    # maps another one: then a student asks.
    asked = text(arguments[1]) if event == "object.__getattr__" else "_getframe"
    named = of_frames = event in ("sys._getframe", "object.__getattr__")
    while frame is not None:
        code = frame.f_code
        if named and asked not in code.co_names and asked not in code.co_freevars:
            return True
        unnamed = code.co_name.startswith("<") and code.co_name != "<module>"
        if not (unnamed or code.co_filename.startswith(between) or code.co_name in walkers):
            break
        # Comprehensions and lambdas are called without a name.
        named, asked = of_frames and not unnamed, code.co_name
        frame = frame.f_back
    if frame is None:
        return False
    if not frame.f_code.co_filename.startswith(ours):
        return True
    return of_frames and not keeps(frame, trusted)


def _is_stored(
    name: str,
    content: Any,
    tools: Any = (open, type, bytes, str, OSError),
) -> bool:
    """Say whether a text, or its bytes, is what stands in a file."""
    read, kind_of, raw, text, missing = tools
    try:
        with read(name, "rb") as stream:
            stored = stream.read()
    except missing:
        return False
    kind = kind_of(content)
    return kind in (raw, text) and content == (stored if kind is raw else stored.decode())


def _is_forged_code(
    event: str,
    arguments: tuple[Any, ...],
    ours: tuple[str, ...] = OUR_FILES,
    loaders: tuple[Any, ...] = (SourceFileLoader, SourcelessFileLoader),
    getframe: Any = sys._getframe,
    tools: Any = (isinstance, str, os.fsdecode, type, vars, set),
    is_stored: Any = _is_stored,
    importing: str = "<frozen importlib._bootstrap_external>",
) -> bool:
    """Say whether code is made that would pass for a library's: by its text, its parts or bytes."""
    # Names are bound here for the same reason as above.
    is_a, text, decoded, kind_of, parts_of, names = tools
    frame = getframe(2)
    code = frame.f_code
    by_library = code.co_filename.startswith(ours)
    if event == "code.__new__":
        named = "replace" in code.co_names or "CodeType" in code.co_names
        return text(arguments[1]).startswith(ours) and not (by_library and named)
    if event == "compile" and arguments[1] is None:
        # Of a syntax tree nobody says which file name it gets.
        return not (by_library and "compile" in code.co_names)
    if event == "compile":
        name = arguments[1] if is_a(arguments[1], text) else decoded(arguments[1])
        return name.startswith(ours) and not is_stored(name, arguments[0])
    # Only the import system reads code from bytes, with a loader as it made it.
    asking = frame.f_back
    if code.co_name != "_compile_bytecode" or asking is None or asking.f_code.co_name != "get_code":
        return True
    if asking.f_code.co_filename != importing or code.co_filename != importing:
        return True
    loader = asking.f_locals.get("self")
    kind = kind_of(loader)
    if kind not in loaders or not names(parts_of(loader)) <= names(("name", "path")):
        return True
    # A file of bytes alone keeps the name that it came with.
    return kind is loaders[1] and not text(loader.path).startswith(ours)
