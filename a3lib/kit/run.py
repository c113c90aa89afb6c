"""Run the notebook without a person: execute it, keep it as HTML, and show what it found."""

import json
import os
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from tqdm import tqdm

from a3lib.errors import InputError
from a3lib.models import looks_local
from a3lib.profiles import SETTINGS_VARIABLE, TINY
from a3lib.runs import RUN_FOLDER_VARIABLE
from a3lib.tables import summary_table

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


def is_path(value: str) -> bool:
    """Say whether a source is a path: it looks like one, or has a pattern or a file's ending."""
    return looks_local(value) or "{split}" in value or bool(Path(value).suffix)


def headings(notebook: NotebookNode) -> list[str]:
    """Return for each cell the heading that it stands under, for the progress bar."""
    found, current = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            current = cell.source.splitlines()[0].lstrip("# ")
        found.append(current)
    return found


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Execute a notebook in `folder`, cell by cell, with a progress bar; outputs stay in it.

    Raises NotebookFailed where a cell fails.
    """
    names = headings(notebook)
    with tqdm(total=len(notebook.cells), desc="notebook", unit="cell") as bar:

        def show(cell: NotebookNode, cell_index: int) -> None:
            bar.n = cell_index
            bar.set_postfix_str(names[cell_index])

        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=show,
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise NotebookFailed(f"{error.ename}: {error.evalue}") from error
        bar.n = len(notebook.cells)
        bar.set_postfix_str("")


def write_html(notebook: NotebookNode, file: Path) -> None:
    """Write an executed notebook as one HTML page with its figures inside."""
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    file.write_text(page, encoding="utf-8")


def run_notebook(notebook_file: Path, folder: Path, settings: dict[str, Any]) -> str:
    """Execute the notebook with these settings and return the table of what it found.

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
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    total = time.perf_counter() - started
    return f"{summary_table(summary)}\n\nWhole notebook: {total:.0f} s. Everything is in {folder}."
