"""Leave links in the working folder to what should not be touched, and read through them."""

import contextlib
import os
import sys

LIBRARY = os.path.dirname(sys.modules["a3lib"].__file__)
TARGETS = ("/etc", "/etc/passwd", "/root", "/tmp", LIBRARY, "/proc/1/root", "/..")


def read(path):
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()


def attack():
    found = []
    for number, target in enumerate(TARGETS):
        with contextlib.suppress(OSError):
            os.symlink(target, f"link-{number}")
        paths = (f"link-{number}", f"link-{number}/passwd", f"link-{number}/losses.py")
        found += [read(path) for path in paths]
        with contextlib.suppress(OSError):
            os.link(target, f"hard-{number}")
            found.append(target)
    with contextlib.suppress(OSError):
        os.symlink("self", "self")
        os.mkfifo("pipe")
    return any(found)
