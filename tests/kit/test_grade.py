"""The command `grade`: its options, its books, what is graded again."""

import argparse
import csv
import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.grade_command import (
    CHECKS,
    Workers,
    events,
    results,
    run,
    scores,
    stand_in_workers,
    submissions,
)
from helpers.odd_files import CODE, Zip, make
from helpers.refusals import refused
from helpers.stand_in_worker import other

from a3lib.kit import grade
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grade import cores
from a3lib.kit.grading import grader
from a3lib.kit.grading.results import (
    write_results,
)
from a3lib.kit.sandbox.worker import Limits


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    return stand_in_workers(monkeypatch)


def test_a_folder_is_graded_into_a_folder(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    said = run(given, "--out", out, "--workers", 1)
    assert results(out, "ann")["score"] == 35.5
    assert results(out, "ann")["extra_data"]["finished"] is True
    assert events(out) == [
        ("begun", "ann"),
        ("finished", "ann"),
        ("begun", "bob"),
        ("finished", "bob"),
    ]
    assert scores(out) == {"ann": "35.5", "bob": "35.5"}
    assert "up to 35.5 points" in (out / "summary.md").read_text()
    assert (out / "scores.png").is_file()
    assert said.startswith("2 of 2 submissions are graded.\nMean 35.5, median 35.5.\n")
    assert said.endswith(f"See {out / 'summary.md'} and {out / 'grades.csv'}.")
    assert "This platform lacks: a moat" in said


def test_the_results_are_for_the_grader_alone(tmp_path: Path) -> None:
    run(submissions(tmp_path / "in", "ann"), "--out", tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def test_one_submission_is_reported_in_full(tmp_path: Path) -> None:
    file = submissions(tmp_path / "in", "ann") / "ann.py"
    said = run(file, "--out", tmp_path / "out")
    assert "Exercise 2: 20 of 20 points in the checks below." in said
    assert "Points for exercises 1 to 4: 35.5." in said


def test_what_went_wrong_is_said(tmp_path: Path, workers: Workers) -> None:
    given = submissions(tmp_path / "in", "ann", "bob")
    (given / "eve.py").write_text("")
    (given / "link.py").symlink_to(given / "ann.py")
    workers.script = lambda probe, inputs: other("timeout" if probe == "b" else "missing")
    said = run(given, "--out", tmp_path / "out")
    assert "2 hung or died in an exercise: ann, bob." in said
    assert "1 cannot be read: eve." in said
    link = given / "link.py"
    assert f"not graded, and why: 1.\n  {link}: a symbolic link\n" in said
    assert "a symbolic link" in (tmp_path / "out" / "summary.md").read_text()


def test_what_is_finished_is_not_graded_again(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    before = (out / "ann" / "results.json").stat().st_mtime_ns
    submissions(given, "eve")
    said = run(given, "--out", out)
    assert events(out).count(("begun", "ann")) == 1
    assert events(out)[-1] == ("finished", "eve")
    assert workers.asked() == 9
    assert (out / "ann" / "results.json").stat().st_mtime_ns == before
    assert scores(out) == {"ann": "35.5", "bob": "35.5", "eve": "35.5"}
    assert "2 of them were graded before and were not graded again." in said


def test_no_worker_is_started_for_nothing(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    workers.made.clear()
    assert "1 of 1 submissions are graded." in run(given, "--out", out)
    assert workers.made == []


def change_file(given: Path, out: Path) -> None:
    (given / "ann.py").write_text("changed = 1\n")


def leave_half_finished(given: Path, out: Path) -> None:
    found = results(out, "ann")
    found["extra_data"]["finished"] = False
    write_results(out / "ann" / "results.json", found)


def damage(given: Path, out: Path) -> None:
    file = out / "ann" / "results.json"
    file.write_text(file.read_text()[:100])


def lose(given: Path, out: Path) -> None:
    (out / "ann" / "results.json").unlink()


@pytest.mark.parametrize("change", [change_file, leave_half_finished, damage, lose])
def test_what_is_not_finished_or_changed_is_graded_anew(
    tmp_path: Path, workers: Workers, change: Callable[[Path, Path], None]
) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    change(given, out)
    run(given, "--out", out)
    assert events(out)[4:] == [("begun", "ann"), ("finished", "ann")]
    assert results(out, "ann")["extra_data"]["finished"] is True


@pytest.mark.parametrize("options", [["--seconds", 7], ["--positions", "20"], ["--solution"]])
def test_other_settings_grade_all_anew(tmp_path: Path, options: list[object]) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    run(given, "--out", out, *options)
    assert len(events(out)) == 8


def test_other_checks_grade_all_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    monkeypatch.setattr(grade, "all_checks", lambda: CHECKS[:2])
    run(given, "--out", out)
    assert scores(out) == {"ann": "30"}


def test_settings_reach_the_workers_and_the_judge(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def judge(asked: Check, found: dict[str, Any], positions: str) -> Verdict:
        seen.append(positions)
        return Verdict(asked, True)

    monkeypatch.setattr(grader, "judge", judge)
    given = submissions(tmp_path / "in", *"abcde")
    run(given, "--out", tmp_path / "o", "--workers", 3, "--seconds", 7.5, "--positions", "29")
    assert sorted(made["slot"] for made in workers.made) == [0, 1, 2]
    assert all(made["limits"] == Limits(seconds=7.5) for made in workers.made)
    assert all(made["trusted"] is False for made in workers.made)
    assert set(seen) == {"29"}
    assert workers.ended == 3
    assert results(tmp_path / "o", "a")["extra_data"]["settings"] == {
        "positions": "29",
        "seconds": 7.5,
        "trusted": False,
    }


def test_the_solution_is_trusted(tmp_path: Path, workers: Workers) -> None:
    run(submissions(tmp_path / "in", "a"), "--out", tmp_path / "out", "--solution")
    assert [made["trusted"] for made in workers.made] == [True]


def test_there_are_no_more_workers_than_submissions(tmp_path: Path, workers: Workers) -> None:
    run(submissions(tmp_path / "in", "a", "b"), "--out", tmp_path / "out", "--workers", 9)
    assert len(workers.made) == 2


def test_without_an_option_there_is_a_worker_a_core(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grade, "cores", lambda: 3)
    run(submissions(tmp_path / "in", *"abcde"), "--out", tmp_path / "out")
    assert len(workers.made) == 3
    assert cores() >= 1


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    given = submissions(tmp_path / "in", "a")
    with refused("nothing to grade"):
        run()
    for seconds in ("0", "-1", "nan", "inf"):
        with refused(f"--seconds is {seconds}"):
            run(given, f"--seconds={seconds}")
    with refused("--workers is 0"):
        run(given, "--workers", 0)
    with refused("--gradescope", "leave the files out"):
        run(given, "--gradescope", tmp_path / "x.zip")
    with refused("a.py", "--out"):
        run(given, "--out", given / "a.py")
    with pytest.raises(SystemExit):
        run(given, "--positions", "30")


def test_two_graders_do_not_share_a_folder(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "a"), tmp_path / "out"
    run(given, "--out", out)
    with (out / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with refused("Another grader", str(out)):
            run(given, "--out", out)
    run(given, "--out", out)


def test_no_name_meets_a_file_of_the_graders_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the grader writes beside the submissions has a dot, and no name has one."""
    monkeypatch.setenv("PATH", "")
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out, "--similarity")
    own = [path.name for path in out.iterdir() if path.name not in ("ann", "bob")]
    assert len(own) >= 10
    assert [name for name in own if "." not in name] == []
    hostile = [name.swapcase() for name in own] + own + [f"{name}." for name in own]
    hostile += [name.replace(".", dot) for name in own[:2] for dot in "\u2024\uff0e\ufe52"]
    more = submissions(tmp_path / "more", *hostile)
    said = run(more, "--out", out)
    count = len([path for path in more.iterdir() if not path.name.startswith(".")])
    assert f"{count} of {count} submissions are graded." in said
    assert {path.name for path in out.iterdir() if path.is_file()} <= set(own)


def test_a_zip_of_submissions_is_graded_and_kept(tmp_path: Path, workers: Workers) -> None:
    files = {"doejane_123_4567_A3.py": CODE, "roe_124_4568_A3.py": CODE + "x = 1\n", "a.rar": "x"}
    given, out = make(tmp_path / "in", {"submissions.zip": Zip(files)}), tmp_path / "out"
    said = run(given / "submissions.zip", "--out", out)
    assert scores(out) == {"doejane_123": "35.5", "roe_124": "35.5"}
    assert f"{given}/submissions.zip/a.rar: an archive that is no zip; unpack it" in said
    assert "a.rar" in (out / "summary.md").read_text()
    before = workers.asked()
    assert "2 of them were graded before" in run(given / "submissions.zip", "--out", out)
    assert workers.asked() == before
    assert list(csv.DictReader((out / "canvas.csv").read_text().splitlines()))[1]["ID"] == "123"


def test_the_overview_is_bounded(tmp_path: Path) -> None:
    given = submissions(tmp_path / "in", "ann")
    make(given, {f"{i}.txt": "x" for i in range(40)} | {"bob/A3": CODE, "eve/.x": ""})
    said = run(given, "--out", tmp_path / "out")
    assert f"why: 44.\n  {given}/bob: nothing in it can be graded\n  {given}/eve: nothing" in said
    assert "  and 34 more; see the summary." in said
    text = (tmp_path / "out" / "summary.md").read_text()
    assert sum(f"{i}.txt" in text for i in range(40)) == 40


def test_a_star_may_have_the_results_among_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    given = submissions(tmp_path / "in", "ann", "bob")
    out = given / "results"
    run(*sorted(given.iterdir()), "--out", out)
    asked = workers.asked()
    assert "2 of 2" in run(*sorted(given.iterdir()), "--out", out)
    assert workers.asked() == asked
    with refused("holds the submissions"):
        run(given, "--out", given)
    with refused("holds the submissions"):
        run(out, "--out", out)


def test_results_are_not_written_into_students_folders(tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "A3.py").write_text(CODE)
    for inner in ("", "A3.py"):
        with refused("holds the folder of ann"):
            run(*(tmp_path / name / inner for name in ("ann", "bob")), "--out", tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ann", "bob"]
    assert [entry.name for entry in (tmp_path / "ann").iterdir()] == ["A3.py"]


def test_damaged_results_are_graded_anew(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    asked, before = workers.asked(), results(out, "ann")
    for damaged in (before | {"tests": [{"x": 1}]}, before | {"score": None}, ["no results"]):
        (out / "ann" / "results.json").write_text(json.dumps(damaged))
        run(given, "--out", out)
        assert results(out, "ann") | {"execution_time": 0} == before | {"execution_time": 0}
    assert workers.asked() == 4 * asked


def test_results_of_other_calls_are_named(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob", "zoe"), tmp_path / "out"
    run(given, "--out", out)
    (given / "bob.py").unlink()
    said = run(given, "--out", out)
    assert "results that no submission of this call has" in said and "grades.csv: bob." in said
    assert scores(out) == {"ann": "35.5", "zoe": "35.5"}


def test_damaged_metadata_is_said(tmp_path: Path) -> None:
    given = submissions(tmp_path / "in", "ann")
    (given / "submission_metadata.yml").write_text("{")
    assert "submission_metadata.yml: damaged" in run(given, "--out", tmp_path / "out")


def test_the_results_may_lie_among_the_submissions(tmp_path: Path) -> None:
    given = submissions(tmp_path / "in", "ann", "bob")
    for option in (["--similarity"], []):
        run(given, "--out", given / "results", *option)
        assert scores(given / "results") == {"ann": "35.5", "bob": "35.5"}
    with refused("holds the submissions", "--out"):
        run(given, "--out", given)


def test_a_newcomer_finds_it_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    grade.add_arguments(parser)
    words = " ".join(parser.format_help().split())
    for word in ("zips", "--rubric", "--similarity", "by_hand.csv", "canvas.csv", "feedback.html"):
        assert word in words


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "1e9", "inf"])
def test_a_time_limit_that_cannot_be_is_refused(tmp_path: Path, seconds: str) -> None:
    with refused("--seconds is", "give a number above 0, 86400 at most"):
        run(tmp_path, "--seconds", seconds)


@pytest.mark.parametrize("option", ["--out", "--rubric", "--gradescope"])
def test_a_variable_that_is_not_set_is_no_folder(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(submissions(tmp_path / "in", "a"), option, "")
    assert ended.value.code == 2
    assert f"argument {option}: a name is empty" in capsys.readouterr().err


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with refused("cannot be used (File name too long); give another --out."):
        run(submissions(tmp_path / "in", "a"), "--out", tmp_path / ("o" * 300))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ann.py").write_text("def evaluate(): ...\n")
    with refused("cannot be made", "give another --out"):
        run(tmp_path / "in", "--out", "/proc/no/folder")
