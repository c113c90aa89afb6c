"""The process that stands over a child: it starts it, watches it and removes all trace of it.

It is a fork of the fork server with no student code in it. It ends the child when the grader lets
go of the lifeline, whether because the child's time is up or because the grader is gone, and
when the child and all it started take too much memory together.
"""

import contextlib
import itertools
import json
import os
import pwd
import select
import signal
import struct
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from a3lib.kit.sandbox import child_main, namespaces
from a3lib.kit.sandbox.channel import frame
from a3lib.kit.sandbox.libc import PR_SET_CHILD_SUBREAPER, prctl
from a3lib.kit.sandbox.lockdown import CHANNEL, Limits, Surroundings, enclose
from a3lib.kit.source.execute import load_statements

STATUS = struct.Struct(">i")
FIRST_USER = 60000
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
LONGEST_SWEEP_SECONDS = 5.0
MILLISECONDS_BETWEEN_LOOKS = 250


def never_return(task: Callable[[], None]) -> None:
    """Run a task in a process that was just forked, and end there."""
    try:
        task()
    except BaseException:
        os._exit(1)
    os._exit(0)


def guard(
    channel: int, lifeline: int, slot: int, limits: Limits, trusted: bool, probes: ModuleType
) -> None:
    """Start a child; wait until it ends or has to; clean up after it; report its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    as_root = os.getuid() == 0
    user = user_of(slot) if as_root else None
    folder = Path(tempfile.mkdtemp(prefix="a3-child-"))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    entered = namespaces.enter(as_root)
    surroundings = Surroundings(entered, folder, user, trusted)
    child = os.fork()
    if child == 0:
        never_return(partial(_child, channel, limits, surroundings, probes))
    os.close(channel)
    _watch(child, lifeline, limits.memory_bytes)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if "pid" not in entered:
        _end_the_rest(user)
    if user is not None:
        remove_files_of(user)
    # What cannot be removed is no reason not to say that the child has ended.
    with contextlib.suppress(OSError):
        remove_tree(folder)
    # Where the grader is gone, nobody asks.
    with contextlib.suppress(OSError):
        os.write(lifeline, STATUS.pack(status))


def user_of(slot: int) -> int:
    """Return a user number that no user of this machine has; each slot has its own.

    What such a user leaves is ended and removed, so it must be nobody's.
    """
    free = (number for number in itertools.count(FIRST_USER) if not is_known(number))
    return next(itertools.islice(free, slot, None))


def is_known(user: int) -> bool:
    """Say whether this machine has a user of this number."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _watch(child: int, lifeline: int, memory_bytes: int) -> None:
    """Return when a child ends, the grader lets go of it, or its family takes too much memory."""
    waiting = select.poll()
    waiting.register(os.pidfd_open(child), select.POLLIN)
    # Nothing comes down the lifeline but its end.
    waiting.register(lifeline, select.POLLIN)
    while not waiting.poll(MILLISECONDS_BETWEEN_LOOKS):
        if sum(memory_of(process) for process in family_of(os.getpid())) > memory_bytes:
            return


def family_of(process: int) -> list[int]:
    """Return the ids of a process's children, their children and so on."""
    family, unseen = [], [process]
    while unseen:
        parent = unseen.pop()
        # A thread of its own has children of its own; a process may end while it is looked at.
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(child) for child in file.read_text().split()]
                family += children
                unseen += children
    return family


def memory_of(process: int) -> int:
    """Return how many bytes a process uses, its share of what it shares with others included."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return 1024 * int(line.split()[1])
    return 0


def _child(
    channel: int,
    limits: Limits,
    surroundings: Surroundings,
    probes: ModuleType,
) -> None:
    """Lock this process in, tell the grader how, and serve it."""
    os.dup2(channel, CHANNEL)
    try:
        report = enclose(limits, surroundings)
    except Exception as problem:
        os.write(CHANNEL, frame(0, "raised", str(problem).encode()))
        return
    os.write(CHANNEL, frame(0, "ready", json.dumps(report).encode()))
    child_main.serve(CHANNEL, load_statements, probes)


def _end_the_rest(user: int | None) -> None:
    """End what a child left running, where no namespace did."""
    if user is not None:
        # A signal to -1 reaches every process of a user at once, so that none can slip away.
        sweeper = os.fork()
        if sweeper == 0:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            never_return(lambda: os.kill(-1, signal.SIGKILL))
        os.waitpid(sweeper, 0)
    # Orphans become this process's children (PR_SET_CHILD_SUBREAPER).
    deadline = time.monotonic() + LONGEST_SWEEP_SECONDS
    while time.monotonic() < deadline:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in children:
            os.kill(int(child), signal.SIGKILL)
            os.waitpid(int(child), 0)


def remove_files_of(user: int) -> None:
    """Remove what belongs to a child's user in the folders that everybody can write to."""
    for folder in SHARED_FOLDERS:
        for path in Path(folder).glob("*"):
            # Others' files come and go meanwhile.
            with contextlib.suppress(OSError):
                if path.lstat().st_uid == user:
                    remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a folder, whatever its permissions are.

    Folders inside are moved to the top first, so that no depth of them is too deep to remove.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    moved = 0
    path.chmod(0o700)
    while entries := list(path.iterdir()):
        for entry in entries:
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink()
                continue
            entry.chmod(0o700)
            for inner in list(entry.iterdir()):
                if inner.is_symlink() or not inner.is_dir():
                    inner.unlink()
                else:
                    # To move a folder is to write its "..": that takes permission on it as well.
                    inner.chmod(0o700)
                    moved += 1
                    inner.rename(path / f".moved-{moved}-{os.getpid()}-{time.monotonic_ns()}")
            entry.rmdir()
    path.rmdir()
