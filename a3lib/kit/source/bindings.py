"""The globals that a statement of the notebook binds and reads."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")


@dataclass(frozen=True)
class Names:
    """The globals a statement binds, reads at once, reads in functions, and rebinds in them."""

    bound: frozenset[str]
    read: frozenset[str]
    later: frozenset[str]
    reassigned: frozenset[str]


def names_of(node: ast.stmt, future: str = "") -> Names:
    """Return the globals of a statement; `future` is the notebook's `from __future__` line."""
    table = symtable.symtable(f"{future}\n{ast.unparse(node)}", "cell", "exec")
    bound, read, later, reassigned = set[str](), set[str](), set[str](), set[str]()
    for scope, when_called in [(table, False), *scopes_in(table)]:
        for symbol in scope.get_symbols():
            assigned = symbol.is_assigned() or symbol.is_imported()
            if symbol.is_referenced() and symbol.is_global():
                (later if when_called else read).add(symbol.get_name())
            if assigned and (scope is table or symbol.is_declared_global()):
                (reassigned if when_called else bound).add(symbol.get_name())
    bound -= set(future.replace(",", " ").split())
    return Names(frozenset(bound), frozenset(read), frozenset(later), frozenset(reassigned))


def scopes_in(
    table: symtable.SymbolTable, when_called: bool = False
) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """Yield all scopes within one, each with whether its code waits for a call."""
    for scope in table.get_children():
        at_once = scope.get_type() == "class" or scope.get_name() in COMPREHENSIONS
        yield scope, when_called or not at_once
        yield from scopes_in(scope, when_called or not at_once)
