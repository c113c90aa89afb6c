"""The CSVs for Canvas and Moodle: their columns, a line a student, no formula, no early zero."""

import csv
import unicodedata
from typing import Any

import pytest
from helpers.stand_in_worker import check

from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.gradebook import Row
from a3lib.kit.grading.metadata import HandIn, Person
from a3lib.kit.grading.platforms import canvas_csv, moodle_csv
from a3lib.kit.grading.results import Grading, Outcome, results_of

CHECKS = (check("a", 1, 10.5),)


def row(name: str, *people: Person, finished: bool = True, **more: Any) -> Row:
    outcomes = tuple(Outcome(Verdict(c, True)) for c in CHECKS)
    results = results_of(Grading({}, CHECKS, outcomes, finished=finished))
    return Row(name, f"{name}.py", results, HandIn(people), **more)


ROWS = [
    row("doejane_12", Person("doejane", canvas="12"), by_hand={"exercise 5": 4.0}),
    row("submission_1", Person("Ann", "ann@x.org", "007"), Person("Bob", "bob@x.org")),
    row("Max_77", Person("Max Muster", moodle="77"), comment="good\nwork"),
    row("begun", finished=False),
    Row("never", "never.py", {}),
]


def test_canvas() -> None:
    assert list(csv.reader(canvas_csv(ROWS, 100).splitlines())) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A3"],
        ["    Points Possible", "", "", "", "", "100"],
        ["doejane", "12", "", "", "", "14.5"],
        ["Ann", "", "007", "ann@x.org", "", "10.5"],
        ["Bob", "", "", "bob@x.org", "", "10.5"],
        ["Max Muster", "", "", "", "", "10.5"],
        ["begun", "", "", "", "", ""],
        ["never", "", "", "", "", ""],
    ]


def test_moodle() -> None:
    lines = list(csv.DictReader(moodle_csv(ROWS, 100).splitlines()))
    assert list(lines[0]) == [
        "Identifier",
        "Full name",
        "ID number",
        "Email address",
        "Grade",
        "Maximum Grade",
        "Feedback comments",
    ]
    assert [line["Identifier"] for line in lines] == ["", "", "", "Participant 77", "", ""]
    assert [line["Grade"] for line in lines] == ["14.5", "10.5", "10.5", "10.5", "", ""]
    assert lines[1]["ID number"] == "007"
    assert lines[3]["Feedback comments"] == "good work"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\n@", "\uff1d", "a;=", "a; +"])
def test_nothing_is_a_formula(start: str) -> None:
    hostile = f"{start}cmd|'/c calc'!A0"
    rows = [row("eve", Person(hostile, hostile, hostile, hostile), comment=hostile)]
    for text in (canvas_csv(rows, 1), moodle_csv(rows, 1)):
        for delimiter in ",;":
            cells = [c for line in csv.reader(text.splitlines(), delimiter=delimiter) for c in line]
            starts = {unicodedata.normalize("NFKC", cell.strip()[:1]) for cell in cells}
            assert starts.isdisjoint("=+-@")
