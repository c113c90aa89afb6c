"""The grader killed and interrupted half way, with real processes, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.generated_submissions import write_submissions

from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("grades a hundred submissions with real workers")

TESTS = PROJECT / "tests"
LIGHT = [sys.executable, str(TESTS / "helpers/light_grader.py")]
REAL = [sys.executable, "-m", "a3lib", "grade"]
# Longer than anything here takes; what is waited for comes sooner or the test fails.
PATIENCE = 300.0
Process = tuple[int, str]


def start(command: list[str], given: Path, out: Path, *options: str) -> subprocess.Popen:
    """Start a grader with two workers in a process group of its own."""
    paths = os.pathsep.join([str(PROJECT), str(TESTS)])

    def as_from_a_terminal() -> None:
        # What a shell starts with & ignores Ctrl-C, these tests among it, and it is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        [*command, str(given), "--out", str(out), "--workers", "2", *options],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_from_a_terminal,
    )


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes() -> dict[Process, int]:
    """Every process that has not ended, as its number and start, with its parent's number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[(int(folder.name), fields[19])] = int(fields[1])
    return found


def descendants(ancestor: int) -> set[Process]:
    """All processes that come from one, however many steps away."""
    parents = processes()
    found: set[Process] = set()
    while True:
        numbers = {ancestor, *(number for number, _ in found)}
        more = {process for process, parent in parents.items() if parent in numbers} - found
        if not more:
            return found
        found |= more


def log(out: Path) -> list[tuple[str, str]]:
    """What the log says: begun or finished, and of whom."""
    file = out / "grading.log"
    lines = file.read_text().splitlines() if file.is_file() else []
    return [(line.split()[1], line.split()[2]) for line in lines]


def finished(out: Path) -> set[str]:
    """The submissions whose results.json is complete; every one must be valid at any time."""
    return {
        file.parent.name
        for file in out.glob("*/results.json")
        if json.loads(file.read_text())["extra_data"]["finished"]
    }


def small_submissions(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"s{number:02d}.py").write_text(f"def one():\n    return {number % 2}\n")
    return folder


def check_none_was_graded_twice(out: Path, before: set[str], count: int) -> None:
    """What was finished before the interruption was begun once; all are finished in the end."""
    counts = Counter(log(out))
    names = {name for _, name in counts}
    assert len(names) == count
    assert all(counts[("begun", name)] == 1 for name in before)
    assert all(counts[("finished", name)] == 1 for name in names - before)
    # No more than the two that were being graded are begun again.
    assert sum(counts[("begun", name)] for name in names) <= count + 2
    assert finished(out) == names


def test_a_killed_grader_leaves_valid_results_no_process_and_can_go_on(tmp_path: Path) -> None:
    given, out = small_submissions(tmp_path / "in", 12), tmp_path / "out"
    grader = start(LIGHT, given, out)
    wait_until(lambda: len(finished(out)) >= 5)
    workers = descendants(grader.pid)
    # Two fork servers, and guards and children, which come and go.
    assert len(workers) >= 2
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    before = finished(out)
    assert 5 <= len(before) < 12
    assert not (out / "grades.csv").exists()
    wait_until(lambda: not workers & set(processes()))

    again = start(LIGHT, given, out)
    said, errors = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, errors
    assert f"{len(before)} of them were graded before and were not graded again." in said
    check_none_was_graded_twice(out, before, 12)
    scores = {
        file.parent.name: json.loads(file.read_text())["score"]
        for file in out.glob("*/results.json")
    }
    assert scores == {f"s{number:02d}": 12 * (number % 2) for number in range(12)}
    assert not list(out.rglob("*.part"))


def test_ctrl_c_ends_the_grader_in_order(tmp_path: Path) -> None:
    given, out = small_submissions(tmp_path / "in", 12), tmp_path / "out"
    grader = start(LIGHT, given, out)
    wait_until(lambda: len(finished(out)) >= 3)
    workers = descendants(grader.pid)
    # A terminal sends it to the whole group.
    os.killpg(grader.pid, signal.SIGINT)
    _, errors = grader.communicate(timeout=PATIENCE)
    assert grader.returncode == 130
    assert "Stopped; the same command resumes the grading." in errors
    assert "Traceback" not in errors
    before = finished(out)
    assert 3 <= len(before) < 12
    lines = (out / "grades.csv").read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in lines if ",graded," in line} == before
    assert sum(",not finished," in line for line in lines) == 12 - len(before)
    wait_until(lambda: not workers & set(processes()))


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hundred")
    write_submissions(folder)
    return folder


def test_a_hundred_submissions_are_graded_in_two_goes(hundred: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grader = start(REAL, hundred, out, "--seconds", "5")
    wait_until(lambda: len(list(out.glob("*/results.json"))) >= 50)
    grader.kill()
    grader.wait()
    before = finished(out)
    assert 40 <= len(before) < 60

    again = start(REAL, hundred, out, "--seconds", "5")
    said, errors = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, errors
    check_none_was_graded_twice(out, before, 100)
    assert "94 of 100 submissions are graded." in said
    assert "6 cannot be read: student011, " in said
    assert "2 hung or died in an exercise: student001, student003." in said

    scores = {
        file.parent.name: json.loads(file.read_text())["extra_data"]["exercises"]
        for file in out.glob("*/results.json")
    }
    assert all(points["4"] < 35 for points in scores.values())
    # The same mistake costs the same, and what one did to its process costs nobody else.
    assert scores["student000"] == scores["student015"] == scores["student030"]
    assert scores["student001"] == scores["student003"] == scores["student000"]
    assert scores["student000"]["4"] > scores["student017"]["4"]
    assert scores["student013"]["4"] > scores["student000"]["4"]
    summary = json.loads((out / "summary.json").read_text())
    commonest = {mistake["mistake"] for mistake in summary["mistakes"][:2]}
    assert commonest == {"beta is missing", "chosen and rejected swapped"}
    assert "compute_kl_divergence hung" in summary["stopped"]["student003"][0]
