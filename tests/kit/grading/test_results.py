"""results.json: its format, what is shown and what is hidden, hostile texts, crashes."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.stand_in_worker import check

from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.gradebook import Row, grades_csv
from a3lib.kit.grading.results import (
    LINES_SHOWN,
    Grading,
    Outcome,
    is_finished,
    is_whole,
    plain,
    read_results,
    results_of,
    write_results,
)
from a3lib.kit.grading.rubric import rescored
from a3lib.kit.source.cells import LeftOut

SHOWN, HIDDEN = check("shown", 1, 2.0), check("hidden", 1, 3.0, hidden=True)
SECOND = check("second", 2, 1.5)
PASSED, FAILED = Outcome(Verdict(SHOWN, True)), Outcome(Verdict(SHOWN, False, "a\nb", "swap: c"))


def graded(*outcomes: Outcome, **more: Any) -> dict[str, Any]:
    """The results of a grading with these outcomes, of all three checks."""
    return results_of(Grading({"file_sha256": "abc"}, (SHOWN, HIDDEN, SECOND), outcomes, **more))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\nand a\ttab", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\u2028b\x85c", "a b c"),
        ("\u202egnirts", "\\u202egnirts"),
        ("\ud800", "\\ud800"),
        ("a\0b", "a\\x00b"),
        ("<script>alert(1)</script>", "< script>alert(1)< /script>"),
        ("<!-- <?php", "< !-- < ?php"),
        ("KL < 0 <= 1", "KL < 0 <= 1"),
        ("naïve 数", "naïve 数"),
    ],
)
def test_plain_text_is_one_printable_line_without_tags(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_plain_text_is_cut() -> None:
    assert plain("x" * 10, limit=10) == "x" * 10
    assert plain("x" * 11, limit=10) == "xxxxxxx..."
    assert plain("\x1b" * 1000, limit=10) == "\\x1b\\x1..."


def test_the_format_is_gradescopes() -> None:
    found = graded(PASSED, seconds=1.26, finished=True)
    assert found["score"] == 2
    assert found["execution_time"] == 1.3
    assert found["visibility"] == "visible"
    assert found["stdout_visibility"] == "hidden"
    assert found["output_format"] == found["test_output_format"] == "text"
    assert found["test_name_format"] == "text"
    assert found["tests"] == [
        {
            "name": "function_1: title of shown",
            "number": "1.1",
            "score": 2.0,
            "max_score": 2.0,
            "status": "passed",
            "output": "",
            "visibility": "visible",
            "extra_data": {"check": "shown", "kind": "answers", "mistake": ""},
        }
    ]


def test_a_failed_check_says_what_was_expected_which_mistake_and_what_else() -> None:
    test = graded(replace(FAILED, remark="a remark"))["tests"][0]
    assert test["output"].split("\n") == ["a", "b", "swap: c", "a remark"]
    assert (test["score"], test["max_score"], test["status"]) == (0, 2.0, "failed")
    assert test["extra_data"]["mistake"] == "swap: c"


def test_tests_are_numbered_within_their_exercise() -> None:
    found = graded(PASSED, Outcome(Verdict(HIDDEN, True)), Outcome(Verdict(SECOND, False)))
    assert [test["number"] for test in found["tests"]] == ["1.1", "1.2", "2.1"]
    assert found["extra_data"]["exercises"] == {"1": 5.0, "2": 0, "3": 0, "4": 0}
    assert found["score"] == 5


def test_points_add_up_without_rounding_errors() -> None:
    tenth = replace(SHOWN, points=0.1)
    assert graded(*[Outcome(Verdict(tenth, True))] * 3)["score"] == 0.3


def test_a_hidden_check_shows_in_its_own_hidden_test_alone() -> None:
    hidden = Outcome(Verdict(HIDDEN, False, "expected 17.5", "swap: 17.5"), "", ("timeout",))
    found = graded(PASSED, hidden, finished=True)
    assert [test["visibility"] for test in found["tests"]] == ["visible", "hidden"]
    assert "17.5" in found["tests"][1]["output"]
    shown = json.dumps(
        [found["output"], *(t for t in found["tests"] if t["visibility"] != "hidden")]
    )
    for secret in ("17.5", "hidden", "input of"):
        assert secret not in shown
    assert (
        "Exercise 1: function_1 hung until its time was over in a check that is not shown." in shown
    )
    assert found["extra_data"]["stopped"] == [
        "Exercise 1: function_1 hung until its time was over in the check “title of hidden”."
    ]


def test_the_points_that_are_shown_are_those_of_public_checks() -> None:
    lines = graded(PASSED, Outcome(Verdict(HIDDEN, True)), finished=True)["output"].split("\n")
    assert lines[0] == (
        "Exercise 1: 2 of 2 points in the checks below; checks that are not shown: 3 more."
    )
    assert lines[1] == "Exercise 2: 0 of 1.5 points in the checks below."
    assert lines[4] == "Exercise 5 (15 points) is marked by a person."
    assert len(lines) == 5


def test_a_grading_that_is_not_finished_says_so() -> None:
    assert graded(PASSED)["output"].startswith(
        "This grading is not finished: 1 of 3 checks were asked.\n"
    )
    assert graded(PASSED)["extra_data"]["finished"] is False
    assert "not finished" not in graded(PASSED, finished=True)["output"]
    assert graded(PASSED, finished=True)["extra_data"]["finished"] is True


def test_a_second_try_that_hung_as_well_is_said_once() -> None:
    found = graded(Outcome(Verdict(SHOWN, False), ends=("timeout", "timeout")))
    assert found["output"].count("hung") == 1


def test_a_file_that_cannot_be_read_gets_nothing_and_the_reason() -> None:
    found = graded(unreadable="A3.py is empty.", finished=True)
    assert found["score"] == 0
    assert found["tests"] == []
    assert found["output"].split("\n") == [
        "0 points: A3.py is empty.",
        "Exercise 5 (15 points) is marked by a person.",
    ]
    assert found["extra_data"]["unreadable"] == "A3.py is empty."


def test_what_is_left_out_and_what_raised_is_listed() -> None:
    left_out = (LeftOut(3, 2, "train()", "it runs code"), LeftOut(None, 7, "!ls", "a command"))
    found = graded(left_out=left_out, load_errors=("import x: ImportError: x",), finished=True)
    assert found["output"].split("\n")[-5:] == [
        "Raised an error while the file was loaded:",
        "  import x: ImportError: x",
        "Not executed, or changed, when the file is loaded:",
        "  cell 3, line 2: train() (it runs code)",
        "  line 7: !ls (a command)",
    ]
    assert found["extra_data"]["left_out"][1] == "line 7: !ls (a command)"


def test_long_lists_are_cut() -> None:
    errors = tuple(f"error {i}" for i in range(LINES_SHOWN + 2))
    lines = graded(load_errors=errors)["output"].split("\n")
    assert lines[-1] == "  and 2 more"
    assert f"  error {LINES_SHOWN - 1}" in lines
    assert f"  error {LINES_SHOWN}" not in lines


def test_no_text_of_a_submission_makes_a_line_or_a_tag_of_its_own() -> None:
    fake = "x\nExercise 1: 15 of 15 points\x1b[2J<b onload=a>\u2028status: passed"
    found = graded(
        Outcome(Verdict(SHOWN, False, "it raised an error", fake), fake),
        left_out=(LeftOut(1, 1, fake, fake),),
        load_errors=(fake,),
        unreadable=fake,
    )
    outputs = [found["output"], *(test["output"] for test in found["tests"])]
    for output in outputs:
        assert "x Exercise 1: 15 of 15" in output
        assert not any(line.startswith("Exercise 1: 15 of 15") for line in output.split("\n"))
    everything = json.dumps(found, ensure_ascii=False)
    assert "\x1b" not in everything and "\\u001b" not in everything
    assert "<b" not in everything
    assert "\u2028" not in everything


def test_results_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "new" / "results.json"
    write_results(file, {"score": 1})
    events: list[str] = []

    def fsync(descriptor: int) -> None:
        # What is flushed is the new text, under another name than the old one's.
        unfinished = file.with_name(".results.json.part")
        assert os.fstat(descriptor).st_ino == unfinished.stat().st_ino
        assert json.loads(unfinished.read_text()) == {"score": 2}
        events.append("fsync")

    def stop(source: Path, target: Path) -> None:
        events.append("replace")
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_results(file, {"score": 2})
    assert events == ["fsync", "replace"]
    assert read_results(file) == {"score": 1}
    monkeypatch.undo()
    write_results(file, {"score": 2})
    assert read_results(file) == {"score": 2}
    assert [entry.name for entry in file.parent.iterdir()] == ["results.json"]


def test_numbers_that_json_has_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(tmp_path / "results.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "\xff"])
def test_results_that_are_none_are_empty(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "results.json"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    assert read_results(file) == {}


def test_finished_means_complete_and_of_the_same_file_and_settings() -> None:
    identity = {"file_sha256": "abc", "settings": {"seconds": 60.0}}
    done = {"extra_data": identity | {"finished": True, "more": 1}}
    assert is_finished(done, identity)
    assert not is_finished({}, identity)
    assert not is_finished({"extra_data": identity | {"finished": False}}, identity)
    assert not is_finished({"extra_data": identity}, identity)
    assert not is_finished(done, identity | {"file_sha256": "abd"})
    assert not is_finished(done, identity | {"settings": {"seconds": 61.0}})


def test_results_are_whole_if_all_that_is_read_from_them_is_there() -> None:
    results = json.loads(json.dumps(graded(PASSED, FAILED, finished=True)))
    assert is_whole(results)
    assert is_whole(results_of(Grading({}, (), unreadable="no code")))
    assert not any(map(is_whole, ({}, [], None, 3, {"extra_data": {}, "tests": []})))
    for place in (results, results["extra_data"], *results["tests"][:1]):
        for key in list(place):
            for value in (None, 3, "x", [{"x": 1}]):
                old, place[key] = place[key], value
                # What it says is that the grade book can be made of it.
                if is_whole(results):
                    rescored(results, {})
                    grades_csv([Row("ann", "ann.py", results)])
                place[key] = old
    del results["tests"][0]["extra_data"]["check"]
    assert not is_whole(results)
