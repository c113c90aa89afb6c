import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from a3lib.__main__ import main
from a3lib.errors import InputError, NotebookFailed
from a3lib.kit.run import absolute_sources, headings, printed_text, run_notebook
from a3lib.profiles import SETTINGS_VARIABLE
from a3lib.results.run import RUN_FOLDER_VARIABLE
from a3lib.util.files import PROJECT


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what a run puts into the environment of its kernel."""
    monkeypatch.setenv(SETTINGS_VARIABLE, "{}")
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, "")


def save_notebook(file: Path, *sources: str) -> Path:
    cells: list[NotebookNode] = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    return file


def test_local_sources_become_absolute_and_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").mkdir()
    settings = {
        "policy": "policy",
        "reviews": "imdb_{split}.parquet",
        "pairs": "tiny",
        "reward_model": "owner/name",
        "limit_train": 3,
    }
    assert absolute_sources(settings) == settings | {
        "policy": str(tmp_path / "policy"),
        "reviews": str(tmp_path / "imdb_{split}.parquet"),
    }


def test_a_hub_name_with_a_dot_stays_a_name() -> None:
    assert absolute_sources({"policy": "owner/model-1.5"}) == {"policy": "owner/model-1.5"}


def test_every_cell_knows_its_heading() -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# One\ntext"),
        nbformat.v4.new_code_cell("1"),
        nbformat.v4.new_markdown_cell("## Two"),
    ]
    assert headings(nbformat.v4.new_notebook(cells=cells)) == ["One", "One", "Two"]


def test_progress_bars_and_warnings_are_not_printed_again() -> None:
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="\r 0%\r100%\nreward 0.5\n"),
        nbformat.v4.new_output("stream", name="stderr", text="warning\n"),
    ]
    assert printed_text(nbformat.v4.new_code_cell("", outputs=outputs)) == "reward 0.5"


def test_the_notebook_gets_its_settings_and_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = save_notebook(
        tmp_path / "n.ipynb",
        "import os, json, pathlib\n"
        f"settings = json.loads(os.environ['{SETTINGS_VARIABLE}'])\n"
        f"folder = pathlib.Path(os.environ['{RUN_FOLDER_VARIABLE}'])\n"
        "(folder / 'seen.json').write_text(json.dumps(settings | {'cwd': os.getcwd()}))",
        "print('found', 7)",
    )
    message = run_notebook(notebook, tmp_path / "runs" / "x", {"limit_train": 5})
    seen = json.loads((tmp_path / "runs/x/seen.json").read_text())
    assert seen == {"limit_train": 5, "cwd": str(tmp_path)}
    assert "found 7" in capsys.readouterr().out
    assert "found 7" in (tmp_path / "runs/x/A3.html").read_text(encoding="utf-8")
    assert message.endswith(f"; see {tmp_path}/runs/x/A3.html.")


def test_the_report_that_a_notebook_wrote_is_named_first(tmp_path: Path) -> None:
    folder = f"pathlib.Path(os.environ['{RUN_FOLDER_VARIABLE}'])"
    notebook = save_notebook(
        tmp_path / "n.ipynb", f"import os, pathlib\n({folder} / 'report.html').write_text('x')"
    )
    message = run_notebook(notebook, tmp_path / "run", {})
    assert message.endswith(f"; see {tmp_path}/run/report.html and {tmp_path}/run/A3.html.")


def test_a_failing_cell_is_one_line_and_the_page_is_kept(tmp_path: Path) -> None:
    notebook = save_notebook(tmp_path / "n.ipynb", "print('before')", "1 / 0", "print('after')")
    with pytest.raises(NotebookFailed, match=r"^ZeroDivisionError: division by zero$"):
        run_notebook(notebook, tmp_path / "run", {})
    page = (tmp_path / "run/A3.html").read_text(encoding="utf-8")
    assert "before" in page and "ZeroDivisionError" in page


def test_a_failing_cell_leaves_the_report_of_what_was_done(tmp_path: Path) -> None:
    folder = f"pathlib.Path(os.environ['{RUN_FOLDER_VARIABLE}'])"
    notebook = save_notebook(
        tmp_path / "n.ipynb",
        f"import os, pathlib\n({folder} / 'summary.json').write_text('{{}}')",
        "1 / 0",
    )
    with pytest.raises(NotebookFailed):
        run_notebook(notebook, tmp_path / "run", {})
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "The run has no results of the original model" in page


def test_our_own_errors_are_shown_as_they_are(tmp_path: Path) -> None:
    root = PROJECT
    notebook = save_notebook(
        tmp_path / "n.ipynb",
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from a3lib.errors import InputError; raise InputError('Mend this.')",
    )
    with pytest.raises(NotebookFailed, match=r"^Mend this\.$"):
        run_notebook(notebook, tmp_path / "run", {})


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no notebook '.*A9.ipynb'.*--notebook"):
        run_notebook(tmp_path / "A9.ipynb", tmp_path / "run", {})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--notebook", "nowhere.ipynb"], "There is no notebook"),
        (["--limit-train", "0"], "limit_train is 0"),
        (["--betas", "0.1,-1"], "betas above 0"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_one_line(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--profile", "tiny", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("a3lib: ") and complaint in error and error.count("\n") == 1
    assert os.listdir(tmp_path) == []
