"""Files are replaced whole or not at all."""

import os
from pathlib import Path

import pytest
from helpers.refusals import refused

from a3lib.util.files import replace_file, write_at_once


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
