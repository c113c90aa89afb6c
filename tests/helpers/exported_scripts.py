"""Notebooks of a few cells, the scripts they become, and fresh Pythons that run these."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import nbformat

from a3lib.kit.export import ExportReport, export_notebook
from a3lib.kit.source import interface


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells; a text that starts with "md:" becomes a markdown cell."""
    new = nbformat.v4
    nodes = [
        new.new_markdown_cell(textwrap.dedent(cell[3:]))
        if cell.startswith("md:")
        else new.new_code_cell(textwrap.dedent(cell).strip("\n"))
        for cell in cells
    ]
    nbformat.write(new.new_notebook(cells=nodes), path)
    return path


def exported(folder: Path, *cells: str) -> ExportReport:
    return export_notebook(write_notebook(folder / "A3.ipynb", *cells), folder / "A3.py")


def python(folder: Path, *arguments: str) -> str:
    """Return what a fresh Python prints in a folder, which must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_script(folder: Path) -> str:
    return python(folder, "A3.py")


def imported(folder: Path, expression: str) -> str:
    """Return the value of an expression on the imported script, which must print nothing itself."""
    return python(folder, "-c", f"import A3; print({expression})").removesuffix("\n")


def run_cells(cells: tuple[str, ...]) -> str:
    """Return what the cells print when they run in order, as in a notebook without magics."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell in cells:
            exec(compile(textwrap.dedent(cell), "cell", "exec", dont_inherit=True), namespace)
    return printed.getvalue()


def left_out(report: ExportReport) -> list[tuple[int, int, str]]:
    return [(item.cell, item.line, item.text) for item in report.left_out]


def required_source(without: tuple[str, ...] = ()) -> str:
    return "\n".join(
        f"def {name}({', '.join(required_arguments(name))}):\n    raise NotImplementedError"
        for name in interface.REQUIRED_FUNCTIONS
        if name not in without
    )


def required_arguments(name: str) -> list[str]:
    arguments = interface.REQUIRED_FUNCTIONS[name]
    first_optional = len(arguments) - interface.REQUIRED_DEFAULTS[name]
    return [a if i < first_optional else f"{a}=None" for i, a in enumerate(arguments)]
