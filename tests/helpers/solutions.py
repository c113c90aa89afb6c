"""How a wrong or a right solution is written down: what differs from the plain one."""

import ast
import linecache
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAIN = Path(__file__).with_name("plain_submission.py")


@dataclass(frozen=True)
class Wrong:
    """A mistake, the check meant for it, and the name that the check must give it.

    `changes` are pairs of an old text, which stands once in the plain solution, and a new one.
    `mistake` is "" where numbers cannot tell this mistake from others; then `unnamed` says why.
    `functions` are defined again after the changes, for mistakes in functions of another build.
    """

    name: str
    check: str
    mistake: str
    changes: tuple[tuple[str, str], ...]
    positions: str = "either"
    unnamed: str = ""
    functions: str = ""


@dataclass(frozen=True)
class Right:
    """A correct solution written differently: texts replaced, and functions defined again."""

    name: str
    functions: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    positions: tuple[str, ...] = ("either",)


def source_of(solution: Wrong | Right) -> str:
    """Return the plain solution with a solution's changes; a text that is not unique raises."""
    text = PLAIN.read_text(encoding="utf-8")
    try:
        return replaced(text, *solution.changes) + solution.functions
    except ValueError as error:
        raise ValueError(f"{solution.name}: {error} in {PLAIN.name}") from None


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Return a text with pairs of old and new replaced; an old one that is not unique raises."""
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times")
        text = text.replace(old, new)
    return text


def functions_in(source: str) -> dict[str, str]:
    """Return the text of each function that a source defines at its top level; the last counts."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.unparse(node) for node in nodes}


def reached_from(name: str, functions: dict[str, str]) -> frozenset[str]:
    """Return the texts of a function and of all that it names, and they in turn."""
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in functions and current not in found:
            found[current] = functions[current]
            named = ast.walk(ast.parse(functions[current]))
            waiting += [node.id for node in named if isinstance(node, ast.Name)]
    return frozenset(found.values())


def namespace_of(source: str) -> dict[str, Any]:
    """Return the globals that a solution's source defines; its guarded part is not run."""
    namespace: dict[str, Any] = {"__name__": "submission"}
    name = f"<solution {hash(source):x}>"
    # As when a submission is loaded: tracebacks, inspect and TorchScript find the source here.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), namespace)
    return namespace
