"""Where student code runs: a worker forks a child for each exercise and asks it for plain numbers.

The grader holds the checks and what they expect, and never runs student code. A `Worker` is a
process that has imported what takes long and knows no answers (forkserver.py); each `Child` is a
fork of it, locked in before it loads a student's code (lockdown.py), and asked one question at a
time (child_main.py), so that hidden inputs arrive after the earlier answers. What comes back is
read as bytes that may be hostile (channel.py). A child that is too slow, dies or sends nonsense is
ended with all that it started, and only its own exercise suffers.

Not protected against: faults of the kernel, side channels, and a child that answers with the right
numbers without the student having earned them, as by copying. `Worker.missing` says what else a
platform lacks.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.audience import is_for_students
from a3lib.kit.sandbox.channel import UnreadableReply, read_text
from a3lib.kit.sandbox.child import OWN_SECONDS, Child, Ended, Reply
from a3lib.kit.sandbox.clock import Clock
from a3lib.kit.sandbox.forkserver import FORK, FORKED, READY, Settings
from a3lib.kit.sandbox.lockdown import Limits
from a3lib.kit.sandbox.machine import (
    PAUSES,
    MachineFailure,
    control,
    looks_like_shortage,
    shortage_of_threads,
)
from a3lib.util.files import LIBRARY, PROJECT
from a3lib.util.text import printable

__all__ = ["Child", "Limits", "Reply", "Worker"]

PROBES = "a3lib.kit.checks.probes.dispatch"
# Libraries that students' files use; each is imported once and not in each child.
PRELOAD = ("torch", "numpy", "transformers", "datasets", "tqdm.auto", "matplotlib.pyplot")
KEPT_VARIABLES = ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
SET_VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TORCH_COMPILE_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # Arrow, which datasets imports, would start a thread and reserve a gigabyte of addresses.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "Agg",
    "CUDA_VISIBLE_DEVICES": "",
    "USER": "student",
}
# Alone it takes ten; ten graders may start at the same time.
START_SECONDS = 900.0
START = """
import json, sys
settings = json.loads(sys.argv[1])
sys.path += [entry for entry in json.loads(sys.argv[2]) if entry not in sys.path]
sys.path[:0] = settings["folders"]
from a3lib.kit.sandbox.forkserver import main
main()
"""


def what_students_import() -> tuple[str, ...]:
    """Return what submissions import, with the modules of this library that students have.

    A child cannot read this library's files, so what it may import of it must be there already.
    The kit's own modules are no part of a solution.
    """
    names = list(PRELOAD)
    for file in sorted(LIBRARY.rglob("*.py")):
        parts = file.relative_to(PROJECT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if parts[1] != "kit" and parts[-1] != "__main__" and is_for_students(name):
            names.append(name)
    return tuple(names)


class Worker:
    """A process that has imported torch, transformers and the probes, and forks children.

    A context manager, for use by one thread of the process that creates it.

    Attributes:
        protections: sentences on what student code is kept from.
        missing: sentences on what this platform lacks.
    """

    def __init__(
        self,
        *,
        trusted: bool = False,
        limits: Limits = Limits(),
        slot: int = 0,
        probes: str = PROBES,
        preload: tuple[str, ...] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        """Start the process; takes some seconds.

        Args:
            trusted: the code is the course's own: it may read this library, answers included.
            limits: what code may use.
            slot: a number of its own for each worker of one grader. Under root each child runs as
                a user of its own, and each worker looks for free ones in another place.
            probes: the module that questions are put to.
            preload: modules to import beforehand; by default those that students' files import.
            folders: more folders to import `probes` and `preload` from.

        Raises InputError where the platform has no fork (Windows, macOS), or it cannot start, and
        OSError where the machine has no room for a process.
        """
        if sys.platform != "linux":
            raise InputError(
                "Submissions can only be graded on Linux: elsewhere use a container or WSL."
            )
        self._limits = limits
        self._settings = Settings(
            descriptor=-1,
            folders=[str(PROJECT), *(str(folder.resolve()) for folder in folders)],
            probes=probes,
            preload=list(what_students_import() if preload is None else preload),
            trusted=trusted,
            slot=slot,
            limits=asdict(limits),
        )
        self._start()
        self.protections: list[str] = []
        self.missing: list[str] = []
        try:
            child = self._locked_in(first=True)
            child.load([])
            child.end()
        except MachineFailure as problem:
            self.close()
            raise InputError(f"Student code cannot be locked in: {problem}") from problem
        if child.failure is not None:
            self.close()
            raise InputError(f"The probes cannot be used: {child.failure.text}")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process. Children that are still running end when they are released."""
        self._socket.close()
        try:
            self._process.wait(OWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def child(self, texts: list[str]) -> Iterator[Child]:
        """Yield a process that has loaded a student's statements; at the end nothing of it is left.

        A worker that has died is started again. Raises MachineFailure where no child can be had.
        """
        child = self._locked_in()
        child.load(texts)
        try:
            yield child
        finally:
            child.end()

    def trouble(self) -> str:
        """Return why trusted code does not get what student code is promised; "" if it does."""
        limits = self._limits
        try:
            child = self._locked_in(tries=1)
        except MachineFailure as problem:
            return str(problem)
        child.load([control(limits.processes, limits.memory_bytes, limits.file_bytes)])
        child.end()
        if child.failure is not None:
            return f"trusted code fails here, too ({child.failure.text})"
        for error in child.load_errors:
            # Before the error's name stands the statement, which is our own.
            return f"trusted code fails here, too ({error.partition(': ')[2]})"
        return shortage_of_threads(limits.processes)

    def _locked_in(self, *, first: bool = False, tries: int = len(PAUSES)) -> Child:
        """Return a child that is locked in as the `first` one was; raises MachineFailure."""
        reason = ""
        for pause in PAUSES[:tries]:
            time.sleep(pause)
            try:
                if self._process.poll() is not None:
                    self.close()
                    self._start()
                child, report = self._fork()
            except (Ended, InputError, OSError) as problem:
                reason = str(problem)
                if first and not looks_like_shortage(reason):
                    break
                continue
            if first:
                self.protections, self.missing = report
            if report == [self.protections, self.missing]:
                return child
            child.end()
            reason = "it could not be locked in as before"
        raise MachineFailure(f"no process for student code could be started: {reason}")

    def _fork(self) -> tuple[Child, list[list[str]]]:
        """Return a child that is locked in, and its report on its protections; raises Ended."""
        channel, far_channel = socket.socketpair()
        lifeline, far_lifeline = socket.socketpair()
        child = Child(channel, lifeline, self._limits)
        try:
            with far_channel, far_lifeline:
                child.guard = self._guard_of(far_channel, far_lifeline)
            kind, body = child.receive_frame(Clock.start(OWN_SECONDS, child.guard))
            if kind != "ready":
                raise Ended(read_text(body))
        except (Ended, TimeoutError, UnreadableReply) as problem:
            child.end()
            raise Ended(str(problem) or "it ended before it was locked in") from problem
        # No student code has run yet: this is our own writing.
        return child, json.loads(body)

    def _guard_of(self, channel: socket.socket, lifeline: socket.socket) -> int:
        """Let the fork server start a guard with these ends; return its process id, or raise Ended.

        A fork server that is not there, or does not answer, is ended for good.
        """
        try:
            socket.send_fds(self._socket, [FORK], [channel.fileno(), lifeline.fileno()])
            answer = self._socket.recv(FORKED.size)
        except OSError:
            answer = b""
        if len(answer) != FORKED.size:
            self._process.kill()
            self._process.wait()
            raise Ended("the worker did not answer")
        (process,) = FORKED.unpack(answer)
        if process < 0:
            raise Ended(os.strerror(-process))
        return int(process)

    def _start(self) -> None:
        """Start the process and wait until it has imported everything."""
        self._socket, far = socket.socketpair()
        settings = asdict(self._settings) | {"descriptor": far.fileno()}
        packages = [
            entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")
        ]
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        with far, tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", START, json.dumps(settings), json.dumps(packages)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=kept
                | SET_VARIABLES
                | {"HOME": "/nonexistent", "TMPDIR": tempfile.gettempdir()},
                cwd="/",
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
            far.close()
            self._socket.settimeout(START_SECONDS)
            try:
                started = self._socket.recv(1) == READY
            except OSError:
                started = False
            if not started:
                self._process.kill()
                self.close()
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines()
                reason = printable(lines[-1], noise=False) if lines else "it said nothing"
                raise InputError(f"The process for student code could not be started: {reason}")
