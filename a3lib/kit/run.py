"""The command `run`: execute the notebook, show what it prints, keep it as HTML."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from tqdm import tqdm

from a3lib.errors import InputError, NotebookFailed, TrainingDiverged
from a3lib.kit.source.documents import read_notebook
from a3lib.profiles import PROFILES, SETTINGS_VARIABLE, TINY, get_profile
from a3lib.report import REPORT_FILE, write_report
from a3lib.results.run import RUN_FOLDER_VARIABLE
from a3lib.results.summary import SUMMARY_FILE
from a3lib.util.cli_types import numbers
from a3lib.util.files import write_at_once

# Options of the command that are not fields of a profile.
OPTIONS = ("command", "notebook", "name")
# Pages to look at: the notebook writes the report itself, this command the notebook with outputs.
NOTEBOOK_PAGE = "A3.html"
PAGES = (REPORT_FILE, NOTEBOOK_PAGE)
SOURCE_SETTINGS = ("policy", "reward_model", "reviews", "pairs")


def absolute_sources(settings: dict[str, Any]) -> dict[str, Any]:
    """Make local paths absolute, because the notebook runs in its own folder."""
    sources = {
        key: value for key, value in settings.items() if key in SOURCE_SETTINGS and value != TINY
    }
    if not sources:
        return settings
    # It imports torch, which takes seconds and which only the notebook's own process needs.
    from a3lib.data import is_path

    local = {key: value for key, value in sources.items() if is_path(value)}
    return settings | {key: str(Path(value).expanduser().resolve()) for key, value in local.items()}


def headings(notebook: NotebookNode) -> list[str]:
    """Return the heading that each cell is under, for the progress bar."""
    names, current = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            current = cell.source.splitlines()[0].lstrip("# ")
        names.append(current)
    return names


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


def execute_cells(notebook: NotebookNode, folder: Path) -> None:
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
    # Otherwise every state of a progress bar would be a line of its own.
    coalesce = CoalesceStreamsPreprocessor(enabled=True)
    exporter = HTMLExporter(embed_images=True, preprocessors=[coalesce])
    page, _ = exporter.from_notebook_node(notebook)
    write_at_once(file, page, "make room there, or give another name with --name")


def run_notebook(notebook_file: Path, folder: Path, settings: dict[str, Any]) -> str:
    """Execute the notebook with these settings and return where its results are.

    `folder` receives the notebook as HTML, and figures/, summary.json and a report from the
    notebook itself; `settings` are fields of the profile, and "profile", its name. Where a cell
    fails, the page and a report of what was done are still written.

    Raises InputError where the notebook cannot be read, and NotebookFailed where a cell fails.
    """
    if not notebook_file.is_file():
        raise InputError(
            f"There is no notebook {str(notebook_file)!r}; go to the project's folder or name it "
            "with --notebook."
        )
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    notebook = read_notebook(notebook_file)
    os.environ[SETTINGS_VARIABLE] = json.dumps(absolute_sources(settings))
    os.environ[RUN_FOLDER_VARIABLE] = str(folder)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    started = time.perf_counter()
    try:
        execute_cells(notebook, notebook_file.resolve().parent)
    except NotebookFailed:
        # The cell that writes the report was not reached; the report also shows a part of a run.
        if (folder / SUMMARY_FILE).is_file():
            write_report(folder)
        raise
    finally:
        write_html(notebook, folder / NOTEBOOK_PAGE)
    pages = [folder / name for name in PAGES if (folder / name).is_file()]
    return (
        f"The whole notebook took {time.perf_counter() - started:.0f} s; "
        f"see {' and '.join(map(str, pages))}."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `run`: the fields of a profile, and where results go."""
    parser.add_argument("--profile", choices=["auto", *PROFILES], default="auto")
    parser.add_argument("--name", help="results go to runs/NAME (default: profile and time)")
    parser.add_argument("--policy", help="checkpoint folder or hub name of the model to steer")
    parser.add_argument("--reward-model", help="checkpoint folder or hub name of the classifier")
    parser.add_argument("--reviews", help="file or hub name; column text; {split} may be in it")
    parser.add_argument(
        "--pairs",
        help="file or hub name; columns prompt, positive_completion, negative_completion",
    )
    for split in ("train", "test"):
        parser.add_argument(f"--limit-{split}", type=int, help=f"rows of each {split} split")
        parser.add_argument(
            f"--limit-{split}-pairs", type=int, help=f"{split} pairs, where it should differ"
        )
    parser.add_argument("--learning-rate", type=float, help="of REINFORCE")
    parser.add_argument("--dpo-learning-rate", type=float, help="of DPO")
    parser.add_argument("--alphas", type=numbers, help="KL weights, such as 0,0.1,1")
    parser.add_argument("--betas", type=numbers, help="DPO's beta, such as 0.1,0.5")
    parser.add_argument("--max-length", type=int, help="tokens of a prompt with its completion")
    parser.add_argument("--debug", action="store_true", default=None, help="a few rows, in seconds")
    parser.add_argument("--notebook", type=Path, default=Path("A3.ipynb"))
    parser.add_argument(
        "--study",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run section 6, the optional study (default: only with the tiny profile)",
    )


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `run` and return what to print."""
    settings = {
        key: value
        for key, value in vars(arguments).items()
        if key not in OPTIONS and value is not None
    }
    profile = get_profile(**{"name" if k == "profile" else k: v for k, v in settings.items()})
    name = arguments.name or time.strftime(f"{profile.name}-%Y%m%d-%H%M%S")
    return run_notebook(arguments.notebook, Path("runs") / name, settings)
