"""One exercise's process, as the grader sees it: questions go in, plain numbers come out.

The process may do anything on its side: answer late, never, nonsense, or too much. Each wait has a
deadline, each read a limit, and a process that breaks the protocol is ended.
"""

import contextlib
import json
import os
import secrets
import select
import signal
import socket
from dataclasses import dataclass, field
from typing import Any

from a3lib.kit.sandbox.channel import (
    HEADER,
    UnreadableReply,
    frame,
    read_answers,
    read_header,
    read_signed,
    read_text,
    read_texts,
)
from a3lib.kit.sandbox.clock import Clock
from a3lib.kit.sandbox.lockdown import Limits
from a3lib.kit.sandbox.supervisor import STATUS
from a3lib.util.text import printable

# For what our own processes do: fork, lock in, end, clean up.
OWN_SECONDS = 30.0
# How soon after a process's end the guard says so.
OWN_END_SECONDS = 2.0
SHORTEST_WAIT_SECONDS = 0.05


@dataclass(frozen=True)
class Reply:
    """The outcome of one question.

    Attributes:
        kind: "answers", "missing" (not written), "raised", "timeout", "died" or "unreadable".
        answers: numbers and nested lists of numbers under their names.
        text: for the other kinds, one printable line of at most 300 characters.
        from_outside: the process was killed, or lost its guard, by nothing that it did.
    """

    kind: str
    answers: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    from_outside: bool = False


class Ended(Exception):
    """A child's process is no longer there."""


class Child:
    """One exercise's process. Made by `Worker.child`.

    Attributes:
        load_errors: what went wrong with statements of the file, a sentence each.
    """

    def __init__(self, channel: socket.socket, lifeline: socket.socket, limits: Limits) -> None:
        self.load_errors: list[str] = []
        # Whose waiting for a processor does not count as this process's time.
        self.guard: int | None = None
        self._channel, self._lifeline, self._limits = channel, lifeline, limits
        self._number = 0
        # Student code never sees it, so it cannot answer in the probes' place.
        self._key = secrets.token_bytes(32)
        self.failure: Reply | None = None
        self._failure_reported = False
        channel.setblocking(False)

    def ask(self, probe: str, inputs: dict[str, Any]) -> Reply:
        """Ask one probe; never raises for what student code does.

        After "timeout", "died" or an answer that breaks the protocol the process is ended: the
        next question gets "died" at once.
        """
        if self.failure is not None:
            first, self._failure_reported = not self._failure_reported, True
            if first:
                return self.failure
            return Reply("died", text=f"it had ended before: {self.failure.text}")
        kind, body = self._exchange({"probe": probe, "inputs": inputs}, "the call")
        if self.failure is not None:
            self._failure_reported = True
            return self.failure
        try:
            if kind == "answers":
                return Reply("answers", read_answers(body))
            if kind in ("missing", "raised", "unreadable"):
                return Reply(kind, text=read_text(body))
            raise UnreadableReply("what came back was not an answer to the question")
        except UnreadableReply as problem:
            return Reply("unreadable", text=str(problem))

    def load(self, texts: list[str]) -> None:
        """Let the process load a student's statements."""
        first = {"key": self._key.hex(), "texts": texts}
        kind, body = self._exchange(first, "loading the file")
        if self.failure is not None:
            return
        try:
            if kind != "loaded":
                raise UnreadableReply(f"the file could not be loaded: {read_text(body)}")
            self.load_errors = read_texts(body)
        except UnreadableReply as problem:
            self.fail("died", str(problem))

    def _exchange(self, request: Any, what: str) -> tuple[str, bytes]:
        """Send a request and return the kind and bytes of the reply; on failure set `failure`."""
        self._number += 1
        seconds = self._limits.seconds
        clock = Clock.start(seconds, self.guard)
        try:
            if self._wrote_unasked() and not self._has_input(self._lifeline):
                raise UnreadableReply("it wrote to the grader without having been asked")
            # A request's kind is ignored.
            self._send(frame(self._number, "ready", json.dumps(request).encode()), clock)
            kind, received = self.receive_frame(clock)
            return kind, read_signed(self._key, self._number, kind, received)
        except TimeoutError:
            self.fail("timeout", f"{what} took longer than {seconds:g} seconds")
        except Ended:
            self.fail("died", f"{what} ended the process", with_status=True)
        except UnreadableReply as problem:
            self.fail("unreadable", str(problem))
        return "", b""

    def fail(self, kind: str, text: str, with_status: bool = False) -> None:
        """End the process for good and keep why."""
        if with_status and not self._ends():
            text += ": it closed its connection"
            with_status = False
        status, from_outside = self.end()
        if with_status and status is not None:
            text += ": " + describe_status(status)
        text = printable(text, noise=False)
        self.failure = Reply(kind, text=text, from_outside=with_status and from_outside)

    def _ends(self) -> bool:
        """Wait for the guard's word; return whether it comes, so that the process has ended."""
        clock = Clock.start(OWN_END_SECONDS, self.guard)
        while (left := clock.left()) > 0:
            if self._has_input(self._lifeline, max(left, SHORTEST_WAIT_SECONDS)):
                return True
        return False

    def _wrote_unasked(self) -> bool:
        """Return whether bytes are waiting; the end of a process, too, can be read."""
        try:
            return bool(self._channel.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    @staticmethod
    def _has_input(connection: socket.socket, seconds: float = 0) -> bool:
        waiting = select.poll()
        waiting.register(connection, select.POLLIN)
        return bool(waiting.poll(1000 * seconds))

    def _wait(self, event: int, clock: Clock) -> None:
        """Wait until the channel is ready; raises TimeoutError, or Ended where it never will be."""
        waiting = select.poll()
        waiting.register(self._channel, event)
        waiting.register(self._lifeline, select.POLLIN)
        ready: list[tuple[int, int]] = []
        while not ready:
            left = clock.left()
            if left <= 0:
                raise TimeoutError
            ready = waiting.poll(1000 * max(left, SHORTEST_WAIT_SECONDS))
        if self._channel.fileno() not in dict(ready):
            raise Ended

    def _send(self, data: bytes, clock: Clock) -> None:
        unsent = memoryview(data)
        while unsent:
            self._wait(select.POLLOUT, clock)
            try:
                unsent = unsent[self._channel.send(unsent) :]
            except BlockingIOError:
                continue
            except OSError as problem:
                raise Ended from problem

    def receive_frame(self, clock: Clock) -> tuple[str, bytes]:
        """Return the kind and the payload of the next answer."""
        header = self._receive(HEADER.size, clock)
        kind, length = read_header(header, self._number, self._limits.answer_bytes)
        return kind, self._receive(length, clock)

    def _receive(self, length: int, clock: Clock) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._wait(select.POLLIN, clock)
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

    def end(self) -> tuple[int | None, bool]:
        """End the process and all it started; return how it ended once nothing of it is left.

        That is its status, where the guard said it, and whether something outside killed it or its
        guard.
        """
        status = b""
        with contextlib.suppress(OSError):
            self._lifeline.settimeout(OWN_SECONDS)
            self._lifeline.shutdown(socket.SHUT_WR)
            status = self._lifeline.recv(STATUS.size)
            # The guard ends, and with it the lifeline, when all is cleaned up.
            self._lifeline.recv(1)
        self._lifeline.close()
        self._channel.close()
        # A guard that says nothing was itself killed.
        return STATUS.unpack(status) if len(status) == STATUS.size else (None, True)


def describe_status(status: int) -> str:
    """Return what an ended process's status, as os.wait gives it, means."""
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hint = ", as when memory or processor time runs out" if name == "SIGKILL" else ""
        return f"ended by {name}{hint}"
    return f"ended by itself with status {os.waitstatus_to_exitcode(status)}, as os._exit does"
