"""Which statements an import may run, and which must wait behind the guard."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from a3lib.kit.source.bindings import Names, names_of
from a3lib.kit.source.cells import LeftOut, Statement
from a3lib.kit.source.code_texts import FUNCTIONS, IMPORTS, bound_by, parts_of
from a3lib.kit.source.interface import INTERFACE_GLOBALS
from a3lib.kit.source.purity import BUILTINS, DISPLAYS, is_plain

CONSTANTS = (ast.Assign, ast.AnnAssign)


@dataclass(frozen=True)
class Findings:
    """What a reader of the script must know about the export."""

    left_out: tuple[LeftOut, ...]
    supplied_globals: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class Seen:
    """What is known about names from the statements before the one being placed."""

    top: set[str] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)  # Guarded code reaches these.
    changeable: set[str] = field(default_factory=set)  # Code can alter these in place.
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    mentions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reassigned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def place(
    statements: list[Statement], future: str, state: Set[int] = frozenset()
) -> tuple[list[bool], Findings]:
    """Return which statements stay at the top level, and what to report about it.

    `state` has the places of those that make what functions need, and are harmless to run.
    """
    seen = Seen()
    at_top: list[bool] = []
    problems: list[str] = []
    needed_in_functions: set[str] = set()
    for index, statement in enumerate(statements):
        node, names = statement.node, names_of(statement.node, future)
        why = why_guarded(node, names, seen, is_state=index in state)
        at_top.append(why is None)
        needed_in_functions |= names.later if why is None else set()
        where = f"cell {statement.cell}, line {statement.line}"
        reads = names.read | names.later
        problems += [
            f"{where}: {name} is used, but the line that made it is left out"
            for name in sorted((reads & seen.gone) | ((reads & statement.gone) - names.bound))
        ]
        guarded_before = set(seen.guarded)
        note(statement, names, seen, guarded=why is not None)
        redefined = sorted(names.bound & seen.top & (seen.guarded - guarded_before))
        if redefined:
            problems.append(
                f"{where}: {', '.join(redefined)} gets another value here, after other code ran, "
                "so this is under the guard and an import has the earlier value"
            )
        elif why and defines(node) and not isinstance(node, CONSTANTS):
            lost = ", ".join(sorted(names.bound))
            problems.append(f"{where}: {lost} is under the guard, so an import lacks it: {why}")
    # Of other names that are not there `told` says which function lacks them.
    supplied = (needed_in_functions & (seen.guarded | seen.gone) & INTERFACE_GLOBALS) - seen.top
    return at_top, Findings((), tuple(sorted(supplied)), tuple(problems))


def why_guarded(node: ast.stmt, names: Names, seen: Seen, is_state: bool) -> str | None:
    """Say why a statement must run after the code before it, or None for the top level."""
    if not defines(node) and not is_state:
        return "it runs code"
    late = names.read & (seen.guarded | seen.gone)
    if "*" not in seen.top:
        late |= names.read - seen.top - BUILTINS
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        late |= reached_from(names.read, seen.mentions) & seen.changeable & seen.used
    if late:
        return f"it needs {', '.join(sorted(late))} when it is defined, not only when it is called"
    for name, value in values_of(node, names).items():
        used = name in seen.used and (name in seen.top or name in BUILTINS)
        if (used or name in seen.guarded) and seen.values[name] != {value}:
            return f"code before it has another {name}"
    return None


def defines(node: ast.stmt) -> bool:
    """Return whether a statement only defines names, so that an import may run it."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, *IMPORTS)):
        return True
    if isinstance(node, ast.Try):  # Such as an import with a fallback.
        return all(isinstance(part, ast.Pass) or defines(part) for part in parts_of(node)[1])
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if not isinstance(node, CONSTANTS) or not (node.value is None or is_plain(node.value)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [name for t in targets for name in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return all(isinstance(name, ast.Name) for name in names)


def has_display(node: ast.stmt) -> bool:
    """Say whether a statement makes a list, a dictionary or a set."""
    return any(isinstance(part, DISPLAYS) for part in ast.walk(node))


def values_of(node: ast.stmt, names: Names) -> dict[str, str]:
    """Return a text for each name bound; equal texts mean that binding it again alters nothing."""
    lasting = isinstance(node, CONSTANTS) and defines(node) and not has_display(node)
    same = isinstance(node, FUNCTIONS) or lasting
    values = dict.fromkeys(sorted(names.bound), ast.dump(node) if same else str(id(node)))
    for part in (part for part in ast.walk(node) if isinstance(part, IMPORTS)):
        start = f"{'.' * part.level}{part.module}." if isinstance(part, ast.ImportFrom) else ""
        for alias in part.names:
            name = bound_by(alias)
            values |= {name: start + (alias.name if start or alias.asname else name)}
    return {name: value for name, value in values.items() if name in names.bound}


def note(statement: Statement, names: Names, seen: Seen, guarded: bool) -> None:
    """Update `seen` with a statement that has been placed."""
    node, reads = statement.node, names.read | names.later
    if isinstance(node, ast.ClassDef) or (isinstance(node, CONSTANTS) and has_display(node)):
        seen.changeable |= names.bound
    for name, value in values_of(node, names).items():
        seen.values[name].add(value)
        seen.mentions[name] |= reads
        seen.reassigned[name] |= names.reassigned
    if guarded:
        reached = reached_from(reads, seen.mentions)
        seen.used |= reached
        again = {name for name in names.bound & seen.top if len(seen.values[name]) == 1}
        seen.guarded |= (names.bound - again).union(*(seen.reassigned[n] for n in reached))
    else:
        stars = {"*"} & {alias.name for alias in getattr(node, "names", [])}
        seen.top |= names.bound | stars
        seen.guarded -= names.bound
    seen.gone = (seen.gone - names.bound) | statement.gone


def reached_from(names: Iterable[str], mentions: dict[str, set[str]]) -> set[str]:
    """Return the names that code can reach from some names, through the functions it calls."""
    reached, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += mentions[name]
    return reached
