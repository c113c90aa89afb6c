"""Which of the functions that are asked for a file defines, before it is read as a whole."""

import json
import re
from dataclasses import replace

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import EXERCISES
from a3lib.kit.grading.archives import LARGEST_FILE
from a3lib.kit.grading.walk import Item
from a3lib.kit.source.documents import decoded

NAMES = "|".join(EXERCISES)
# A definition of an asked function, also as a line of a notebook's JSON.
ASKED_FUNCTION = re.compile(rf"\bdef\s+({NAMES})\s*\(|^[\s\"]*({NAMES})\s*=[^=]", re.MULTILINE)


def with_asked(item: Item) -> Item:
    """Return a file with the functions asked for that it seems to define; others as they are."""
    if item.reason or item.file is None:
        return item
    try:
        with item.file.open("rb") as stream:
            content = stream.read(LARGEST_FILE)
    except OSError:
        return item
    found = ASKED_FUNCTION.finditer(text_in(content, item.parts[-1]))
    return replace(item, asked=frozenset(one[1] or one[2] for one in found))


def text_in(content: bytes, name: str) -> str:
    """Return a file's text as the grader reads it; of a notebook its cells, if it is one."""
    try:
        text = decoded(content, name)
    except InputError:
        return content.decode("latin-1")
    if not name.lower().endswith(".ipynb"):
        return text
    try:
        cells = json.loads(text)["cells"]
        return "\n".join("".join(cell["source"]) for cell in cells)
    except (ValueError, TypeError, KeyError, RecursionError):
        return text
