"""The command `release`: the students' zip and the instructors' zip of this tree."""

import argparse
import fnmatch
import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.student.proof import prove
from a3lib.kit.student.student_copy import student_files
from a3lib.util.files import PROJECT, write_at_once, zipped

STUDENT_ZIP, INSTRUCTOR_ZIP = "A3-student.zip", "A3-instructor.zip"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `release`."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the two zip files")


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `release` and return what to print."""
    return release(PROJECT, arguments.out)


def release(root: Path, out: Path) -> str:
    """Write both zips of a tree into a folder and return what they are and what was proven.

    Raises InputError, and then writes nothing, where a proof fails or `out` is no folder.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{str(out)!r} is a file; give a folder for the two zip files.")
    files = read_files(root, tree_files(root))
    student = student_files(files)
    proven = prove(files, student)
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, content in ((STUDENT_ZIP, student), (INSTRUCTOR_ZIP, files)):
        packed = zipped(content, executables(root, content))
        write_at_once(out / name, packed, "give another folder")
        digest = hashlib.sha256(packed).hexdigest()
        lines.append(f"{out / name}: {len(content)} files, {len(packed)} bytes, SHA-256 {digest}")
    return "\n".join([*proven, *lines])


def tree_files(root: Path) -> list[str]:
    """Return a tree's own files: those that git tracks or, without git, does not ignore."""
    done = (
        subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False
        )
        if (root / ".git").exists()
        else None
    )
    if done is not None and done.returncode == 0 and done.stdout:
        return sorted(name for name in done.stdout.split("\0") if (root / name).is_file())
    return sorted(files_not_ignored(root))


def files_not_ignored(root: Path) -> list[str]:
    """Return the files below a folder that its .gitignore does not name.

    Its lines are names or patterns of names, with a slash at the end where folders are meant.
    """
    rules = root / ".gitignore"
    lines = rules.read_text(encoding="utf-8").split() if rules.is_file() else []
    patterns = [line for line in lines if not line.startswith("#")]
    files: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f != ".git" and not ignored(f"{f}/", patterns)]
        files += [
            Path(folder, name).relative_to(root).as_posix()
            for name in names
            if not ignored(name, patterns)
        ]
    return files


def ignored(name: str, patterns: list[str]) -> bool:
    """Say whether a name, with a slash at its end where it is a folder's, matches a pattern."""
    return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(name, f"{p}/") for p in patterns)


def read_files(root: Path, names: list[str]) -> dict[str, bytes]:
    """Return the content of each file by its name."""
    return {name: (root / name).read_bytes() for name in names}


def executables(root: Path, names: Mapping[str, bytes]) -> set[str]:
    """Return which files of a tree are executable."""
    return {name for name in names if (root / name).exists() and os.access(root / name, os.X_OK)}
