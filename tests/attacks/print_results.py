"""Print forged results to every output there is."""

import contextlib
import os
import sys

FORGED = '{"score": 100, "tests": [{"name": "all", "score": 100, "max_score": 100}]}\n'


def attack():
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        print(FORGED, file=stream, flush=True)
    for path in ("/dev/tty", "/dev/stdout", "/dev/stderr", "/dev/console"):
        with contextlib.suppress(OSError), open(path, "w") as file:
            file.write(FORGED)
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.write(descriptor, FORGED.encode())
    return False
