"""The command `grade`: its options, what is graded again, interruptions, failures of a worker."""

import argparse
import csv
import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from helpers.refusals import refused
from helpers.stand_in_worker import StandInWorker, answers, check, other

from a3lib.errors import InputError
from a3lib.kit import grade
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grade import cores
from a3lib.kit.grading import grader
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import (
    read_results,
    write_results,
)
from a3lib.kit.sandbox.worker import Limits, Reply

CHECKS = (check("a", 1, 10.0), check("b", 2, 20.0), check("c", 4, 5.5, hidden=True))
SESSION = grade.Session
Ask = Callable[[str, dict[str, Any]], Reply]


class Workers:
    """Takes the place of `sandbox.Worker`: keeps how each worker was made and what it was asked."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.ended = 0
        self.script: Ask = lambda probe, inputs: answers(1)
        self.stand_ins: list[StandInWorker] = []

    def __call__(self, **settings: Any) -> "Workers":
        self.made.append(settings)
        return self

    def __enter__(self) -> StandInWorker:
        self.stand_ins.append(StandInWorker(lambda probe, inputs: self.script(probe, inputs)))
        return self.stand_ins[-1]

    def __exit__(self, *_: object) -> None:
        self.ended += 1

    def asked(self) -> int:
        return sum(len(worker.asked) for worker in self.stand_ins)


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    matplotlib.use("Agg")
    made = Workers()
    monkeypatch.setattr(grade, "Worker", made)
    monkeypatch.setattr(grade, "all_checks", lambda: CHECKS)
    monkeypatch.setattr(
        grader, "judge", lambda asked, found, positions: Verdict(asked, found["value"] == 1)
    )
    return made


def run(*options: object) -> str:
    """Carry out the command with these options."""
    parser = argparse.ArgumentParser()
    grade.add_arguments(parser)
    return grade.execute(parser.parse_args([str(option) for option in options]))


def submissions(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.py").write_text(f"name = '{name}'\n")
    return folder


def results(out: Path, name: str) -> dict[str, Any]:
    return read_results(out / name / "results.json")


def events(out: Path) -> list[tuple[str, str]]:
    """What the log says: begun or finished, and of whom."""
    lines = (out / "grading.log").read_text().splitlines()
    return [(line.split()[1], line.split()[2]) for line in lines]


def scores(out: Path) -> dict[str, str]:
    return {
        row["name"]: row["score"]
        for row in csv.DictReader((out / "grades.csv").read_text().splitlines())
    }


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
    assert "1 files are not submissions; see the summary." in said
    assert "a symbolic link" in (tmp_path / "out" / "summary.md").read_text()


# Going on


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


# Options


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


# Failures


def test_a_grader_that_fails_once_goes_on_with_a_new_worker(
    tmp_path: Path, workers: Workers
) -> None:
    failures = iter([OSError("no room")])

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        if len(workers.stand_ins) == 1 and probe == "b":
            raise next(failures)
        return answers(1)

    workers.script = script
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    said = run(given, "--out", out, "--workers", 1)
    assert scores(out) == {"ann": "35.5", "bob": "35.5"}
    assert len(workers.made) == 2
    assert workers.ended == 2
    assert "failed" not in said


def test_a_grader_that_fails_at_one_submission_goes_on_with_the_others(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded_by_us = grader.grade_submission

    def fail_for_bob(file: Path, *more: Any) -> Any:
        if file.name == "bob.py":
            raise OSError("no room\n=1+1")
        return graded_by_us(file, *more)

    monkeypatch.setattr(grade, "grade_submission", fail_for_bob)
    given, out = submissions(tmp_path / "in", "ann", "bob", "eve"), tmp_path / "out"
    said = run(given, "--out", out, "--workers", 1)
    assert scores(out) == {"ann": "35.5", "bob": "0", "eve": "35.5"}
    assert "The grader failed: bob: OSError: no room =1+1\n" in said
    assert "1 not graded to the end: bob." in said
    assert events(out).count(("begun", "bob")) == 2
    summary = json.loads((out / "summary.json").read_text())
    assert summary["failures"] == ["bob: OSError: no room =1+1"]
    assert summary["not_finished"] == ["bob"]


def test_older_results_are_no_grade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    (given / "ann.py").write_text("changed = 1\n")
    graded = {"name": "ann", "score": "35.5", "status": "graded"}
    row = next(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert graded.items() <= row.items()
    before = results(out, "ann")

    def fail(*_: Any) -> None:
        raise OSError

    # The grader fails before it writes anything, so the older results are still there.
    monkeypatch.setattr(grade, "grade_submission", fail)
    run(given, "--out", out)
    assert results(out, "ann") == before
    row = next(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert (row["score"], row["status"]) == ("0", "not finished")


def test_a_grader_that_is_to_end_writes_no_more(tmp_path: Path) -> None:
    file = submissions(tmp_path / "in", "ann") / "ann.py"
    session = grade.Session(CHECKS, Settings(), tmp_path)
    job = grade.Job("ann", file, {"file_sha256": "abc"})

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        if probe == "b":
            session.stop.set()
        return answers(1)

    with pytest.raises(grade.Stopped):
        grade.grade_one(session, job, StandInWorker(script), Reader())  # type: ignore[arg-type]
    assert len(results(tmp_path, "ann")["tests"]) == 1
    assert events(tmp_path) == [("begun", "ann")]


def test_a_worker_that_cannot_be_started_ends_the_grader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(**_: Any) -> None:
        raise InputError("Submissions can only be graded on Linux.")

    monkeypatch.setattr(grade, "Worker", cannot)
    with refused("only be graded on Linux"):
        run(submissions(tmp_path / "in", "a", "b"), "--out", tmp_path / "out")


def test_ctrl_c_leaves_the_grade_book_and_status_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    done = iter([None])

    class Interrupted:
        """A queue whose second wait is interrupted."""

        def put(self, item: object) -> None:
            pass

        def get(self) -> None:
            try:
                return next(done)
            except StopIteration:
                raise KeyboardInterrupt from None

    monkeypatch.setattr(
        grade,
        "Session",
        lambda *given: SESSION(*given, done=Interrupted()),  # type: ignore[arg-type]
    )
    with pytest.raises(SystemExit) as ended:
        run(given, "--out", out, "--workers", 1)
    assert ended.value.code == 130
    assert "Stopped; the same command resumes the grading." in capsys.readouterr().err
    assert set(scores(out)) == {"ann", "bob"}
