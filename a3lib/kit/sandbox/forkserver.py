"""The process that children are forked from, each under a guard (supervisor.py).

It imports what takes long (torch, transformers, the probes and their fixtures) once, and then does
nothing but fork: questions and answers pass between the grader and a child directly. So its
memory, which every child inherits, holds no expected value, no hidden input, no submission and
nothing of earlier answers. It has one thread, without which a fork would not be safe.

    grader --(socket: two descriptors a child)--> fork server --> guard --> child
    grader <------------------ channel: requests and replies ---------------> child
    grader <------ lifeline: the child's end, or the wish to end it -----> guard
"""

import errno
import gc
import importlib
import json
import linecache
import os
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from a3lib.kit.audience import holds_answers
from a3lib.kit.checks.probes import integrity
from a3lib.kit.sandbox.lockdown import Limits
from a3lib.kit.sandbox.supervisor import guard, never_return

READY = b"r"
FORK = b"f"
# The guard's process id, or the number of the error with a minus.
FORKED = struct.Struct(">i")
JUDGE = "a3lib.kit.checks.judge"
SECONDS_TO_END = 2.0
# Modules of the kit that the notebook imports, and the function of each.
DOORS = {"check": "check", "export": "export_this_notebook"}


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
    lent: dict[str, Any] = {}
    probes.prepare(lent)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
        _work_in_the_process(sys.modules["torch"])
    sys.argv[1:] = []
    linecache.clearcache()
    _check_innocent(settings.trusted)
    if not settings.trusted:
        integrity.remember(tuple(value for value in lent.values() if hasattr(value, "__dict__")))
        _hide_the_kit()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    grader.sendall(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(grader, 1, 2)
        if not message:
            return
        try:
            process = os.fork() if len(descriptors) == 2 else -errno.EMFILE
        except OSError as problem:
            # A full table of processes; the grader waits until there is room.
            process = -(problem.errno or errno.EAGAIN)
        if process == 0:
            grader.close()
            channel, lifeline = descriptors
            rest = (settings.slot, limits, settings.trusted, probes)
            never_return(partial(guard, channel, lifeline, *rest))
        grader.sendall(FORKED.pack(process))
        for descriptor in descriptors:
            os.close(descriptor)


def _work_in_the_process(torch: Any) -> None:
    """Let torch do without a compiler and loader processes: a child can start no program.

    `torch.compile` gives back what it gets, and a DataLoader reads its data itself.
    """
    loader = torch.utils.data.DataLoader
    get_iterator = loader._get_iterator

    def compile_nothing(model: Any = None, **_: Any) -> Any:
        return compile_nothing if model is None else model

    def iterate_alone(self: Any) -> Any:
        self.num_workers, self.timeout = 0, 0
        return get_iterator(self)

    torch.compile, loader._get_iterator = compile_nothing, iterate_alone


def _hide_the_kit() -> None:
    """Take the kit's modules out of the table of imports: this process has all that it needs.

    Student code cannot import them again, because a child does not see their files. What a
    notebook imports of them is there, and does nothing.
    """
    for name in [name for name in sys.modules if integrity.is_own(name)]:
        del sys.modules[name]
    kit = sys.modules["a3lib.kit"] = ModuleType("a3lib.kit")
    vars(sys.modules["a3lib"])["kit"] = kit
    for door, function in DOORS.items():
        module = sys.modules[f"a3lib.kit.{door}"] = ModuleType(f"a3lib.kit.{door}")
        vars(kit)[door] = module
        vars(module)[function] = _do_nothing


def _do_nothing(*arguments: Any, **more: Any) -> None:
    """Take the place of a function that a notebook calls to check or export itself."""


def _check_innocent(trusted: bool) -> None:
    """Raise RuntimeError where this process has more threads, or knows more, than it should."""
    # A thread that is just ending may still be there.
    deadline = time.monotonic() + SECONDS_TO_END
    while (threads := len(os.listdir("/proc/self/task"))) != 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    if threads != 1:
        raise RuntimeError(f"a fork is not safe: {threads} threads run after the imports")
    known = [name for name in sorted(sys.modules) if holds_answers(name) or name == JUDGE]
    if known and not trusted:
        raise RuntimeError(f"student code would inherit {', '.join(known)}")
