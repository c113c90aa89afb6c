"""What the command `grade` prints at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a3lib.kit.grading.gradebook import Row
from a3lib.util.numbers import trimmed

PASSED_OVER_SHOWN = 10


def overview(summary: dict[str, Any], rows: Sequence[Row], kept: int, out: Path) -> str:
    """Return what the command prints: how many are graded, the mean, what went wrong, where."""
    lines = [f"{summary['graded']} of {summary['submissions']} submissions are graded."]
    if kept:
        lines.append(f"{kept} of them were graded before and were not graded again.")
    if len(rows) == 1:
        lines.append(rows[0].results.get("output", ""))
        lines.append(f"Points for exercises 1 to 4: {trimmed(rows[0].score)}.")
    elif summary["graded"]:
        lines.append(f"Mean {trimmed(summary['mean'])}, median {trimmed(summary['median'])}.")
    for key, what in (
        ("stopped", "hung or died in an exercise"),
        ("unreadable", "cannot be read"),
        ("not_finished", "not graded to the end"),
    ):
        if summary[key]:
            lines.append(f"{len(summary[key])} {what}: {', '.join(list(summary[key])[:10])}.")
    left = summary["passed_over"]
    if left:
        lines.append(f"Files and folders that are not graded, and why: {len(left)}.")
        shown = list(left.items())[:PASSED_OVER_SHOWN]
        lines += [f"  {path}: {reason}" for path, reason in shown]
        if len(left) > len(shown):
            lines.append(f"  and {len(left) - len(shown)} more; see the summary.")
    lines += [f"To look at: {note}" for note in summary["notes"]]
    lines += [f"Similarity: {sentence}" for sentence in summary["similarity"][:1]]
    lines += [f"The grader failed: {failure}" for failure in summary["failures"]]
    lines += [f"This platform lacks: {text}" for text in summary["missing_protections"]]
    return "\n".join([*lines, f"See {out / 'summary.md'} and {out / 'grades.csv'}."])
