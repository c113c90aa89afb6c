"""A results folder belongs to one grader at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from a3lib.errors import InputError

LOCK_FILE = ".lock"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold a results folder for this grader; raises InputError where another one has it."""
    try:
        lock = (out / LOCK_FILE).open("w")
    except OSError as error:
        raise InputError(
            f"Nothing can be written to {str(out)!r} ({error.strerror}); give another --out."
        ) from error
    # The lock is the system's, so it ends with the process that held it.
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another grader writes to {str(out)!r}; wait for it or give another --out."
            ) from error
        yield
