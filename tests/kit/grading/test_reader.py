"""A file that takes for ever to read, or crashes who reads it, costs only itself."""

import os
import resource
import signal
from pathlib import Path
from threading import Timer

import pytest

from a3lib.kit.grading.reader import Reader
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


def test_a_reader_that_crashed_is_followed_by_another(tmp_path: Path) -> None:
    crashes, quick = tmp_path / "crashes.py", tmp_path / "quick.py"
    crashes.write_text("x = 1\n" * 40_000)
    quick.write_text("x = 1\n")
    with Reader() as reader:
        reader.read(quick)
        Timer(1, os.kill, (reader._process.pid, signal.SIGKILL)).start()
        with pytest.raises(SubmissionError, match=r"crashes.*without a crash"):
            reader.read(crashes)
        assert len(reader.read(quick).kept) == 1


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
