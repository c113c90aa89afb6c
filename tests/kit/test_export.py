"""Export notebooks: files that are none, errors that name their cell, and the command."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.exported_scripts import (
    exported,
    imported,
    left_out,
    python,
    required_source,
    run_script,
    write_notebook,
)

from a3lib.__main__ import main
from a3lib.errors import InputError
from a3lib.kit import export
from a3lib.kit.export import ExportError, export_notebook
from a3lib.kit.source.submission import load_statements, read_submission
from a3lib.util.files import PROJECT


def test_report_has_the_size_and_sum_of_the_file(tmp_path: Path) -> None:
    write_notebook(tmp_path / "A3.ipynb", "x = 'ü'")
    report = export_notebook(tmp_path / "A3.ipynb", tmp_path / "other.py")
    content = (tmp_path / "other.py").read_bytes()
    assert report.output == tmp_path / "other.py"
    assert (report.size, report.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A3.ipynb", "other.py"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "other.py").stat().st_mode) == 0o666 & ~umask


BAD_CELLS = {
    "def f(:\n    pass": (1, "invalid syntax"),
    "x = 1\n\n!ls \\\n  -l\nreturn x": (5, "'return' outside function"),
    "\n\n%%time\nx = 1\ny = = 2": (5, "invalid syntax"),
    "x = (1,\n": (1, "'(' was never closed"),
    "pip install torch": (1, "invalid syntax"),
}


@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_syntax_error_names_the_cell_and_leaves_the_old_file(
    cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [nbformat.v4.new_code_cell("ok = 1"), nbformat.v4.new_markdown_cell("text")]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[*nodes, nbformat.v4.new_code_cell(cell)]), "A3.ipynb"
    )
    Path("A3.py").write_text("old")
    assert export.main([]) == 1
    line, reason = BAD_CELLS[cell]
    printed = capsys.readouterr()
    assert printed.err == (
        f"A3.ipynb: cell 3 (code cell 2) has a syntax error in line {line} ({reason}): "
        "correct that line and export again.\n"
    )
    assert printed.out == ""
    assert Path("A3.py").read_text() == "old"
    assert sorted(os.listdir()) == ["A3.ipynb", "A3.py"]


def test_cells_that_do_not_make_one_script(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"one script.*before global declaration at `global x`"):
        exported(tmp_path, "x = 1", "global x\nx = 2")
    assert not (tmp_path / "A3.py").exists()


NO_NOTEBOOKS = {
    "not JSON": "nonsense",
    "empty": "",
    "no cells": "{}",
    "a list": "[]",
    "a number for cells": '{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "a cell without source": json.dumps(
        {
            "cells": [{"cell_type": "code", "metadata": {}, "outputs": []}],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
    ),
    "an unknown format": '{"cells": [], "metadata": {}, "nbformat": 9, "nbformat_minor": 0}',
}


@pytest.mark.parametrize("case", NO_NOTEBOOKS)
def test_a_file_that_is_no_notebook(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook, output = tmp_path / "A3.ipynb", tmp_path / "A3.py"
    notebook.write_text(NO_NOTEBOOKS[case])
    output.write_text("old")
    assert export.main([str(notebook), "-o", str(output)]) == 1
    assert capsys.readouterr().err == (
        f"{notebook} is not a notebook: save it again where you edit it, and give that file.\n"
    )
    assert output.read_text() == "old"


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "A3.ipynb", "x = 1")
    with pytest.raises(InputError, match=r"other\.ipynb cannot be read .*: give the path"):
        export_notebook(tmp_path / "other.ipynb", tmp_path / "A3.py")
    with pytest.raises(ExportError, match="is the notebook itself"):
        export_notebook(notebook, tmp_path / "." / "A3.ipynb")
    with pytest.raises(ExportError, match=r"A3\.py cannot be written .*: choose another file"):
        export_notebook(notebook, tmp_path / "absent" / "A3.py")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder' cannot be written .*; choose another file"):
        export_notebook(notebook, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A3.ipynb", "folder"]


def test_notebooks_of_other_editors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "A3.ipynb"
    code: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    cells = [{**code, "id": "a", "source": ["x = 1\r\n", "!ls \\\r\n", "  -l\r\n", "print(x)"]}]
    old = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 0}
    path.write_text(json.dumps(old))
    report = export_notebook(path, tmp_path / "A3.py")
    assert left_out(report) == [(1, 2, "!ls \\ -l")]
    assert b"\r" not in (tmp_path / "A3.py").read_bytes()
    assert run_script(tmp_path) == "1\n"


def test_code_that_is_nested_too_deeply(tmp_path: Path) -> None:
    for code in ("x = " + "-" * 100_000 + "1", "x = a" + ".b" * 5000, "x = " + "-" * 900 + "1"):
        with pytest.raises(ExportError, match="nested too deeply"):
            exported(tmp_path, code)
        assert not (tmp_path / "A3.py").exists()


def test_command_prints_a_summary(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    write_notebook(
        tmp_path / "notes" / "A3.ipynb",
        "!pip install x\nimport json",
        required_source(("train", "evaluate")) + "\ndef evaluate(model):\n    return device",
        "device = int('1')\nprint('training')\nraise SystemExit(3)",
        "def f(x=device):\n    pass",
    )
    command = PROJECT / "export_to_py.py"
    lines = python(tmp_path, str(command), "notes/A3.ipynb").splitlines()
    content = (tmp_path / "A3.py").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert lines[0] == f"wrote A3.py: {len(content)} bytes, SHA-256 {digest}"
    assert lines[1].startswith("imported in ") and lines[1].endswith("functions found: 9 of 11")
    assert lines[2:] == [
        "  missing: train",
        "  different: evaluate(model) must be "
        "evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size)",
        "left out or rewritten: 1",
        "  cell 1, line 1: !pip install x (a shell command)",
        "globals a grader supplies: device",
        "problems: 1",
        "  cell 4, line 1: f is under the guard, so an import lacks it: "
        "it needs device when it is defined, not only when it is called",
        "Not executed, or changed, when the file is loaded:",
        "  line 33: device = int('1') (the grader supplies device)",
        "  line 34: print('training') (it runs code, and no function needs it)",
        "  line 35: raise SystemExit(3) (it runs code, and no function needs it)",
    ]


def test_what_a_function_needs_and_a_grader_does_not_execute_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("SCALE = 1")
    uses = "\ndef evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):\n"
    functions = required_source(("evaluate",)) + uses
    kept = "CONFIG = {}\nCONFIG['scale'] = 1"
    lost = "CONFIG = {}\nCONFIG['scale'] = open('x').read()"
    module = "from beside import SCALE"
    cases = {
        kept: ("CONFIG['scale']", 0, "problems: none"),
        lost: ("CONFIG['scale']", 1, "(it calls open; evaluate needs it)"),
        module: ("SCALE", 1, "%%writefile beside.py; evaluate needs it)"),
    }
    for cell, (use, status, text) in cases.items():
        write_notebook(tmp_path / "A3.ipynb", cell, f"{functions}    return {use}")
        assert export.main([]) == status
        out = capsys.readouterr().out
        assert text in out and ("problems: none" in out) is (status == 0)
        told = [line for line in out.splitlines() if "needs it" in line]
        main(["check", "A3.py"])
        assert set(told) <= set(capsys.readouterr().out.splitlines())


def test_state_that_functions_need_is_there_on_import(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "import functools\nCONFIG = {}\nCONFIG['size'] = 3\nprint('runs')\nCONFIG['size'] += 1",
        "def evaluate(size=CONFIG['size']):\n    return size, CONFIG['size']",
        "def slow(x):\n    return evaluate()\ntrain = functools.lru_cache(slow)",
        "result = train(1)\nprint(result)",
    )
    assert report.problems == () and report.needed == ()
    assert imported(tmp_path, "A3.train(1), hasattr(A3, 'result')") == "(4, 4) False"
    assert run_script(tmp_path) == "runs\n(4, 4)\n"


def test_a_module_that_the_notebook_writes_is_part_of_the_script(tmp_path: Path) -> None:
    exported(
        tmp_path,
        "%%writefile helper.py\nSCALES = []\nSCALES.append(2)\ndef scaled(x):\n"
        "    return x * SCALES[0]\nif __name__ == '__main__':\n    print('not run')",
        "import helper\nfrom helper import scaled as s\nprint(s(2))",
        "def evaluate():\n    return helper.scaled(3)\nprint(evaluate())",
    )
    assert run_script(tmp_path) == "4\n6\n"
    namespace: dict[str, Any] = {}
    statements = [kept.text for kept in read_submission(tmp_path / "A3.py").kept]
    assert load_statements(statements, namespace) == [] and namespace["evaluate"]() == 6


def test_command_fails_for_a_script_that_does_not_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "Other.ipynb", "import absent_module")
    assert export.main(["Other.ipynb"]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "Other.py does not import: ModuleNotFoundError: No module named 'absent_module'\n"
    )
    assert "wrote Other.py" in printed.out and "functions found" not in printed.out
    write_notebook(tmp_path / "Slow.ipynb", "class A:\n    import time\n    time.sleep(25)")
    assert export.main(["Slow.ipynb", "-o", "x.py", "--timeout", "0.5"]) == 1
    assert "x.py does not import: its import takes longer than 0.5" in capsys.readouterr().err
