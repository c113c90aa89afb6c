"""Find the submissions among files, folders and zips, and say what is passed over."""

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.asked import with_asked
from a3lib.kit.grading.choice import Choice, best, one_for_each_student, passed_over, place_of
from a3lib.kit.grading.given import items_by_root
from a3lib.kit.grading.owners import (
    ASSIGNMENT,
    Owner,
    comparable,
    folder_name,
    name_of,
    owner_of,
    platform_of,
    says_nothing,
    without_ending,
)
from a3lib.kit.grading.result_names import distinct_names, recorded_names
from a3lib.kit.grading.walk import METADATA, Item, walk
from a3lib.util.text import printable

NOTHING_HERE = "nothing in it can be graded"
NAMES_SHOWN = 5


@dataclass(frozen=True)
class SubmissionFile:
    """A submission: its name, which is a folder's in the results, its file, and whose it is."""

    name: str
    file: Path
    shown: str
    parts: tuple[str, ...]
    owner: Owner = ()

    @property
    def path(self) -> str:
        """Where it lies, perhaps in a zip, from the top of the file system."""
        return os.path.abspath(self.shown)


@dataclass
class Collection:
    """What is there: submissions, files passed over with a reason each, and metadata."""

    submissions: list[SubmissionFile] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    metadata: list[Item] = field(default_factory=list)
    # Names that results and marks of another path have, and that path.
    moved: list[tuple[str, str]] = field(default_factory=list)


def find_submissions(paths: Iterable[Path], room: Room, skipped: Path | None = None) -> Collection:
    """Return the submissions in files, folders and zips, and all that is passed over.

    A submission's name is its path inside the folder among `paths` that holds it, or inside the
    folder that several of them are in; `skipped` is the folder of the results, where names of
    earlier calls are recorded.

    Raises InputError where a path is missing or there is no submission.
    """
    paths = list(paths)
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"There is no file or folder {str(path)!r}; give one that exists.")
    collection = Collection()
    named: list[tuple[Choice, str]] = []
    seen: set[Path] = set()
    shown = set[str]()
    for root, items in items_by_root(paths, room, skipped).items():
        found = [item for item in items if not item.reason and is_new(item, seen)]
        for item in items:
            place = Path(os.path.abspath(item.shown))
            shown |= {str(place), *map(str, place.parents)}
        collection.metadata += [item for item in items if item.reason == METADATA]
        others = [item for item in items if item.reason and item.reason != METADATA]
        chosen, not_chosen = one_for_each_student(found)
        collection.passed_over += [
            (s, NOTHING_HERE) for s in without_submission(root, chosen, others)
        ]
        collection.passed_over += [(i.shown, i.reason) for i in (*not_chosen, *others)]
        alone = len(chosen) == 1
        named += [(one, result_name(root, one.item, one.owner, alone)) for one in chosen]
    if not named:
        raise InputError(nothing_found(paths, collection.passed_over))
    name_apart(collection, named, recorded_names(skipped), shown)
    return collection


def name_apart(
    collection: Collection,
    named: Sequence[tuple[Choice, str]],
    recorded: Mapping[str, Sequence[str]],
    shown: Container[str],
) -> None:
    """Add what is graded, each under a name of its own, and whose name was another path's before.

    `recorded` are the names of earlier calls, `shown` all paths of this one.
    """
    submissions = [
        SubmissionFile(name, choice.item.file, choice.item.shown, choice.item.parts, choice.owner)
        for choice, name in named
        if choice.item.file is not None
    ]
    before = {
        os.path.abspath(choice.item.shown): [os.path.abspath(one.shown) for one in choice.others]
        for choice, _ in named
    }
    pairs = [(one.path, one.name) for one in submissions]
    names = distinct_names(pairs, recorded, before, shown)
    collection.submissions = [replace(s, name=name) for s, name in zip(submissions, names)]
    of_name = {name: path for path, its in recorded.items() for name in its}
    # Marks by hand are found by names that are the same but for case, too.
    of_name = {comparable(name): path for name, path in of_name.items()} | of_name
    for one in collection.submissions:
        known = of_name.get(one.name, of_name.get(comparable(one.name), one.path))
        if known not in (one.path, *before[one.path]):
            collection.moved.append((one.name, known))


def is_new(item: Item, seen: set[Path]) -> bool:
    """Say whether an item's file was not met before, and note it."""
    assert item.file is not None
    real = item.file.resolve()
    if real in seen:
        return False
    seen.add(real)
    return True


def nothing_found(paths: Sequence[Path], passed_over: Sequence[tuple[str, str]]) -> str:
    """Return what to say where there is nothing to grade."""
    places = ", ".join(repr(str(path)) for path in paths[:NAMES_SHOWN])
    text = f"There is no .py or .ipynb file to grade in {places}; name other files."
    return f"{text} {some_of(passed_over)}".strip()


def some_of(passed_over: Sequence[tuple[str, str]]) -> str:
    """Return the first of the files that are passed over, as a sentence, or ""."""
    if not passed_over:
        return ""
    shown = [f"{printable(path)} ({reason})" for path, reason in passed_over[:NAMES_SHOWN]]
    more = len(passed_over) - len(shown)
    return f"Passed over: {', '.join(shown)}{f' and {more} more' if more else ''}."


def without_submission(path: Path, choices: Sequence[Choice], others: Sequence[Item]) -> list[str]:
    """Return what is a student's and gives no submission: folders and zips in a path.

    Canvas and Moodle may give several files or folders of one student; then it is all of these.
    """
    graded = {choice.owner for choice in choices}
    above = {owner[:length] for owner in graded for length in range(len(owner) + 1)}
    names = dict.fromkeys(absent_in(item, graded, above) for item in others)
    return [os.path.join(path, name) for name in names if name]


def absent_in(item: Item, graded: Container[Owner], above: Container[Owner]) -> str:
    """Return the folder, zip or files of a student who has this file and none that is graded."""
    for length, part in enumerate(item.parts, start=1):
        known = platform_of(part)
        if known:
            files = part if known[0] == "gradescope" else f"{known[1]}_{known[2]}_*"
            return "" if known in graded else files
        owner = owner_of((*item.parts[:length], ASSIGNMENT))
        out_of_a_zip = ".." in item.parts and length > 1
        if length == len(item.parts) or owner in graded or out_of_a_zip:
            return ""
        if owner not in above and not says_nothing(part):
            return "/".join(item.parts[:length])
    return ""


def the_submission(folder: Path, room: Room) -> tuple[Path, list[tuple[str, str]]]:
    """Return the one submission in a student's folder, and all that is passed over.

    Raises InputError where there is none, or where it is unclear which one is meant.
    """
    items = [*map(with_asked, walk(folder.resolve(), room))] if folder.is_dir() else []
    files = [item for item in items if not item.reason]
    others = [
        ("/".join(i.parts), i.reason)
        for i in items
        if i.reason and i.reason != METADATA and i.parts
    ]
    if not files:
        text = f"One file A3.py or A3.ipynb is graded, but there is none. {some_of(others)}"
        raise InputError(f"{text.strip()} Hand in one of them.")
    tied = best(files)
    if len({place_of(item) for item in tied}) > 1:
        names = ", ".join("/".join(item.parts) for item in files[:NAMES_SHOWN])
        raise InputError(
            f"One file A3.py or A3.ipynb is graded, but there are {names}; hand in one of them."
        )
    chosen = tied[0]
    assert chosen.file is not None
    left = [passed_over(item, chosen, "is graded") for item in files if item is not chosen]
    return chosen.file, [("/".join(item.parts), item.reason) for item in left] + others


def result_name(root: Path, item: Item, owner: Owner, alone: bool) -> str:
    """Return the name of a submission's results; a lone A3.py has the name of its folder.

    So has a lone `A3_final.py`; in a class's folder each of such files is somebody's.
    """
    name = name_of(item.parts, owner)
    of_the_folder = not owner or (alone and len(item.parts) == 1)
    if says_nothing(name) and of_the_folder and (root.is_dir() or root.suffix.lower() == ".zip"):
        own = without_ending(root.resolve().name)
        return name if says_nothing(own) else folder_name(own)
    return name
