"""Run a submission's statements one by one, in the process that is meant for them.

Because this runs beside the student's code, nothing is imported here but the standard library
and modules that import nothing else.
"""

import __future__

import linecache
import sys
from typing import Any

from a3lib.util.text import described, printable

MODULE = "submission"
FUTURE_FLAGS = sum(
    {getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
)


class LoadedModule:
    """What stands in `sys.modules` for a submission: an object whose attributes are a namespace.

    Dataclasses, pickles and type hints look their module up there by its name.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.__dict__ = namespace


def load_statements(texts: list[str], namespace: dict[str, Any]) -> list[str]:
    """Run each statement by itself in `namespace`, and return one line for each that raised.

    The namespace's `__name__` is "submission", so a guard never fires. A statement that raises,
    even SystemExit or KeyboardInterrupt, stops none of those after it.
    """
    namespace["__name__"] = MODULE
    sys.modules[MODULE] = LoadedModule(namespace)  # type: ignore[assignment]
    errors = []
    flags = 0
    for number, text in enumerate(texts, start=1):
        name = f"<submission, statement {number}>"
        # Tracebacks and inspect find the source here.
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        try:
            code = compile(text, name, "exec", flags=flags, dont_inherit=True)
            flags |= code.co_flags & FUTURE_FLAGS
            exec(code, namespace)
        except BaseException as error:
            errors.append(f"{first_line_of_code(text)}: {printable(described(error))}")
    return errors


def first_line_of_code(text: str) -> str:
    """Return a statement's first line that is not a comment, made printable."""
    lines = [line.strip() for line in text.splitlines()]
    return printable(next((line for line in lines if line and not line.startswith("#")), ""), 100)
