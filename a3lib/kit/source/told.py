"""Say what of a file is not executed, in the same words wherever it is said."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from a3lib.kit.source.cells import LeftOut

# The course's own lines that are left out of the notebook and its script, one a line.
GIVEN = Path(__file__).with_name("given.txt")
NEEDED = (
    "Not executed, though a function needs it; make it in the function, or without training, "
    "models and files"
)
OTHERS = "Not executed, or changed, when the file is loaded"


@cache
def given_texts() -> frozenset[str]:
    """Return the lines that are the course's own."""
    return frozenset(GIVEN.read_text(encoding="utf-8").splitlines())


def without_given(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Return what a person wrote or needs of what is left out, and not the course's own lines."""
    return tuple(item for item in left_out if item.needed_by or item.text not in given_texts())


def is_needed(item: LeftOut) -> bool:
    """Say whether an asked function does not work without a line."""
    return bool(item.needed_by)


def line_about(item: LeftOut) -> str:
    """Return where a line stands that is left out, the line, why, and which functions need it."""
    cell = f"cell {item.cell}, " if item.cell else ""
    verb = "needs" if len(item.needed_by) == 1 else "need"
    need = f"; {' and '.join(item.needed_by)} {verb} it" if item.needed_by else ""
    return f"{cell}line {item.line}: {item.text} ({item.why}{need})"


def report_on(left_out: Iterable[LeftOut]) -> list[str]:
    """Return lines about what is left out: first what functions need, then the rest."""
    items = [*left_out]
    lines = []
    for title, needed in ((NEEDED, True), (OTHERS, False)):
        about = [f"  {line_about(item)}" for item in items if is_needed(item) is needed]
        lines += [f"{title}:", *about] if about else []
    return lines
