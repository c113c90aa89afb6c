"""Submissions of a few lines: how they are read, and what is kept of them."""

import ast
import textwrap
from pathlib import Path
from typing import Any

import nbformat

from a3lib.kit.source.submission import (
    Submission,
    load_statements,
    read_submission,
)

NEW = nbformat.v4
UNNEEDED = "it runs code, and no function needs it"


def read(folder: Path, source: str, name: str = "A3.py") -> Submission:
    (folder / name).write_text(textwrap.dedent(source), encoding="utf-8")
    return read_submission(folder / name)


def read_cells(folder: Path, *cells: str) -> Submission:
    nodes = [NEW.new_code_cell(textwrap.dedent(cell).strip("\n")) for cell in cells]
    nbformat.write(NEW.new_notebook(cells=nodes), folder / "A3.ipynb")
    return read_submission(folder / "A3.ipynb")


def kept(found: Submission) -> list[str]:
    """Return what is kept, each statement on one line and without its comments."""
    return ["; ".join(ast.unparse(ast.parse(item.text)).split("\n")) for item in found.kept]


def left_out(found: Submission) -> list[tuple[int, str]]:
    return [(item.line, item.text) for item in found.left_out]


def reasons(found: Submission) -> dict[int, str]:
    return {item.line: item.why for item in found.left_out}


def functions_of(found: Submission) -> dict[str, str]:
    """Return each function that is kept, as a tree."""
    nodes = [node for item in found.kept for node in ast.parse(item.text).body]
    return {node.name: ast.dump(node) for node in nodes if isinstance(node, ast.FunctionDef)}


def loaded(found: Submission, **given: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = dict(given)
    assert load_statements([item.text for item in found.kept], namespace) == []
    return namespace
