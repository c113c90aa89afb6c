"""Read submissions in a separate process: one that takes forever to parse costs only itself.

Nothing of a submission is executed there. But a file can be written so that reading it takes hours
or all memory, and the grader has others to read.
"""

import multiprocessing
import resource
import signal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.source.submission import Submission, SubmissionError, read_submission
from a3lib.util.files import LIBRARY

SECONDS = 60.0
MEMORY = 3 * 2**30
READABLE = LIBRARY / "errors.py"


class Reader:
    """A context manager whose `read` is `read_submission` with limits; for use by one thread."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._process: BaseProcess | None = None
        self._status: int | None = None
        self._connection: Connection

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, file: Path) -> Submission:
        """Return what is kept of a submission.

        Raises SubmissionError where it cannot be read, or not within the limits, and MachineFailure
        where no file can be, or the process was killed from outside.
        """
        reply = self._ask(file)
        if reply is None:
            # Does it crash on a file that can be read? Then it is not the submission's doing.
            if not isinstance(self._ask(READABLE), Submission):
                raise MachineFailure("there is no room for a process that reads files")
            reply = self._ask(file)
        if isinstance(reply, Submission):
            return reply
        if reply is None and self._status == -signal.SIGKILL:
            raise MachineFailure("the process that reads files was killed from outside")
        crash = f"{file.name!r} cannot be read without a crash: simplify it."
        raise SubmissionError(reply or crash)

    def _ask(self, file: Path) -> Submission | str | None:
        """Return what is kept of a submission, or why it cannot be read; None after a crash."""
        try:
            if self._process is None:
                self._start()
            self._connection.send(file)
            if self._connection.poll(self.seconds):
                reply: Submission | str = self._connection.recv()
                return reply
        except (OSError, EOFError):
            self._end()
            return None
        self._end()
        return f"{file.name!r} cannot be read within {self.seconds:g} seconds: simplify it."

    def _start(self) -> None:
        """Start a process that answers one file after another."""
        # A fork would inherit the grader's threads' locks, and what the checks expect.
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=serve, args=(far, self.memory), daemon=True)
        self._process.start()
        far.close()

    def _end(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._status = self._process.exitcode
            self._process = None


def serve(connection: Connection, memory: int) -> None:
    """Read each file whose name arrives; answer with the submission, or with why there is none."""
    # Ctrl-C is for the grader, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    while True:
        try:
            file = connection.recv()
        except EOFError:  # The grader is gone.
            return
        try:
            connection.send(read_submission(file))
        except SubmissionError as error:
            connection.send(str(error))
