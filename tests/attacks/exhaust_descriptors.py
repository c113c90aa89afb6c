"""Open files until there are no more."""

import contextlib
import os


def attack():
    opened = []
    for _ in range(100_000):
        try:
            opened += os.pipe()
        except OSError:
            break
    with contextlib.suppress(OSError):
        os.dup2(opened[-1], 100_000)
    return len(opened) > 10_000
