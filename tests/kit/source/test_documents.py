"""Files as other editors and systems write them: every command reads them, or says the same."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from helpers.refusals import refused

from a3lib.errors import InputError
from a3lib.kit.export import export_notebook
from a3lib.kit.run import run_notebook
from a3lib.kit.source.documents import decoded, parsed_notebook, read_notebook
from a3lib.kit.source.submission import read_submission
from a3lib.kit.student import student_copy

SOURCE = "def f():\n    return 'ü数'"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


def notebook_text() -> str:
    cells = [nbformat.v4.new_markdown_cell("text"), nbformat.v4.new_code_cell(SOURCE)]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells), ensure_ascii=False)


def cell_of_export(file: Path) -> str:
    export_notebook(file, file.with_name("made.py"))
    return file.with_name("made.py").read_text(encoding="utf-8")


def cell_of_submission(file: Path) -> str:
    return read_submission(file).kept[0].text


def cell_of_run(file: Path) -> str:
    given: list[nbformat.NotebookNode] = []

    def stop(notebook: nbformat.NotebookNode, folder: Path) -> None:
        given.append(notebook)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("a3lib.kit.run.execute_cells", stop)
        run_notebook(file, file.parent / "run", {})
    return given[0].cells[1].source


def cell_of_release(file: Path) -> str:
    files = dict.fromkeys((student_copy.STUDENT_README, *student_copy.REQUIREMENTS), b"")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(student_copy, "check_points", lambda notebook: None)
        made = student_copy.student_files(files | {"A3.ipynb": file.read_bytes()})
    return parsed_notebook(made["A3.ipynb"].decode(), "A3.ipynb").cells[1].source


READERS: dict[str, Callable[[Path], str]] = {
    "file": lambda file: read_notebook(file).cells[1].source,
    "export": cell_of_export,
    "submission": cell_of_submission,
    "run": cell_of_run,
    "release": cell_of_release,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_command_reads_a_notebook_of_every_system(reader: str, tmp_path: Path) -> None:
    for encoding in ENCODINGS:
        for ends in ("\n", "\r\n"):
            (tmp_path / "A3.ipynb").write_bytes(
                notebook_text().replace("\n", ends).encode(encoding)
            )
            assert SOURCE in READERS[reader](tmp_path / "A3.ipynb"), (encoding, ends)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"some words", "is not a notebook: save it again where you edit it, and give that"),
        (b'{"cells": [{"cell_type": "code"}], "nbformat": 4}', "is not a notebook: save"),
        (b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "is not a notebook"),
        (b"[" * 100_000, "is nested too deeply to be read: simplify it."),
        (b'{"a": "\xff"}', "is not UTF-8 text: save it again as UTF-8."),
        (b'{"a": "\0"}', "has null bytes in it: save it again as text."),
        (notebook_text().encode("utf-16-le"), "is not UTF-8 text"),
        (b"PK\x03\x04\x14\x00", "is an archive: unpack it, and give the file that is in it."),
        (gzip.compress(notebook_text().encode()), "is an archive: unpack it"),
    ],
)
def test_every_command_refuses_what_is_no_notebook_in_the_same_words(
    reader: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "A3.ipynb").write_bytes(content)
    with refused(f"A3.ipynb {said}"):
        READERS[reader](tmp_path / "A3.ipynb")


def test_line_ends_become_unix_s_and_a_mark_goes() -> None:
    assert decoded(b"\xef\xbb\xbfa\r\nb\rc\n\r\n", "A3.py") == "a\nb\nc\n\n"
    for encoding in ("utf-16-le", "utf-16-be"):
        assert decoded(f"\ufeffü\r\n{chr(0x1F600)}".encode(encoding), "A3.py") == "ü\n\U0001f600"


@pytest.mark.parametrize("name", ["latin-1", "cp1252", "iso-8859-15", "utf-8"])
def test_a_script_may_say_its_encoding(name: str) -> None:
    text = f"# -*- coding: {name} -*-\nauthor = 'J\xfcrgen'\n"
    assert decoded(text.encode(name), "A3.py") == text
    assert decoded(f"#!/usr/bin/python\n{text}".encode(name), "A3.py").endswith(text)


@pytest.mark.parametrize("name", ["rot13", "no-such", "hex"])
def test_an_encoding_that_is_none_is_refused(name: str) -> None:
    with refused("A3.py is not UTF-8 text"):
        decoded(f"# coding: {name}\nx = '\xfc'\n".encode("latin-1"), "A3.py")


def test_a_carriage_return_inside_a_cell_is_the_cell_s_own() -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "a\r\nb"}
    whole = {
        "cells": [cell | {"execution_count": None}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = decoded(json.dumps(whole).encode(), "A3.ipynb")
    assert parsed_notebook(text, "A3.ipynb").cells[0].source == "a\r\nb"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with refused("absent.ipynb cannot be read (No such file", "give the path of your notebook."):
        read_notebook(tmp_path / "absent.ipynb")


def test_running_out_of_memory_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **more: object) -> None:
        raise MemoryError

    monkeypatch.setattr(nbformat, "reads", fail)
    with pytest.raises(MemoryError):
        parsed_notebook("{}", "A3.ipynb")
    monkeypatch.undo()
    with pytest.raises(InputError):
        parsed_notebook("{}", "A3.ipynb")
