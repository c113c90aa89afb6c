"""The process that children are forked from, and the guard that stands over each child.

It imports what takes long (torch, transformers, the probes and their fixtures) once, and then does
nothing but fork: questions and answers pass between the grader and a child directly. So its
memory, which every child inherits, holds no expected value, no hidden input, no submission and
nothing of earlier answers. It has one thread, without which a fork would not be safe.

    grader --(socket: two descriptors a child)--> fork server --> guard --> child
    grader <------------------ channel: requests and replies ---------------> child
    grader <------ lifeline: the child's end, or the wish to end it -----> guard
"""

import contextlib
import gc
import importlib
import json
import linecache
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from a3lib.kit import harness, namespaces
from a3lib.kit.answers import ANSWER_MODULES, is_for_students
from a3lib.kit.channel import frame
from a3lib.kit.jail import CHANNEL, LIBRARY, Limits, Surroundings, enclose
from a3lib.kit.loading import load_statements
from a3lib.kit.system_calls import prctl

READY = b"r"
FORK = b"f"
STATUS = struct.Struct(">i")
FIRST_USER = 60000
PR_SET_CHILD_SUBREAPER = 36
JUDGE = "a3lib.kit.checks.judge"
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
LONGEST_SWEEP_SECONDS = 5.0


@dataclass(frozen=True)
class Settings:
    """What the grader says to a fork server when it starts it."""

    descriptor: int
    folders: list[str]
    probes: str
    preload: list[str]
    trusted: bool
    slot: int
    limits: dict[str, Any]


def main() -> None:
    """Import everything, say so, and fork a child for each pair of descriptors that comes."""
    settings = Settings(**json.loads(sys.argv[1]))
    grader = socket.socket(fileno=settings.descriptor)
    grader.set_inheritable(False)
    probes = importlib.import_module(settings.probes)
    for name in settings.preload:
        importlib.import_module(name)
    if not settings.trusted:
        import_what_students_have()
        del sys.path[: len(settings.folders)]
    # The first use loads the fixtures.
    probes.prepare({})
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    sys.argv[1:] = []
    linecache.clearcache()
    _check_innocent(settings.trusted)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    grader.sendall(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(grader, 1, 2)
        if not message:
            return
        if len(descriptors) == 2 and os.fork() == 0:
            grader.close()
            channel, lifeline = descriptors
            _never_return(partial(_guard, channel, lifeline, settings, probes))
        for descriptor in descriptors:
            os.close(descriptor)


def import_what_students_have() -> None:
    """Import the modules of this library that a student's copy has, but for the kit's.

    A child cannot read this library's files, but a submission may import these.
    """
    for file in sorted(LIBRARY.rglob("*.py")):
        parts = [part for part in file.relative_to(LIBRARY.parent).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[1] != "kit" and parts[-1] != "__main__" and is_for_students(name):
            importlib.import_module(name)


def _check_innocent(trusted: bool) -> None:
    """Raise RuntimeError where this process has more threads, or knows more, than it should."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"a fork is not safe: {threads} threads run after the imports")
    known = [name for name in (*ANSWER_MODULES, JUDGE) if name in sys.modules]
    if known and not trusted:
        raise RuntimeError(f"student code would inherit {', '.join(known)}")


def _never_return(task: Callable[[], None]) -> None:
    """Run a task in a process that was just forked, and end there."""
    try:
        task()
    except BaseException:
        os._exit(1)
    os._exit(0)


def _guard(
    channel: int,
    lifeline: int,
    settings: Settings,
    probes: ModuleType,
) -> None:
    """Start a child; wait until it ends or the grader lets go of the lifeline; leave nothing."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    as_root = os.getuid() == 0
    user = FIRST_USER + settings.slot if as_root else None
    folder = Path(tempfile.mkdtemp(prefix="a3-child-"))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    entered = namespaces.enter(as_root)
    surroundings = Surroundings(entered, folder, user, settings.trusted)
    child = os.fork()
    if child == 0:
        limits = Limits(**settings.limits)
        _never_return(partial(_child, channel, limits, surroundings, probes))
    os.close(channel)
    ended = os.pidfd_open(child)
    # Nothing comes down the lifeline but its end.
    waiting = select.poll()
    waiting.register(ended, select.POLLIN)
    waiting.register(lifeline, select.POLLIN)
    waiting.poll()
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if "pid" not in entered:
        _end_the_rest(user)
    if user is not None:
        remove_files_of(user)
    remove_tree(folder)
    # Where the grader is gone, nobody asks.
    with contextlib.suppress(OSError):
        os.write(lifeline, STATUS.pack(status))


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
    harness.serve(CHANNEL, load_statements, probes)


def _end_the_rest(user: int | None) -> None:
    """End what a child left running, where no namespace did."""
    if user is not None:
        # A signal to -1 reaches every process of a user at once, so that none can slip away.
        sweeper = os.fork()
        if sweeper == 0:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            _never_return(lambda: os.kill(-1, signal.SIGKILL))
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
        if not os.path.isdir(folder):
            continue
        with os.scandir(folder) as entries:
            owned = [Path(e.path) for e in entries if e.stat(follow_symlinks=False).st_uid == user]
        for path in owned:
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
