"""The files, folders and zips that a person named, each read from the folder of its students.

A shell writes out `class/*` or `class/*/A3.py`; that is read as if `class` had been given without
the rest of it, so files of one student stay together and each has the student's name.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.asked import with_asked
from a3lib.kit.grading.choice import folders_of_students
from a3lib.kit.grading.owners import (
    is_named_after_the_assignment,
    is_zip,
    own_stem,
    platform_of,
    says_nothing,
)
from a3lib.kit.grading.walk import Item, walk


def items_by_root(
    paths: Iterable[Path], room: Room, skipped: Path | None = None
) -> dict[Path, list[Item]]:
    """Return what is in all paths, by the folder that its parts are in, or the path itself."""
    walked = [(path, [*map(with_asked, walk(path, room, skipped))]) for path in outermost(paths)]
    bases = bases_of(walked)
    counts = Counter(bases.values())
    roots: dict[Path, list[Item]] = defaultdict(list)
    for path, items in walked:
        base = bases.get(path)
        if base is None or (counts[base] == 1 and platform_of(path.name) is None):
            roots[path] += items
            continue
        place = absolute(path).relative_to(absolute(base)).parts
        before = place[:-1] if is_lone_file(path) else place
        roots[base] += [replace(item, parts=(*before, *item.parts)) for item in items]
    return roots


def bases_of(walked: Sequence[tuple[Path, list[Item]]]) -> dict[Path, Path]:
    """Return the folder that each path's students are in, of paths that are not of several.

    Of `alice/A3.py` it is the folder that alice's is in, and so of all files beside that one.
    """
    bases: dict[Path, Path] = {}
    lone: dict[Path, list[tuple[Path, Item]]] = defaultdict(list)
    for path, items in walked:
        if is_lone_file(path):
            lone[above(path)].append((path, items[0]))
        elif not holds_several_students(items):
            bases[path] = above(path)
    of_students = {*bases.values()}
    folders = {
        folder
        for folder, its in lone.items()
        if folder not in of_students and is_of_one_student([item for _, item in its])
    }
    of_students |= {above(folder) for folder in folders}
    # Beside what is one student's, a folder of several is in the folder of all of them.
    bases |= {
        path: above(path)
        for path, _ in walked
        if not is_lone_file(path) and above(path) in of_students
    }
    for folder, its in lone.items():
        is_one = folder in folders or (folder not in of_students and above(folder) in of_students)
        bases |= {path: above(folder) if is_one else folder for path, _ in its}
    return bases


def is_of_one_student(items: Sequence[Item]) -> bool:
    """Say whether files of one folder are a student's, because one of them is called A3."""
    nameless = any(says_nothing(item.parts[-1]) for item in items)
    named_by_others = any(platform_of(item.parts[-1]) for item in items)
    return nameless and not named_by_others and () not in folders_of_students(items)


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Return paths without those that are in a folder among them, and each once."""
    by_place = {absolute(path): path for path in reversed(list(paths))}
    return [
        path
        for place, path in reversed(by_place.items())
        if not any(parent in by_place for parent in place.parents)
    ]


def above(path: Path) -> Path:
    """Return the folder that a path is in, as a path from where we are if this is one."""
    folder = absolute(path).parent
    return folder if path.is_absolute() else Path(os.path.relpath(folder))


def absolute(path: Path) -> Path:
    """Return a path from the top of the file system; links stay links."""
    return Path(os.path.abspath(path))


def is_lone_file(path: Path) -> bool:
    """Say whether a path is a file that nothing else is in."""
    return path.is_symlink() or not (path.is_dir() or is_zip(path.name))


def holds_several_students(items: Sequence[Item]) -> bool:
    """Say whether a folder or zip is of several students, each with files of their own."""
    asked = [item for item in items if item.asked]
    at_top = [own_stem(item.parts[-1]) for item in asked if len(item.parts) == 1]
    if any(map(is_named_after_the_assignment, at_top)):
        return False
    folders = {item.parts[0] for item in asked if len(item.parts) > 1}
    named = {folder for folder in folders if not says_nothing(folder)}
    of_a_platform = any(platform_of(part) for item in items for part in item.parts)
    return len(named) > 1 or of_a_platform or () in folders_of_students(asked)
