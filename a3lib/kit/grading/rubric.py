"""A rubric: a TOML file with the points of exercises, of checks, and of what a person marks.

    [exercises]
    1 = 20                  # its checks share these as they share the course's points
    [checks]
    "reward.shapes" = 3     # fixed; the others of its exercise share the rest
    [by_hand]
    "exercise 5" = 15       # columns of by_hand.csv and the most that each gives

A grading keeps which checks passed, so another rubric needs no new grading.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import POINTS, Check
from a3lib.kit.grading.results import EXERCISES, WRITTEN_EXERCISE
from a3lib.util.numbers import finite, trimmed

Key = TypeVar("Key", int, str)
RUBRIC_FILE = "rubric.toml"
LARGEST_POINTS = 10_000
# What a person marks where no rubric says otherwise; None is without an upper bound.
BY_HAND: dict[str, float | None] = {
    f"exercise {WRITTEN_EXERCISE}": float(POINTS[WRITTEN_EXERCISE]),
    "write-up": None,
}
# Columns that are there already, in by_hand.csv or in grades.csv.
RESERVED = (
    *("name", "comment", "file", "students", "score", "total", "status", "stopped", "handed in"),
    *(f"exercise {exercise}" for exercise in EXERCISES),
)
EXERCISE_LINE = re.compile(
    r"^Exercise (\d+): \S+ of \S+ points in the checks below"
    r"(; checks that are not shown: \S+ more)?\.$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Rubric:
    """The points of exercises and checks that differ from the course's, and what is by hand.

    `text` is the file that says so, "" where there is none.
    """

    exercises: dict[int, float] = field(default_factory=dict)
    checks: dict[str, float] = field(default_factory=dict)
    by_hand: dict[str, float | None] = field(default_factory=lambda: dict(BY_HAND))
    text: str = ""


def read_rubric(file: Path | None, checks: Sequence[Check]) -> Rubric:
    """Return what a rubric file says, or the course's own points where there is no file.

    Raises InputError where it cannot be read or used, naming what is wrong in it.
    """
    if file is None:
        return Rubric()
    try:
        text = file.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except OSError as error:
        raise InputError(
            f"The rubric {str(file)!r} cannot be read ({error.strerror}); give a TOML file."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"The rubric {str(file)!r} is no TOML ({error}); mend it.") from error
    unknown = [name for name in tables if name not in ("exercises", "checks", "by_hand")]
    if unknown:
        raise wrong(file, f"has a table {unknown[0]!r}", "use exercises, checks and by_hand")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise wrong(file, f"has {name} = {table!r}", f"write [{name}] and its lines below")
    rubric = Rubric(
        exercises=once(
            file,
            [
                (exercise_of(file, key), points_in(file, f"exercise {key}", value))
                for key, value in tables.get("exercises", {}).items()
            ],
        ),
        checks=once(
            file,
            [
                (known_check(file, name, checks), points_in(file, name, value))
                for name, value in dotted(tables.get("checks", {}))
            ],
        ),
        by_hand={
            **BY_HAND,
            **once(
                file,
                [
                    (column_of(file, name), points_in(file, name, value))
                    for name, value in tables.get("by_hand", {}).items()
                ],
            ),
        },
        text=text,
    )
    applied(rubric, checks, file)
    return rubric


def wrong(file: Path, what: str, remedy: str) -> InputError:
    """Return the error that something in a rubric cannot be used."""
    return InputError(f"The rubric {str(file)!r} {what}; {remedy}.")


def once(file: Path, pairs: Sequence[tuple[Key, float]]) -> dict[Key, float]:
    """Return points by what they are for; raises InputError where something has them twice."""
    counts = Counter(str(key).casefold() for key, _ in pairs)
    twice = [key for key, _ in pairs if counts[str(key).casefold()] > 1]
    if twice:
        raise wrong(file, f"has points for {str(twice[0])!r} twice", "delete one of the lines")
    return dict(pairs)


def dotted(table: Mapping[str, Any], start: str = "") -> list[tuple[str, Any]]:
    """Return a table with one level: TOML reads `reward.shapes = 3` as a table in a table."""
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            flat += dotted(value, f"{start}{key}.")
        else:
            flat.append((f"{start}{key}", value))
    return flat


def exercise_of(file: Path, key: str) -> int:
    """Return an exercise's number; raises InputError where the checks have no such exercise."""
    number = key.removeprefix("exercise").strip()
    if number not in map(str, EXERCISES):
        known = ", ".join(map(str, EXERCISES))
        raise wrong(file, f"has points for exercise {key!r}", f"the checks are of {known}")
    return int(number)


def known_check(file: Path, name: str, checks: Sequence[Check]) -> str:
    """Return a check's name; raises InputError where there is no such check."""
    names = [check.name for check in checks]
    if name not in names:
        close = get_close_matches(name, names, n=3, cutoff=0.5)
        like = f"those with names like it are {', '.join(close)}" if close else "no name is like it"
        where = 'the name of each check stands as "check" in every results.json'
        raise wrong(file, f"has points for a check {name!r}", f"{like}; {where}")
    return name


def column_of(file: Path, name: str) -> str:
    """Return the name of a column that is marked by hand; raises InputError for a reserved one."""
    cleaned = " ".join(name.split())
    odd = not cleaned.isprintable() or set(cleaned) & set(",;")
    if not cleaned or odd or cleaned.casefold() in RESERVED:
        raise wrong(file, f"has {name!r} under by_hand", "give the column another name")
    ours = {column.casefold(): column for column in BY_HAND}
    return ours.get(cleaned.casefold(), cleaned)


def points_in(file: Path, what: str, value: Any) -> float:
    """Return points of a rubric; raises InputError where they are no number from 0 on."""
    points = finite(value)
    if points is None or not 0 <= points <= LARGEST_POINTS:
        shown = json.dumps(value, default=str)
        remedy = f"give a number from 0 to {LARGEST_POINTS}"
        raise wrong(file, f"gives {what!r} {shown} points", remedy)
    return points


def applied(
    rubric: Rubric, checks: Sequence[Check], file: Path = Path(RUBRIC_FILE)
) -> dict[str, float]:
    """Return each check's points under a rubric; raises InputError where they cannot add up."""
    points: dict[str, float] = {}
    for exercise in dict.fromkeys(check.exercise for check in checks):
        its = [check for check in checks if check.exercise == exercise]
        fixed = {
            check.name: rubric.checks[check.name] for check in its if check.name in rubric.checks
        }
        free = [check for check in its if check.name not in fixed]
        points |= fixed | {check.name: check.points for check in free}
        if not fixed and exercise not in rubric.exercises:
            continue
        # As the README of grading says, the others share what a fixed check leaves.
        whole = rubric.exercises.get(exercise, sum(check.points for check in its))
        left = whole - sum(fixed.values())
        shares = sum(check.points for check in free)
        if left < -1e-9 or (left > 1e-9 and not shares):
            raise wrong(
                file,
                f"gives checks of exercise {exercise} {trimmed(sum(fixed.values()))} points, and "
                f"the exercise has {trimmed(whole)}",
                f"make the two agree: write {exercise} = ... under [exercises]",
            )
        points |= {check.name: left * check.points / shares for check in free if shares}
    if checks and not round(sum(points.values()), 4):
        raise wrong(file, "gives no points at all", "give some to an exercise")
    return points


def with_points(checks: Sequence[Check], points: Mapping[str, float]) -> tuple[Check, ...]:
    """Return checks with these points."""
    return tuple(replace(check, points=points[check.name]) for check in checks)


def rescored(results: dict[str, Any], points: Mapping[str, float]) -> dict[str, Any]:
    """Return a results.json with these points; what passed and what is said stay as they are."""
    extra = results.get("extra_data")
    if not isinstance(extra, dict) or not isinstance(results.get("tests"), list):
        return results
    tests = [with_score(test, points) for test in results["tests"]]
    of_exercise = {
        str(exercise): [test for test in tests if test["number"].startswith(f"{exercise}.")]
        for exercise in EXERCISES
    }

    def line(found: re.Match[str]) -> str:
        its = of_exercise[found[1]]
        shown = [test for test in its if test["visibility"] == "visible"]
        hidden = sum(test["max_score"] for test in its if test["visibility"] != "visible")
        more = f"; checks that are not shown: {trimmed(hidden)} more" if found[2] else ""
        earned, possible = total(shown, "score"), total(shown, "max_score")
        return (
            f"Exercise {found[1]}: {trimmed(earned)} of {trimmed(possible)} points in the checks "
            f"below{more}."
        )

    return results | {
        "score": total(tests, "score"),
        "tests": tests,
        "output": EXERCISE_LINE.sub(line, results["output"]) if tests else results["output"],
        "extra_data": extra
        | {"exercises": {number: total(its, "score") for number, its in of_exercise.items()}},
    }


def with_score(test: dict[str, Any], points: Mapping[str, float]) -> dict[str, Any]:
    """Return a test of a results.json with its check's points."""
    possible = round(points.get(test["extra_data"]["check"], test["max_score"]), 4)
    return test | {"score": possible if test["status"] == "passed" else 0, "max_score": possible}


def total(tests: Sequence[dict[str, Any]], key: str) -> float:
    """Return the sum of tests' scores, rounded as results.json has it."""
    return round(sum(test[key] for test in tests), 4)
