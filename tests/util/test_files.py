"""Files are replaced whole or not at all."""

import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from datasets import Dataset
from helpers.example_run import example_run
from helpers.refusals import refused

from a3lib.plots import save_figure
from a3lib.report.page import write_report
from a3lib.results.samples import read_samples, write_samples
from a3lib.study.candidates import save_candidates
from a3lib.study.grid import save_row
from a3lib.util.files import LIBRARY, replace_file, write_at_once, zipped


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.zip"
    replace_file(file, b"old")

    def stop(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(OSError, match="the disk is full"):
        replace_file(file, b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.zip", b"old")]


def test_folders_are_made_and_the_new_content_is_there(tmp_path: Path) -> None:
    file = tmp_path / "in" / "a.zip"
    for content in (b"old", b"new"):
        write_at_once(file, content, "give another file")
        assert file.read_bytes() == content


def test_what_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused("'", "a.zip' cannot be written (", "; give another folder."):
        write_at_once(tmp_path / "file" / "a.zip", b"", "give another folder")


def test_a_text_is_written_as_utf_8_with_its_line_ends(tmp_path: Path) -> None:
    write_at_once(tmp_path / "a.txt", "ü\r\n数\n")
    assert (tmp_path / "a.txt").read_bytes() == "ü\r\n数\n".encode()


@pytest.mark.parametrize("write", ["figure", "report", "samples", "row", "candidates"])
def test_whoever_writes_results_leaves_the_old_file_where_the_new_one_fails(
    write: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example_run(tmp_path)
    samples = read_samples(tmp_path)
    row = {"method": "sft", "beta": 0.1, "seed": 0}
    columns = ("prompt", "prompt_ids", "completion_ids", "completions", "rewards")
    candidates = Dataset.from_list(
        [dict(zip(columns, ("a", [1], [[2], [3]], ["b", "c"], [0.5, 0.25]), strict=True))]
    )
    writers: dict[str, Callable[[], object]] = {
        "figure": lambda: save_figure(plt.figure(), tmp_path, "a"),
        "report": lambda: write_report(tmp_path),
        "samples": lambda: write_samples(samples, tmp_path),
        "row": lambda: save_row(row, tmp_path),
        "candidates": lambda: save_candidates(candidates, tmp_path, {"seed": 0}),
    }
    writers[write]()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", stop)
    with refused("cannot be written (No space left on device); make room there, or give"):
        writers[write]()
    assert before == {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}


# Beside util/files itself: what /proc has, a process's own pipes, a log that grows and its lock,
# folders that are gone at the end, and run.py, whose summary has a door of its own.
WRITE_OTHERWISE = {
    "kit/grade.py",
    "kit/grading/pool.py",
    # Members of a zip, into a folder that goes away; a lock; what the control program tries.
    "kit/grading/archives.py",
    "kit/grading/lock.py",
    "kit/grading/similarity.py",
    "kit/sandbox/machine.py",
    "kit/sandbox/lockdown.py",
    "kit/sandbox/namespaces.py",
    "kit/script/verify.py",
    "kit/student/proof.py",
    "results/run.py",
    "util/files.py",
}
WRITES = re.compile(
    r"\.write_(text|bytes)\(|open\([^)]*[\"'][wax]b?\+?[\"']|nbformat\.write\(|json\.dump\("
    r"|\.to_(csv|json)\(\w+ /|\.to_parquet\(\w|savefig\(\w+ /|torch\.save\("
)


def test_a_zip_depends_on_names_contents_and_modes_alone() -> None:
    packed = zipped({"b/run": b"#!", "a.txt": b"x"}, {"b/run"})
    assert packed == zipped({"a.txt": b"x", "b/run": b"#!"}, {"b/run"})
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        entries = [
            (entry.filename, entry.external_attr >> 16, entry.date_time, archive.read(entry))
            for entry in archive.infolist()
        ]
    start = (1980, 1, 1, 0, 0, 0)
    assert entries == [
        ("a.txt", 0o100644, start, b"x"),
        ("b/run", 0o100755, start, b"#!"),
    ]


def test_no_other_module_writes_files_by_itself() -> None:
    found = {
        file.relative_to(LIBRARY).as_posix()
        for file in LIBRARY.rglob("*.py")
        if WRITES.search(file.read_text(encoding="utf-8"))
    }
    assert found <= WRITE_OTHERWISE
    for line in ('file.write_text("")', 'open(file, "w")', 'part.open("ab")', "r.to_parquet(f)"):
        assert WRITES.search(line)
