"""A process's family: who is in it, and what they take."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3lib.kit.sandbox.family import family_of, memory_of, threads_of


def test_a_family_has_grandchildren_and_they_take_memory() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            taken = bytearray(b"x") * 50_000_000
            os.write(writing, b"x")
            signal.pause()
            os._exit(len(taken))
        os.wait()
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    family = family_of(os.getpid())
    assert child in family and len(family) >= 2
    assert sum(memory_of(process) for process in family) > 50_000_000
    assert memory_of(2**30) == 0
    for process in family:
        os.kill(process, 9)
    os.waitpid(child, 0)


def test_threads_are_counted_and_a_process_that_is_not_there_has_none() -> None:
    before = threads_of(os.getpid())
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert threads_of(os.getpid()) == before + 3
    done.set()
    for thread in threads:
        thread.join()
    assert threads_of(2**30) == 0


def test_a_process_that_ends_while_it_is_looked_at_has_no_family(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(folder: Path, pattern: str) -> Iterator[Path]:
        raise FileNotFoundError(folder)

    monkeypatch.setattr(Path, "glob", gone)
    assert family_of(os.getpid()) == []
