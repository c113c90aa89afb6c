"""How the suite is spread over processes: in a folder of its own, as we and as students have it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from a3lib.util.files import PROJECT

TEST = """
import os
import pytest

{mark}
@pytest.mark.parametrize("number", range(6))
def test_it(number):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "none")
    with open({record!r}, "a") as file:
        print({name!r}, worker, os.environ["OMP_NUM_THREADS"], file=file)
"""
# So long that the other process comes to the next test.
WAITS = """
@pytest.fixture(autouse=True)
def waits():
    __import__("time").sleep(0.3)
"""
FILES = {
    "tests/test_quick.py": "",
    "tests/test_slow.py": '@pytest.mark.slow("it waits")',
    "tests/kit/grading/test_one.py": "",
    "tests/kit/grading/test_two.py": "",
    "tests/kit/checks/test_told_mistakes.py": WAITS,
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with this project's settings and tests that write down where they are."""
    for name in ("pyproject.toml", "tests/conftest.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    for name, mark in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        record = str(tmp_path / "record")
        file.write_text(TEST.format(mark=mark, record=record, name=file.stem))
    return tmp_path


def places(folder: Path, *arguments: str) -> list[list[str]]:
    """Run the suite, and return of each test its file, its process and its number of threads."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "7", "PYTEST_XDIST_AUTO_NUM_WORKERS": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return [line.split() for line in (folder / "record").read_text().splitlines()]


def test_the_whole_suite_takes_several_processes_and_most_files_one(suite: Path) -> None:
    pytest.importorskip("xdist")
    found = places(suite)
    assert len(found) == 6 * len(FILES) and {threads for _, _, threads in found} == {"1"}
    workers = {name: {worker for other, worker, _ in found if other == name} for name, *_ in found}
    assert workers.pop("test_told_mistakes") == {"gw0", "gw1"}
    assert all(len(processes) == 1 for processes in workers.values())
    assert set.union(*workers.values()) == {"gw0", "gw1"}
    # Two graders at the same time would end each other's children.
    assert workers["test_one"] == workers["test_two"]


@pytest.mark.parametrize(
    "arguments",
    [["-p", "no:xdist"], ["tests/test_quick.py", "tests/test_slow.py"], ["-n", "0"]],
    ids=["without pytest-xdist", "named files", "as asked for"],
)
def test_one_process_is_enough_otherwise(suite: Path, arguments: list[str]) -> None:
    found = places(suite, *arguments)
    assert {(worker, threads) for _, worker, threads in found} == {("none", "1")}
    # Slow files come first.
    assert [name for name, *_ in found[:6]] == ["test_slow"] * 6
