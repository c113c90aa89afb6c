"""The process that stands over a child: it starts it, watches it and removes all trace of it.

It is a fork of the fork server with no student code in it. It ends the child when the grader lets
go of the lifeline, whether because the child's time is up or because the grader is gone, and
when the child and all it started take too much memory, or are too many, together.
"""

import contextlib
import json
import os
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
from a3lib.kit.sandbox.family import family_of, memory_of, threads_of
from a3lib.kit.sandbox.libc import PR_SET_CHILD_SUBREAPER, prctl
from a3lib.kit.sandbox.lockdown import (
    CHANNEL,
    Limits,
    Surroundings,
    enclose,
    processor_seconds,
)
from a3lib.kit.sandbox.users import claim_user
from a3lib.kit.source.execute import load_statements

# How a child ended, as os.wait gives it, and whether something outside of it killed it.
STATUS = struct.Struct(">i?")
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
    folder = None
    try:
        # The claim ends with this process.
        user, _claim = claim_user(slot) if as_root else (None, None)
        folder = Path(tempfile.mkdtemp(prefix="a3-child-"))
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        entered = namespaces.enter(as_root)
        surroundings = Surroundings(entered, folder, user, trusted)
        child = os.fork()
    except OSError as problem:
        # A full disk or table of processes: the grader must know that no student's code has run.
        os.write(channel, frame(0, "raised", str(problem).encode()))
        if folder is not None:
            folder.rmdir()
        return
    if child == 0:
        never_return(partial(_child, channel, limits, surroundings, probes))
    os.close(channel)
    by_itself, alone = _watch(child, lifeline, limits)
    os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    # Nothing in a PID namespace can kill its first process, and a family may have filled the
    # machine's memory between two looks.
    from_outside = (
        by_itself
        and alone
        and "pid" in entered
        and os.WIFSIGNALED(status)
        and os.WTERMSIG(status) == signal.SIGKILL
        and used.ru_utime + used.ru_stime < processor_seconds(limits) - 1
    )
    # Before the cleaning, which a slow disk delays: nobody is to take an end for silence. Where the
    # grader is gone, nobody asks.
    with contextlib.suppress(OSError):
        os.write(lifeline, STATUS.pack(status, from_outside))
    if "pid" not in entered:
        _end_the_rest(user)
    if user is not None:
        remove_files_of(user)
    # What cannot be removed is no student's affair.
    with contextlib.suppress(OSError):
        remove_tree(folder)


def _watch(child: int, lifeline: int, limits: Limits) -> tuple[bool, bool]:
    """Return when a child ends, the grader lets go of it, or its family takes too much.

    Returns whether it ended without this process's doing, and was never seen to start another.
    """
    ended = os.pidfd_open(child)
    waiting = select.poll()
    waiting.register(ended, select.POLLIN)
    # Nothing comes down the lifeline but its end.
    waiting.register(lifeline, select.POLLIN)
    alone = True
    while not (ready := waiting.poll(MILLISECONDS_BETWEEN_LOOKS)):
        family = family_of(os.getpid())
        alone = alone and len(family) <= 1
        # The kernel stops a family at its limit where it can count it by itself.
        too_many = sum(map(threads_of, family)) > limits.processes
        if too_many or sum(map(memory_of, family)) > limits.memory_bytes:
            return False, alone
    return ended in dict(ready), alone


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
    child_main.serve(CHANNEL, load_statements, probes, surroundings.trusted)


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
