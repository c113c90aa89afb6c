"""Read a person's script or notebook, whatever editor or system wrote the file."""

from __future__ import annotations

import codecs
import io
import tokenize
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from a3lib.errors import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

# How zip and gzip files begin, whatever they are called.
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b")


def encoding_of(content: bytes) -> str:
    """Return the encoding: UTF-16 by its mark, what the first lines say (PEP 263), or UTF-8."""
    # A redirection in Windows' PowerShell writes UTF-16.
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError:
        return "utf-8-sig"


def decoded(content: bytes, name: str) -> str:
    """Return a file's text with Unix line ends, from the encoding that `encoding_of` says.

    Raises InputError, with the name, where it is in none, is an archive, or holds null bytes.
    """
    if content.startswith(ARCHIVES):
        raise InputError(f"{name} is an archive: unpack it, and give the file that is in it.")
    try:
        text = content.decode(encoding_of(content))
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(f"{name} is not UTF-8 text: save it again as UTF-8.") from error
    if "\0" in text:
        raise InputError(f"{name} has null bytes in it: save it again as text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parsed_notebook(text: str, name: str) -> NotebookNode:
    """Return a notebook of any version as one of version 4.

    Raises InputError, with the file's name, where the text is not a notebook.
    """
    # It may take seconds (jsonschema compiles a grammar where Jupyter is), and scripts need none.
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They are about an old notebook file.
            notebook = nbformat.reads(text, as_version=4)
        texts = [part for cell in notebook.cells for part in (cell.source, cell.cell_type)]
        if not all(isinstance(part, str) for part in texts):
            raise ValueError("a cell has no source")
    except RecursionError as error:
        raise InputError(f"{name} is nested too deeply to be read: simplify it.") from error
    except MemoryError:
        raise
    except Exception as error:  # Each kind of wrong file fails in its own way in nbformat.
        raise InputError(
            f"{name} is not a notebook: save it again where you edit it, and give that file."
        ) from error
    return notebook


def read_notebook(file: Path) -> NotebookNode:
    """Return the notebook in a file; raises InputError where it is none or cannot be read."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}): give the path of your notebook."
        ) from error
    return parsed_notebook(decoded(content, str(file)), str(file))
