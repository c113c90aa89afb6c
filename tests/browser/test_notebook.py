"""A3.ipynb in a real browser: a person opens JupyterLab and chooses Run > Run All Cells."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nbformat
import pytest
from helpers.chromium import SECONDS, need_module, refuse_the_internet
from helpers.jupyter import running_jupyterlab
from helpers.notebook_page import (
    CELL,
    cells_not_executed,
    failures_and_warnings,
    open_notebook,
    printed_lines,
    run_all_cells,
    save,
    take_pictures,
    widths_of_figures,
)
from nbformat.v4 import new_code_cell, new_notebook

from a3lib.profiles import get_profile, model_names
from a3lib.util.files import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow("executes the notebook in JupyterLab")]

SETTING, TINY_DEBUG = 'PROFILE, DEBUG = "auto", False', 'PROFILE, DEBUG = "tiny", True'
SCREEN = {"width": 1400, "height": 1000}
RESULTS = "runs/notebook-tiny"
SECTIONS_WITH_A_PLAYGROUND = 4


class Lab(NamedTuple):
    """A running JupyterLab and the folder that it shows."""

    address: str
    token: str
    folder: Path


class Executed(NamedTuple):
    """The page of a notebook that was run, and what the browser wanted from the internet."""

    page: "Page"
    refused: list[str]


def names_of_models() -> list[str]:
    profile = get_profile("tiny")
    return model_names(profile.alphas, profile.betas)


@pytest.fixture(scope="module")
def lab(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a student's folder: the notebook, set to a debug run, and the kit beside it."""
    folder = tmp_path_factory.mktemp("student")
    source = nbformat.read(PROJECT / "A3.ipynb", as_version=4)
    setup = source.cells[1]
    assert SETTING in setup.source
    setup.source = setup.source.replace(SETTING, TINY_DEBUG)
    nbformat.write(source, folder / "A3.ipynb")
    (folder / "a3lib").symlink_to(PROJECT / "a3lib")
    with running_jupyterlab(folder, tmp_path_factory.mktemp("jupyter")) as (address, token):
        yield Lab(address, token, folder)


@contextmanager
def executed(chromium: "Browser", lab: Lab, name: str, pictures: Path) -> Iterator[Executed]:
    """Open a notebook of the folder, run all of its cells, save it and take its pictures."""
    with chromium.new_context(viewport=SCREEN) as context:
        refused = refuse_the_internet(context)
        page = context.new_page()
        try:
            open_notebook(page, lab.address, lab.token, name)
            run_all_cells(page)
            save(page)
        finally:
            page.screenshot(path=pictures / f"{Path(name).stem}-at-last.png")
        take_pictures(page, pictures, Path(name).stem)
        yield Executed(page, refused)


@pytest.fixture(scope="module")
def notebook(chromium: "Browser", lab: Lab, pictures: Path) -> Iterator[Executed]:
    with executed(chromium, lab, "A3.ipynb", pictures) as found:
        yield found


@pytest.fixture(scope="module")
def figures(notebook: Executed, lab: Lab) -> list[Path]:
    return sorted((lab.folder / RESULTS / "figures").glob("*.png"))


def test_no_cell_fails_or_warns(notebook: Executed) -> None:
    assert failures_and_warnings(notebook.page) == []


def test_every_cell_is_executed(notebook: Executed) -> None:
    assert cells_not_executed(notebook.page) == []


def test_the_saved_notebook_holds_every_result(notebook: Executed, lab: Lab) -> None:
    saved = nbformat.read(lab.folder / "A3.ipynb", as_version=4)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert notebook.page.locator(CELL).count() == len(code)
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert [o for cell in code for o in cell.outputs if o.output_type == "error"] == []


def test_each_progress_bar_is_one_line_that_comes_to_its_end(notebook: Executed) -> None:
    bars = [line for line in printed_lines(notebook.page) if "%|" in line]
    # A slow machine has seconds an item for items a second.
    ended = [line for line in bars if re.search(r": 100%\|.*(it/s|s/it)", line)]
    assert bars == ended
    for name in ("evaluate", "REINFORCE", "KL, alpha = 0.1", "reference", "DPO, beta = 0.5"):
        assert any(line.startswith(f"{name}: 100%|") for line in bars), name


def test_every_saved_figure_is_drawn(notebook: Executed, figures: list[Path]) -> None:
    widths = widths_of_figures(notebook.page)
    assert min(widths) > 0
    assert len(widths) >= len(figures) >= 8


def test_five_examples_of_every_model_are_shown(notebook: Executed) -> None:
    for name in names_of_models():
        table = notebook.page.locator(f"{CELL} table:has(caption:text-is({name!r})) tbody tr")
        assert table.count() == 5, name


def test_one_table_holds_every_model_side_by_side(notebook: Executed) -> None:
    for name in names_of_models():
        row = notebook.page.locator(f'{CELL} .a3-samples tr[data-model="{name}"]')
        assert row.count() >= 3, name


def test_the_last_cells_write_the_report_and_the_script(notebook: Executed, lab: Lab) -> None:
    report = f"{RESULTS}/report.html"
    assert (lab.folder / report).is_file()
    assert "def train_DPO(" in (lab.folder / "A3.py").read_text(encoding="utf-8")
    printed = "\n".join(printed_lines(notebook.page))
    assert f"summary.json are in {RESULTS}" in printed and report in printed
    assert "A3.py" in printed


def test_nothing_is_asked_of_the_internet(notebook: Executed) -> None:
    assert notebook.refused == []


def test_every_playground_goes_on_from_typed_words(notebook: Executed, pictures: Path) -> None:
    need_module("ipywidgets")
    from playwright.sync_api import expect

    playgrounds = notebook.page.locator(CELL).filter(
        has=notebook.page.get_by_role("button", name="Continue")
    )
    assert playgrounds.count() == SECTIONS_WITH_A_PLAYGROUND
    for number, cell in enumerate(playgrounds.all(), start=1):
        start = f"My {number + 1} friends and I saw"
        cell.get_by_label("Start of a review:").fill(start)
        cell.get_by_role("button", name="Continue").click()
        table = cell.locator(".a3-samples table").filter(has_text=start)
        table.wait_for(timeout=60 * SECONDS)
        # By now there are all models, also those that were trained below this cell.
        found = "rows => rows.map(row => row.dataset.model)"
        assert table.locator("tr[data-model]").evaluate_all(found) == names_of_models()
        # The table of the words before makes room.
        expect(cell.locator(".a3-samples table")).to_have_count(1)
        cell.screenshot(path=pictures / f"playground-{number}.png")
    assert failures_and_warnings(notebook.page) == []


def test_a_cell_that_fails_is_noticed(chromium: "Browser", lab: Lab, tmp_path: Path) -> None:
    sources = ("import sys; print('no harm', file=sys.stderr)", "1 / 0", "print('never')")
    failing = new_notebook(cells=[new_code_cell(source) for source in sources])
    failing.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(failing, lab.folder / "failing.ipynb")
    with executed(chromium, lab, "failing.ipynb", tmp_path) as (page, _):
        warning, traceback = failures_and_warnings(page)
        assert warning == "no harm\n" and "ZeroDivisionError" in traceback
        assert cells_not_executed(page) == ["print('never')"]
    saved = nbformat.read(lab.folder / "failing.ipynb", as_version=4)
    assert [cell.execution_count for cell in saved.cells] == [1, 2, None]
    assert saved.cells[1].outputs[0].output_type == "error"
