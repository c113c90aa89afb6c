"""Whose each file of a call is: what its path says, and what the other files beside it say.

A name may only look like a platform's, and a folder called `New` may be a student's. Where that
stays unclear, files are taken for different students', because a line too many is easier to see.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from a3lib.kit.grading.owners import (
    ASSIGNMENT,
    EXPORT,
    Owner,
    canvas_name,
    is_zip,
    own_stem,
    owner_of,
    platform_of,
    says_nothing,
    without_ending,
)
from a3lib.kit.grading.walk import Item

Parts = tuple[str, ...]


def owners_among(found: Sequence[Item]) -> list[tuple[Item, Owner]]:
    """Return each file with its owner."""
    paths = [item.parts for item in found]
    ordinary = not_from_canvas(paths) | shared_submissions(paths)
    counted = nameless_students(found)
    return [(item, owner_of(item.parts, ordinary, counted)) for item in found]


def is_a_hand_in(item: Item) -> bool:
    """Say whether a file is named as the one to hand in."""
    return own_stem(item.parts[-1]).casefold() == ASSIGNMENT.casefold()


def parents_of_students(found: Iterable[Item]) -> set[Parts]:
    """Return the folders that are a class's.

    In these a folder with a name of its own has a file to hand in, or several have functions that
    are asked for, or a platform has named something.
    """
    parents = set()
    named: dict[Parts, set[str]] = defaultdict(set)
    for item in found:
        folders = item.parts[:-1]
        parents |= {item.parts[:n] for n, part in enumerate(item.parts) if platform_of(part)}
        if folders and is_a_hand_in(item) and not says_nothing(folders[-1]):
            parents.add(item.parts[:-2])
        for length, folder in enumerate(folders):
            if item.asked and not says_nothing(folder):
                named[item.parts[:length]].add(folder)
    return parents | {parent for parent, its in named.items() if len(its) > 1}


def nameless_students(found: Iterable[Item]) -> set[Parts]:
    """Return folders such as `New` that are a student's, because those beside them are.

    In a folder that has a file to hand in itself they are earlier attempts.
    """
    found = list(found)
    parents = parents_of_students(found)
    parents -= {item.parts[:-1] for item in found if item.asked and is_a_hand_in(item)}
    at_top = {item.parts[0] for item in found if len(item.parts) > 1}
    zips = {(name,) for name in at_top if is_zip(name) and platform_of(name) is None}
    # Zips in the folder that was given are hand-ins, unless all that there is is one of them.
    counted: set[Parts] = {zipped for zipped in zips if len(at_top) > 1 and says_nothing(zipped[0])}
    for item in found:
        folders = item.parts[:-1]
        named = [n for n, folder in enumerate(folders, start=1) if not says_nothing(folder)]
        first = max(named, default=0)
        if first < len(folders) and folders[:first] in parents:
            counted.add(folders[: first + 1])
    return counted


def not_from_canvas(paths: Sequence[Parts]) -> set[Parts]:
    """Return paths whose last part looks like Canvas's name of an upload, and is none.

    Canvas gives an upload's number to one file, and a student's number to one name. Where a folder
    for each student has one such name at most, students have called their files so.
    """
    uploads: dict[str, set[str]] = defaultdict(set)
    names: dict[str, set[str]] = defaultdict(set)
    places: list[tuple[Parts, str, str]] = []
    for path in dict.fromkeys(map(named_by_a_platform, paths)):
        found = canvas_name(path[-1]) if path else None
        if found:
            uploads[found[0]].add(without_ending(path[-1]))
            # One letter may be written in two ways.
            names[found[2]].add(unicodedata.normalize("NFC", found[1]))
            places.append((path, found[0], found[2]))
    by_student = folders_by_student(paths, places)
    return {
        path
        for path, upload, number in places
        if len(uploads[upload]) > 1 or len(names[number]) > 1 or path[:-1] in by_student
    }


def named_by_a_platform(path: Parts) -> Parts:
    """Return a path up to the first part with a platform's name, (): a student wrote the others."""
    return next((path[:n] for n, part in enumerate(path, start=1) if platform_of(part)), ())


def folders_by_student(
    paths: Sequence[Parts], places: Sequence[tuple[Parts, str, str]]
) -> set[Parts]:
    """Return the folders of students in which one file only has a name as if from Canvas."""
    inside: dict[Parts, set[str]] = defaultdict(set)
    for path, upload, _ in places:
        folder = path[:-1]
        named = folder and not is_zip(folder[-1]) and not says_nothing(folder[-1])
        if named and not any(map(platform_of, folder)):
            inside[folder].add(upload)
    single = {folder: next(iter(its)) for folder, its in inside.items() if len(its) == 1}
    counts = Counter(single.values())
    plain = {
        path[:-2]
        for path in paths
        if len(path) > 1 and path[:-1] not in inside and not says_nothing(path[-2])
    }
    return {folder for folder in single if counts[single[folder]] > 1 or folder[:-1] in plain}


def shared_submissions(paths: Iterable[Parts]) -> set[Parts]:
    """Return folders that are called as Gradescope's, and of which several students have one."""
    above: dict[str, set[Parts]] = defaultdict(set)
    places: dict[Parts, set[Parts]] = defaultdict(set)
    for path in map(named_by_a_platform, paths):
        known = platform_of(path[-1]) if path else None
        named = tuple(
            folder
            for folder in path[:-1]
            if not says_nothing(folder) and not EXPORT.fullmatch(folder)
        )
        if known and known[0] == "gradescope" and named:
            above[path[-1]].add(named)
            places[named].add(path)
    students = {named for its in above.values() if len(its) > 1 for named in its}
    return {place for named in students for place in places[named]}
