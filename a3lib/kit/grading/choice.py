"""Which file of each student is graded, and why another one is not.

The rule, for `grade` and for Gradescope: of one student's files the one is graded that has any of
the asked functions, is named A3, is nearest the top; a script goes before its notebook.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from a3lib.kit.grading.owners import (
    ASIDE,
    ASSIGNMENT,
    MEANT,
    Owner,
    canvas_attachment,
    canvas_count,
    is_late_for_canvas,
    is_named_after_the_assignment,
    is_put_aside,
    own_stem,
    platform_of,
    says_nothing,
    version_of,
    without_copy_mark,
    words_of,
)
from a3lib.kit.grading.students import is_a_hand_in, owners_among, parents_of_students
from a3lib.kit.grading.walk import Item
from a3lib.util.text import printable

HELPER = "a helper module, which has none of the asked functions"


@dataclass(frozen=True)
class Choice:
    """A file that is graded, its owner, and other files of the same student."""

    item: Item
    owner: Owner
    others: tuple[Item, ...] = ()


def one_for_each_student(found: Sequence[Item]) -> tuple[list[Choice], list[Item]]:
    """Return the file of each student that is graded, and the others with a reason each."""
    groups: dict[Owner, list[Item]] = defaultdict(list)
    for one, its_owner in owners_among(found):
        groups[its_owner].append(one)
    chosen = {owner: best(items)[0] for owner, items in groups.items()}
    not_chosen = [
        passed_over(item, chosen[owner], why_not(item, chosen[owner]))
        for owner, items in groups.items()
        for item in items
        if item is not chosen[owner]
    ]
    # The top is a class's, and an A3 in it is nobody else's.
    of_a_class = () in parents_of_students(found)
    several = sum(len(one.parts) == 1 and bool(one.asked) for one in chosen.values()) > 1
    beside = {item.parts[:-1]: item for item in chosen.values() if item.asked}
    of_students = folders_of_students(chosen.values())
    for owner in sorted(chosen, key=len, reverse=True):
        item = chosen[owner]
        if item.parts[:-1] in of_students or (several and len(item.parts) == 1):
            continue
        if platform_of(item.parts[-1]) is None:
            part = part_of_another(chosen, owner, beside, of_a_class)
            if part is not None:
                not_chosen.append(part)
                del chosen[owner]
    choices = [
        Choice(item, owner, tuple(one for one in groups[owner] if one is not item))
        for owner, item in chosen.items()
    ]
    return choices, not_chosen


def folders_of_students(items: Iterable[Item]) -> set[tuple[str, ...]]:
    """Return the folders in which each file is a student's, be it empty: several have functions.

    Beside a file called A3, others are attempts of the same student, or modules. Where two of them
    have the same functions it is the file of one who forgot a name, unless another folder has an A3
    and no such files: then folders are students'.
    """
    by_folder: dict[Owner, list[Item]] = defaultdict(list)
    for item in items:
        if item.asked:
            by_folder[item.parts[:-1]].append(item)
    others = {f: [item for item in its if not is_of_one(item)] for f, its in by_folder.items()}
    with_an_a3 = {folder for folder, its in by_folder.items() if len(others[folder]) < len(its)}
    of_several = {folder for folder, its in others.items() if have_the_same(its)}
    by_student = not with_an_a3 <= of_several
    return {
        folder
        for folder, its in by_folder.items()
        if len(its) > 1 and (folder not in with_an_a3 or (folder in of_several and not by_student))
    }


def is_of_one(item: Item) -> bool:
    """Say whether a file is called A3, so that those beside it are the same student's."""
    stem = without_copy_mark(own_stem(item.parts[-1]))
    return is_named_after_the_assignment(stem) and says_nothing(stem)


def have_the_same(items: Iterable[Item]) -> bool:
    """Say whether two of these files define the same functions."""
    return any(one.asked & other.asked for one, other in combinations(items, 2))


def part_of_another(
    chosen: Mapping[Owner, Item],
    owner: Owner,
    beside: Mapping[tuple[str, ...], Item],
    of_a_class: bool,
) -> Item | None:
    """Return an item with why it belongs to another student's file, or None where it does not.

    `beside` are the files with asked functions, by their folder.
    """
    item, folder = chosen[owner], chosen[owner].parts[:-1]
    if is_a_hand_in(item) and not item.asked:
        return None  # Nothing is written in it, but no module is called A3.
    for length in reversed(range(1 if of_a_class else 0, len(owner))):
        above = chosen.get(owner[:length])
        if above is None or not above.asked or not is_named_after_the_assignment(above.parts[-1]):
            continue
        if not item.asked:
            return passed_over(item, above, f"is graded; this is {HELPER}")
        if length and folder == above.parts[:-1]:
            return passed_over(item, above, "is graded")
    # In the folder that was given each file is a student's, be it empty.
    if folder and folder in beside and not item.asked:
        return passed_over(item, beside[folder], f"is graded; this is {HELPER}")
    return None


def why_not(item: Item, graded: Item) -> str:
    """Return why one file of a student is not graded and the other is."""
    if graded.asked and not item.asked and not is_notebook(item):
        return f"is graded; this is {HELPER}"
    if uploads_before(graded) > uploads_before(item) or is_uploaded_again(item, [graded]):
        return "is graded, which is a later upload by Canvas's count"
    same = rank(graded) == rank(item) and lateness(graded) == lateness(item)
    if same and place_of(graded) != place_of(item):
        return "is graded, and nothing says which of the two is the later one"
    return "is graded"


def passed_over(item: Item, graded: Item, why: str) -> Item:
    """Return an item with the reason that another file is graded for it."""
    beside = item.parts[:-1] == graded.parts[:-1]
    name = f"{graded.parts[-1]} beside it" if beside else "/".join(graded.parts)
    return Item(item.parts, item.shown, None, f"{printable(name)} {why}")


def rank(item: Item) -> tuple[bool, bool, bool, bool, bool, bool, int]:
    """Return what decides between files of one student; the least is graded."""
    stem = own_stem(item.parts[-1])
    return (
        not item.asked,
        # What Canvas marks as late was handed in after what it does not.
        not any(map(is_late_for_canvas, item.parts)),
        any(map(is_put_aside, item.parts[:-1])),
        stem != ASSIGNMENT,
        stem.casefold() != ASSIGNMENT.casefold(),
        not is_named_after_the_assignment(stem),
        0 if upload_of(item) else len(item.parts),
    )


def best(items: Sequence[Item]) -> list[Item]:
    """Return the files of the least rank in order of their paths, scripts before notebooks."""
    first = min(map(rank, items))
    tied = with_most(uploads_before, [item for item in items if rank(item) == first])
    tied = [item for item in tied if not is_uploaded_again(item, tied)]
    tied = with_most(lateness, tied)
    return sorted(tied, key=lambda item: (*place_of(item), is_notebook(item), item.parts))


def with_most(key: Callable[[Item], Any], items: Sequence[Item]) -> list[Item]:
    """Return those of the files for which the key is the largest."""
    most = max(map(key, items))
    return [item for item in items if key(item) == most]


def uploads_before(item: Item) -> int:
    """Return how often a file was uploaded before this one, as far as Canvas says so."""
    # Canvas counts the names of uploads, which may be a zip with the file in it.
    return max(map(canvas_count, item.parts))


def lateness(item: Item) -> tuple[bool, bool, int]:
    """Return what the names of files, and of folders that say nothing else, tell of their order."""
    folders = [part for part in item.parts[:-1] if says_nothing(part)]
    named = [*folders, own_stem(item.parts[-1])]
    words = {word for part in named for word in words_of(part)}
    return not words & ASIDE, bool(words & MEANT), max(map(version_of, named))


def is_uploaded_again(item: Item, others: Iterable[Item]) -> bool:
    """Say whether one of these files is a later upload to Canvas under the same name."""
    return any(
        upload_of(other) > upload_of(item) > 0
        and own_stem(other.parts[-1]) == own_stem(item.parts[-1])
        and is_notebook(other) == is_notebook(item)
        for other in others
    )


def upload_of(item: Item) -> int:
    """Return the number of the upload to Canvas that a file was in, 0 where there is none."""
    return max(map(canvas_attachment, item.parts))


def place_of(item: Item) -> tuple[str, str]:
    """Return a file's folder and what its student called it: the same for script and notebook."""
    return "/".join(item.parts[:-1]), own_stem(item.parts[-1])


def is_notebook(item: Item) -> bool:
    """Say whether a file is named as a notebook."""
    return item.parts[-1].lower().endswith(".ipynb")
