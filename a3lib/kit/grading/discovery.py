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
class SubmissionFile:
    """A submission's file, and its name, which is a folder's name in the results."""

    name: str
    file: Path


def find_submissions(
    paths: Iterable[Path],
) -> tuple[list[SubmissionFile], list[tuple[str, str]]]:
    """Return the submissions in files and folders, and the files passed over, each with a reason.

    A submission's name is its path inside the folder among `paths` that holds it, so it is the same
    at every call. Raises InputError where a path is missing or there is no submission.
    """
    named_files: list[tuple[Path, str]] = []
    passed_over: list[tuple[str, str]] = []
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"There is no file or folder {str(path)!r}; give one that exists.")
        folder = path.parent if not path.is_dir() or path.is_symlink() else path
        if folder != path and path.suffix.lower() not in ENDINGS and not path.is_symlink():
            raise InputError(f"{str(path)!r} is not a .py or .ipynb file; give one, or a folder.")
        for file, reason in walk(path):
            if reason:
                passed_over.append((str(file), reason))
            elif file.resolve() not in (other.resolve() for other, _ in named_files):
                named_files.append((file, name_of(file.relative_to(folder))))
    if not named_files:
        places = ", ".join(repr(str(path)) for path in paths)
        raise InputError(f"There is no .py or .ipynb file to grade in {places}; name other files.")
    return [SubmissionFile(name, file) for name, file in unique(named_files)], passed_over


def the_submission(folder: Path) -> Path:
    """Return the one submission in a folder: A3.py or A3.ipynb where there are more files.

    Raises InputError where there is none, or where it is unclear which one is meant.
    """
    folder = folder.resolve()
    files = [file for file, reason in walk(folder) if not reason]
    named = [file for file in files if file.stem.casefold() == ASSIGNMENT.casefold()]
    at_the_top = [file for file in named if file.parent == folder and file.stem == ASSIGNMENT]
    for candidates in (at_the_top, named, files):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(file.relative_to(folder).as_posix() for file in files)
    choice = f"there are {names}" if files else "there is none"
    raise InputError(f"One file A3.py or A3.ipynb is graded, but {choice}; hand in one of them.")


def walk(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that looks like a submission with "" or with why it is passed over."""
    if path.is_symlink():
        yield path, "a symbolic link"
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            if entry.is_symlink() or entry.suffix.lower() in ENDINGS or entry.is_dir():
                if entry.name.startswith(".") or entry.name in TOOL_FOLDERS:
                    yield entry, "a tool's own file or folder"
                else:
                    yield from walk(entry)
    elif not path.is_file():
        yield path, "not an ordinary file"
    elif path.suffix.lower() == ".ipynb" and path.with_suffix(".py").is_file():
        yield path, f"{path.with_suffix('.py').name} beside it is graded"
    else:
        yield path, ""


def name_of(path: Path) -> str:
    """Return a name for a submission that is safe as a folder's name, from its relative path.

    In a student's own folder the file's name says nothing: alice/A3.py is alice.
    """
    *folders, stem = path.with_suffix("").parts
    parts = folders if folders and stem.casefold() == ASSIGNMENT.casefold() else [*folders, stem]
    name = re.sub(r"[^\w.-]+", "_", "_".join(parts)).strip("._-")
    return name[:LONGEST_NAME] or "submission"


def unique(named_files: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
    """Yield names and files; a name that several files have gets a mark from each path's hash.

    Upper and lower case are the same name, because they are the same folder on some systems.
    """
    counts = Counter(name.casefold() for _, name in named_files)
    for file, name in named_files:
        mark = hashlib.sha256(os.fsencode(file)).hexdigest()[:8]
        yield (name if counts[name.casefold()] == 1 else f"{name}-{mark}"), file
