"""Split a notebook's cell into Python statements, and list what is left out of it."""

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from IPython.core.inputtransformer2 import TransformerManager

from a3lib.errors import InputError
from a3lib.kit.source.bindings import names_of
from a3lib.util.text import one_line

# The body of a cell under one of these magics is Python that runs in the notebook.
WRAPPERS = ("time", "timeit", "capture", "prun", "memit")
OLD_ADAMW_MODULES = ("transformers", "transformers.optimization")
MAGIC_WHY = "a magic of the notebook"
COLAB_WHY = "google.colab exists only on Colab"
ADAMW_WHY = (
    "rewritten to torch.optim's AdamW, because transformers 5 has none; "
    "its default weight_decay is 0.01 where the old one's was 0"
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)


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

    `cell` is None for a line of a .py.
    """

    cell: int | None
    line: int
    text: str
    why: str


@dataclass(frozen=True)
class CodeCell:
    """A code cell: its number among all cells and among code cells, and lines cut off above it."""

    number: int
    code_number: int
    source: str
    lines_above: int = 0


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a cell, and the names that are gone with its left-out parts."""

    cell: int
    line: int
    node: ast.stmt
    text: str
    gone: frozenset[str]


@dataclass(frozen=True)
class Edit:
    """A piece of a cell's code that other code replaces, and the names that are gone with it."""

    node: ast.stmt | ast.expr
    text: str
    why: str
    gone: frozenset[str]


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


def is_cell_magic(node: ast.stmt) -> bool:
    """Say whether a statement is what IPython or nbconvert makes of a cell under a cell magic."""
    return isinstance(node, ast.Expr) and notebook_method(node.value) == "run_cell_magic"


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


def read_magic_cell(
    cell: CodeCell, line: int, arguments: list[str], colab: set[str]
) -> tuple[list[Statement], list[LeftOut]]:
    """Return the statements of a cell under a cell magic, and what is left out."""
    magic, options, body = [*arguments, "", "", ""][:3]
    text = f"%%{magic} {options}".strip()
    if magic not in WRAPPERS:
        why = f"the entire cell is for the notebook's magic %%{magic}"
        return [], [LeftOut(cell.number, line, text, why)]
    statements, left_out = read_cell(replace(cell, source=body, lines_above=line), colab)
    if not cell.source.split("\n")[line - 1 - cell.lines_above].lstrip().startswith("%%"):
        # nbconvert has written the entire body on the line of its magic.
        statements = [replace(statement, line=line) for statement in statements]
        left_out = [replace(item, line=line) for item in left_out]
    if magic == "capture":
        gone = frozenset(word for word in options.split() if word.isidentifier())
        statements.append(Statement(cell.number, line, ast.Pass(), "", gone))
    why = f"{MAGIC_WHY}; the rest of the cell is kept"
    return statements, [LeftOut(cell.number, line, text, why), *left_out]


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


def parts_of(node: ast.AST) -> tuple[list[ast.AST], list[ast.stmt]]:
    """Return a statement's own expressions, and the statements inside it."""
    own: list[ast.AST] = []
    inner: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            inner.append(child)
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            of_child = parts_of(child)
            own += of_child[0]
            inner += of_child[1]
        else:
            own.append(child)
    return own, inner


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


def bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


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


def line_and_text(
    node: ast.stmt | ast.expr, cell: CodeCell, code: str, numbers: list[int]
) -> tuple[int, str]:
    """Return a node's line in the notebook, and its text there on one line."""
    first, end = numbers[first_line(node) - 1], numbers[last_line(node)]
    lines = cell.source.split("\n")[first - 1 - cell.lines_above : end - 1 - cell.lines_above]
    segment = ast.get_source_segment(code, node) or ""
    return first, one_line(segment if segment in cell.source else "\n".join(lines))


def with_edits(code: str, edits: Iterable[Edit]) -> str:
    """Replace pieces of code and keep the number of lines; a tree's columns count bytes."""
    lines = [line.encode() for line in code.split("\n")]
    for edit in reversed(list(edits)):
        first, last = first_line(edit.node) - 1, last_line(edit.node) - 1
        after = lines[last][edit.node.end_col_offset :]
        lines[first] = lines[first][: edit.node.col_offset] + edit.text.encode() + after
        lines[first + 1 : last + 1] = [b""] * (last - first)
    return b"\n".join(lines).decode()


def first_line(node: ast.stmt | ast.expr) -> int:
    """Return the line that a node begins on, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(part.lineno for part in [node, *decorators])


def last_line(node: ast.stmt | ast.expr) -> int:
    """Return the line that a node ends on."""
    return node.end_lineno or node.lineno


def cut(code: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yield a module's statements with their text and the comments above them."""
    lines = code.split("\n")
    body = ast.parse(code).body
    done = 0
    for index, node in enumerate(body):
        shared = done >= first_line(node) or any(
            first_line(after) <= last_line(node) for after in body[index + 1 : index + 2]
        )
        above = lines[done : first_line(node) - 1]
        done = max(done, last_line(node)) if node is not body[-1] else len(lines)
        while done < len(lines) and re.match(r"\s+#", lines[done]):
            done += 1  # A comment that is indented belongs to what is above it.
        text = "\n".join(lines[first_line(node) - 1 : done])
        # A statement that shares its line with another is written anew.
        alone = not shared and is_code_of(text, [node])
        yield node, "\n".join([*above, text if alone else ast.unparse(node)])


def is_code_of(text: str, nodes: list[ast.stmt]) -> bool:
    """Say whether a text parses to exactly these statements."""
    try:
        return ast.dump(ast.parse(text)) == ast.dump(ast.Module(nodes, []))
    except SyntaxError:
        return False


def compiles(text: str) -> bool:
    """Say whether a text is a module that Python compiles."""
    try:
        compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def in_coroutine(name: str, text: str, bound: frozenset[str]) -> str:
    """Return code that runs a statement with a top-level await, and binds the same globals."""
    body = f"global {', '.join(sorted(bound))}\n{text}" if bound else text
    return f"import asyncio\n\nasync def {name}():\n{indented(body)}\n\nasyncio.run({name}())"


def indented(text: str) -> str:
    """Indent code, except for a string's later lines where that would alter the string."""
    tree = ast.parse(text)
    everywhere = textwrap.indent(text, "    ")
    if is_code_of(f"if 1:\n{everywhere}", [ast.If(ast.Constant(1), tree.body, [])]):
        return everywhere
    strings = [n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr))]
    inside = {line for n in strings for line in range(n.lineno + 1, last_line(n) + 1)}
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(text.split("\n"), start=1)
    )
