"""What a grading leaves for people: the grade book, feedback, CSVs for platforms, marks by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.grading.by_hand import (
    BY_HAND_FILE,
    Marks,
    keep_marks,
    without_points,
    without_submission,
)
from a3lib.kit.grading.discovery import Collection
from a3lib.kit.grading.feedback import write_feedback
from a3lib.kit.grading.gradebook import GRADED, Row, summarise, write_gradebook
from a3lib.kit.grading.metadata import hand_ins
from a3lib.kit.grading.platforms import CANVAS_FILE, MOODLE_FILE, canvas_csv, moodle_csv
from a3lib.kit.grading.results import RESULTS_FILE, plain, some_of, write_results
from a3lib.kit.grading.rubric import RUBRIC_FILE, Rubric, applied, rescored
from a3lib.util.files import write_at_once


@dataclass(frozen=True)
class Books:
    """What all of a folder's books need: where, whose, and how many points what gives."""

    out: Path
    collection: Collection
    rubric: Rubric
    checks: Sequence[Check]

    @property
    def points(self) -> dict[str, float]:
        """The points of each check."""
        return applied(self.rubric, self.checks)

    @property
    def maximum(self) -> float:
        """The points of all checks together."""
        return round(sum(self.points.values()), 4)

    @property
    def full_score(self) -> float:
        """The points of all checks, and of what a person marks up to a bound."""
        return self.maximum + sum(most for most in self.rubric.by_hand.values() if most is not None)


def write_books(
    books: Books,
    results_of: Callable[[str], dict[str, Any]],
    failures: Sequence[str],
    similarity: Sequence[str],
) -> tuple[list[Row], dict[str, Any]]:
    """Write everything for people into the results' folder; return the rows and the summary.

    `results_of` gives a submission's results by its name, {} where they are not of this file.
    """
    collection, columns = books.collection, books.rubric.by_hand
    names = [submission.name for submission in collection.submissions]
    marks, notes = marks_of(books, names)
    notes += [*rubric_kept(books), *results_of_others(books.out, names)]
    known, problems = hand_ins(collection.submissions, collection.metadata)
    rows = [
        Row(s.name, s.shown, with_points(books, s.name, results_of(s.name)), known[s.name])
        for s in collection.submissions
    ]
    rows = [with_marks(row, marks) for row in rows]
    notes += [
        f"{name} was {plain(path)} when it was marked by a person; see whether it is still the "
        "same student's."
        for name, path in collection.moved
        if marks.of(name) or marks.comment_on(name)
    ]
    notes += [
        f"{column} has no bound, so it is not in the most that canvas.csv and moodle.csv name; "
        "give it one under [by_hand] in a rubric."
        for column, most in columns.items()
        if most is None and any(row.by_hand.get(column) for row in rows)
    ]
    # A column without a bound is asked of all where somebody has points in it.
    unbounded = {
        c for c, most in columns.items() if most is None and any(c in r.by_hand for r in rows)
    }
    asked = [column for column, most in columns.items() if most or column in unbounded]
    unmarked = [row.name for row in rows if row.status == GRADED and lacks_a_mark(row, asked)]
    if unmarked:
        notes.append(
            f"{len(unmarked)} of {len(rows)} are not marked by a person in {BY_HAND_FILE}."
        )
    summary = summarise(rows, collection.passed_over, failures, [*notes, *problems], similarity)
    write_gradebook(rows, summary, books.maximum, books.out, tuple(columns))
    write_at_once(books.out / CANVAS_FILE, canvas_csv(rows, books.full_score))
    write_at_once(books.out / MOODLE_FILE, moodle_csv(rows, books.full_score))
    for row in rows:
        write_feedback(row, books.full_score, columns, books.out / row.name)
    return rows, summary


def rubric_kept(books: Books) -> list[str]:
    """Keep a rubric for later calls that name none, and return what to say of it."""
    if not books.rubric.text:
        return []
    write_at_once(books.out / RUBRIC_FILE, books.rubric.text)
    return [f"Points are those of {RUBRIC_FILE} in this folder; without it, the course's own."]


def results_of_others(out: Path, names: Sequence[str]) -> list[str]:
    """Return a sentence on results in the folder that belong to no submission of this call."""
    there = {file.parent.name for file in out.glob(f"*/{RESULTS_FILE}")}
    others = sorted(there - set(names))
    if not others:
        return []
    return [
        "In this folder are results that no submission of this call has, and which are not in "
        f"grades.csv: {some_of(others)}."
    ]


def with_points(books: Books, name: str, results: dict[str, Any]) -> dict[str, Any]:
    """Return results with the rubric's points, and write them where they differ."""
    found = rescored(results, books.points)
    if found != results:
        write_results(books.out / name / RESULTS_FILE, found)
    return found


def with_marks(row: Row, marks: Marks) -> Row:
    """Return a row with what a person gave."""
    return Row(
        row.name,
        row.file,
        row.results,
        row.hand_in,
        marks.of(row.name),
        marks.comment_on(row.name),
    )


def lacks_a_mark(row: Row, columns: Sequence[str]) -> bool:
    """Say whether a person has still to mark a submission in one of these columns."""
    return any(column not in row.by_hand for column in columns)


def marks_of(books: Books, names: Sequence[str]) -> tuple[Marks, list[str]]:
    """Return a person's marks, and what staff should know of them.

    The file was in order when the grading began; where it is not at its end, it is left alone.
    """
    try:
        marks = keep_marks(books.out / BY_HAND_FILE, books.rubric.by_hand, names)
    except InputError as error:
        return Marks(["name"], []), [f"{error} Until then no marks of a person are counted."]
    lost = without_submission(marks, names)
    notes = [f"{BY_HAND_FILE} has points for {name}, which is no submission." for name in lost]
    columns = ", ".join(map(repr, books.rubric.by_hand))
    notes += [
        f"{BY_HAND_FILE} has a column {name!r} that gives no points; those that do are {columns}."
        for name in without_points(marks, books.rubric.by_hand)
    ]
    return marks, notes
