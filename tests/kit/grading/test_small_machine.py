"""Our own solution gets full marks within two minutes on half a processor and 768 MB."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("grades the solution on half a processor")

MEMORY, SECONDS, PROCESSORS = 768 * 2**20, 120, 0.5
PERIOD = 100_000  # microseconds
# Version 1 has a tree for each kind of limit, version 2 one tree for all.
LIMITS = {
    Path("/sys/fs/cgroup/memory"): {"memory.limit_in_bytes": MEMORY},
    Path("/sys/fs/cgroup/cpu"): {
        "cpu.cfs_period_us": PERIOD,
        "cpu.cfs_quota_us": int(PROCESSORS * PERIOD),
    },
}
LIMITS_OF_VERSION_2 = {
    Path("/sys/fs/cgroup"): {
        "memory.max": MEMORY,
        "cpu.max": f"{int(PROCESSORS * PERIOD)} {PERIOD}",
    }
}


@pytest.fixture
def group() -> Iterator[list[Path]]:
    """Control groups with the limits set; none where this user may not make them."""
    made = []
    version_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    try:
        for tree, limits in (LIMITS_OF_VERSION_2 if version_2 else LIMITS).items():
            folder = tree / f"a3-test-{os.getpid()}"
            folder.mkdir()
            made.append(folder)
            for name, value in limits.items():
                (folder / name).write_text(str(value))
    except OSError:
        for folder in made:
            folder.rmdir()
        made = []
    yield made
    for folder in made:
        # A process that has ended may be in it a little longer.
        for _ in range(100):
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)


def test_own_solution_is_graded_on_half_a_processor_and_768_mb(
    group: list[Path], tmp_path: Path
) -> None:
    def enter() -> None:
        for folder in group:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "a3lib",
            "grade",
            "A3.ipynb",
            "--solution",
            "--workers",
            "1",
            "--out",
            str(tmp_path / "results"),
        ],
        cwd=PROJECT,
        preexec_fn=enter,
        timeout=SECONDS,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert ended.returncode == 0, ended.stderr
    [results] = (tmp_path / "results").glob("*/results.json")
    found = json.loads(results.read_text(encoding="utf-8"))
    assert found["score"] == sum(test["max_score"] for test in found["tests"]) == 85
    if not group:  # Then what was used is held against the limits afterwards.
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used <= PROCESSORS * SECONDS
        assert after.ru_maxrss * 1024 <= MEMORY
