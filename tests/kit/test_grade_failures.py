"""The command `grade` interrupted, with workers that fail, and with a second grading."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.grade_command import (
    CHECKS,
    Workers,
    events,
    results,
    run,
    run_that_fails,
    scores,
    stand_in_workers,
    submissions,
)
from helpers.refusals import refused
from helpers.stand_in_worker import StandInWorker, answers

from a3lib.errors import InputError
from a3lib.kit import grade
from a3lib.kit.grading import grader, pool
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.reader import Reader
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.sandbox.worker import Reply

SESSION = pool.Session


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    return stand_in_workers(monkeypatch)


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    graded_by_us = grader.grade_submission

    def fail_for_bob(file: Path, *more: Any) -> Any:
        if file.name == "bob.py":
            raise OSError("no room\n=1+1")
        return graded_by_us(file, *more)

    monkeypatch.setattr(pool, "grade_submission", fail_for_bob)
    given, out = submissions(tmp_path / "in", "ann", "bob", "eve"), tmp_path / "out"
    said = run_that_fails(capsys, given, "--out", out, "--workers", 1)
    assert scores(out) == {"ann": "35.5", "bob": "", "eve": "35.5"}
    assert "The grader failed: bob: OSError: no room =1+1\n" in said
    assert "1 not graded to the end: bob." in said
    assert events(out).count(("begun", "bob")) == 2
    summary = json.loads((out / "summary.json").read_text())
    assert summary["failures"] == ["bob: OSError: no room =1+1"]
    assert summary["not_finished"] == ["bob"]


def test_older_results_are_no_grade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
    monkeypatch.setattr(pool, "grade_submission", fail)
    run_that_fails(capsys, given, "--out", out)
    assert results(out, "ann") == before
    row = next(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert (row["score"], row["status"]) == ("", "not finished")


def test_a_grader_that_is_to_end_writes_no_more(tmp_path: Path) -> None:
    file = submissions(tmp_path / "in", "ann") / "ann.py"
    session = pool.Session(CHECKS, Settings(), tmp_path)
    job = pool.Job("ann", file, {"file_sha256": "abc"})

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        if probe == "b":
            session.stop.set()
        return answers(1)

    with pytest.raises(pool.Stopped):
        pool.grade_one(session, job, StandInWorker(script), Reader())  # type: ignore[arg-type]
    assert len(results(tmp_path, "ann")["tests"]) == 1
    assert events(tmp_path) == [("begun", "ann")]


def test_a_worker_that_cannot_be_started_ends_the_grader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(**_: Any) -> None:
        raise InputError("Submissions can only be graded on Linux.")

    monkeypatch.setattr(pool, "Worker", cannot)
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


def test_a_machine_that_fails_leaves_a_submission_for_the_next_run(
    tmp_path: Path, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    broken = {"bob"}

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        if probe == "b" and "name = 'bob'" in str(workers.stand_ins[-1].texts[-1]) and broken:
            raise MachineFailure("the machine has no room for 16 more threads")
        return answers(1)

    workers.script = script
    said = run_that_fails(capsys, given, "--out", out, "--workers", 1)
    assert "The grader failed: bob: MachineFailure: the machine has no room" in said
    assert scores(out) == {"ann": "35.5", "bob": ""}
    found = results(out, "bob")
    assert found["extra_data"]["finished"] is False
    assert found["output"].startswith("This grading is not finished: 1 of 3 checks were asked.")
    assert "the machine has no room" in (out / "summary.md").read_text()
    broken.clear()
    said = run(given, "--out", out, "--workers", 1)
    assert "1 of them were graded before" in said
    assert scores(out) == {"ann": "35.5", "bob": "35.5"}


@pytest.mark.parametrize(
    "error",
    [
        BlockingIOError(11, "Resource temporarily unavailable"),
        InputError("The process could not be started: MemoryError"),
    ],
)
def test_a_worker_that_cannot_be_started_now_is_tried_again(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures = iter([error, error])

    def start(**settings: Any) -> Workers:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return workers(**settings)

    monkeypatch.setattr(pool, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(pool, "Worker", start)
    run(submissions(tmp_path / "in", "ann"), "--out", tmp_path / "out")
    assert scores(tmp_path / "out") == {"ann": "35.5"}


def test_a_worker_that_finds_no_room_later_costs_one_submission_and_not_the_others(
    tmp_path: Path,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ann's grading fails and takes the worker along; the next one finds no room for a while."""
    full = InputError("Student code cannot be locked in: [Errno 11] no more processes")
    starts = iter([None, full, full, full, None])

    def start(**settings: Any) -> Workers:
        failure = next(starts)
        if failure is not None:
            raise failure
        return workers(**settings)

    def script(probe: str, inputs: dict[str, Any]) -> Reply:
        if "name = 'ann'" in str(workers.stand_ins[-1].texts[-1]) and len(workers.made) == 1:
            raise MachineFailure("the table of processes is full")
        return answers(1)

    workers.script = script
    monkeypatch.setattr(pool, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(pool, "Worker", start)
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    said = run_that_fails(capsys, given, "--out", out, "--workers", 1)
    assert "The grader failed: ann: InputError: Student code cannot be locked in" in said
    assert scores(out) == {"ann": "", "bob": "35.5"}
    monkeypatch.setattr(pool, "Worker", workers)
    run(given, "--out", out, "--workers", 1)
    assert scores(out) == {"ann": "35.5", "bob": "35.5"}


def test_a_worker_that_never_starts_is_said_and_the_grade_book_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def cannot(**_: Any) -> None:
        tries.append(1)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pool, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(pool, "Worker", cannot)
    out = tmp_path / "out"
    with refused("no room for a worker", "Resource temporarily unavailable"):
        run(submissions(tmp_path / "in", "ann"), "--out", out, "--workers", 1)
    assert len(tries) == 3
    assert scores(out) == {"ann": ""}
    assert "no room for a worker" in (out / "summary.md").read_text()


def test_a_second_grading_that_agrees_is_not_seen(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    asked = workers.asked()
    said = run(given, "--out", out, "--twice")
    assert workers.asked() == 2 * asked, "what is graded already is graded once more, and not twice"
    assert "Graded twice: " in said and "came out the same." in said
    assert "2 of 2 submissions are graded." in said and "failed" not in said
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["ann", "bob"]
    run(given, "--out", out, "--twice")
    assert workers.asked() == 3 * asked


def test_a_second_grading_that_differs_is_told(
    tmp_path: Path, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    workers.script = lambda probe, inputs: answers(int(probe != "b" or workers.asked() != 11))
    said = run_that_fails(capsys, given, "--out", out, "--twice", "--workers", 1)
    line = "bob: b passed the first time and failed the second time."
    assert f"The grader failed: {line}" in said
    assert json.loads((out / "summary.json").read_text())["failures"] == [line]
    assert scores(out) == {"ann": "35.5", "bob": "35.5"}, "the first one stands"
    assert not (out / ".second").exists()


def test_a_second_grading_that_fails_is_gone_on_with(
    tmp_path: Path,
    workers: Workers,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob"), tmp_path / "out"
    run(given, "--out", out)
    graded_by_us = grader.grade_submission

    def fail_for_bob(file: Path, *more: Any) -> Any:
        if file.name == "bob.py":
            raise OSError("no room")
        return graded_by_us(file, *more)

    with monkeypatch.context() as changed:
        changed.setattr(pool, "grade_submission", fail_for_bob)
        said = run_that_fails(capsys, given, "--out", out, "--twice", "--workers", 1)
    assert "bob: OSError: no room (the second time)" in said
    asked = workers.asked()
    run(given, "--out", out, "--twice")
    assert workers.asked() == asked + len(CHECKS), "ann is not graded a third time"
