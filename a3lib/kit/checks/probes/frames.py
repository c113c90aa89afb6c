"""Which libraries may look at frames for a student's code: those that hand none on.

What is called here from an audit hook has all names bound as defaults: others could be anybody's.
"""

import inspect
import linecache
import logging
import os
import sys
import sysconfig
import traceback
from types import CodeType, FrameType, FunctionType
from typing import Any

from a3lib.util.files import LIBRARY

OUR_FILES = tuple(
    dict.fromkeys(
        (
            *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
            *(entry + os.sep for entry in sys.path if entry.endswith("-packages")),
            str(LIBRARY) + os.sep,
            "<frozen ",
        )
    )
)
# Other libraries that look at frames may hand them on to whoever called them: debuggers do, torch's
# scripts, pandas' queries, asyncio's tasks. These functions, by file, keep them to themselves.
KEEPERS = {
    os.path.join(os.sep, *file.split("/")): frozenset(names.split())
    for file, names in {
        "collections/__init__.py": "namedtuple",
        "enum.py": "_create_",
        "logging/__init__.py": "_log",
        "matplotlib/_api/__init__.py": "warn_external",
        "pandas/util/_exceptions.py": "find_stack_level",
        "torch/_custom_op/impl.py": "_register_impl",
        "torch/_library/utils.py": "get_source",
        "torch/library.py": "__init__ _register_fake",
        "traceback.py": "print_stack format_stack _walk_tb_with_full_positions",
        "typing.py": "_caller",
        "typing_extensions.py": "_caller _has_generic_or_protocol_as_origin",
    }.items()
}
# As long as nobody has changed the functions that they hand frames to.
HELPERS = (inspect, linecache, logging, traceback)
# What libraries hand frames to, and the code below that of a student.
Trusted = tuple[list[tuple[Any, str, Any]], dict[int, CodeType]]


def callables_of(modules: tuple[Any, ...] = HELPERS) -> list[tuple[Any, str, Any]]:
    """Return what is called in modules and in their classes: the names of each, a name, a value."""
    spaces = [vars(module) for module in modules]
    own = {module.__name__ for module in modules}
    kinds = [kind for space in spaces for kind in space.values() if isinstance(kind, type)]
    spaces += [vars(kind) for kind in kinds if kind.__module__ in own]
    return [
        (space, name, value)
        for space in spaces
        for name, value in space.items()
        if callable(value) or isinstance(value, (classmethod, staticmethod, property))
    ]


def codes_below(frame: FrameType | None) -> dict[int, CodeType]:
    """Return the code of a frame and of all those below it, by their ids."""
    found: dict[int, CodeType] = {}
    while frame is not None:
        found[id(frame.f_code)] = frame.f_code
        frame = frame.f_back
    return found


def _is_torchs_getfile(
    value: Any,
    name: str,
    tools: Any = (type, FunctionType),
    ours: tuple[str, ...] = OUR_FILES,
    file: str = os.path.join(os.sep, "torch", "package", "package_importer.py"),
) -> bool:
    """Say whether a function is what torch puts in the place of `inspect.getfile` when it loads."""
    kind_of, function = tools
    if name != "getfile" or kind_of(value) is not function:
        return False
    where = value.__code__.co_filename
    return bool(where.startswith(ours) and where.endswith(file))


def keeps_frames(
    frame: FrameType,
    trusted: Trusted,
    keepers: dict[str, frozenset[str]] = KEEPERS,
    ours: tuple[str, ...] = OUR_FILES,
    importing: str = "<frozen importlib",
    generator: int = inspect.CO_GENERATOR,
    every: Any = all,
    number: Any = id,
    replaced: Any = _is_torchs_getfile,
) -> bool:
    """Say whether a library that looks at frames works for no student, or hands none on."""
    callables, below = trusted
    code, taker = frame.f_code, frame.f_back
    for file, names in keepers.items():
        if not code.co_filename.endswith(file) or code.co_name not in names:
            continue
        # What a generator yields is had by whoever asks it for the next one.
        yields = code.co_flags & generator
        if yields and (taker is None or taker.f_code.co_filename != code.co_filename):
            return False
        return every(
            space.get(name) is value or replaced(space.get(name), name)
            for space, name, value in callables
        )
    # A library's module that is being imported, or nobody's work but ours.
    asking: FrameType | None = frame
    while asking is not None and asking.f_code.co_filename.startswith(ours):
        if asking.f_code.co_filename.startswith(importing):
            return True
        asking = asking.f_back
    return asking is None or number(asking.f_code) in below
