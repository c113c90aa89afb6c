"""The text of the script that a notebook becomes."""

import ast
import itertools
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

from a3lib.kit.script.top_level import Findings, place
from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import CodeCell, ExportError, LeftOut, Statement, read_cell
from a3lib.kit.source.code_texts import indented
from a3lib.kit.source.interface import REQUIRED_FUNCTIONS
from a3lib.kit.source.modules import with_modules
from a3lib.kit.source.purity import NOTEBOOK_NAMES
from a3lib.kit.source.selection import sort_out
from a3lib.kit.source.told import without_given


def notebook_to_source(nb: Any) -> tuple[str, Findings]:
    """Return the script of a notebook and what to report; raises `ExportError` for a bad cell."""
    statements: list[Statement] = []
    left_out: list[LeftOut] = []
    colab: set[str] = set()
    code_numbers = itertools.count(1)
    for number, cell in enumerate(nb.cells, start=1):
        if cell.cell_type == "code":
            source = cell.source.replace("\r\n", "\n")
            of_cell = read_cell(CodeCell(number, next(code_numbers), source), colab)
            statements += of_cell[0]
            left_out += of_cell[1]

    statements, _ = with_modules(statements)
    features = sorted({n for s in statements for n in future_features(s.node)})
    future = f"from __future__ import {', '.join(features)}" if features else ""
    kept = [s for s in statements if not future_features(s.node)]
    at_top, findings = place(kept, future, places_of_state(kept))
    header = ["# Made from a notebook: change the notebook and export it again.", future]
    source = script_of(nb, [*filter(None, header), *imports_to_add(kept)], kept, at_top)
    try:
        compile(source, "script", "exec", dont_inherit=True)
    except SyntaxError as error:
        line = source.split("\n")[(error.lineno or 1) - 1].strip()
        raise ExportError(
            f"its cells do not make one script ({error.msg} at `{line}`): "
            "write that line differently and export again."
        ) from error
    return source, replace(findings, left_out=without_given(left_out))


def places_of_state(statements: list[Statement]) -> set[int]:
    """Return the places of what a reader of the script keeps whole for the asked functions."""
    bound = {name for statement in statements for name in names_of(statement.node).bound}
    if not bound & REQUIRED_FUNCTIONS.keys():
        return set()
    copies = [replace(s, line=place, node=deepcopy(s.node)) for place, s in enumerate(statements)]
    whole = {copy.line: ast.dump(copy.node) for copy in copies}
    kept, _ = sort_out(copies)
    return {s.line for s in kept if whole.get(s.line) == ast.dump(s.node)}


def future_features(node: ast.stmt) -> list[str]:
    """Return what a `from __future__` statement imports."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return [alias.name for alias in node.names]
    return []


def imports_to_add(statements: list[Statement]) -> list[str]:
    """Return imports for the names that only a notebook has without one."""
    names = [names_of(statement.node) for statement in statements]
    bound = {name for some in names for name in some.bound}
    read = {name for some in names for name in some.read | some.later}
    needed = [name for name in NOTEBOOK_NAMES if name in read - bound]
    return [f"from {NOTEBOOK_NAMES[name]} import {name}" for name in needed]


def script_of(nb: Any, header: list[str], statements: list[Statement], at_top: list[bool]) -> str:
    """Return the script: its header, what an import runs, and the rest under the guard."""
    parts: dict[bool, list[str]] = {True: ["\n".join(header)], False: []}
    headings: list[str] = []
    for number, cell in enumerate(nb.cells, start=1):
        headings += headings_of(cell.source) if cell.cell_type == "markdown" else []
        own = [(s, top) for s, top in zip(statements, at_top, strict=True) if s.cell == number]
        for top, part in parts.items():
            texts = [s.text for s, t in own if t is top and not isinstance(s.node, ast.Pass)]
            if texts:
                code = re.sub(r"\A\s*\n", "", "\n".join(texts)).rstrip()
                part.append("\n".join([*headings, f"# %% cell {number}", code]))
                headings = []
    if parts[False]:
        guarded = "\n\n".join(map(indented, parts[False]))
        parts[True].append(f'if __name__ == "__main__":\n{guarded}')
    return "\n\n\n".join(parts[True]) + "\n"


def headings_of(markdown: str) -> list[str]:
    """Return a markdown cell's headings as comments; lines in code blocks do not count."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return [f"# {line}" for line in re.findall(r"^#{1,6} .*\S", prose, flags=re.MULTILINE)]
