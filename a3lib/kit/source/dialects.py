"""Undo what Colab and jupytext do to notebook commands in a .py; line numbers stay the same."""

import itertools
import re

from a3lib.kit.source.edits import WRAPPERS

COLAB_NOTE = "# Commented out IPython magic to ensure Python compatibility."
CELL_MAGIC = re.compile(r"# %%(\w+)")
# A command that became a comment: jupytext comments after the indentation, Colab before it.
COMMENTED = re.compile(r"(?:# (?P<colab>[ \t]+)|(?P<jupytext>[ \t]+)# )[!%?]\S.*")
# Where a cell begins in the scripts of nbconvert and of jupytext, and in ours.
MARKER = re.compile(r"# (In ?\[[\d ]*\]:|%%( .*)?|\+( .*)?|-)\s*")


def with_colab_cells(text: str) -> str:
    """Bring back the Python of cells that Colab commented out because of %%time and the like."""
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


def with_blocks(text: str) -> str:
    """Put `pass` where an indented command became a comment: its block may have nothing else."""
    return "\n".join(
        f"{command['colab'] or command['jupytext']}pass"
        if (command := COMMENTED.fullmatch(line))
        else line
        for line in text.split("\n")
    )


def with_raw_prose(text: str, end: int) -> str:
    r"""Make raw the string that ends in the line of this number and begins at a line's start.

    Colab writes prose as strings, with its backslashes as they were, and Python refuses "\xi".
    """
    lines = text.split("\n")
    at = end - 1
    if lines[at].strip() == '"""':
        at -= 1
    while at > 0 and not lines[at].startswith('"""'):
        at -= 1
    if lines[at].startswith('"""'):
        lines[at] = f"r{lines[at]}"
    return "\n".join(lines)


def marked_cells(text: str) -> list[tuple[int, str]]:
    """Cut a script where cells begin; each part comes with the number of lines above it."""
    lines = text.split("\n")
    starts = [index for index, line in enumerate(lines) if MARKER.fullmatch(line)]
    bounds = sorted({0, *starts, len(lines)})
    return [(first, "\n".join(lines[first:end])) for first, end in itertools.pairwise(bounds)]
