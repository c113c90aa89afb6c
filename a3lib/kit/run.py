"""Run the notebook without a person: execute it, show what it prints, keep it as HTML."""

import json
import os
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from tqdm import tqdm

from a3lib.data import is_path
from a3lib.errors import InputError, TrainingDiverged
from a3lib.profiles import SETTINGS_VARIABLE, TINY
from a3lib.runs import RUN_FOLDER_VARIABLE

SOURCE_SETTINGS = ("policy", "reward_model", "reviews", "pairs")


class NotebookFailed(RuntimeError):
    """A cell of the notebook raised an error; the message is the error's own."""


def absolute_sources(settings: dict[str, Any]) -> dict[str, Any]:
    """Make local paths absolute, because the notebook runs in its own folder."""
    return {
        key: str(Path(value).expanduser().resolve())
        if key in SOURCE_SETTINGS and value != TINY and is_path(value)
        else value
        for key, value in settings.items()
    }


def headings(notebook: NotebookNode) -> list[str]:
    """Return for each cell the heading that it stands under, for the progress bar."""
    found, current = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            current = cell.source.splitlines()[0].lstrip("# ")
        found.append(current)
    return found


def printed_text(cell: NotebookNode) -> str:
    """Return what a cell printed, without its progress bars."""
    lines = "".join(
        output.text
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    ).split("\n")
    return "\n".join(line for line in lines if "\r" not in line).strip()


def short_message(error: CellExecutionError) -> str:
    """Return an error's own sentence, with the error's name where it is not one of ours."""
    ours = (InputError.__name__, TrainingDiverged.__name__)
    return error.evalue if error.ename in ours else f"{error.ename}: {error.evalue}"


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Execute a notebook in `folder`, cell by cell, and print what the cells print.

    The outputs stay in the notebook.

    Raises NotebookFailed where a cell fails.
    """
    names = headings(notebook)
    with tqdm(total=len(notebook.cells), desc="notebook", unit="cell") as bar:

        def show(cell: NotebookNode, cell_index: int) -> None:
            bar.n = cell_index
            bar.set_postfix_str(names[cell_index])

        def echo(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
            if text := printed_text(cell):
                tqdm.write(f"{text}\n")

        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=show,
            on_cell_executed=echo,
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise NotebookFailed(short_message(error)) from error
        bar.n = len(notebook.cells)
        bar.set_postfix_str("")


def write_html(notebook: NotebookNode, file: Path) -> None:
    """Write an executed notebook as one HTML page with its figures inside."""
    # Otherwise every state that a progress bar had is a line of its own.
    coalesce = CoalesceStreamsPreprocessor(enabled=True)
    exporter = HTMLExporter(embed_images=True, preprocessors=[coalesce])
    page, _ = exporter.from_notebook_node(notebook)
    file.write_text(page, encoding="utf-8")


def run_notebook(notebook_file: Path, folder: Path, settings: dict[str, Any]) -> str:
    """Execute the notebook with these settings and return where its results are.

    `folder` receives the notebook as HTML, figures/ and summary.json; `settings` are fields of the
    profile, and "profile", its name. The page is also written where a cell fails.

    Raises InputError where the notebook is missing and NotebookFailed where a cell fails.
    """
    if not notebook_file.is_file():
        raise InputError(
            f"There is no notebook {str(notebook_file)!r}; go to the project's folder or name it "
            "with --notebook."
        )
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(notebook_file, as_version=4)
    os.environ[SETTINGS_VARIABLE] = json.dumps(absolute_sources(settings))
    os.environ[RUN_FOLDER_VARIABLE] = str(folder)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    started = time.perf_counter()
    try:
        execute(notebook, notebook_file.resolve().parent)
    finally:
        write_html(notebook, folder / "A3.html")
    return f"The whole notebook took {time.perf_counter() - started:.0f} s; see {folder}/A3.html."
