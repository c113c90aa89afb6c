"""What other code replaces in a cell: magics, google.colab and the old AdamW."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from IPython.core.inputtransformer2 import TransformerManager

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.code_texts import (
    FUNCTIONS,
    IMPORTS,
    bound_by,
    compiles,
    first_line,
    last_line,
    parts_of,
)

# The body of a cell under one of these magics is Python that runs in the notebook.
WRAPPERS = ("time", "timeit", "capture", "prun", "memit")


OLD_ADAMW_MODULES = ("transformers", "transformers.optimization")


MAGIC_WHY = "a magic of the notebook"


COLAB_WHY = "google.colab exists only on Colab"


ADAMW_WHY = (
    "rewritten to torch.optim's AdamW, because transformers 5 has none; "
    "its default weight_decay is 0.01 where the old one's was 0"
)


@dataclass(frozen=True)
class Edit:
    """A piece of a cell's code that other code replaces, and the names that are gone with it."""

    node: ast.stmt | ast.expr
    text: str
    why: str
    gone: frozenset[str]


def is_cell_magic(node: ast.stmt) -> bool:
    """Say whether a statement is what IPython or nbconvert makes of a cell under a cell magic."""
    return isinstance(node, ast.Expr) and notebook_method(node.value) == "run_cell_magic"


def notebook_method(node: ast.AST) -> str:
    """Return "x" for a call `get_ipython().x(...)`, which IPython makes of a magic, or ""."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr if ast.unparse(node.func.value) == "get_ipython()" else ""
    return ""


def constants(call: ast.AST) -> list[str]:
    """Return the constant arguments of a call, as text."""
    return [
        str(part.value) for part in ast.iter_child_nodes(call) if isinstance(part, ast.Constant)
    ]


def edits_of(body: list[ast.stmt], colab: set[str], at_top: bool = True) -> Iterator[Edit]:
    """Yield, in order, what to replace in statements and in those inside them."""
    for node in body:
        if at_top and is_cell_magic(node):
            continue  # Its body is read as a cell of its own.
        own, inner = parts_of(node)
        if isinstance(node, IMPORTS):
            edit = edit_of_import(node, at_top)
        else:
            edit = edit_of_statement(node, own, colab)
        if edit:
            yield edit
        else:
            # In a function the same name may be a local one, so only magics are looked for there.
            inside = set[str]() if isinstance(node, FUNCTIONS) else colab
            yield from edits_of(inner, inside, at_top=False)
        if at_top:
            colab -= names_of(node).bound
            colab |= {bound_by(alias) for alias in colab_aliases(node)}


def edit_of_import(node: ast.Import | ast.ImportFrom, at_top: bool) -> Edit | None:
    """Return what to do to an import of google.colab or of the old AdamW."""
    # An import of google.colab inside a `try` or an `if` has its own fallback, so it stays.
    colab = colab_aliases(node) if at_top else []
    old = isinstance(node, ast.ImportFrom) and node.module in OLD_ADAMW_MODULES
    adamw = [alias for alias in node.names if old and alias.name == "AdamW"]
    kept = [alias for alias in node.names if alias not in colab + adamw]
    if kept == node.names:
        return None
    lines = [f"from torch.optim import {ast.unparse(alias)}" for alias in adamw]
    if kept:
        start = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
        lines.append(f"{start}import {', '.join(map(ast.unparse, kept))}")
    gone = frozenset(bound_by(alias) for alias in colab)
    return Edit(node, "; ".join(lines) or "pass", ADAMW_WHY if adamw else COLAB_WHY, gone)


def colab_aliases(node: ast.stmt) -> list[ast.alias]:
    """Return the names that a statement imports from google.colab."""
    if not isinstance(node, IMPORTS):
        return []
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [alias for alias in node.names if f"{module}{alias.name}.".startswith("google.colab.")]


def edit_of_statement(node: ast.stmt, own: list[ast.AST], colab: set[str]) -> Edit | None:
    """Return what to do to a statement with a magic or a Colab name in it."""
    for part in chain.from_iterable(map(ast.walk, own)):
        if notebook_method(part):
            return edit_of_magic(node, part)
        if isinstance(part, ast.Name) and part.id in colab and isinstance(part.ctx, ast.Load):
            return Edit(node, "pass", COLAB_WHY, names_of(node).bound)
    return None


def edit_of_magic(node: ast.stmt, call: ast.AST) -> Edit:
    """Return the edit that takes a magic or shell command out of a statement."""
    method, arguments = notebook_method(call), constants(call)
    if (
        arguments[:1] == ["time"]
        and isinstance(node, (ast.Expr, ast.Assign))
        and node.value is call
    ):
        timed = TransformerManager().transform_cell(arguments[1]).strip()
        alone = timed if isinstance(node, ast.Expr) else f"timed = ({timed})"
        if timed and "get_ipython()" not in timed and compiles(alone):
            why = f"{MAGIC_WHY}; the statement it times is kept"
            return Edit(node.value, timed, why, frozenset())
    gone = names_of(node).bound
    what = "a shell command" if method in ("system", "getoutput") else MAGIC_WHY
    lost = f", and with it {' and '.join(sorted(gone))}" if gone else ""
    return Edit(node, "pass", f"{what}{lost}", gone)


def with_edits(code: str, edits: Iterable[Edit]) -> str:
    """Replace pieces of code and keep the number of lines; a tree's columns count bytes."""
    lines = [line.encode() for line in code.split("\n")]
    for edit in reversed(list(edits)):
        first, last = first_line(edit.node) - 1, last_line(edit.node) - 1
        after = lines[last][edit.node.end_col_offset :]
        lines[first] = lines[first][: edit.node.col_offset] + edit.text.encode() + after
        lines[first + 1 : last + 1] = [b""] * (last - first)
    return b"\n".join(lines).decode()
