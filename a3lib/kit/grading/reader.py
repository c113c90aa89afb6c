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

from a3lib.kit.source.submission import Submission, SubmissionError, read_submission

SECONDS = 60.0
MEMORY = 3 * 2**30


class Reader:
    """A context manager whose `read` is `read_submission` with limits; for use by one thread."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._process: BaseProcess | None = None
        self._connection: Connection

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, file: Path) -> Submission:
        """Return what is kept of a submission.

        Raises SubmissionError where it cannot be read, or not within the limits.
        """
        if self._process is None:
            self._start()
        try:
            self._connection.send(file)
            if not self._connection.poll(self.seconds):
                raise TimeoutError
            reply = self._connection.recv()
        except (OSError, EOFError) as error:
            self._end()
            slow = isinstance(error, TimeoutError)
            what = f"within {self.seconds:g} seconds" if slow else "without a crash"
            raise SubmissionError(f"{file.name!r} cannot be read {what}: simplify it.") from error
        if isinstance(reply, Submission):
            return reply
        raise SubmissionError(reply)

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
