"""Undo what Colab and jupytext do to notebook commands in a .py; line numbers stay the same."""

import ast
import itertools
import re
import warnings

from a3lib.kit.cells import WRAPPERS

COLAB_NOTE = "# Commented out IPython magic to ensure Python compatibility."
CELL_MAGIC = re.compile(r"# %%(\w+)")
# A command that became a comment: jupytext comments after the indentation, Colab before it.
COMMENTED = re.compile(r"(?:# (?P<colab>[ \t]+)|(?P<jupytext>[ \t]+)# )[!%?]\S.*")
# Where a cell begins in the scripts of nbconvert and of jupytext, and in ours.
MARKER = re.compile(r"# (In ?\[[\d ]*\]:|%%( .*)?|\+( .*)?|-)\s*")
MOST_REPAIRS = 500


def with_colab_cells(text: str) -> str:
    """Bring back the Python of cells that Colab commented out because of %%time and its like."""
    lines = text.split("\n")
    for index, line in enumerate(lines[:-1]):
        magic = CELL_MAGIC.match(lines[index + 1])
        if line.rstrip() != COLAB_NOTE or not magic or magic[1] not in WRAPPERS:
            continue
        at = index + 2
        while at < len(lines) and lines[at].startswith("#") and lines[at].rstrip() != COLAB_NOTE:
            lines[at] = lines[at].removeprefix("#").removeprefix(" ")
            at += 1
    return "\n".join(lines)


def syntax_error(text: str) -> SyntaxError | ValueError | None:
    """Return what is wrong with a text as Python, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return error
    return None


def with_blocks(text: str) -> str:
    """Put `pass` where an indented command became a comment: its block may have nothing else."""
    return "\n".join(
        f"{found['colab'] or found['jupytext']}pass"
        if (found := COMMENTED.fullmatch(line))
        else line
        for line in text.split("\n")
    )


def with_raw_prose(text: str) -> str:
    r"""Make raw those strings at a line's start that no longer parse, such as "\xi" in prose."""
    lines = text.split("\n")
    for _ in range(MOST_REPAIRS):
        error = syntax_error("\n".join(lines))
        at = getattr(error, "lineno", None)
        if not at or "(unicode error)" not in str(error) or not lines[at - 1].startswith('"""'):
            break
        lines[at - 1] = f"r{lines[at - 1]}"
    return "\n".join(lines)


def marked_cells(text: str) -> list[tuple[int, str]]:
    """Cut a script where a cell begins; each part comes with the number of lines above it."""
    lines = text.split("\n")
    starts = [index for index, line in enumerate(lines) if MARKER.fullmatch(line)]
    bounds = sorted({0, *starts, len(lines)})
    return [(first, "\n".join(lines[first:end])) for first, end in itertools.pairwise(bounds)]
