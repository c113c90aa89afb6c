"""The command `grade` with workers that answer at once."""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from helpers.stand_in_worker import StandInWorker, answers, check

from a3lib.kit import grade
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading import grader, pool
from a3lib.kit.grading.results import (
    read_results,
)
from a3lib.kit.sandbox.worker import Reply

CHECKS = (check("a", 1, 10.0), check("b", 2, 20.0), check("c", 4, 5.5, hidden=True))
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


def stand_in_workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Return what takes the place of the workers, of the checks and of the judge."""
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
