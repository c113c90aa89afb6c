"""Solution regions of a cell: found, taken out for the students, and put back again.

A region stands between a line `# BEGIN SOLUTION` and a line `# END SOLUTION` and holds whole
statements of one block. A student sees its `# TODO:` comments, with the comment lines that follow
them, and inside a function a NotImplementedError that names the function.
"""

import ast
import io
import re
import textwrap
import tokenize
from dataclasses import dataclass

from a3lib.errors import InputError

BEGIN, END, TODO = "# BEGIN SOLUTION", "# END SOLUTION", "# TODO:"
# Anything that could be meant as a marker.
MARKER = re.compile(r"\b(BEGIN|END)\s+SOLUTION\b", re.IGNORECASE)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Region:
    """A region of a cell: its text with both markers, and what a student sees in its place.

    `line` is the first marker's, counted from 1; `code` is the text without markers and TODOs.
    """

    line: int
    text: str
    replacement: str
    code: str


def find_regions(source: str, cell: int) -> list[Region]:
    """Return the regions of a code cell in order; `cell` is its number, for messages.

    Raises InputError where a marker is unclosed, nested or misplaced, where a region is not whole
    statements of one block, and where it has no TODO or nothing but TODOs.
    """
    if not MARKER.search(source):
        return []
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise refusal(cell, error.lineno or 1, "a cell with a solution must be plain Python") from (
            error
        )
    lines = source.split("\n")
    spans = marker_spans(source, lines, cell)
    return [make_region(lines, tree, begin, end, cell) for begin, end in spans]


def refusal(cell: int, line: int, what: str) -> InputError:
    """Return the error for something wrong at a line of a cell."""
    return InputError(f"Cell {cell}, line {line}: {what}.")


def check_no_markers(source: str, cell: int) -> None:
    """Raise InputError where a text cell has something like a marker in it."""
    for number, line in enumerate(source.split("\n"), start=1):
        if MARKER.search(line):
            raise refusal(cell, number, "a solution's marker is in a cell that is not code")


def comment_lines(source: str) -> set[int]:
    """Return the lines, from 1, of the comments that stand outside every bracket and string."""
    depth, lines = 0, set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if token.type == tokenize.COMMENT and depth == 0:
            lines.add(token.start[0])
    return lines


def marker_spans(source: str, lines: list[str], cell: int) -> list[tuple[int, int]]:
    """Return the lines, from 1, of each pair of markers."""
    spans: list[tuple[int, int]] = []
    begin = None
    comments = comment_lines(source)
    for number, line in enumerate(lines, start=1):
        if not MARKER.search(line):
            continue
        if line.strip() not in (BEGIN, END):
            raise refusal(cell, number, f"a marker is {BEGIN!r} or {END!r}, alone on its line")
        if number not in comments:
            raise refusal(cell, number, "a marker stands inside a string or a statement")
        if line.strip() == BEGIN:
            if begin is not None:
                raise refusal(cell, number, f"a region is nested in the one of line {begin}")
            begin = number
        elif begin is None:
            raise refusal(cell, number, "a region ends that has not begun")
        else:
            spans.append((begin, number))
            begin = None
    if begin is not None:
        raise refusal(cell, begin, "the region is not closed")
    return spans


def make_region(lines: list[str], tree: ast.Module, begin: int, end: int, cell: int) -> Region:
    """Return the region between two markers; raises InputError as `find_regions` does."""
    inside = lines[begin : end - 1]
    margin = indentation(lines[begin - 1])
    todo = todo_lines(inside)
    if not todo:
        raise refusal(cell, begin, f"the region has no {TODO!r} comment")
    code = textwrap.dedent("\n".join(line for n, line in enumerate(inside) if n not in todo))
    statements = parsed(code)
    first, last = code_lines(inside, begin + 1)
    if statements == [] or first == 0:
        raise refusal(cell, begin, "the region has no solution in it")
    whole = (
        statements is not None
        and indentation(lines[end - 1]) == margin
        and (first, last) == extent(tree, begin, end, len(margin))
    )
    if not whole:
        raise refusal(cell, begin, "the region cuts a statement in two")
    replacement = [inside[n] for n in sorted(todo)]
    if margin:
        name = function_around(tree, begin)
        if name is None:
            raise refusal(cell, begin, "a region is at the top level or inside a function")
        replacement.append(f'{margin}raise NotImplementedError("TODO: {name}")')
    text = "\n".join(lines[begin - 1 : end])
    return Region(begin, text, "\n".join(replacement), code)


def indentation(line: str) -> str:
    """Return the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def todo_lines(lines: list[str]) -> set[int]:
    """Return which lines, from 0, are TODO comments or the comments that continue one."""
    todo: set[int] = set()
    for number, line in enumerate(lines):
        text = line.strip()
        if text.startswith(TODO) or (text.startswith("#") and number - 1 in todo):
            todo.add(number)
    return todo


def code_lines(lines: list[str], number: int) -> tuple[int, int]:
    """Return the first and the last line with code, where the first of `lines` has this number."""
    numbers = [n for n, line in enumerate(lines, start=number) if is_code(line)]
    return (numbers[0], numbers[-1]) if numbers else (0, 0)


def is_code(line: str) -> bool:
    """Say whether a line is neither blank nor a comment."""
    return bool(line.strip()) and not line.strip().startswith("#")


def parsed(code: str) -> list[ast.stmt] | None:
    """Return the statements of some code, or None where it cannot be parsed by itself."""
    try:
        return ast.parse(code).body
    except SyntaxError:
        return None


def extent(tree: ast.Module, begin: int, end: int, column: int) -> tuple[int, int]:
    """Return the first and last line of the statements that begin between two lines, at a column.

    A statement reaches from its decorators to the end of its last block.
    """
    statements = [
        (min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]), node)
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.col_offset == column
    ]
    inside = [
        (first, node.end_lineno or first) for first, node in statements if begin < first < end
    ]
    firsts, lasts = zip(*inside, strict=True) if inside else ((0,), (0,))
    return min(firsts), max(lasts)


def function_around(tree: ast.Module, line: int) -> str | None:
    """Return the name of the innermost function around a line."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and node.lineno < line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: node.lineno).name if around else None


def strip(source: str, cell: int) -> str:
    """Return a cell as a student gets it; raises InputError as `find_regions` does."""
    for region in find_regions(source, cell):
        source = source.replace(region.text, region.replacement, 1)
    return source


def restore(stripped: str, regions: list[Region]) -> str:
    """Put the solutions back into a stripped cell.

    Raises InputError where the cell does not have what `strip` left.
    """
    parts, rest = [], stripped
    for region in regions:
        before, replacement, rest = rest.partition(region.replacement)
        if not replacement:
            raise InputError(
                f"The region of line {region.line} has no place in {stripped[:60]!r}; make the "
                "student's notebook again."
            )
        parts += [before, region.text]
    return "".join([*parts, rest])
