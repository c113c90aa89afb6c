"""A process and all that comes from it: who they are, and what they take together."""

import contextlib
import os
from pathlib import Path


def family_of(process: int) -> list[int]:
    """Return the ids of a process's children, their children and so on."""
    family, unseen = [], [process]
    while unseen:
        parent = unseen.pop()
        # A thread of its own has children of its own; a process may end while it is looked at.
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{parent}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    children = [int(child) for child in file.read_text().split()]
                    family += children
                    unseen += children
    return family


def memory_of(process: int) -> int:
    """Return how many bytes a process uses, its share of what it shares with others included."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return 1024 * int(line.split()[1])
    return 0


def threads_of(process: int) -> int:
    """Return how many threads a process has, its first one included; 0 where it has ended."""
    try:
        return len(os.listdir(f"/proc/{process}/task"))
    except OSError:
        return 0
