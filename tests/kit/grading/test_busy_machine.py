"""The same files get the same points on a machine that others use up, as it were to themselves."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.thirsty_submissions import write_thirsty

from a3lib.util.files import PROJECT

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.slow("grades forty submissions several times with real workers")

TESTS = PROJECT / "tests"
LIGHT = [sys.executable, str(TESTS / "helpers/light_grader.py")]
PATIENCE = 300.0
# Files for each of many graders, so that the test ends within a minute.
FEW = 6
PROCESS_GROUPS = Path("/sys/fs/cgroup/pids")
# A process that takes so many threads, and gives them back and takes them again if it is asked to.
CROWD = """
import os, sys, threading, time
count, seconds, user = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
while True:
    done, threads = threading.Event(), []
    for _ in range(count):
        thread = threading.Thread(target=done.wait)
        try:
            thread.start()
        except RuntimeError:
            break
        threads.append(thread)
    print(len(threads), flush=True)
    if not seconds:
        time.sleep(600)
    time.sleep(seconds)
    done.set()
    for thread in threads:
        thread.join()
    time.sleep(2 * seconds)
"""


def start(
    given: Path, out: Path, *options: str, group: Path | None = None, **variables: str
) -> subprocess.Popen:
    """Start a grader, in a control group of processes if one is given, with such variables."""

    def enter() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.Popen(
        [*LIGHT, str(given), "--out", str(out), "--seconds", "20", *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(TESTS)])} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=enter,
    )


def end_of(grader: subprocess.Popen) -> tuple[int, str]:
    """Wait for a grader; return its status and all that it said."""
    said, errors = grader.communicate(timeout=PATIENCE)
    return grader.returncode, said + errors


def points(out: Path) -> dict[str, float]:
    """The points of each submission that is graded to the end."""
    found = {}
    for file in out.glob("*/results.json"):
        results = json.loads(file.read_text())
        if results["extra_data"]["finished"]:
            found[file.parent.name] = results["score"]
    return found


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    folder = tmp_path_factory.mktemp("forty") / "in"
    return folder, write_thirsty(folder, 40)


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group that limits processes; only root may make one."""
    folder = PROCESS_GROUPS / f"a3-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no control group can be made here")
    yield folder
    deadline = time.monotonic() + 30
    while (folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    folder.rmdir()


@contextmanager
def crowd(
    count: int, seconds: float, group: Path | None = None, user: int = os.getuid()
) -> Iterator[int]:
    """Take so many threads, for so many seconds at a time or for good (0); yield how many."""

    def enter() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    command = [sys.executable, "-S", "-c", CROWD, str(count), str(seconds), str(user)]
    others = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=enter)
    assert others.stdout is not None
    try:
        yield int(others.stdout.readline())
    finally:
        assert others.poll() is None, "a grader has ended somebody else's process"
        others.kill()
        others.communicate()


def test_forty_files_alone_and_a_second_opinion(
    forty: tuple[Path, dict[str, float]], tmp_path: Path
) -> None:
    given, deserved = forty
    status, said = end_of(start(given, tmp_path / "out", "--workers", "2", "--twice"))
    assert status == 0, said
    assert points(tmp_path / "out") == deserved
    assert not (tmp_path / "out/.second").exists()


def test_forty_files_beside_a_second_grader(
    forty: tuple[Path, dict[str, float]], tmp_path: Path
) -> None:
    given, deserved = forty
    graders = [start(given, tmp_path / name, "--workers", "2") for name in ("one", "two")]
    ends = [end_of(grader) for grader in graders]
    assert [status for status, _ in ends] == [0, 0], ends
    assert points(tmp_path / "one") == points(tmp_path / "two") == deserved


def test_forty_files_where_the_table_of_processes_is_full_now_and_then(
    forty: tuple[Path, dict[str, float]], tmp_path: Path, group: Path
) -> None:
    given, deserved = forty
    (group / "pids.max").write_text("120")
    out = tmp_path / "out"
    grader = start(given, out, "--workers", "2", group=group)
    while not points(out):
        time.sleep(0.02)
    with crowd(110, 0.4, group):
        status, said = end_of(grader)
    before = points(out)
    assert before.items() <= deserved.items(), said
    # It tries for some seconds only, and chance may have it that all of them are bad.
    assert len(before) >= 30 and status == (0 if len(before) == 40 else 3), said
    refused = (group / "pids.events").read_text().split()
    assert int(refused[1]) > 0, "nothing was ever refused, so nothing was shown"
    assert end_of(start(given, out, "--workers", "2"))[0] == 0
    assert points(out) == deserved


def test_ten_graders(tmp_path: Path) -> None:
    deserved = write_thirsty(tmp_path / "in", FEW)
    names = [f"out{number}" for number in range(10)]
    graders = [start(tmp_path / "in", tmp_path / name, "--workers", "1") for name in names]
    ends = [end_of(grader) for grader in graders]
    assert [status for status, _ in ends] == [0] * 10, ends
    for name in names:
        assert points(tmp_path / name) == deserved


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become other users")
def test_processes_of_the_first_user_numbers_cost_nothing_and_live_on(tmp_path: Path) -> None:
    deserved = write_thirsty(tmp_path / "in", FEW)
    with contextlib.ExitStack() as others:
        for user in range(60000, 60010):
            others.enter_context(crowd(14, 0, user=user))
        status, said = end_of(start(tmp_path / "in", tmp_path / "out", "--workers", "2"))
    assert status == 0, said
    assert points(tmp_path / "out") == deserved


def test_a_table_that_stays_full_leaves_the_rest_unfinished_and_the_next_run_goes_on(
    tmp_path: Path, group: Path
) -> None:
    given, out = tmp_path / "in", tmp_path / "out"
    deserved = write_thirsty(given, 8)
    (group / "pids.max").write_text("100")
    grader = start(given, out, "--workers", "1", group=group)
    while not points(out):
        time.sleep(0.02)
    with crowd(100, 0, group):
        status, said = end_of(grader)
    before = points(out)
    assert status == 3, said
    assert 1 <= len(before) < 8
    assert before.items() <= deserved.items(), "what was graded got what it deserves"
    assert "not graded to the end" in said and "The grader failed: s0" in said
    assert "The same command goes on" in said
    lines = (out / "grades.csv").read_text().splitlines()[1:]
    assert sum(",,,,,not finished," in line for line in lines) == 8 - len(before)

    status, said = end_of(start(given, out, "--workers", "1"))
    assert status == 0, said
    assert f"{len(before)} of them were graded before and were not graded again." in said
    assert points(out) == deserved


def test_children_that_are_killed_from_outside_cost_nobody(tmp_path: Path) -> None:
    deserved = write_thirsty(tmp_path / "in", 13)
    out = tmp_path / "out"
    grader = start(tmp_path / "in", out, "--workers", "2")
    killed, graded = 0, 0
    while grader.poll() is None:
        time.sleep(0.1)
        # Not by the clock: on a slow machine one question would be cut off twice, or the first
        # child, which no submission is in.
        if len(points(out)) < graded + 3:
            continue
        for child in children_of_sandboxes(grader.pid)[:1]:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
                killed, graded = killed + 1, len(points(out))
    status, said = end_of(grader)
    assert status == 0, said
    assert points(out) == deserved
    assert killed > 2


def test_workers_that_are_killed_cost_nobody(tmp_path: Path) -> None:
    deserved = write_thirsty(tmp_path / "in", 13)
    out = tmp_path / "out"
    grader = start(tmp_path / "in", out, "--workers", "2")
    killed = 0
    while grader.poll() is None:
        time.sleep(1)
        for process in descendants(grader.pid):
            if is_fork_server(process) and killed < 5:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
                    killed += 1
                    break
    status, said = end_of(grader)
    assert status == 0, said
    assert points(out) == deserved
    assert killed > 1


def test_a_full_disk_for_temporary_files_is_no_students(tmp_path: Path, small_disk: Path) -> None:
    given, out = tmp_path / "in", tmp_path / "out"
    deserved = write_thirsty(given, 6)
    grader = start(given, out, "--workers", "1", TMPDIR=str(small_disk))
    while not points(out):
        time.sleep(0.02)
    fill(small_disk)
    status, said = end_of(grader)
    assert status == 0, said
    assert points(out) == deserved


def test_a_full_disk_for_results_loses_no_grade(tmp_path: Path, small_disk: Path) -> None:
    given, out = tmp_path / "in", small_disk / "out"
    deserved = write_thirsty(given, 6)
    grader = start(given, out, "--workers", "1")
    while len(points(out)) < 2:
        time.sleep(0.02)
    room = fill(small_disk)
    status, said = end_of(grader)
    assert status == 1 and "cannot be written" in said and "make room there" in said
    before = points(out)
    assert 2 <= len(before) < 6 and before.items() <= deserved.items()
    for file in room:
        file.unlink()
    status, said = end_of(start(given, out, "--workers", "1"))
    assert status == 0, said
    assert points(out) == deserved


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> list[Path]:
    """Fill a disk, so that no byte can be written; return the files that fill it."""
    files = []
    for size in (100_000, 1000, 1):
        with contextlib.suppress(OSError):
            while True:
                files.append(disk / f"fill-{len(files)}")
                files[-1].write_bytes(bytes(size))
    return files


def descendants(ancestor: int) -> list[int]:
    """All processes that come from one, nearest first."""
    found, unseen = [], [ancestor]
    while unseen:
        parent = unseen.pop(0)
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(child) for child in file.read_text().split()]
                found += children
                unseen += children
    return found


def is_fork_server(process: int) -> bool:
    """Whether a process is a worker's own, and no guard or child, which have its command line."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_bytes()
        parent = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1]
        return (
            b"forkserver" in words
            and b"forkserver" not in Path(f"/proc/{parent}/cmdline").read_bytes()
        )
    return False


def children_of_sandboxes(grader: int) -> list[int]:
    """The processes of a grader in which students' code runs: they come from a guard.

    Those that students' code starts itself are its own affair.
    """
    found = []
    for process in descendants(grader):
        with contextlib.suppress(OSError):
            parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
            user, of_parent = (Path(f"/proc/{one}").stat().st_uid for one in (process, parent))
            if user != os.getuid() == of_parent:
                found.append(process)
    return found
