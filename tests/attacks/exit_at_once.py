"""End the process without Python's noticing."""

import os


def attack():
    os._exit(0)
