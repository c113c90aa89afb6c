"""The command `grade` with what a person gives: marks by hand and a rubric."""

import csv
from pathlib import Path
from typing import Any

import pytest
from helpers.grade_command import (
    Workers,
    results,
    run,
    scores,
    stand_in_workers,
    submissions,
)
from helpers.odd_files import CODE
from helpers.refusals import refused
from helpers.stand_in_worker import answers

from a3lib.kit.sandbox.worker import Reply


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    return stand_in_workers(monkeypatch)


def test_marks_by_hand_are_added_and_survive(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    assert "2 of 2 are not marked by a person" in run(given, "--out", out)
    file = out / "by_hand.csv"
    text = "name,exercise 5,write-up,comment\nann,12,,fine\nbob,,,\n"
    file.write_text(text)
    submissions(given, "eve")
    run(given, "--out", out)
    assert file.read_text(encoding="utf-8-sig") == f"{text}eve,,,\n"
    rows = list(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert [row["total"] for row in rows] == ["47.5", "35.5", "35.5"]
    assert "47.5 of 50.5 points" in (out / "ann" / "feedback.html").read_text()
    moodle = list(csv.DictReader((out / "moodle.csv").read_text().splitlines()))
    assert [row["Grade"] for row in moodle] == ["47.5", "35.5", "35.5"]


def test_marks_without_a_bound_are_not_in_the_most_that_is_named(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    out.mkdir()
    (out / "by_hand.csv").write_text("name,write-up\nann,12\n")
    assert "write-up has no bound, so it is not in the most that canvas.csv" in run(
        given, "--out", out
    )
    (tmp_path / "rubric.toml").write_text("[by_hand]\nwrite-up = 20\n")
    said = run(given, "--out", out, "--rubric", tmp_path / "rubric.toml")
    assert "has no bound" not in said
    (row,) = csv.DictReader((out / "moodle.csv").read_text().splitlines())
    assert (row["Grade"], row["Maximum Grade"]) == ("47.5", "70.5")


def test_a_line_that_is_half_marked_is_still_to_mark(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob", "eve"), tmp_path / "out"
    run(given, "--out", out)
    (out / "by_hand.csv").write_text("name,exercise 5,write-up\nann,1,2\nbob,1,\neve,1,3\n")
    assert "1 of 3 are not marked by a person" in run(given, "--out", out)
    # A write-up in which nobody has points is not marked here.
    (out / "by_hand.csv").write_text("name,exercise 5,write-up\nann,1,\nbob,1,\neve,1,\n")
    assert "not marked by a person" not in run(given, "--out", out)


def test_marks_do_not_go_to_a_name_of_other_case_without_a_word(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    (out / "by_hand.csv").write_text("name,exercise 5\nann,3\nbob,4\n")
    (given / "bob.py").unlink()
    (given / "BOB.py").write_text(CODE)
    assert f"BOB was {given}/bob.py when it was marked by a person" in run(given, "--out", out)


def test_marks_that_were_for_another_file_are_said(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second = submissions(tmp_path / "s1", "ann"), submissions(tmp_path / "s2", "ann")
    run(first, "--out", out)
    (out / "by_hand.csv").write_text("name,exercise 5,comment\nann,9,well done\n")
    (first / "ann.py").unlink()
    said = run(second, "--out", out)
    assert f"ann was {first / 'ann.py'} when it was marked by a person" in said


def test_a_mistake_in_the_marks_is_said_before_anything_is_graded(
    tmp_path: Path, workers: Workers
) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    out.mkdir()
    (out / "by_hand.csv").write_text("name,exercise 5\nann,99\n")
    with refused("by_hand.csv", "'99'", "from 0 to 15"):
        run(given, "--out", out)
    assert workers.asked() == 0


def test_marks_that_are_damaged_while_it_grades_are_left_alone(
    tmp_path: Path, workers: Workers
) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    damaged = "name,exercise 5\nann,9x\n"

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        (out / "by_hand.csv").write_text(damaged)
        return answers(1)

    workers.script = script
    said = run(given, "--out", out)
    assert "Until then no marks of a person are counted." in said
    assert (out / "by_hand.csv").read_text() == damaged
    assert scores(out) == {"ann": "35.5"}


def test_another_rubric_grades_nothing_anew(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    workers.script = lambda probe, inputs: answers(0 if probe == "b" else 1)
    run(given, "--out", out)
    before = workers.asked()
    rubric = tmp_path / "rubric.toml"
    rubric.write_text("[exercises]\n1 = 40\n[by_hand]\nstyle = 5\n")
    said = run(given, "--out", out, "--rubric", rubric)
    assert workers.asked() == before
    assert scores(out) == {"ann": "45.5", "bob": "45.5"}
    assert results(out, "ann")["score"] == 45.5
    assert "Exercise 1: 40 of 40 points" in results(out, "ann")["output"]
    assert "style" in (out / "by_hand.csv").read_text()
    assert "2 of them were graded before" in said
    assert "rubric.toml in this folder" in (out / "summary.md").read_text()
    rubric.unlink()
    run(given, "--out", out)
    assert scores(out) == {"ann": "45.5", "bob": "45.5"}
    (out / "rubric.toml").unlink()
    run(given, "--out", out)
    assert scores(out) == {"ann": "15.5", "bob": "15.5"}
    assert "rubric.toml" not in (out / "summary.md").read_text()


def test_a_later_file_of_nearly_the_same_name_takes_no_marks(
    tmp_path: Path, workers: Workers
) -> None:
    """Its folder would be the same one where capitals do not count."""
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    (out / "by_hand.csv").write_text("name,exercise 5,comment\nann,9,well done\n")
    (given / "Ann.py").write_text(CODE)
    run(given, "--out", out)
    first, second = csv.DictReader((out / "grades.csv").read_text().splitlines())
    assert {row["file"][-6:]: row["total"] for row in (first, second)} == {
        "Ann.py": "35.5",
        "ann.py": "44.5",
    }
    assert sorted(f.parent.name for f in out.glob("*/results.json"))[1] == "ann"
    asked = workers.asked()
    run(given, "--out", out)
    assert workers.asked() == asked
    again = list(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert again == [first, second]


def test_a_wrong_rubric_is_refused_before_anything_is_graded(
    tmp_path: Path, workers: Workers
) -> None:
    given = submissions(tmp_path / "in", "ann")
    (tmp_path / "rubric.toml").write_text("[exercises]\n1 = -1\n")
    with refused("rubric.toml", "'exercise 1' -1 points"):
        run(given, "--out", tmp_path / "out", "--rubric", tmp_path / "rubric.toml")
    assert workers.asked() == 0 and not (tmp_path / "out").exists()


def test_long_comments_and_groups_are_not_cut(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    out.mkdir()
    comment = "word " * 300 + "end"
    (out / "by_hand.csv").write_text(f"name,exercise 5,comment\nann,9,{comment}\n")
    run(given, "--out", out)
    (row,) = csv.DictReader((out / "moodle.csv").read_text().splitlines())
    assert row["Feedback comments"] == comment
