"""Walk through files, folders and zips: what could be a submission, and why the rest is none."""

import os
import stat
import zipfile
from collections import defaultdict
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from a3lib.kit.grading.archives import (
    DEEPEST,
    DEEPEST_FOLDER,
    LARGEST_FILE,
    LARGEST_INNER_ZIP,
    Member,
    Room,
    ZipError,
    extracted,
    members,
    opened,
)
from a3lib.kit.grading.owners import ENDINGS

# What operating systems and tools leave, by the folder's or file's name.
LEFT_BY_TOOLS = {
    "__MACOSX": "notes of macOS on the files of a zip",
    "__pycache__": "Python's cache",
    ".ipynb_checkpoints": "Jupyter's own copies",
    ".git": "the history of git",
    ".DS_Store": "a note of macOS on its folder",
    "Thumbs.db": "a note of Windows on its folder",
    "desktop.ini": "a note of Windows on its folder",
    "node_modules": "packages of another program",
    "site-packages": "installed packages",
    "a3lib": "the course's library",
    "runs": "results of running the notebook",
}
OTHER_ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".tbz", ".zst", ".zipx")
METADATA_NAMES = (
    "submission_metadata.json",
    "submission_metadata.yml",
    "submission_metadata.yaml",
)
METADATA = "Gradescope's metadata"
# What a grading leaves in its folder, beside a folder for each submission.
RESULTS = {"grades.csv", "grading.log", "summary.json"}
PDF = "a PDF, which a person marks"
NOTE_OF_MACOS = "a note of macOS on another file"
HIDDEN = "hidden, because its name begins with a dot"
EMPTY_FOLDER = "an empty folder"
RESULTS_FOLDER = "results of another grading"


@dataclass(frozen=True)
class Item:
    """A file or folder: its path where we look, its path for people, and why it is passed over.

    `file` is where its content is; None for what is passed over, unless it is metadata. `asked`
    are the functions asked for that it seems to define.
    """

    parts: tuple[str, ...]
    shown: str
    file: Path | None
    reason: str = ""
    asked: frozenset[str] = frozenset()


def walk(path: Path, room: Room, skipped: Path | None = None) -> Iterator[Item]:
    """Yield everything in a folder or zip, or a lone file; `skipped` is the results' folder."""
    if not path.is_symlink() and path.is_dir():
        yield from in_folder(path, (), str(path), room, skipped)
    elif not path.is_symlink() and path.is_file() and path.suffix.lower() == ".zip":
        yield from in_zip(path, (), str(path), room, 1)
    else:
        yield from one_file(path, (path.name,), str(path), room)


def in_folder(
    folder: Path, parts: tuple[str, ...], shown: str, room: Room, skipped: Path | None
) -> Iterator[Item]:
    """Yield what is in a folder, in order, or why nothing of it is looked at."""
    reason = f"more than {DEEPEST_FOLDER} folders deep" if len(parts) >= DEEPEST_FOLDER else ""
    if skipped is not None and folder.resolve() == skipped:
        reason = "the folder of the results"
    try:
        entries = [] if reason else sorted(folder.iterdir())
    except OSError as error:
        reason, entries = f"a folder that cannot be read ({error.strerror})", []
    names = {entry.name for entry in entries}
    if "pyvenv.cfg" in names:
        reason = "a virtual environment of Python"
    if is_of_a_grading(names):
        reason = RESULTS_FOLDER
    if reason or not entries:
        yield Item(parts, shown, None, reason or EMPTY_FOLDER)
        return
    for entry in entries:
        inner, name = (*parts, entry.name), os.path.join(shown, entry.name)
        reason = reason_by_tool(entry.name)
        if reason:
            yield Item(inner, name, None, reason)
        elif entry.is_dir() and not entry.is_symlink():
            yield from in_folder(entry, inner, name, room, skipped)
        else:
            yield from one_file(entry, inner, name, room)


def one_file(file: Path, parts: tuple[str, ...], shown: str, room: Room) -> Iterator[Item]:
    """Yield a file that could be a submission, what is in a zip, or why it is neither."""
    try:
        mode = file.lstat().st_mode
    except OSError as error:
        yield Item(parts, shown, None, f"cannot be read ({error.strerror})")
        return
    reason = reason_by_tool(file.name)
    if stat.S_ISLNK(mode):
        reason = "a symbolic link"
    elif not stat.S_ISREG(mode):
        reason = "not an ordinary file"
    elif not os.access(file, os.R_OK):
        reason = "cannot be read (its permissions)"
    if not reason and file.suffix.lower() == ".zip":
        yield from in_zip(file, parts, shown, room, 1)
        return
    reason = reason or reason_by_ending(file.name)
    kept = file if not reason or reason == METADATA else None
    yield Item(parts, shown, kept, reason)


def in_zip(
    file: Path, parts: tuple[str, ...], shown: str, room: Room, depth: int
) -> Iterator[Item]:
    """Yield what is in a zip as if it were a folder; what is wrong with one file ends no other."""
    try:
        archive = opened(file)
    except ZipError as error:
        yield Item(parts, shown, None, str(error))
        return
    with archive:
        listed = list(members(archive))
        if not listed:
            yield Item(parts, shown, None, "an empty zip")
        said: set[tuple[str, ...]] = set()
        inside: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for one in listed:
            inside[one.parts[:-1]].add(one.parts[-1])
        graded = {folder for folder, names in inside.items() if is_of_a_grading(names)}
        not_empty = {one.parts[:n] for one in listed for n in range(1, len(one.parts))}
        for member in listed:
            tool = () if member.reason else of_a_tool(member.parts, graded)
            if tool:
                if tool not in said:
                    said.add(tool)
                    reason = RESULTS_FOLDER if tool in graded else reason_by_tool(tool[-1])
                    yield Item((*parts, *tool), "/".join((shown, *tool)), None, reason)
            elif not member.is_folder or member.reason:
                yield from in_zipped(archive, member, parts, shown, room, depth)
            elif member.parts not in not_empty:
                name = "/".join((shown, *member.parts))
                yield Item((*parts, *member.parts), name, None, EMPTY_FOLDER)


def in_zipped(
    archive: zipfile.ZipFile,
    member: Member,
    parts: tuple[str, ...],
    shown: str,
    room: Room,
    depth: int,
) -> Iterator[Item]:
    """Yield a file of a zip, or what is in it where it is a zip itself."""
    inner, name = (*parts, *member.parts), "/".join((shown, *member.parts))
    ending = os.path.splitext(member.parts[-1])[1].lower()
    is_zip = ending == ".zip"
    reason = member.reason or ("" if is_zip else reason_by_ending(member.parts[-1]))
    if reason and reason != METADATA:
        yield Item(inner, name, None, reason)
        return
    if is_zip and depth >= DEEPEST:
        yield Item(inner, name, None, f"more than {DEEPEST} zips in one another; unpack it")
        return
    try:
        file = extracted(archive, member, room, LARGEST_INNER_ZIP if is_zip else LARGEST_FILE)
    except ZipError as error:
        yield Item(inner, name, None, str(error))
        return
    if is_zip:
        yield from in_zip(file, inner, name, room, depth + 1)
    else:
        yield Item(inner, name, file, reason)


def of_a_tool(parts: tuple[str, ...], graded: Container[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first part of a path that a tool left, with the path to it, or ().

    `graded` are folders that a grading left.
    """
    for place, part in enumerate(parts, start=1):
        if reason_by_tool(part) or parts[:place] in graded:
            return parts[:place]
    return ()


def is_of_a_grading(names: Collection[str]) -> bool:
    """Say whether files of these names are what a grading leaves in its folder."""
    return {*names} >= RESULTS and not any(name.lower().endswith(ENDINGS) for name in names)


def holds_results(folder: Path) -> bool:
    """Say whether a folder is one that a grading left its results in."""
    return folder.is_dir() and is_of_a_grading([entry.name for entry in folder.iterdir()])


def reason_by_tool(name: str) -> str:
    """Return why a file or folder of this name is nobody's submission, or ""."""
    if name in LEFT_BY_TOOLS:
        return LEFT_BY_TOOLS[name]
    if name.startswith("._"):
        return NOTE_OF_MACOS
    return HIDDEN if name.startswith(".") else ""


def is_expected(reason: str) -> bool:
    """Say whether a reason stands for what everybody has, such as notes of a system, or PDFs."""
    return reason in (*LEFT_BY_TOOLS.values(), PDF, NOTE_OF_MACOS, HIDDEN)


def reason_by_ending(name: str) -> str:
    """Return why a file of this name is not read, or "" where it may be a submission."""
    if name.lower() in METADATA_NAMES:
        return METADATA
    stem, ending = os.path.splitext(name)
    ending = ending.lower()
    if ending in ENDINGS:
        return ""
    if ending in OTHER_ARCHIVES:
        return "an archive that is no zip; unpack it"
    if ending == ".pdf":
        return PDF
    cleaned = name.rstrip(" ~.").lower()
    if cleaned.endswith((*ENDINGS, ".zip")) or stem.lower().endswith((*ENDINGS, ".zip")):
        real = stem if stem.lower().endswith((*ENDINGS, ".zip")) else name.rstrip(" ~.")
        return f"named as if it were no code; rename it to {real}"
    return f"neither .py nor .ipynb nor .zip{'' if ending else ', it has no ending'}"
