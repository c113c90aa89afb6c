"""Find the submissions among files and folders, and give each a name of its own."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from a3lib.errors import InputError

ENDINGS = (".py", ".ipynb")
# The name of the file to hand in, without its ending.
ASSIGNMENT = "A3"
LONGEST_NAME = 100
# Folders that tools and operating systems leave, with copies in them.
TOOL_FOLDERS = ("__pycache__", "__MACOSX")


@dataclass(frozen=True)
class Found:
    """A submission's file, and its name, which is a folder's name in the results."""

    name: str
    file: Path


def find_submissions(files: Iterable[Path]) -> tuple[list[Found], list[tuple[str, str]]]:
    """Return the submissions in files and folders, and the files passed over, each with a reason.

    A submission's name is its path inside the folder that was given, so it is the same at every
    call. Raises InputError where something given is missing or nothing is found.
    """
    found: list[tuple[Path, str]] = []
    passed_over: list[tuple[str, str]] = []
    for given in files:
        if not os.path.lexists(given):
            raise InputError(f"There is no file or folder {str(given)!r}; give one that exists.")
        inside = given.parent if not given.is_dir() or given.is_symlink() else given
        if inside != given and given.suffix.lower() not in ENDINGS and not given.is_symlink():
            raise InputError(f"{str(given)!r} is no .py or .ipynb file; give one, or a folder.")
        for file, reason in walk(given):
            if reason:
                passed_over.append((str(file), reason))
            elif file.resolve() not in (other.resolve() for other, _ in found):
                found.append((file, name_of(file.relative_to(inside))))
    if not found:
        looked = ", ".join(repr(str(given)) for given in files)
        raise InputError(f"There is no .py or .ipynb file to grade in {looked}; name other files.")
    return [Found(name, file) for name, file in unique(found)], passed_over


def the_submission(folder: Path) -> Path:
    """Return the one submission in a folder: A3.py or A3.ipynb where there are more files.

    Raises InputError where there is none or where it cannot be told which.
    """
    folder = folder.resolve()
    found = [file for file, reason in walk(folder) if not reason]
    named = [file for file in found if file.stem.casefold() == ASSIGNMENT.casefold()]
    at_the_top = [file for file in named if file.parent == folder and file.stem == ASSIGNMENT]
    for candidates in (at_the_top, named, found):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(file.relative_to(folder).as_posix() for file in found)
    said = f"there are {names}" if found else "there is none"
    raise InputError(f"One file A3.py or A3.ipynb is graded, but {said}; hand in one of them.")


def walk(given: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that looks like a submission with "" or with why it is passed over."""
    if given.is_symlink():
        yield given, "a symbolic link"
    elif given.is_dir():
        for entry in sorted(given.iterdir()):
            if entry.is_symlink() or entry.suffix.lower() in ENDINGS or entry.is_dir():
                if entry.name.startswith(".") or entry.name in TOOL_FOLDERS:
                    yield entry, "a tool's own file or folder"
                else:
                    yield from walk(entry)
    elif not given.is_file():
        yield given, "not an ordinary file"
    elif given.suffix.lower() == ".ipynb" and given.with_suffix(".py").is_file():
        yield given, f"{given.with_suffix('.py').name} beside it is graded"
    else:
        yield given, ""


def name_of(path: Path) -> str:
    """Return a name for a submission that is safe as a folder's name, from its relative path.

    In a student's own folder the file's name says nothing: alice/A3.py is alice.
    """
    *folders, stem = path.with_suffix("").parts
    parts = folders if folders and stem.casefold() == ASSIGNMENT.casefold() else [*folders, stem]
    name = re.sub(r"[^\w.-]+", "_", "_".join(parts)).strip("._-")
    return name[:LONGEST_NAME] or "submission"


def unique(found: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
    """Yield names and files; names that several files have get a mark made from the path.

    Upper and lower case are the same name, because they are the same folder on some systems.
    """
    counts = Counter(name.casefold() for _, name in found)
    for file, name in found:
        mark = hashlib.sha256(os.fsencode(file)).hexdigest()[:8]
        yield (name if counts[name.casefold()] == 1 else f"{name}-{mark}"), file
