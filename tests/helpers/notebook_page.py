"""What a person does with a notebook in JupyterLab, and what then stands on the page."""

from pathlib import Path
from typing import TYPE_CHECKING

from helpers.chromium import SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

CELL = ".jp-Notebook .jp-CodeCell"
START_LIMIT = 120 * SECONDS
# For all cells together, which take one or two minutes: machines are slow and shared.
RUN_LIMIT = 1200 * SECONDS

STOPPED = """() => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(
        prompt => prompt.textContent);
    const kernel = document.querySelector(".jp-Notebook-ExecutionIndicator");
    return /[0-9]/.test(prompts[0]) && !prompts.some(prompt => prompt.includes("*"))
        && kernel.dataset.status === "idle";
}"""


def open_notebook(page: "Page", address: str, token: str, name: str) -> None:
    """Open a notebook, in a workspace of its own, and wait until its kernel is ready."""
    workspace = name.removesuffix(".ipynb")
    page.goto(f"{address}lab/workspaces/{workspace}/tree/{name}?token={token}")
    page.wait_for_selector(CELL, timeout=START_LIMIT)
    # The status bar: whoever runs cells before the kernel is there is asked which kernel to take.
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=START_LIMIT)


def run_all_cells(page: "Page") -> None:
    """Choose Run > Run All Cells and wait until no cell is waiting or running."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(STOPPED, timeout=RUN_LIMIT)


def save(page: "Page") -> None:
    """Press Ctrl+S and wait until the server has the notebook."""
    with page.expect_response(
        lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
    ) as saved:
        page.keyboard.press("Control+s")
    assert saved.value.ok


def failures_and_warnings(page: "Page") -> list[str]:
    """Return the traceback of each cell that failed, and whatever else went to stderr."""
    types = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")
    outputs = ", ".join(f'{CELL} [data-mime-type="{mime_type}"]' for mime_type in types)
    return page.locator(outputs).all_text_contents()


def cells_not_executed(page: "Page") -> list[str]:
    """Return the source of each code cell that shows no execution count."""
    return page.locator(CELL).evaluate_all(
        """cells => cells
            .filter(cell => !/\\d/.test(cell.querySelector(".jp-InputPrompt").textContent))
            .map(cell => cell.querySelector(".cm-content").textContent)"""
    )


def printed_lines(page: "Page") -> list[str]:
    """Return the lines that the cells printed."""
    printed = page.locator(f'{CELL} [data-mime-type="application/vnd.jupyter.stdout"]')
    return [line for text in printed.all_text_contents() for line in text.splitlines()]


def widths_of_figures(page: "Page") -> list[int]:
    """Return the width in pixels of each picture in the outputs, 0 where it could not be drawn."""
    pictures = page.locator(f"{CELL} .jp-OutputArea-output img")
    return pictures.evaluate_all("pictures => pictures.map(picture => picture.naturalWidth)")


def take_pictures(page: "Page", folder: Path, name: str) -> None:
    """Save a picture of each screenful of the notebook, from its top to its end."""
    notebook = page.locator(".jp-Notebook .jp-WindowedPanel-outer").or_(
        page.locator(".jp-WindowedPanel-outer.jp-Notebook")
    )
    height, screen = notebook.first.evaluate("shown => [shown.scrollHeight, shown.clientHeight]")
    for number, top in enumerate(range(0, height, screen)):
        notebook.first.evaluate("(shown, top) => { shown.scrollTop = top; }", top)
        page.screenshot(path=folder / f"{name}-{number:02d}.png")
