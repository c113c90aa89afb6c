"""The grades as Canvas and Moodle import them: canvas.csv and moodle.csv.

Canvas: Grades > Import. It finds a student by ID, else by SIS Login ID. Moodle: the assignment's
Upload grading worksheet finds one by Identifier, and Grades > Import > CSV by ID number or email.
What is not graded yet has no grade, so an import changes nothing there.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from a3lib.kit.grading.gradebook import NOT_FINISHED, Row, safe_cell
from a3lib.kit.grading.metadata import Person
from a3lib.kit.grading.owners import ASSIGNMENT
from a3lib.util.numbers import trimmed

CANVAS_FILE, MOODLE_FILE = "canvas.csv", "moodle.csv"
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", ASSIGNMENT)
# Canvas knows this line by the blanks before it.
CANVAS_POSSIBLE = "    Points Possible"
MOODLE = (
    "Identifier",
    "Full name",
    "ID number",
    "Email address",
    "Grade",
    "Maximum Grade",
    "Feedback comments",
)


def canvas_csv(rows: Sequence[Row], maximum: float) -> str:
    """Return a CSV for Canvas's gradebook, a line for each student."""
    return written(
        [
            CANVAS,
            (CANVAS_POSSIBLE, "", "", "", "", trimmed(maximum)),
            *(
                (
                    safe_cell(person.name or row.name),
                    safe_cell(person.canvas),
                    safe_cell(person.student_number),
                    safe_cell(person.email),
                    "",
                    grade_of(row),
                )
                for row, person in each_person(rows)
            ),
        ]
    )


def moodle_csv(rows: Sequence[Row], maximum: float) -> str:
    """Return a CSV for Moodle's grading worksheet, a line for each student."""
    return written(
        [
            MOODLE,
            *(
                (
                    f"Participant {person.moodle}" if person.moodle else "",
                    safe_cell(person.name or row.name),
                    safe_cell(person.student_number),
                    safe_cell(person.email),
                    grade_of(row),
                    trimmed(maximum),
                    safe_cell(row.comment),
                )
                for row, person in each_person(rows)
            ),
        ]
    )


def each_person(rows: Iterable[Row]) -> Iterable[tuple[Row, Person]]:
    """Yield each row with each of its students, once where nobody is known."""
    for row in rows:
        for person in row.hand_in.people or (Person(),):
            yield row, person


def grade_of(row: Row) -> str:
    """Return what a platform gets for a row: nothing where its grading is not finished."""
    return "" if row.status == NOT_FINISHED else trimmed(row.total)


def written(lines: Iterable[Sequence[str]]) -> str:
    """Return lines as CSV."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(lines)
    return table.getvalue()
