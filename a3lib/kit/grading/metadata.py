"""Who handed in, and when: from Gradescope's metadata, or from the names that platforms give.

Gradescope's export has a submission_metadata.yml beside its folders submission_123, with a list of
submitters for each; the autograder has a submission_metadata.json about one submission:
https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from a3lib.kit.grading.discovery import SubmissionFile
from a3lib.kit.grading.metadata_files import DAMAGE, read_table, why_damaged
from a3lib.kit.grading.owners import EXPORT, is_late_for_canvas, platform_of
from a3lib.kit.grading.results import plain, some_of
from a3lib.kit.grading.walk import Item

MOST_PEOPLE = 20  # in a group
# What takes the place of a time where Canvas has put a mark into a file's name.
LATE = "late, by Canvas's mark"


@dataclass(frozen=True)
class Person:
    """Somebody who handed in, as far as it is known; the numbers are those of a platform."""

    name: str = ""
    email: str = ""
    student_number: str = ""
    canvas: str = ""
    moodle: str = ""


@dataclass(frozen=True)
class HandIn:
    """Who handed a submission in, and when; a time is a text, as the platform gives it."""

    people: tuple[Person, ...] = ()
    time: str = ""


def read_metadata(items: Sequence[Item]) -> tuple[dict[PurePath, HandIn], list[str]]:
    """Return who handed in by the folder of a submission, and a sentence for each damaged file."""
    known: dict[PurePath, HandIn] = {}
    problems = []
    for item in items:
        assert item.file is not None
        folder = PurePath(item.shown).parent
        if not is_trusted(item):
            problems.append(
                f"{plain(item.shown)}: not used, because a student could have written it; if it is "
                "Gradescope's, give the folder that it is in."
            )
            continue
        try:
            found, unclear = read_one(item.file)
        except DAMAGE as error:
            problems.append(
                f"{plain(item.shown)}: damaged ({why_damaged(error)}), so names and times are "
                "missing; export it from Gradescope again."
            )
            continue
        problems += [f"{plain(item.shown)}: {sentence}" for sentence in unclear]
        for name, hand_in in found.items():
            place = folder / name if name else folder
            if known.get(place, hand_in) != hand_in:
                problems.append(
                    f"{plain(item.shown)}: says something else of {plain(place.name)} than other "
                    "metadata beside it, and is not used for it; delete the wrong one."
                )
            known.setdefault(place, hand_in)
    return known, problems


def is_trusted(item: Item) -> bool:
    """Say whether metadata stands where Gradescope puts it, and not in a student's folder."""
    return all(map(EXPORT.fullmatch, item.parts[:-1]))


def read_one(file: Path) -> tuple[dict[str, HandIn], list[str]]:
    """Return who handed in by a folder's name, or by "" where the file is about one submission.

    Beside them are sentences on what is unclear. Raises OSError, ValueError or YAMLError where the
    file is damaged or too large.
    """
    data = without_colons(read_table(file))
    if "users" in data:
        return {"": hand_in_of(data)}, unclear_in({"the submission": data})
    of_each = {name: data[name] for name in data if name.startswith("submission_")}
    if not any(isinstance(value, dict) for value in of_each.values()):
        raise ValueError("it names no submission")
    found = {name: hand_in_of(value) for name, value in of_each.items() if isinstance(value, dict)}
    return found, unclear_in(of_each)


def unclear_in(of_each: Mapping[str, Any]) -> list[str]:
    """Return sentences on submissions of which it is unclear who handed them in."""
    people = {name: people_in(d) if isinstance(d, dict) else [] for name, d in of_each.items()}
    nameless = [
        name
        for name, its in people.items()
        if not its or not all(isinstance(one, dict) and person_of(one).name for one in its)
    ]
    sentences = [
        f"of {plain(name)} it names {len(its)} people, and the first {MOST_PEOPLE} are used."
        for name, its in people.items()
        if len(its) > MOST_PEOPLE
    ]
    if nameless:
        sentences.append(
            f"it does not name everybody of {some_of(nameless)}; see who that is in Gradescope."
        )
    return sentences


def without_colons(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a table with its keys as texts, without the colon that Ruby puts before a name."""
    return {str(key).lstrip(":"): value for key, value in data.items()}


def people_in(data: Mapping[Any, Any]) -> list[Any]:
    """Return the list of those who handed a submission in; empty where there is no list."""
    data = without_colons(data)
    people = data.get("users") or data.get("submitters")
    return people if isinstance(people, list) else []


def hand_in_of(data: Mapping[Any, Any]) -> HandIn:
    """Return who handed in and when from one submission's metadata."""
    listed = people_in(data)
    return HandIn(
        tuple(person_of(one) for one in listed[:MOST_PEOPLE] if isinstance(one, dict)),
        time_of(without_colons(data).get("created_at")),
    )


def person_of(data: Mapping[Any, Any]) -> Person:
    """Return a person from Gradescope's metadata."""
    data = without_colons(data)
    return Person(text_of(data.get("name")), text_of(data.get("email")), text_of(data.get("sid")))


def time_of(value: Any) -> str:
    """Return a time of the metadata as a text, which says so where it is none."""
    # Ruby's own times are tables with the same moment in two zones.
    text = text_of(value.get("utc") if isinstance(value, dict) else value)
    zone_named = re.sub(r"\s*(?:UTC|Z)$", "+00:00", text)
    try:
        return datetime.fromisoformat(re.sub(r"\s+(?=[+-][\d:]+$)", "", zone_named)).isoformat()
    except ValueError:
        return f"“{text}”, which is no date" if text else ""


def text_of(value: Any) -> str:
    """Return a value of the metadata as one line; a list or a table is none."""
    return plain(str(value)) if isinstance(value, str | int | float) else ""


def hand_ins(
    submissions: Sequence[SubmissionFile], items: Sequence[Item]
) -> tuple[dict[str, HandIn], list[str]]:
    """Return who handed each submission in, by its name, and what is wrong with the metadata."""
    known, problems = read_metadata(items)
    places = {
        submission.name: [f for f in PurePath(submission.shown).parents if f in known]
        for submission in submissions
    }
    below = Counter(folder for folders in places.values() for folder in folders)
    problems += missing_between(submissions, known, places)
    problems += [
        f"{plain(str(folder))}: its metadata is about one submission and there are {count}; it is "
        "not used."
        for folder, count in below.items()
        if count > 1
    ]
    found: dict[str, HandIn] = {}
    for submission in submissions:
        own = [folder for folder in places[submission.name] if below[folder] == 1]
        found[submission.name] = known[own[0]] if own else by_name(submission)
    return found, problems + named_twice(found)


def missing_between(
    submissions: Sequence[SubmissionFile],
    known: Mapping[PurePath, HandIn],
    places: Mapping[str, Sequence[PurePath]],
) -> list[str]:
    """Return sentences on submissions without metadata beside others', and the other way around.

    `places` are the folders with metadata that a submission is in, by its name.
    """
    exports = {folder.parent for folder in known if platform_of(folder.name)}
    unlisted = [
        submission.name
        for submission in submissions
        if not places[submission.name] and exports & {*PurePath(submission.shown).parents}
    ]
    # An export may be there twice, of which one is graded.
    graded = {submission.owner for submission in submissions}
    used = {folder for folders in places.values() for folder in folders}
    absent = [
        f"{folder.name}{names_in(hand_in)}"
        for folder, hand_in in known.items()
        if folder not in used and platform_of(folder.name) not in graded
    ]
    sentences = []
    if unlisted:
        sentences.append(
            f"Gradescope's metadata does not list {some_of(unlisted)}, so names and times are "
            "missing; export it again."
        )
    if absent:
        sentences.append(
            f"Gradescope's metadata lists {some_of(absent)}, of whom no file is graded; see what "
            "is passed over, or export again."
        )
    return sentences


def named_twice(found: Mapping[str, HandIn]) -> list[str]:
    """Return a sentence for each person who is named for more than one submission."""
    submissions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, hand_in in found.items():
        for person in dict.fromkeys(hand_in.people):
            # Moodle's numbers are of one course; some have no number and write so.
            moodle = (person.moodle, person.name) if person.moodle else ()
            numbers = (person.student_number, person.canvas, *moodle)
            known = any(char.isdigit() for number in numbers for char in number)
            key = numbers if known else (person.email,)
            if any(key):
                submissions[key].append(f"{name}{names_in(HandIn((person,)))}")
    return [
        f"One person handed in {' and '.join(names)}, and has a grade for each in the files for "
        "Canvas and Moodle; delete the line that does not count."
        for names in submissions.values()
        if len(names) > 1
    ]


def names_in(hand_in: HandIn) -> str:
    """Return the names of those who handed in, in brackets, or ""."""
    names = ", ".join(filter(None, (person.name for person in hand_in.people)))
    return f" ({names})" if names else ""


def by_name(submission: SubmissionFile) -> HandIn:
    """Return who handed in from the names that Canvas and Moodle give to files and folders."""
    for part in submission.parts:
        platform, name, number = platform_of(part) or ("", "", "")
        if (platform, name, number) != submission.owner:
            continue
        if platform == "canvas":
            late = LATE if is_late_for_canvas(part) else ""
            return HandIn((Person(name=plain(name), canvas=number),), late)
        if platform == "moodle":
            return HandIn((Person(name=plain(name), moodle=number),))
    return HandIn()
