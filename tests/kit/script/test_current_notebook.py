"""A notebook finds itself, in Colab and elsewhere, and exports itself."""

import hashlib
import sys
import types
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.exported_scripts import write_notebook

from a3lib.errors import InputError
from a3lib.kit.export import ExportError, export_this_notebook
from a3lib.kit.script import current_notebook


class Kernel:
    """Stands in for a notebook's shell."""

    kernel = "a kernel"

    def __init__(self, **names: Any) -> None:
        self.user_ns = names


@pytest.fixture
def in_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Be in a notebook's kernel, in a folder where a run or an editor has set nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("A3_RUN_FOLDER", raising=False)
    monkeypatch.setattr(current_notebook, "get_ipython", Kernel)
    return monkeypatch


def test_a_script_does_not_export_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "A3.ipynb", "x = 1")
    export_this_notebook()
    assert capsys.readouterr().out.startswith("Only a notebook can export itself")
    monkeypatch.setattr(current_notebook, "get_ipython", lambda: type("Terminal", (), {})())
    export_this_notebook()
    assert capsys.readouterr().out.startswith("Only a notebook can export itself")
    assert not (tmp_path / "A3.py").exists()


def test_a_notebook_exports_itself(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(tmp_path / "Mine.ipynb", "x = 1\nprint(x)")
    export_this_notebook()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "This is Mine.ipynb as it was last saved: save it first if it has changed."
    digest = hashlib.sha256((tmp_path / "Mine.py").read_bytes()).hexdigest()
    assert lines[1].startswith("wrote Mine.py") and lines[1].endswith(digest)
    assert lines[2].endswith("functions found: 0 of 11")
    export_this_notebook("other.py")
    assert (tmp_path / "other.py").read_bytes() == (tmp_path / "Mine.py").read_bytes()
    write_notebook(tmp_path / "Mine.ipynb", "import absent_module")
    capsys.readouterr()
    export_this_notebook()
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Mine.py does not import: ModuleNotFoundError: No module named 'absent_module'"
    )
    write_notebook(tmp_path / "Mine.ipynb", "def f(:")
    with pytest.raises(ExportError, match=r"cell 1 .* has a syntax error in line 1"):
        export_this_notebook()


def test_the_editor_says_which_notebook_it_is(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"No notebook is .*export_this_notebook\(notebook="):
        export_this_notebook()
    (tmp_path / "notes").mkdir()
    for name in ("one", "two"):
        write_notebook(tmp_path / f"{name}.ipynb", f"name = {name!r}")
    write_notebook(tmp_path / "notes" / "three.ipynb", "name = 'three'")
    with pytest.raises(InputError, match=r"2 notebooks are .*export_this_notebook\(notebook="):
        export_this_notebook()
    export_this_notebook(notebook="two.ipynb")
    assert "name = 'two'" in (tmp_path / "two.py").read_text()
    in_kernel.setenv("JPY_SESSION_NAME", str(tmp_path / "notes" / "three.ipynb"))
    export_this_notebook()
    assert "name = 'three'" in (tmp_path / "notes" / "three.py").read_text()
    in_kernel.setenv("JPY_SESSION_NAME", str(tmp_path / "one-jvsc-1.ipynb"))
    with pytest.raises(InputError, match="2 notebooks are"):
        export_this_notebook()
    file = tmp_path / "one.ipynb"
    in_kernel.setattr(current_notebook, "get_ipython", lambda: Kernel(__vsc_ipynb_file__=str(file)))
    export_this_notebook()
    assert "name = 'one'" in (tmp_path / "one.py").read_text()


def test_in_a_run_the_script_goes_to_the_results(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    in_kernel.setenv("A3_RUN_FOLDER", str(tmp_path / "run"))
    export_this_notebook()
    assert capsys.readouterr().out.startswith("No script was made: No notebook is in this folder")
    write_notebook(tmp_path / "A3.ipynb", "x = 1")
    export_this_notebook()
    assert (tmp_path / "run" / "A3.py").exists() and not (tmp_path / "A3.py").exists()


def test_colab_hands_over_the_notebook_of_the_page(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1\n!ls")])
    nb.cells[0].source = ["x = 1\n", "!ls"]
    answers: list[Any] = [{"ipynb": nb}, None, {"ipynb": 3}]

    def blocking_request(name: str, **options: Any) -> Any:
        asked.append(name)
        return answers.pop(0)

    modules = {name: types.ModuleType(name) for name in ("google", "google.colab")}
    message = types.ModuleType("google.colab._message")
    message.blocking_request = blocking_request  # type: ignore[attr-defined]
    modules["google.colab"]._message = message  # type: ignore[attr-defined]
    for name, module in [*modules.items(), ("google.colab._message", message)]:
        in_kernel.setitem(sys.modules, name, module)
    write_notebook(tmp_path / "sample.ipynb", "y = 2")
    export_this_notebook()
    out = capsys.readouterr().out
    assert out.startswith("wrote A3.py") and "cell 1, line 2: !ls" in out and "saved" not in out
    assert "x = 1" in (tmp_path / "A3.py").read_text() and asked == ["get_ipynb"]
    for _ in range(2):
        with pytest.raises(InputError, match=r"Colab did not .*export_this_notebook\(notebook="):
            export_this_notebook()
    export_this_notebook(notebook="sample.ipynb")
    assert "y = 2" in (tmp_path / "sample.py").read_text() and len(asked) == 3
