"""The grade book of a folder of gradings: grades.csv, summary.md, summary.json, a histogram.

All of it is read from the results.json files, so it does not matter when each was graded.
"""

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import matplotlib.pyplot as plt

from a3lib.kit.grading.discovery import NOTHING_HERE
from a3lib.kit.grading.histogram import SCORE_BIN, score_histogram
from a3lib.kit.grading.metadata import HandIn
from a3lib.kit.grading.results import EXERCISES, plain
from a3lib.kit.grading.walk import is_expected
from a3lib.plots import save_figure
from a3lib.util.files import write_at_once
from a3lib.util.numbers import trimmed

GRADED, NOT_FINISHED, UNREADABLE = "graded", "not finished", "cannot be read"
ROWS_SHOWN = 15
LONGEST_PATH = 2000  # characters
LONGEST_CELL = 32_000  # characters; spreadsheets take 32,767
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@")
# What would be markup in Markdown, or HTML in it.
MARKUP = re.compile(r"([\\`*\[\]<>|~#&])")


@dataclass(frozen=True)
class Row:
    """One submission in the grade book; `by_hand` are the points that a person gave."""

    name: str
    file: str
    results: dict[str, Any]
    hand_in: HandIn = field(default_factory=HandIn)
    by_hand: Mapping[str, float] = field(default_factory=dict)
    comment: str = ""

    @property
    def extra(self) -> dict[str, Any]:
        """What was recorded besides the points; empty where the submission was not graded."""
        return self.results.get("extra_data", {})

    @property
    def status(self) -> str:
        """Whether the submission was graded, and if not, why."""
        if not self.extra.get("finished"):
            return NOT_FINISHED
        return UNREADABLE if self.extra.get("unreadable") else GRADED

    @property
    def score(self) -> float:
        """The points of exercises 1 to 4."""
        return float(self.results.get("score", 0))

    @property
    def total(self) -> float:
        """The points of the checks and those that a person gave."""
        return round(self.score + sum(self.by_hand.values()), 4)


def safe_cell(text: str) -> str:
    """Return a text, on one line, that a spreadsheet shows and does not compute."""
    # Where a country divides cells by semicolons, a text with one is two cells.
    line = re.sub(r"([;|])(\s*)(?=[=+\-@])", r"\1\2'", plain(text, LONGEST_CELL))
    # Some spreadsheets take wide forms of these signs, too.
    return f"'{line}" if unicodedata.normalize("NFKC", line[:1]) in FORMULA_STARTS else line


def markdown(text: str) -> str:
    """Return a text with its markup escaped, so that Markdown shows it literally."""
    return MARKUP.sub(r"\\\1", text)


def grades_csv(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Return the grades as CSV; `columns` are those of by_hand.csv, empty where not marked."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    exercises = [f"exercise {exercise}" for exercise in EXERCISES]
    marked = [safe_cell(column) for column in columns]
    first, last = ["status", "stopped", "file"], ["total", "students", "handed in"]
    writer.writerow(["name", "score", *exercises, *first, *marked, *last])
    for row in rows:
        points = row.extra.get("exercises", {})
        people = [" ".join(filter(None, (one.name, one.email))) for one in row.hand_in.people]
        # What is known so far of a grading that was broken off is no grade.
        numbers = [row.score, *(points.get(str(exercise), 0) for exercise in EXERCISES)]
        writer.writerow(
            [
                safe_cell(row.name),
                *(("" if row.status == NOT_FINISHED else trimmed(number)) for number in numbers),
                row.status,
                safe_cell(" ".join(row.extra.get("stopped", []))),
                safe_cell(row.file),
                *(trimmed(row.by_hand[c]) if c in row.by_hand else "" for c in columns),
                "" if row.status == NOT_FINISHED else trimmed(row.total),
                safe_cell(", ".join(people)),
                safe_cell(row.hand_in.time),
            ]
        )
    return table.getvalue()


def summarise(
    rows: Sequence[Row],
    passed_over: Sequence[tuple[str, str]],
    failures: Sequence[str],
    notes: Sequence[str] = (),
    similarity: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the summary of a folder's gradings as plain data.

    `passed_over` are files that are not submissions, each with the reason; `failures` are errors of
    the grader itself, `notes` what staff should look at, `similarity` what a checker found.
    """
    graded = [row for row in rows if row.status == GRADED]
    tests = [test for row in graded for test in row.results["tests"]]
    # What is not written yet would hide which checks are hard.
    written = [test for test in tests if test["extra_data"]["kind"] != "missing"]
    asked = Counter(test["extra_data"]["check"] for test in written)
    failed = Counter(test["extra_data"]["check"] for test in written if test["status"] == "failed")
    not_written = Counter(test["extra_data"]["check"] for test in tests) - asked
    # A mistake's name stands before the colon; after it come figures of one submission.
    mistakes = Counter(test["extra_data"]["mistake"].split(":")[0] for test in tests)
    del mistakes[""]
    scores = [row.score for row in graded]
    return {
        "submissions": len(rows),
        "graded": len(graded),
        "mean": round(mean(scores), 2) if scores else None,
        "median": round(median(scores), 2) if scores else None,
        "scores": scores,
        "hardest_checks": [
            {
                "check": check,
                "failed": failed[check],
                "of": asked[check],
                "not_written": not_written[check],
            }
            for check in sorted(failed, key=lambda c: (-failed[c] / asked[c], c))
        ],
        "mistakes": [
            {"mistake": name, "count": count}
            for name, count in sorted(mistakes.items(), key=lambda item: (-item[1], item[0]))
        ],
        "stopped": {row.name: row.extra["stopped"] for row in graded if row.extra["stopped"]},
        "unreadable": {r.name: r.extra["unreadable"] for r in rows if r.status == UNREADABLE},
        "not_finished": [row.name for row in rows if row.status == NOT_FINISHED],
        "passed_over": {
            plain(path, LONGEST_PATH): plain(reason)
            for path, reason in sorted(passed_over, key=lambda item: urgency(item[1]))
        },
        "failures": list(failures),
        "notes": list(notes),
        "similarity": list(similarity),
        "protections": in_any(graded, "protections"),
        "missing_protections": in_any(graded, "missing"),
    }


def urgency(reason: str) -> int:
    """Return the place of a reason in a list: first students without a submission."""
    return 0 if reason == NOTHING_HERE else 2 if is_expected(reason) else 1


def in_any(rows: Sequence[Row], key: str) -> list[str]:
    """Return, in order, the sentences that any grading noted under a key."""
    return list(dict.fromkeys(text for row in rows for text in row.extra.get(key, [])))


def text_histogram(scores: Sequence[float], maximum: float) -> list[str]:
    """Return one line for each bin of scores, with a mark for each submission or for several."""
    starts = range(0, max(1, round(maximum)), SCORE_BIN)
    # The full score belongs to the last bin.
    counts = Counter(min(int(score // SCORE_BIN), len(starts) - 1) for score in scores)
    each = max(1, -(-max(counts.values(), default=0) // 50))
    lines = [f"(one # is {each} submissions)"] if each > 1 else []
    for place, start in enumerate(starts):
        marks = "#" * -(-counts[place] // each)
        lines.append(f"{start:3d}-{start + SCORE_BIN:<3d} {counts[place]:4d} {marks}".rstrip())
    return lines


def bullets(title: str, texts: Sequence[str], limit: int | None = None) -> list[str]:
    """Return a section of bullets, or nothing where there is nothing to list."""
    if not texts:
        return []
    lines = [f"- {markdown(text)}" for text in texts[:limit]]
    more = [f"- and {len(texts) - len(lines)} more"] if len(lines) < len(texts) else []
    return [f"## {title}", "", *lines, *more, ""]


def summary_markdown(summary: dict[str, Any], maximum: float) -> str:
    """Return the summary for people; `maximum` is the score that the checks can give."""
    graded = f"{summary['graded']} of {summary['submissions']} submissions are graded"
    if summary["graded"]:
        graded += f"; mean {trimmed(summary['mean'])}, median {trimmed(summary['median'])}"
    lines = [
        "# Grades",
        "",
        f"{graded}. The checks give up to {trimmed(maximum)} points; exercise 5 is marked by a "
        "person.",
        "",
        "```",
        *text_histogram(summary["scores"], maximum),
        "```",
        "",
    ]
    hardest = summary["hardest_checks"]
    lines += bullets(
        "Hardest checks (of those who wrote the function)",
        [
            f"{c['check']}: failed by {c['failed']} of {c['of']} ({c['failed'] / c['of']:.0%})"
            for c in hardest
        ],
        ROWS_SHOWN,
    )
    lines += bullets(
        "Commonest mistakes",
        [f"{entry['mistake']}: {entry['count']}" for entry in summary["mistakes"]],
        ROWS_SHOWN,
    )
    lines += bullets(
        "Stopped while they were graded",
        [f"{name}: {stop}" for name, stops in summary["stopped"].items() for stop in stops],
    )
    lines += bullets(
        "Submissions that cannot be read (0 points)",
        [f"{name}: {reason}" for name, reason in summary["unreadable"].items()],
    )
    lines += bullets("Not finished; the same command continues", summary["not_finished"])
    lines += bullets(
        "Files and folders that are not graded",
        [f"{path}: {reason}" for path, reason in summary["passed_over"].items()],
    )
    lines += bullets("To look at", summary["notes"])
    lines += bullets("Similar submissions", summary["similarity"])
    lines += bullets("Failures of the grader itself", summary["failures"])
    lines += bullets("Protections in place", summary["protections"])
    lines += bullets("Protections that this platform lacks", summary["missing_protections"])
    return "\n".join(lines).rstrip() + "\n"


def write_gradebook(
    rows: Sequence[Row],
    summary: dict[str, Any],
    maximum: float,
    out: Path,
    columns: Sequence[str] = (),
) -> None:
    """Write grades.csv, summary.md, summary.json and the histogram's figure into a folder."""
    write_at_once(out / "grades.csv", grades_csv(rows, columns))
    write_at_once(out / "summary.json", json.dumps(summary, indent=2) + "\n")
    write_at_once(out / "summary.md", summary_markdown(summary, maximum))
    figure = score_histogram(summary["scores"], maximum)
    save_figure(figure, out, "scores")
    plt.close(figure)
