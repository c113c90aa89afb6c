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
from helpers.odd_files import CODE, Zip, make
from helpers.refusals import refused
from helpers.stand_in_worker import StandInWorker, answers, check, other

from a3lib.errors import InputError
from a3lib.kit import grade
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grade import cores
from a3lib.kit.grading import grader, pool
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import (
    read_results,
    write_results,
)
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.sandbox.worker import Limits, Reply

CHECKS = (check("a", 1, 10.0), check("b", 2, 20.0), check("c", 4, 5.5, hidden=True))
SESSION = pool.Session
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
    monkeypatch.setattr(pool, "Worker", made)
    monkeypatch.setattr(grade, "all_checks", lambda: CHECKS)
    monkeypatch.setattr(pool, "SECONDS_BETWEEN_TRIES", 0)
    monkeypatch.setattr(
        grader, "judge", lambda asked, found, positions: Verdict(asked, found["value"] == 1)
    )
    return made


def run(*options: object) -> str:
    """Carry out the command with these options."""
    parser = argparse.ArgumentParser()
    grade.add_arguments(parser)
    return grade.execute(parser.parse_args([str(option) for option in options]))


def run_that_fails(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    """Carry out a command that leaves something unfinished, or differs, and return what it said."""
    with pytest.raises(SystemExit) as ended:
        run(*options)
    assert ended.value.code == grade.STATUS_OF_FAILURES != 0
    said = capsys.readouterr()
    assert "The same command goes on with what is not finished." in said.err
    return said.out


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
    link = given / "link.py"
    assert f"not graded, and why: 1.\n  {link}: a symbolic link\n" in said
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


# Collecting


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


def test_marks_that_were_for_another_file_are_said(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second = submissions(tmp_path / "s1", "ann"), submissions(tmp_path / "s2", "ann")
    run(first, "--out", out)
    (out / "by_hand.csv").write_text("name,exercise 5,comment\nann,9,well done\n")
    (first / "ann.py").unlink()
    said = run(second, "--out", out)
    assert f"ann was {first / 'ann.py'} when it was marked by a person" in said


def test_long_comments_and_groups_are_not_cut(tmp_path: Path) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    out.mkdir()
    comment = "word " * 300 + "end"
    (out / "by_hand.csv").write_text(f"name,exercise 5,comment\nann,9,{comment}\n")
    run(given, "--out", out)
    (row,) = csv.DictReader((out / "moodle.csv").read_text().splitlines())
    assert row["Feedback comments"] == comment


def test_damaged_results_are_graded_anew(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann"), tmp_path / "out"
    run(given, "--out", out)
    asked, before = workers.asked(), results(out, "ann")
    for damaged in (before | {"tests": [{"x": 1}]}, before | {"score": None}, ["no results"]):
        (out / "ann" / "results.json").write_text(json.dumps(damaged))
        run(given, "--out", out)
        assert results(out, "ann") | {"execution_time": 0} == before | {"execution_time": 0}
    assert workers.asked() == 4 * asked


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


def test_results_of_other_calls_are_named(tmp_path: Path, workers: Workers) -> None:
    given, out = submissions(tmp_path / "in", "ann", "bob", "zoe"), tmp_path / "out"
    run(given, "--out", out)
    (given / "bob.py").unlink()
    said = run(given, "--out", out)
    assert "results that no submission of this call has" in said and "grades.csv: bob." in said
    assert scores(out) == {"ann": "35.5", "zoe": "35.5"}


def test_a_wrong_rubric_is_refused_before_anything_is_graded(
    tmp_path: Path, workers: Workers
) -> None:
    given = submissions(tmp_path / "in", "ann")
    (tmp_path / "rubric.toml").write_text("[exercises]\n1 = -1\n")
    with refused("rubric.toml", "'exercise 1' -1 points"):
        run(given, "--out", tmp_path / "out", "--rubric", tmp_path / "rubric.toml")
    assert workers.asked() == 0 and not (tmp_path / "out").exists()


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


# Twice


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


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "1e9", "inf"])
def test_a_time_limit_that_cannot_be_is_refused(tmp_path: Path, seconds: str) -> None:
    with refused("--seconds is", "give a number above 0, 86400 at most"):
        run(tmp_path, "--seconds", seconds)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ann.py").write_text("def evaluate(): ...\n")
    with refused("cannot be made", "give another --out"):
        run(tmp_path / "in", "--out", "/proc/no/folder")
