"""Print hundreds of megabytes."""

import sys


def attack():
    text = "x" * 1_000_000
    for _ in range(300):
        print(text)
        sys.stderr.write(text)
    return False
