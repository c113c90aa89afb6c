"""Leave a working folder that is hard to remove."""

import contextlib
import os


def attack():
    top = os.getcwd()
    os.mkdir("locked")
    open("locked/file", "w").close()
    os.mkdir("locked/in")
    os.chmod("locked/in", 0)
    os.chmod("locked", 0)
    for name in (b"\xff\xfe", b"-rf", b"new\nline", "\u202e".encode()):
        with contextlib.suppress(OSError):
            os.mkdir(name)
    for _ in range(1500):
        os.mkdir("d" * 20)
        os.chdir("d" * 20)
    os.chdir(top)
    for new in ("/tmp/renamed", "../renamed", "/renamed"):
        with contextlib.suppress(OSError):
            os.rename(top, new)
    with contextlib.suppress(OSError):
        os.chmod(top, 0)
    return False
