"""One exercise's process, as the grader sees it: questions go in, plain numbers come out.

The process may do anything on its side: answer late, never, nonsense, or too much. Each wait has a
deadline, each read a limit, and a process that breaks the protocol is ended.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from a3lib.kit.sandbox.channel import (
    HEADER,
    UnreadableReply,
    frame,
    read_answers,
    read_header,
    read_text,
    read_texts,
)
from a3lib.kit.sandbox.lockdown import Limits
from a3lib.kit.sandbox.supervisor import STATUS
from a3lib.util.text import printable

# For what our own processes do: fork, lock in, end, clean up.
OWN_SECONDS = 30.0
# How soon after a process's end the guard says so.
OWN_END_SECONDS = 2.0


@dataclass(frozen=True)
class Reply:
    """The outcome of one question.

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
        kind, body = self._exchange(texts, "loading the file")
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
        deadline = time.monotonic() + seconds
        try:
            if self._has_input(self._channel) and not self._has_input(self._lifeline):
                raise UnreadableReply("it wrote to the grader without having been asked")
            # A request's kind is ignored.
            self._send(frame(self._number, "ready", json.dumps(request).encode()), deadline)
            return self.receive_frame(deadline)
        except TimeoutError:
            self.fail("timeout", f"{what} took longer than {seconds:g} seconds")
        except Ended:
            self.fail("died", f"{what} ended the process", with_status=True)
        except UnreadableReply as problem:
            self.fail("unreadable", str(problem))
        return "", b""

    def fail(self, kind: str, text: str, with_status: bool = False) -> None:
        """End the process for good and keep why."""
        if with_status and not self._has_input(self._lifeline, OWN_END_SECONDS):
            text += ": it closed its connection"
            with_status = False
        status = self.end()
        if with_status and status is not None:
            text += ": " + describe_status(status)
        self.failure = Reply(kind, text=printable(text, noise=False))

    @staticmethod
    def _has_input(connection: socket.socket, seconds: float = 0) -> bool:
        waiting = select.poll()
        waiting.register(connection, select.POLLIN)
        return bool(waiting.poll(1000 * seconds))

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

    def receive_frame(self, deadline: float) -> tuple[str, bytes]:
        """Return the kind and the payload of the next answer; the deadline is a monotonic time."""
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

    def end(self) -> int | None:
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
