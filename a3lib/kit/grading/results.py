"""What is known about one submission's grading, and the results.json that Gradescope reads.

The file is rewritten after each check, so a grader that is killed leaves its results so far.
Texts in it may come from a submission, so they are cleaned first: one line, printable, no tags.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a3lib.kit.checks.catalogue import POINTS, Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.source.cells import LeftOut
from a3lib.kit.source.told import NEEDED, OTHERS, is_needed, line_about
from a3lib.util.files import write_at_once
from a3lib.util.numbers import trimmed
from a3lib.util.text import LONGEST_TEXT, printable

RESULTS_FILE = "results.json"
# A person marks the last one, the write-up.
*EXERCISES, WRITTEN_EXERCISE = POINTS
# How a child can end before it answers, and what that means.
ENDS = {"timeout": "hung until its time was over", "died": "ended its process"}
LINES_SHOWN = 30
NAMES_SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """A check's verdict, a remark on how it came about, and how children ended on the way to it."""

    verdict: Verdict
    remark: str = ""
    ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grading:
    """What is known so far of a submission; `outcomes` belong to the first of its `checks`."""

    identity: dict[str, Any]
    checks: tuple[Check, ...]
    outcomes: tuple[Outcome, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    load_errors: tuple[str, ...] = ()
    unreadable: str = ""
    protections: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    seconds: float = 0.0
    finished: bool = False


def plain(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return a text as one printable line of at most `limit` characters that holds no tag."""
    return printable(text, limit, tags=False)


def some_of(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{', '.join(map(plain, names[:NAMES_SHOWN]))}{more}"


def points_of(outcomes: Sequence[Outcome]) -> float:
    """Return the points of the checks that passed."""
    # Rounded, because sums of thirds should not fall short of the whole by a millionth.
    return round(sum(o.verdict.check.points for o in outcomes if o.verdict.passed), 4)


def results_of(grading: Grading) -> dict[str, Any]:
    """Return a grading in Gradescope's format; hidden checks show nowhere but in their own test."""
    return {
        "score": points_of(grading.outcomes),
        "execution_time": round(grading.seconds, 1),
        "output": "\n".join(output_lines(grading)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests_of(grading.outcomes),
        "extra_data": grading.identity
        | {
            "finished": grading.finished,
            "unreadable": plain(grading.unreadable),
            "exercises": {
                str(exercise): points_of(of_exercise(grading.outcomes, exercise))
                for exercise in EXERCISES
            },
            "stopped": [line for o in grading.outcomes for line in stops(o, hide=False)],
            "left_out": [left_out_line(item) for item in grading.left_out],
            "load_errors": [plain(error) for error in grading.load_errors],
            "protections": list(grading.protections),
            "missing": list(grading.missing),
        },
    }


def of_exercise(outcomes: Sequence[Outcome], exercise: int) -> list[Outcome]:
    """Return the outcomes of one exercise."""
    return [o for o in outcomes if o.verdict.check.exercise == exercise]


def tests_of(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a test for each outcome, numbered within its exercise."""
    tests = []
    for exercise in EXERCISES:
        for place, outcome in enumerate(of_exercise(outcomes, exercise), start=1):
            verdict, check = outcome.verdict, outcome.verdict.check
            lines = [*verdict.message.splitlines(), verdict.mistake, outcome.remark]
            tests.append(
                {
                    "name": plain(f"{check.function}: {check.title}"),
                    "number": f"{exercise}.{place}",
                    "score": round(check.points, 4) if verdict.passed else 0,
                    "max_score": round(check.points, 4),
                    "status": "passed" if verdict.passed else "failed",
                    "output": "\n".join(plain(line) for line in lines if line.strip()),
                    "visibility": "hidden" if check.hidden else "visible",
                    "extra_data": {
                        "check": check.name,
                        "kind": verdict.kind,
                        "mistake": plain(verdict.mistake),
                    },
                }
            )
    return tests


def stops(outcome: Outcome, hide: bool) -> list[str]:
    """Return a line for each child that hung or died; `hide` leaves out a hidden check's name."""
    check = outcome.verdict.check
    where = shown_check(check, hide)
    return [
        f"Exercise {check.exercise}: {check.function} {ENDS[end]} in {where}."
        for end in outcome.ends
    ]


def shown_check(check: Check, hide: bool) -> str:
    """Return what a person calls a check: its title, which `hide` leaves out of a hidden one."""
    return "a check that is not shown" if check.hidden and hide else f"the check “{check.title}”"


def left_out_line(item: LeftOut) -> str:
    """Return what is said of a line that is not executed, as one that holds no tag."""
    return line_about(replace(item, text=plain(item.text, 120), why=plain(item.why)))


def output_lines(grading: Grading) -> Iterator[str]:
    """Yield the lines that a student sees above the tests."""
    if grading.unreadable:
        yield f"0 points: {plain(grading.unreadable)}"
    elif not grading.finished:
        asked, all_of_them = len(grading.outcomes), len(grading.checks)
        yield f"This grading is not finished: {asked} of {all_of_them} checks were asked."
    for exercise in EXERCISES if grading.outcomes else ():
        public = [o for o in of_exercise(grading.outcomes, exercise) if not o.verdict.check.hidden]
        checks = [check for check in grading.checks if check.exercise == exercise]
        public_points = sum(check.points for check in checks if not check.hidden)
        hidden_points = sum(check.points for check in checks if check.hidden)
        more = (
            f"; checks that are not shown: {trimmed(hidden_points)} more" if hidden_points else ""
        )
        earned, possible = trimmed(points_of(public)), trimmed(public_points)
        yield f"Exercise {exercise}: {earned} of {possible} points in the checks below{more}."
    yield f"Exercise {WRITTEN_EXERCISE} ({POINTS[WRITTEN_EXERCISE]} points) is marked by a person."
    # Said once for an exercise: a second try that hung as well is no news.
    yield from dict.fromkeys(line for o in grading.outcomes for line in stops(o, hide=True))
    yield from section("Raised an error while the file was loaded", grading.load_errors)
    for title, needed in ((NEEDED, True), (OTHERS, False)):
        items = [item for item in grading.left_out if is_needed(item) is needed]
        yield from section(title, map(left_out_line, items))


def section(title: str, texts: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """Yield a title with indented lines under it, or nothing where there are none."""
    lines = [plain(text) for text in texts]
    if lines:
        yield f"{title}:"
    yield from (f"  {line}" for line in lines[:LINES_SHOWN])
    if len(lines) > LINES_SHOWN:
        yield f"  and {len(lines) - LINES_SHOWN} more"


def write_results(file: Path, results: dict[str, Any]) -> None:
    """Write a results.json whole or not at all."""
    write_at_once(file, json.dumps(results, indent=1, allow_nan=False) + "\n")


def read_results(file: Path) -> dict[str, Any]:
    """Return what a results.json says, or an empty dict where it is missing or damaged."""
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return results if isinstance(results, dict) else {}


def is_whole(results: Any) -> bool:
    """Say whether a results.json has all that is read from it."""
    try:
        extra = results["extra_data"]
        for test in results["tests"]:
            read = [test[k] for k in ("name", "number", "status", "output", "visibility")]
            told = [test["extra_data"][k] for k in ("check", "kind", "mistake")]
            if not all(isinstance(text, str) for text in (*read, *told)):
                return False
            float(test["score"]), float(test["max_score"])
        lists = [extra[k] for k in ("stopped", "left_out", "load_errors", "protections", "missing")]
        float(results["score"])
        return (
            isinstance(results["output"], str)
            and isinstance(extra["exercises"], dict)
            and all(isinstance(one, str) for texts in lists for one in texts)
        )
    except (TypeError, KeyError, ValueError):
        return False


def is_finished(results: dict[str, Any], identity: dict[str, Any]) -> bool:
    """Say whether results are complete and of the same file, checks and settings."""
    extra = results.get("extra_data")
    return isinstance(extra, dict) and identity | {"finished": True} == {
        key: extra.get(key) for key in [*identity, "finished"]
    }
