"""The grade book: the CSV, the summary's figures and lists, the histogram, hostile texts."""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
from helpers.stand_in_worker import check

from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.discovery import NOTHING_HERE
from a3lib.kit.grading.gradebook import (
    ROWS_SHOWN,
    Row,
    grades_csv,
    markdown,
    safe_cell,
    summarise,
    summary_markdown,
    text_histogram,
    write_gradebook,
)
from a3lib.kit.grading.metadata import HandIn, Person
from a3lib.kit.grading.results import (
    Grading,
    Outcome,
    results_of,
)
from a3lib.kit.grading.walk import NOTE_OF_MACOS

CHECKS = (check("a", 1, 10.0), check("b", 2, 20.0), check("c", 4, 5.5, hidden=True))


def row(name: str, passed: str = "", **more: Any) -> Row:
    """A submission in which these checks passed and the others failed, with a mistake's name."""
    outcomes = tuple(
        Outcome(Verdict(c, c.name in passed, "", "" if c.name in passed else f"swap {c.name}: 7"))
        for c in CHECKS
    )
    settings = {"finished": True, "protections": ("a wall",), "missing": ("a moat",)} | more
    return Row(name, f"in/{name}.py", results_of(Grading({}, CHECKS, outcomes, **settings)))


def unreadable(name: str, reason: str = "x.py is empty.") -> Row:
    grading = Grading({}, CHECKS, unreadable=reason, finished=True)
    return Row(name, f"in/{name}.py", results_of(grading))


ALL = [
    row("full", "abc"),
    row("half", "b"),
    row("none"),
    unreadable("empty"),
    row("begun", "a", finished=False),
    Row("never", "in/never.py", {}),
]


def test_the_csv_has_a_line_a_submission() -> None:
    lines = list(csv.reader(grades_csv(ALL).splitlines()))
    head = ["name", "score", "exercise 1", "exercise 2", "exercise 3", "exercise 4"]
    last = ["status", "stopped", "file", "total", "students", "handed in"]
    assert lines[0] == [*head, *last]
    points = ["full", "35.5", "10", "20", "0", "5.5"]
    assert lines[1] == [*points, "graded", "", "in/full.py", "35.5", "", ""]
    points = ["half", "20", "0", "20", "0", "0"]
    assert lines[2] == [*points, "graded", "", "in/half.py", "20", "", ""]
    assert [line[9] for line in lines[3:]] == ["0", "0", "", ""]
    assert [line[6] for line in lines[3:]] == [
        "graded",
        "cannot be read",
        "not finished",
        "not finished",
    ]
    assert lines[6][:6] == ["never", "", "", "", "", ""], "what is not finished has no points"


def test_what_a_person_gave_is_in_the_csv_and_the_total() -> None:
    done = row("full", "abc")
    marked = Row(done.name, done.file, done.results, by_hand={"exercise 5": 12.5})
    lines = list(csv.DictReader(grades_csv([marked], ["exercise 5", "write-up"]).splitlines()))
    found = [lines[0][column] for column in ("score", "exercise 5", "write-up", "total")]
    assert found == ["35.5", "12.5", "", "48"]


def test_the_csv_names_what_hung() -> None:
    outcomes = (Outcome(Verdict(CHECKS[2], False), ends=("timeout",)),)
    hung = Row("a", "a.py", results_of(Grading({}, CHECKS, outcomes, finished=True)))
    line = list(csv.reader(grades_csv([hung]).splitlines()))[1]
    assert (
        line[7] == "Exercise 4: function_4 hung until its time was over in the check “title of c”."
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n+"])
def test_no_cell_is_a_formula(start: str) -> None:
    shown = f"'{start.strip()}1+1"
    assert safe_cell(f"{start}1+1") == shown
    assert safe_cell("a=1") == "a=1"
    hostile = f"{start}1+1"
    hand_in = HandIn((Person(hostile),), hostile)
    text = grades_csv([Row(hostile, hostile, {}, hand_in)], [hostile])
    head, line = csv.reader(text.splitlines())
    assert head[9] == shown
    assert [line[place] for place in (0, 8, 11, 12)] == [shown] * 4


def test_a_file_name_makes_no_line_of_its_own() -> None:
    assert grades_csv([Row("a", "in/x\n=cmd\x1b.py", {})]).count("\n") == 2


def test_the_summary_counts_what_is_graded() -> None:
    summary = summarise(ALL, [("a/link.py", "a symbolic link")], ["x: OSError: full"])
    assert (summary["submissions"], summary["graded"]) == (6, 3)
    assert summary["scores"] == [35.5, 20, 0]
    assert (summary["mean"], summary["median"]) == (18.5, 20)
    assert summary["unreadable"] == {"empty": "x.py is empty."}
    assert summary["not_finished"] == ["begun", "never"]
    assert summary["passed_over"] == {"a/link.py": "a symbolic link"}
    assert summary["failures"] == ["x: OSError: full"]
    assert summary["protections"] == ["a wall"]
    assert summary["missing_protections"] == ["a moat"]


def test_students_without_a_submission_come_first_and_notes_of_systems_last() -> None:
    left = [("a/._x.py", NOTE_OF_MACOS), ("a/x.txt", "neither"), ("b", NOTHING_HERE)]
    assert list(summarise([], left, [])["passed_over"]) == ["b", "a/x.txt", "a/._x.py"]
    summary = summarise([], [(f"{'d' * 400}/{i}.txt", "neither") for i in range(9)], [])
    assert len(summary["passed_over"]) == 9


def test_the_hardest_checks_come_first() -> None:
    summary = summarise([*ALL, row("more", "ab")], [], [])
    # Of those graded: full, half, none, more.
    assert summary["hardest_checks"] == [
        {"check": "c", "failed": 3, "of": 4, "not_written": 0},
        {"check": "a", "failed": 2, "of": 4, "not_written": 0},
        {"check": "b", "failed": 1, "of": 4, "not_written": 0},
    ]


def test_what_is_not_written_does_not_count_as_hard() -> None:
    outcomes = tuple(Outcome(Verdict(c, False, kind="missing")) for c in CHECKS[:2])
    unwritten = Row("a", "a.py", results_of(Grading({}, CHECKS, outcomes, finished=True)))
    others = [row("1", "ab"), row("2", "a"), row("3", "ac"), row("4", "bc")]
    summary = summarise([unwritten, unwritten, *others[1:], *others], [], [])
    assert summary["hardest_checks"] == [
        {"check": "b", "failed": 4, "of": 7, "not_written": 2},
        {"check": "c", "failed": 3, "of": 7, "not_written": 0},
        {"check": "a", "failed": 2, "of": 7, "not_written": 2},
    ]
    assert summarise([unwritten], [], [])["hardest_checks"] == []


def test_mistakes_are_counted_by_their_name() -> None:
    summary = summarise([*ALL, row("more", "ab")], [], [])
    assert summary["mistakes"] == [
        {"mistake": "swap c", "count": 3},
        {"mistake": "swap a", "count": 2},
        {"mistake": "swap b", "count": 1},
    ]


def test_nothing_graded_has_a_summary() -> None:
    summary = summarise([unreadable("a")], [], [])
    assert (summary["mean"], summary["median"], summary["hardest_checks"]) == (None, None, [])
    assert "0 of 1 submissions are graded. The checks" in summary_markdown(summary, 85)


def test_what_hung_is_in_the_summary() -> None:
    outcomes = (Outcome(Verdict(CHECKS[0], False), ends=("died",)),)
    hung = Row("ann", "a.py", results_of(Grading({}, CHECKS, outcomes, finished=True)))
    summary = summarise([hung, ALL[0]], [], [])
    line = "Exercise 1: function_1 ended its process in the check “title of a”."
    assert summary["stopped"] == {"ann": [line]}
    assert f"- ann: {line}" in summary_markdown(summary, 85)


def test_the_histogram_has_a_line_a_bin_and_a_mark_a_submission() -> None:
    lines = text_histogram([0, 4.9, 5, 84.9, 85], 85)
    assert len(lines) == 17
    assert lines[0] == "  0-5      2 ##"
    assert lines[1] == "  5-10     1 #"
    assert lines[2] == " 10-15     0"
    assert lines[16] == " 80-85     2 ##"


def test_many_submissions_share_a_mark() -> None:
    lines = text_histogram([85] * 101 + [0], 85)
    assert lines[0] == "(one # is 3 submissions)"
    assert lines[1] == "  0-5      1 #"
    assert lines[-1] == f" 80-85   101 {'#' * 34}"


def test_the_summary_for_people_says_it_all() -> None:
    summary = summarise(ALL, [("a/link.py", "a symbolic link")], ["x: OSError: full"])
    text = summary_markdown(summary, 85)
    assert "3 of 6 submissions are graded; mean 18.5, median 20." in text
    assert "up to 85 points; exercise 5 is marked by a person." in text
    for line in (
        "- c: failed by 2 of 3 (67%)",
        "- swap c: 2",
        "- empty: x.py is empty.",
        "- begun",
        "- a/link.py: a symbolic link",
        "- x: OSError: full",
        "- a wall",
        "- a moat",
    ):
        assert f"{line}\n" in text
    order = [text.index(t) for t in ("## Hardest", "## Commonest", "## Submissions that")]
    assert order == sorted(order)


def test_what_there_is_none_of_has_no_heading() -> None:
    text = summary_markdown(summarise([row("full", "abc", missing=())], [], []), 85)
    assert [line for line in text.split("\n") if line.startswith("## ")] == [
        "## Protections in place"
    ]


def test_long_lists_of_checks_are_cut_and_lists_of_people_are_not() -> None:
    summary = summarise([unreadable(f"s{i}") for i in range(40)], [], [])
    summary["hardest_checks"] = [{"check": f"k{i}", "failed": 1, "of": 1} for i in range(40)]
    text = summary_markdown(summary, 85)
    assert text.count("- s") == 40
    assert text.count("- k") == ROWS_SHOWN
    assert f"- and {40 - ROWS_SHOWN} more" in text


def test_texts_of_submissions_are_no_markup() -> None:
    assert markdown("a `b` *c* [d](e) <f> |g| # h") == (
        "a \\`b\\` \\*c\\* \\[d\\](e) \\<f\\> \\|g\\| \\# h"
    )
    hostile = "x\n# Grades\n<script>[a](javascript:b)"
    text = summary_markdown(summarise([unreadable("a", hostile)], [], []), 85)
    assert text.count("\n# Grades") == 0
    assert "<script" not in text and "[a]" not in text


def test_the_folder_gets_four_files(tmp_path: Path) -> None:
    matplotlib.use("Agg")
    summary = summarise(ALL, [], [])
    write_gradebook(ALL, summary, 85, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "grades.csv",
        "scores.pdf",
        "scores.png",
        "summary.json",
        "summary.md",
    ]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert (tmp_path / "summary.md").read_text() == summary_markdown(summary, 85)
    assert (tmp_path / "grades.csv").read_text() == grades_csv(ALL)
    assert plt.get_fignums() == []


def test_hard_means_a_large_share_and_not_a_large_number() -> None:
    def asked(passed: bool, *which: int) -> Row:
        outcomes = tuple(Outcome(Verdict(CHECKS[i], passed)) for i in which)
        return Row("x", "x.py", results_of(Grading({}, CHECKS, outcomes, finished=True)))

    summary = summarise([asked(False, 0), asked(False, 1), asked(False, 1), asked(True, 1)], [], [])
    assert [check["check"] for check in summary["hardest_checks"]] == ["a", "b"]
