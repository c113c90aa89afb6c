"""Take memory that a limit on addresses does not count; a prize if any of it can be had."""

import contextlib
import ctypes
import os


def attack():
    with contextlib.suppress(OSError):
        return os.memfd_create("hidden")
    library = ctypes.CDLL(None)
    return library.shmget(0, 1 << 20, 0o1600) >= 0
