"""Read what a student handed in, a .py or a notebook, as source: none of it is run.

Definitions, imports and constants are kept, and what functions need of the rest; everything else
at the top level is left out and listed. `dialects` undoes what exporters do to notebook commands,
`selection` says what is kept, and `portability` replaces names that only the author's machine has.
"""

import ast
import os
import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import CellError, CodeCell, LeftOut, Statement, read_cell
from a3lib.kit.source.code_texts import FUNCTIONS, first_line, parts_of
from a3lib.kit.source.dialects import marked_cells, with_blocks, with_colab_cells, with_raw_prose
from a3lib.kit.source.documents import decoded, parsed_notebook
from a3lib.kit.source.execute import load_statements
from a3lib.kit.source.interface import REQUIRED_FUNCTIONS
from a3lib.kit.source.modules import with_modules
from a3lib.kit.source.portability import without_foreign_names
from a3lib.kit.source.selection import sort_out
from a3lib.kit.source.told import without_given
from a3lib.util.text import printable

__all__ = ["Kept", "Submission", "SubmissionError", "load_statements", "read_submission"]

LARGEST_FILE = 20_000_000  # bytes; a notebook has figures in it
LARGEST_CODE = 300_000  # characters of code
MOST_REPAIRS = 50
# IPython reads all of a cell again for each command in it.
MOST_COMMANDS = 200  # in a cell
MOST_COMMAND_WORK = 20_000_000  # characters of a cell, times the commands in it
COMMAND = re.compile(r"^[ \t]*[!%?]|\?[ \t]*$|=[ \t]*[!%]", re.MULTILINE)
# No line of a notebook's JSON begins so.
LINE_OF_CODE = re.compile(r"^(?:def|import|from|class)\s", re.MULTILINE)
TOO_DEEP = "an expression is nested too deeply to be read"


class SubmissionError(InputError):
    """A file cannot be read as a submission; one sentence says why and what to do."""


@dataclass(frozen=True)
class Kept:
    """A top-level statement that is kept; `cell` is None for a line of a .py."""

    line: int
    cell: int | None
    text: str


@dataclass(frozen=True)
class Submission:
    """What is kept of a file, what is left out and why, and the names of its functions."""

    kept: tuple[Kept, ...]
    left_out: tuple[LeftOut, ...]
    functions: frozenset[str]


def read_submission(file: Path) -> Submission:
    """Read a submission, and run nothing of it; raises `SubmissionError` where that is impossible.

    A notebook's cell with a syntax error is left out, and so is a marked cell of a .py.
    """
    name = printable(file.name, 100)
    if file.suffix.lower() not in (".py", ".ipynb"):
        raise SubmissionError(f"{name} is neither a .py nor an .ipynb: hand in one of these.")
    try:
        text = read_text(file, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They are about a student's code or an old notebook.
            if not is_notebook(text, file):
                return read_script(text, name)
            return of_the_person(sorted_out(notebook_cells(text, name), name))
    except SubmissionError:
        raise
    except InputError as error:
        raise SubmissionError(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise SubmissionError(f"{name} cannot be read: {TOO_DEEP}; simplify it.") from error


def read_script(text: str, name: str) -> Submission:
    """Return what is kept of a script's text; raises `SubmissionError` with its name."""
    return of_the_person(sorted_out(script_cells(text), name))


def of_the_person(found: Submission) -> Submission:
    """Return a submission that lists nothing of the course's own lines as left out."""
    return replace(found, left_out=without_given(found.left_out))


def read_text(file: Path, name: str) -> str:
    """Return a plain file's text with Unix line ends; raises SubmissionError or InputError."""
    try:
        if file.is_symlink() or not stat.S_ISREG(file.stat().st_mode):
            raise SubmissionError(f"{name} is not a plain file: give the .py or .ipynb itself.")
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SubmissionError(
            f"{name} cannot be read ({error.strerror}): give the path of a .py or .ipynb."
        ) from error
    if len(content) > LARGEST_FILE:
        raise SubmissionError(
            f"{name} has more than {LARGEST_FILE // 1_000_000} MB: hand in a notebook without "
            "outputs, or the .py."
        )
    if not content.strip():
        raise SubmissionError(f"{name} is empty: hand in the file that has your functions.")
    return decoded(content, name)


def is_notebook(text: str, file: Path) -> bool:
    """Say whether a text is a notebook: its content decides, and only in doubt its name."""
    if text.lstrip().startswith("{"):
        return '"nbformat"' in text or file.suffix.lower() == ".ipynb"
    return file.suffix.lower() == ".ipynb" and not LINE_OF_CODE.search(text)


def notebook_cells(text: str, name: str) -> list[CodeCell]:
    """Return a notebook's code cells; raises InputError where it is not one."""
    cells = parsed_notebook(text, name).cells
    code = [(n, cell.source) for n, cell in enumerate(cells, start=1) if cell.cell_type == "code"]
    return [CodeCell(number, i, source) for i, (number, source) in enumerate(code, start=1)]


def script_cells(text: str) -> list[CodeCell]:
    """Return a script as one cell with the number 0, or as several if it does not parse whole."""
    text = with_colab_cells(text)
    if not problem_of(text):
        return [CodeCell(0, 1, text)]
    text = with_blocks(text)
    for _ in range(MOST_REPAIRS):
        problem = problem_of(text)
        if not problem:
            return [CodeCell(0, 1, text)]
        if "(unicode error)" not in problem.reason:
            break
        text = with_raw_prose(text, problem.line)
    parts = [(above, part) for above, part in marked_cells(text) if part.strip()]
    return [CodeCell(0, i, part, above) for i, (above, part) in enumerate(parts, start=1)]


def problem_of(text: str) -> CellError | None:
    """Return why a text is not Python, even without the notebook commands in it, or None."""
    try:
        read_one(CodeCell(0, 1, text), set())
    except CellError as error:
        return error
    return None


def read_one(cell: CodeCell, colab: set[str]) -> tuple[list[Statement], list[LeftOut]]:
    """Read a cell as `read_cell` does; raises `CellError` also for what would take too long."""
    commands = len(COMMAND.findall(cell.source))
    if commands > MOST_COMMANDS:
        raise CellError("", cell.lines_above + 1, "it has too many commands in it")
    if len(cell.source) > LARGEST_CODE or len(cell.source) * commands > MOST_COMMAND_WORK:
        raise CellError("", cell.lines_above + 1, "it has too much code to be read")
    try:
        return read_cell(cell, colab)
    except (RecursionError, MemoryError) as error:
        raise CellError("", cell.lines_above + 1, TOO_DEEP) from error


def sorted_out(cells: list[CodeCell], name: str) -> Submission:
    """Read all cells and sort out what is kept; raises `SubmissionError` for a bad .py."""
    statements: list[Statement] = []
    left_out: list[LeftOut] = []
    bad: list[tuple[CodeCell, CellError]] = []
    colab: set[str] = set()
    for cell in cells:
        try:
            of_cell = read_one(cell, colab)
        except CellError as problem:
            bad.append((cell, problem))
        else:
            statements += of_cell[0]
            left_out += of_cell[1]
    if len(bad) == len(cells) and bad and not bad[0][0].number:
        line, reason = bad[0][1].line, bad[0][1].reason
        raise SubmissionError(
            f"{name} has a syntax error in line {line} ({reason}): correct that line."
        )
    for cell, error in bad:
        text = cell.source.split("\n")[error.line - 1 - cell.lines_above]
        why = f"the entire cell, because of a syntax error ({error.reason})"
        left_out.append(LeftOut(cell.number, error.line, text, why))

    statements, clashes = with_modules(statements)
    kept, others = sort_out(statements)
    left_out += [*clashes, *others]
    portable = [without_foreign(statement, left_out) for statement in kept]
    items = [replace(o, cell=o.cell or None, text=printable(o.text, 160)) for o in left_out]
    items.sort(key=lambda item: (item.cell or 0, item.line))
    return Submission(tuple(portable), tuple(items), functions_of(kept))


def without_foreign(statement: Statement, left_out: list[LeftOut]) -> Kept:
    """Return a statement as it is kept, and list what of it had to be replaced."""
    whole = ast.unparse(statement.node)
    node, notes = without_foreign_names(statement.node)
    for part, text, why in notes:
        line = statement.line + getattr(part, "lineno", 0) - first_line(statement.node)
        left_out.append(LeftOut(statement.cell, max(line, statement.line), text, why))
    text = ast.unparse(node) if ast.unparse(node) != whole else statement.text
    return Kept(statement.line, statement.cell or None, text)


def functions_of(statements: list[Statement]) -> frozenset[str]:
    """Return the names of functions that are kept: defined, lambdas, and other names for them."""
    names: set[str] = set()
    for node in (part for s in statements for part in blocks_of(s.node)):
        if isinstance(node, FUNCTIONS):
            names.add(node.name)
        elif isinstance(node, ast.Assign) and (
            isinstance(node.value, ast.Lambda)
            or (isinstance(node.value, ast.Name) and node.value.id in names)
        ):
            names |= names_of(node).bound
        else:  # Such as train = functools.partial(...).
            names |= names_of(node).bound & REQUIRED_FUNCTIONS.keys()
    return frozenset(names)


def blocks_of(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement, and those inside a `try` or an `if`."""
    yield node
    if isinstance(node, (ast.Try, ast.If)):
        for inner in parts_of(node)[1]:
            yield from blocks_of(inner)
