"""The process that children are forked from, each under a guard (supervisor.py).

It imports what takes long (torch, transformers, the probes and their fixtures) once, and then does
nothing but fork: questions and answers pass between the grader and a child directly. So its
memory, which every child inherits, holds no expected value, no hidden input, no submission and
nothing of earlier answers. It has one thread, without which a fork would not be safe.

    grader --(socket: two descriptors a child)--> fork server --> guard --> child
    grader <------------------ channel: requests and replies ---------------> child
    grader <------ lifeline: the child's end, or the wish to end it -----> guard
"""

import gc
import importlib
import json
import linecache
import os
import signal
import socket
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from a3lib.kit.audience import holds_answers
from a3lib.kit.sandbox.lockdown import Limits
from a3lib.kit.sandbox.supervisor import guard, never_return

READY = b"r"
FORK = b"f"
JUDGE = "a3lib.kit.checks.judge"


@dataclass(frozen=True)
class Settings:
    """What the grader tells a fork server when it starts it."""

    descriptor: int
    folders: list[str]
    probes: str
    preload: list[str]
    trusted: bool
    slot: int
    limits: dict[str, Any]


def main() -> None:
    """Import everything, say so, and fork a child for each pair of descriptors that arrives."""
    settings = Settings(**json.loads(sys.argv[1]))
    limits = Limits(**settings.limits)
    grader = socket.socket(fileno=settings.descriptor)
    grader.set_inheritable(False)
    probes = importlib.import_module(settings.probes)
    for name in settings.preload:
        importlib.import_module(name)
    if not settings.trusted:
        del sys.path[: len(settings.folders)]
    # The first use loads the fixtures.
    probes.prepare({})
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    sys.argv[1:] = []
    linecache.clearcache()
    _check_innocent(settings.trusted)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    grader.sendall(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(grader, 1, 2)
        if not message:
            return
        if len(descriptors) == 2 and os.fork() == 0:
            grader.close()
            channel, lifeline = descriptors
            rest = (settings.slot, limits, settings.trusted, probes)
            never_return(partial(guard, channel, lifeline, *rest))
        for descriptor in descriptors:
            os.close(descriptor)


def _check_innocent(trusted: bool) -> None:
    """Raise RuntimeError where this process has more threads, or knows more, than it should."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"a fork is not safe: {threads} threads run after the imports")
    known = [name for name in sorted(sys.modules) if holds_answers(name) or name == JUDGE]
    if known and not trusted:
        raise RuntimeError(f"student code would inherit {', '.join(known)}")
