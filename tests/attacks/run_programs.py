"""Run a shell; a prize if one runs."""

import contextlib
import os
import subprocess
import sys


def attack():
    for command in (["/bin/sh", "-c", "true"], [sys.executable, "-c", "0"], ["/usr/bin/env"]):
        with contextlib.suppress(OSError):
            subprocess.run(command, timeout=2)
            return True
    loaders = [f"/lib64/{name}" for name in ("ld-linux-x86-64.so.2",)]
    for loader in loaders:
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                os.execv(loader, [loader, "--help"])
            os._exit(7)
        if os.waitstatus_to_exitcode(os.wait()[1]) != 7:
            return True
    return False
