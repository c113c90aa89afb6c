"""One page of feedback for each student: points beside checks, the mistake, how to see it oneself.

Everything on it comes from results.json and by_hand.csv, and may have been written by anybody: the
template escapes it, and the page may load and run nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a3lib.kit.checks.catalogue import EXERCISES as FUNCTIONS
from a3lib.kit.grading.gradebook import NOT_FINISHED, Row
from a3lib.kit.grading.results import EXERCISES
from a3lib.kit.grading.rubric import EXERCISE_LINE, total
from a3lib.results.templates import render
from a3lib.util.files import write_at_once
from a3lib.util.numbers import trimmed

FEEDBACK_FILE = "feedback.html"
TEMPLATE = Path(__file__).with_name("feedback.html")
NOT_MARKED = "not marked yet"


def write_feedback(
    row: Row, maximum: float, columns: Mapping[str, float | None], folder: Path
) -> None:
    """Write a submission's page into the folder of its results."""
    write_at_once(folder / FEEDBACK_FILE, render(TEMPLATE, page_of(row, maximum, columns)))


def page_of(row: Row, maximum: float, columns: Mapping[str, float | None]) -> dict[str, Any]:
    """Return what a submission's page says."""
    return {
        "name": row.name,
        "file": row.file.rpartition("/")[2],
        "people": ", ".join(person.name for person in row.hand_in.people if person.name),
        "time": row.hand_in.time,
        "total": trimmed(row.total),
        "maximum": trimmed(maximum),
        "finished": row.status != NOT_FINISHED,
        "unreadable": row.extra.get("unreadable", ""),
        "exercises": [part for number in EXERCISES if (part := exercise_of(row, number))],
        "by_hand": [
            {"column": column, "points": marked(row.by_hand.get(column), most)}
            for column, most in columns.items()
            if most is not None or column in row.by_hand
        ],
        "waiting": ", ".join(c for c, most in columns.items() if most and c not in row.by_hand),
        "comment": row.comment,
        "notes": notes_of(row),
    }


def exercise_of(row: Row, number: int) -> dict[str, Any]:
    """Return what the page says of one exercise, {} where no check of it was asked."""
    tests = [t for t in row.results.get("tests", []) if t["number"].startswith(f"{number}.")]
    shown = [test for test in tests if test["visibility"] == "visible"]
    hidden = [test for test in tests if test["visibility"] != "visible"]
    if not tests:
        return {}
    failed = {test["name"].split(":")[0]: test for test in shown if test["status"] != "passed"}
    return {
        "number": number,
        "score": trimmed(total(tests, "score")),
        "possible": trimmed(total(tests, "max_score")),
        "tests": [shown_test(test) for test in shown],
        "hidden": points(hidden) if hidden else "",
        "commands": [line for name in failed if name in FUNCTIONS for line in commands(name, row)],
    }


def shown_test(test: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says of one check; a mistake's name stands in its own sentence."""
    mistake = test["extra_data"]["mistake"]
    lines = [line for line in test["output"].splitlines() if line.strip()]
    named = [f"It looks like this: {line}" if line == mistake else line for line in lines]
    failed = test["status"] != "passed"
    missing = failed and test["extra_data"]["kind"] == "missing"
    return {
        "name": test["name"],
        "lines": named,
        "failed": failed,
        "result": "not written" if missing else "failed" if failed else "passed",
        "score": trimmed(test["score"]),
        "possible": trimmed(test["max_score"]),
    }


def commands(function: str, row: Row) -> list[str]:
    """Return how a student asks a function's public checks, in a terminal and in the notebook."""
    file = "A3.ipynb" if row.file.lower().endswith(".ipynb") else "A3.py"
    return [f"python -m a3lib check {file} --function {function}", f"check({function})"]


def points(tests: list[dict[str, Any]]) -> str:
    """Return the points of several checks together."""
    return f"{trimmed(total(tests, 'score'))} of {trimmed(total(tests, 'max_score'))}"


def marked(given: float | None, most: float | None) -> str:
    """Return points that a person gave, or that there are none yet."""
    if given is None:
        return NOT_MARKED
    return trimmed(given) if most is None else f"{trimmed(given)} of {trimmed(most)}"


def notes_of(row: Row) -> list[str]:
    """Return the lines above the tests that the page does not say in another way."""
    lines = row.results.get("output", "").splitlines()
    return [
        line
        for line in lines
        if not EXERCISE_LINE.match(line)
        and not line.startswith("0 points: ")
        and "is marked by a person." not in line
    ]
