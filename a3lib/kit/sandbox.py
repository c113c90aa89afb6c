"""Where student code runs: a worker forks a child for each exercise and asks it for plain numbers.

The grader holds the checks and what they expect, and never runs student code. A `Worker` is a
process that has imported what takes long and knows no answers (forkserver.py); each `Child` is a
fork of it, locked in before it loads a student's code (jail.py), and asked one question at a time
(harness.py), so that hidden inputs arrive after the earlier answers. What comes back is read as
bytes that may be hostile (channel.py). A child that is too slow, dies or sends nonsense is ended
with all that it started, and only its own exercise is the worse for it.

Not protected against: faults of the kernel, side channels, and a child that answers with the right
numbers without the student having earned them, as by copying. `Worker.missing` says what else a
platform lacks.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.kit.channel import (
    HEADER,
    UnreadableReply,
    clean_text,
    frame,
    read_answers,
    read_header,
    read_text,
    read_texts,
)
from a3lib.kit.forkserver import FORK, READY, STATUS, Settings
from a3lib.kit.jail import LIBRARY, Limits

PROBES = "a3lib.kit.checks.probes"
# What students' files import; each is imported once here and not in each child.
PRELOAD = ("torch", "numpy", "transformers", "datasets", "tqdm.auto", "matplotlib.pyplot")
KEPT_VARIABLES = ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
SET_VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
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
START_SECONDS = 300.0
# For what our own processes do: fork, lock in, end, clean up.
OWN_SECONDS = 30.0
START = """
import json, sys
settings = json.loads(sys.argv[1])
sys.path += [entry for entry in json.loads(sys.argv[2]) if entry not in sys.path]
sys.path[:0] = settings["folders"]
from a3lib.kit.forkserver import main
main()
"""


@dataclass(frozen=True)
class Reply:
    """What came of one question.

    Attributes:
        kind: "answers", "missing" (not written), "raised", "timeout", "died" or "unreadable".
        answers: numbers and nested lists of numbers under their names.
        text: for the other kinds, one printable line of at most 300 characters.
    """

    kind: str
    answers: dict[str, Any] = field(default_factory=dict)
    text: str = ""


class Ended(Exception):
    """A child's process is no longer there."""


class Child:
    """One exercise's process. Made by `Worker.child`.

    Attributes:
        load_errors: what went wrong with statements of the file, a sentence each.
    """

    def __init__(self, channel: socket.socket, lifeline: socket.socket, limits: Limits) -> None:
        self.load_errors: list[str] = []
        self._channel, self._lifeline, self._limits = channel, lifeline, limits
        self._number = 0
        self._failure: Reply | None = None
        self._failure_was_told = False
        channel.setblocking(False)

    def ask(self, probe: str, inputs: dict[str, Any]) -> Reply:
        """Ask one probe; never raises for what student code does.

        After "timeout", "died" or an answer that breaks the protocol the process is ended: the
        next question gets "died" at once.
        """
        if self._failure is not None:
            first, self._failure_was_told = not self._failure_was_told, True
            if first:
                return self._failure
            return Reply("died", text=f"it had ended before: {self._failure.text}")
        kind, body = self._exchange({"probe": probe, "inputs": inputs}, "the call")
        if self._failure is not None:
            self._failure_was_told = True
            return self._failure
        try:
            if kind == "answers":
                return Reply("answers", read_answers(body))
            if kind in ("missing", "raised", "unreadable"):
                return Reply(kind, text=read_text(body))
            raise UnreadableReply("what came back was no answer to the question")
        except UnreadableReply as problem:
            return Reply("unreadable", text=str(problem))

    def _load(self, texts: list[str]) -> None:
        """Let the process load a student's statements."""
        kind, body = self._exchange(texts, "loading the file")
        if self._failure is not None:
            return
        try:
            if kind != "loaded":
                raise UnreadableReply(f"the file could not be loaded: {read_text(body)}")
            self.load_errors = read_texts(body)
        except UnreadableReply as problem:
            self._fail("died", str(problem))

    def _exchange(self, request: Any, what: str) -> tuple[str, bytes]:
        """Send a request and return the kind and bytes of the reply; on failure set `_failure`."""
        self._number += 1
        seconds = self._limits.seconds
        deadline = time.monotonic() + seconds
        try:
            if self._has_input():
                raise UnreadableReply("it wrote to the grader without having been asked")
            # A request's kind is not looked at.
            self._send(frame(self._number, "ready", json.dumps(request).encode()), deadline)
            return self._receive_frame(deadline)
        except TimeoutError:
            self._fail("timeout", f"{what} took longer than {seconds:g} seconds")
        except Ended:
            self._fail("died", f"{what} ended the process", with_status=True)
        except UnreadableReply as problem:
            self._fail("unreadable", str(problem))
        return "", b""

    def _fail(self, kind: str, text: str, with_status: bool = False) -> None:
        """End the process for good and keep why."""
        status = self._end()
        if with_status and status is not None:
            text += ": " + describe_status(status)
        self._failure = Reply(kind, text=clean_text(text))

    def _has_input(self) -> bool:
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        return any(event & select.POLLIN for _, event in waiting.poll(0))

    def _wait(self, event: int, deadline: float) -> None:
        """Wait until the channel is ready; raises TimeoutError, or Ended where it never will be."""
        waiting = select.poll()
        waiting.register(self._channel, event)
        waiting.register(self._lifeline, select.POLLIN)
        left = deadline - time.monotonic()
        ready = waiting.poll(1000 * left) if left > 0 else []
        if not ready:
            raise TimeoutError
        if self._channel.fileno() not in dict(ready):
            raise Ended

    def _send(self, data: bytes, deadline: float) -> None:
        unsent = memoryview(data)
        while unsent:
            self._wait(select.POLLOUT, deadline)
            try:
                unsent = unsent[self._channel.send(unsent) :]
            except BlockingIOError:
                continue
            except OSError as problem:
                raise Ended from problem

    def _receive_frame(self, deadline: float) -> tuple[str, bytes]:
        header = self._receive(HEADER.size, deadline)
        kind, length = read_header(header, self._number, self._limits.answer_bytes)
        return kind, self._receive(length, deadline)

    def _receive(self, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._wait(select.POLLIN, deadline)
            try:
                piece = self._channel.recv(min(length - len(data), 1 << 20))
            except BlockingIOError:
                continue
            except OSError as problem:
                raise Ended from problem
            if not piece:
                raise Ended
            data += piece
        return bytes(data)

    def _end(self) -> int | None:
        """End the process and all it started; return its status once nothing of it is left."""
        status = b""
        with contextlib.suppress(OSError):
            self._lifeline.settimeout(OWN_SECONDS)
            self._lifeline.shutdown(socket.SHUT_WR)
            status = self._lifeline.recv(STATUS.size)
        self._lifeline.close()
        self._channel.close()
        return STATUS.unpack(status)[0] if len(status) == STATUS.size else None


def describe_status(status: int) -> str:
    """Return what an ended process's status, as os.wait gives it, means."""
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hint = ", as when memory or processor time runs out" if name == "SIGKILL" else ""
        return f"ended by {name}{hint}"
    return f"ended by itself with status {os.waitstatus_to_exitcode(status)}, as os._exit does"


class Worker:
    """A process that has imported torch, transformers and the probes, and forks children.

    A context manager. It is used by one thread of the process that made it.

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
        preload: tuple[str, ...] = PRELOAD,
        folders: tuple[Path, ...] = (),
    ) -> None:
        """Start the process; takes some seconds.

        Args:
            trusted: the code is the course's own: it may read this library, answers included.
            limits: what code may use.
            slot: a number of its own for each worker that runs at the same time; under root,
                children run as user 60000 + slot.
            probes: the module that questions are put to.
            preload: modules to import beforehand.
            folders: more folders to import `probes` and `preload` from.

        Raises InputError where the platform has no fork (Windows, macOS), or it cannot start.
        """
        if sys.platform != "linux":
            raise InputError(
                "Submissions can only be graded on Linux: elsewhere use a container or WSL."
            )
        self._limits = limits
        self._settings = Settings(
            descriptor=-1,
            folders=[str(LIBRARY.parent), *(str(folder.resolve()) for folder in folders)],
            probes=probes,
            preload=list(preload),
            trusted=trusted,
            slot=slot,
            limits=asdict(limits),
        )
        self._start()
        self.protections: list[str] = []
        self.missing: list[str] = []
        try:
            child, report = self._fork()
            self.protections, self.missing = report
            child._load([])
            child._end()
        except Ended as problem:
            self.close()
            raise InputError(f"Student code cannot be locked in: {problem}") from problem
        if child._failure is not None:
            self.close()
            raise InputError(f"The probes cannot be used: {child._failure.text}")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process. Children that still run end when they are let go of."""
        self._socket.close()
        try:
            self._process.wait(OWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def child(self, texts: list[str]) -> Iterator[Child]:
        """Give a process that has loaded a student's statements; at the end nothing of it is left.

        A worker that has died is started again. Where no child can be had, every question to the
        one that is given gets "died".
        """
        try:
            child, report = self._fork()
        except Ended:
            self.close()
            self._start()
            child, report = self._fork_or_fail()
        if report == [self.protections, self.missing]:
            child._load(texts)
        elif child._failure is None:
            child._fail("died", "the child could not be locked in as before")
        try:
            yield child
        finally:
            child._end()

    def _fork_or_fail(self) -> tuple[Child, list[list[str]]]:
        """Return a child, or one that has failed already."""
        try:
            return self._fork()
        except Ended as problem:
            child = Child(*socket.socketpair(), self._limits)
            child._failure = Reply("died", text=clean_text(f"no child could be had: {problem}"))
            return child, []

    def _fork(self) -> tuple[Child, list[list[str]]]:
        """Return a child that is locked in, and what it reports of its protections; Ended."""
        channel, far_channel = socket.socketpair()
        lifeline, far_lifeline = socket.socketpair()
        child = Child(channel, lifeline, self._limits)
        try:
            socket.send_fds(self._socket, [FORK], [far_channel.fileno(), far_lifeline.fileno()])
            far_channel.close()
            far_lifeline.close()
            kind, body = child._receive_frame(time.monotonic() + OWN_SECONDS)
        except (OSError, Ended, UnreadableReply) as problem:
            child._end()
            raise Ended("the worker did not answer") from problem
        finally:
            far_channel.close()
            far_lifeline.close()
        if kind != "ready":
            child._end()
            raise Ended(read_text(body))
        # No student code has run yet: this is our own writing.
        return child, json.loads(body)

    def _start(self) -> None:
        """Start the process and wait until it has imported everything."""
        self._socket, far = socket.socketpair()
        settings = asdict(self._settings) | {"descriptor": far.fileno()}
        packages = [
            entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")
        ]
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        with tempfile.TemporaryFile() as errors:
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
                said = errors.read().decode(errors="replace").strip().splitlines()
                reason = clean_text(said[-1]) if said else "it said nothing"
                raise InputError(f"The process for student code could not be started: {reason}")
