"""End the process with success from inside a function."""

import sys


def attack():
    sys.exit(0)
