"""A file that takes for ever to read, or crashes who reads it, costs only itself."""

import itertools
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from a3lib.kit.grading.reader import Reader
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.source.submission import SubmissionError, read_submission


def test_a_submission_is_read_as_without_a_process_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text("BETA = 0.5\n\ndef f(x):\n    return BETA * x\n\nprint(f(1))\n")
    with Reader() as reader:
        assert reader.read(file) == read_submission(file)


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text("def f(:\n")
    with Reader() as reader, pytest.raises(SubmissionError, match=r"A3\.py"):
        reader.read(file)


def test_reading_ends_after_its_time_and_the_next_file_is_read(tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow.py", tmp_path / "quick.py"
    slow.write_text("x = 1\n" * 40_000)
    quick.write_text("x = 1\n")
    with Reader(seconds=2) as reader:
        with pytest.raises(SubmissionError, match=r"slow.*within 2 seconds"):
            reader.read(slow)
        reader.seconds = 60
        assert [kept.text.strip() for kept in reader.read(quick).kept] == ["x = 1"]


def crash_at(
    monkeypatch: pytest.MonkeyPatch, how: str, crashes: Callable[[Path, int], bool]
) -> None:
    """Let a process that reads end by a signal where `crashes` says so of a file and its number."""
    plain_ask, numbers = Reader._ask, itertools.count(1)

    def ask(self: Reader, file: Path) -> object:
        if self._process is None:
            self._start()
        if crashes(file, next(numbers)):
            os.kill(self._process.pid, signal.Signals[how])
            self._process.join()
        return plain_ask(self, file)

    monkeypatch.setattr(Reader, "_ask", ask)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV"])
def test_a_reader_that_crashed_once_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = tmp_path / "A3.py"
    file.write_text("x = 1\n")
    crash_at(monkeypatch, how, lambda asked, number: number == 1)
    with Reader() as reader:
        assert len(reader.read(file).kept) == 1


def test_a_file_that_crashes_its_reader_each_time_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes, quick = tmp_path / "crashes.py", tmp_path / "quick.py"
    crashes.write_text("x = 1\n")
    quick.write_text("x = 1\n")
    crash_at(monkeypatch, "SIGSEGV", lambda asked, number: asked == crashes)
    with Reader() as reader:
        with pytest.raises(SubmissionError, match=r"crashes.*without a crash"):
            reader.read(crashes)
        assert len(reader.read(quick).kept) == 1


def test_a_reader_that_is_killed_each_time_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "A3.py"
    file.write_text("x = 1\n")
    crash_at(monkeypatch, "SIGKILL", lambda asked, number: asked == file)
    with Reader() as reader, pytest.raises(MachineFailure, match="killed from outside"):
        reader.read(file)


def test_where_no_file_can_be_read_none_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "A3.py"
    file.write_text("x = 1\n")

    def refused(self: Reader) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Reader, "_start", refused)
    with Reader() as reader, pytest.raises(MachineFailure, match="no room for a process"):
        reader.read(file)


def test_memory_is_limited(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text("x = 1\n")
    with Reader(memory=2**31) as reader:
        reader.read(file)
        limits = resource.prlimit(reader._process.pid, resource.RLIMIT_AS)
    assert limits == (2**31, 2**31)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text("x = 1\n")
    with Reader() as reader:
        reader.read(file)
        process = reader._process
    assert not process.is_alive()
