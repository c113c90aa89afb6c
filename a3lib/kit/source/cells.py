"""Split a notebook's cell into Python statements, and list what is left out of it."""

import ast
import re
from dataclasses import dataclass, replace

from IPython.core.inputtransformer2 import TransformerManager

from a3lib.errors import InputError
from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.code_texts import (
    FUNCTIONS,
    compiles,
    cut,
    first_line,
    in_coroutine,
    last_line,
)
from a3lib.kit.source.edits import (
    MAGIC_WHY,
    WRAPPERS,
    constants,
    edits_of,
    is_cell_magic,
    with_edits,
)
from a3lib.util.text import one_line

# The body of a cell under one of these is written to a file, and may be a module.
WRITERS = ("writefile", "file")
MODULE_FILE = re.compile(r"(?:-a |--append )?\s*[\"']?(?:\./)?([A-Za-z_]\w*)\.py[\"']?")


class ExportError(InputError):
    """The notebook cannot be exported; the message is one sentence with what to do about it."""


class CellError(ExportError):
    """A cell has a syntax error, in this line and for this reason."""

    def __init__(self, message: str, line: int, reason: str) -> None:
        super().__init__(message)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class LeftOut:
    """A line of the notebook that the script leaves out or rewrites, and why.

    `cell` is None for a line of a .py. `needed_by` has the functions that are asked for and do not
    work without it.
    """

    cell: int | None
    line: int
    text: str
    why: str
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodeCell:
    """A code cell: its number among all cells and among code cells, and lines cut off above it."""

    number: int
    code_number: int
    source: str
    lines_above: int = 0


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a cell, and the names that are gone with its left-out parts.

    `module` is the name of the module that the cell writes to a file, or "".
    """

    cell: int
    line: int
    node: ast.stmt
    text: str
    gone: frozenset[str]
    module: str = ""


def read_cell(cell: CodeCell, colab: set[str]) -> tuple[list[Statement], list[LeftOut]]:
    """Return a cell's statements as Python, and what was left out of it.

    `colab` has the names that hold something from google.colab, and is updated.

    Raises `ExportError` for a cell that has a syntax error.
    """
    code = TransformerManager().transform_cell(cell.source)
    numbers = notebook_lines(cell, code)
    tree = parse_cell(cell, code, numbers)
    edits = list(edits_of(tree.body, colab))
    left_out = [
        LeftOut(cell.number, *line_and_text(edit.node, cell, code, numbers), edit.why)
        for edit in edits
    ]
    statements = []
    for node, text in cut(with_edits(code, edits)):
        line = numbers[first_line(node) - 1]
        if is_cell_magic(node):
            of_magic = read_magic_cell(cell, line, constants(node.value), colab)  # type: ignore[attr-defined]
            statements += of_magic[0]
            left_out += of_magic[1]
            continue
        lines = range(first_line(node), last_line(node) + 1)
        gone = frozenset(n for edit in edits if first_line(edit.node) in lines for n in edit.gone)
        if isinstance(node, FUNCTIONS):
            gone = frozenset()  # They were the function's own.
        if not compiles(text):  # The cell compiles in a notebook, so this is a top-level await.
            bound = names_of(node).bound
            text = in_coroutine(f"_cell_{cell.number}_line_{line}", text, bound)
            if not compiles(text):
                why = "an await that a script cannot run here"
                left_out.append(LeftOut(cell.number, line, one_line(ast.unparse(node)), why))
                node, gone = ast.Pass(), bound
        statements.append(Statement(cell.number, line, node, text, gone))
    return statements, sorted(left_out, key=lambda item: item.line)


def parse_cell(cell: CodeCell, code: str, numbers: list[int]) -> ast.Module:
    """Parse a cell; raises `CellError`, naming its line, for a syntax error."""
    try:
        # Compiling finds what parsing lets through, such as a return outside a function.
        compile(code, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        return ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = numbers[min(getattr(error, "lineno", None) or 1, len(numbers)) - 1]
        reason = str(getattr(error, "msg", error))
        raise CellError(
            f"cell {cell.number} (code cell {cell.code_number}) has a syntax error in line {line} "
            f"({reason}): correct that line and export again.",
            line,
            reason,
        ) from error


def notebook_lines(cell: CodeCell, code: str) -> list[int]:
    """Return, for each line of the Python that IPython made from a cell, the line it came from."""
    original = [*cell.source.split("\n"), ""]
    at = next((index for index, text in enumerate(original) if text.strip()), 0)
    numbers = []
    for text in code.split("\n"):
        at = min(at, len(original) - 1)
        numbers.append(at + 1 + cell.lines_above)
        # IPython joins the continued lines of a magic, and of nothing else.
        magic = "get_ipython()" in text and "get_ipython()" not in original[at]
        while magic and original[at].endswith("\\"):
            at += 1
        at += 1
    return numbers


def read_magic_cell(
    cell: CodeCell, line: int, arguments: list[str], colab: set[str]
) -> tuple[list[Statement], list[LeftOut]]:
    """Return the statements of a cell under a cell magic, and what is left out."""
    magic, options, body = [*arguments, "", "", ""][:3]
    text = f"%%{magic} {options}".strip()
    module = MODULE_FILE.fullmatch(options.strip()) if magic in WRITERS else None
    if module and not compiles(body):
        module = None  # It is written, and never imported.
    if magic not in WRAPPERS and not module:
        why = f"the entire cell is for the notebook's magic %%{magic}"
        return [], [LeftOut(cell.number, line, text, why)]
    statements, left_out = read_cell(replace(cell, source=body, lines_above=line), colab)
    if not cell.source.split("\n")[line - 1 - cell.lines_above].lstrip().startswith("%%"):
        # nbconvert has written the entire body on the line of its magic.
        statements = [replace(statement, line=line) for statement in statements]
        left_out = [replace(item, line=line) for item in left_out]
    if module:
        statements = [replace(statement, module=module[1]) for statement in statements]
    if magic == "capture":
        gone = frozenset(word for word in options.split() if word.isidentifier())
        statements.append(Statement(cell.number, line, ast.Pass(), "", gone))
    why = f"{MAGIC_WHY}; the rest of the cell is kept"
    return statements, [LeftOut(cell.number, line, text, why), *left_out]


def line_and_text(
    node: ast.stmt | ast.expr, cell: CodeCell, code: str, numbers: list[int]
) -> tuple[int, str]:
    """Return a node's line in the notebook, and its text there on one line."""
    first, end = numbers[first_line(node) - 1], numbers[last_line(node)]
    lines = cell.source.split("\n")[first - 1 - cell.lines_above : end - 1 - cell.lines_above]
    segment = ast.get_source_segment(code, node) or ""
    return first, one_line(segment if segment in cell.source else "\n".join(lines))
