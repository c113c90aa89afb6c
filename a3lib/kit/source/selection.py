"""Which top-level statements of a submission are kept: definitions, and what functions need.

Definitions, imports and constants are always kept. Any other statement is kept if a function needs
what it binds or changes, directly or through other statements, and if nothing in it trains, loads,
writes or the like (`purity`). In a `try` and an `if` this is said of each statement inside.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import LeftOut, Statement
from a3lib.kit.source.changes import at_once
from a3lib.kit.source.code_texts import (
    FUNCTIONS,
    IMPORTS,
    bound_by,
    first_line,
)
from a3lib.kit.source.edits import colab_aliases
from a3lib.kit.source.effects import Objects, reached_from
from a3lib.kit.source.interface import INTERFACE_GLOBALS, REQUIRED_FUNCTIONS
from a3lib.kit.source.leaves import UNNEEDED, Leaf, inside, leaves_of, left_out_of, with_kept
from a3lib.kit.source.modules import imports_without_fallback, reason_against_import
from a3lib.kit.source.namespaces import ALL, NAMESPACES, aliases_in
from a3lib.kit.source.purity import BUILTINS, Own, is_plain, reason_against
from a3lib.kit.source.singles import single_statements

DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign)


@dataclass
class Known:
    """What is known about a submission's names from the statements that may be kept."""

    own: Own
    objects: Objects
    bound: set[str] = field(default_factory=lambda: set(BUILTINS | INTERFACE_GLOBALS))
    waiting: set[str] = field(default_factory=set)  # Only kept if a function needs them.

    def note(self, leaf: Leaf) -> None:
        """Take in the names of a statement that may be kept."""
        bound = set(leaf.effects.bound)
        for name in leaf.effects.reached & self.objects.rebinds.keys():
            bound |= self.objects.rebinds[name]
        self.bound |= bound
        self.waiting = self.waiting | bound if leaf.waits else self.waiting - bound

    def fresh(self) -> Own:
        """Return what the file has, with nothing of it looked at yet."""
        return replace(self.own, seen=set())

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that no statement so far binds."""
        return [] if ALL in self.bound else sorted(set(names) - self.bound)


def sort_out(statements: list[Statement]) -> tuple[list[Statement], list[LeftOut]]:
    """Return the statements that are kept, in order, and what is left out and why."""
    single = [part for statement in statements for part in single_statements(statement)]
    known = known_of([statement.node for statement in single])
    of_each = [[*leaves_of(statement, known.objects)] for statement in single]
    leaves = [leaf for some in of_each for leaf in some]
    for leaf in leaves:
        leaf.why = why_not(leaf, known)
        leaf.waits = not is_always_kept(leaf, known)
        if leaf.why is None:
            known.note(leaf)
    asked = {name: reached_from([name], known.objects.mentions) for name in REQUIRED_FUNCTIONS}
    choose(leaves, known.objects, asked)
    kept, left_out = [], [*failing_imports(leaves, asked)]
    for statement, some in zip(single, of_each, strict=True):
        left_out += left_out_of(statement, some)
        whole = with_kept(statement, {leaf.node for leaf in some if leaf.kept})
        if whole is not None:
            kept.append(whole)
    return kept, left_out


def known_of(nodes: list[ast.stmt]) -> Known:
    """Return what a file's statements say about its names, before anything is decided."""
    own = Own()
    parts = [part for node in nodes for part in inside(node)]
    for part in parts:
        if isinstance(part, DEFINITIONS):
            # A function may call one that is defined below it.
            own.definitions[part.name] = part
        elif isinstance(part, IMPORTS):
            start = f"{part.module}." if isinstance(part, ast.ImportFrom) else ""
            for alias in part.names:
                whole = start + alias.name
                own.modules[bound_by(alias)] = whole if start or alias.asname else bound_by(alias)
        elif isinstance(part, ASSIGNMENTS) and part.value is not None:
            for name, value in values_of(part):
                own.values.setdefault(name, []).append(value)
    constants = {
        name
        for name, values in own.values.items()
        if all(isinstance(value, ast.Constant) for value in values)
    }
    objects = Objects(INTERFACE_GLOBALS, constants, aliases_in(parts), frozenset(own.definitions))
    for part in parts:
        objects.note(part)
    return Known(own, objects)


def values_of(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that an assignment binds, with the expression that gives its value."""
    assert node.value is not None
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        names, values = getattr(target, "elts", None), getattr(node.value, "elts", ())
        if names and len(names) == len(values):
            pairs = [*zip(names, values, strict=True)]
        else:
            pairs = [(name, node.value) for name in names or [target]]
        yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))


def why_not(leaf: Leaf, known: Known) -> str | None:
    """Say why a statement cannot be kept, or None."""
    node, effects = leaf.node, leaf.effects
    for test in leaf.tests:
        unknown = known.unknown(names_of(ast.Expr(test)).read)
        why = reason_against(test, known.fresh()) or (needs(unknown) if unknown else None)
        if why:
            return why
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        # An import in a `try` or an `if` has its own fallback.
        return reason_against_import(node) if node is leaf.statement.node else None
    changed = effects.bound if isinstance(node, ASSIGNMENTS) else effects.certain
    supplied = sorted(changed & INTERFACE_GLOBALS)
    if supplied and (isinstance(node, ASSIGNMENTS) or changed <= INTERFACE_GLOBALS):
        return f"the grader supplies {', '.join(supplied)}"
    why = reason_against(node, known.fresh())
    if why:
        return why
    unknown = known.unknown(effects.read - (frozenset() if is_simple(node) else effects.bound))
    if any(catches_names(attempt) for attempt in leaf.attempts):
        return None  # A name that is not there is what the `try` is for.
    return needs(unknown) if unknown else None


def catches_names(node: ast.Try) -> bool:
    """Say whether a `try` goes on where a name is not there."""
    types = [ast.unparse(handler.type) if handler.type else "" for handler in node.handlers]
    return any(not one or "NameError" in one or "Exception" in one for one in types)


def is_simple(node: ast.stmt) -> bool:
    """Say whether a statement reads all that it reads before it binds anything."""
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        return True
    return isinstance(node, (*ASSIGNMENTS, ast.AugAssign)) and not any(
        isinstance(part, ast.NamedExpr) for part in ast.walk(node)
    )


def is_always_kept(leaf: Leaf, known: Known) -> bool:
    """Say whether a statement is kept without being needed: it only defines names."""
    node = leaf.node
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        return True
    if not isinstance(node, ASSIGNMENTS) or not binds_names(node):
        return False
    plain = node.value is None or is_plain(node.value)
    return plain and not leaf.effects.read & known.waiting


def choose(leaves: list[Leaf], objects: Objects, asked: dict[str, set[str]]) -> None:
    """Say of each statement whether it is kept, and of others which asked functions need it.

    `asked` has for each function that is asked for the names that it reaches.
    """
    # In a file that has none of those that are asked for, every function counts.
    users: Iterable[str] = REQUIRED_FUNCTIONS.keys() & objects.mentions.keys()
    users = users or {name for leaf in leaves for name in names_of(leaf.node).later}
    needed = reached_from(users, objects.mentions) - INTERFACE_GLOBALS
    tests = set[ast.expr]()  # of what is kept
    wanted_in = dict[ast.Try, set[str]]()  # what is needed of each `try`
    for leaf in reversed(leaves):  # What a statement needs is above it.
        effects = leaf.effects
        made = effects.possible - INTERFACE_GLOBALS
        any_of_them = ALL in made or not needed.isdisjoint(NAMESPACES)
        wanted = bool(made and any_of_them) or not needed.isdisjoint(made)
        # Whether it raises an error decides what else of its `try` runs.
        decides = [wanted_in[attempt] for attempt in leaf.attempts if attempt in wanted_in]
        runs_anyway = isinstance(leaf.node, ast.Expr) and leaf.node.value in tests
        asked_for = wanted or runs_anyway or (bool(decides) and may_raise(leaf.node))
        leaf.kept = leaf.why is None and (asked_for or not leaf.waits)
        for attempt in (*leaf.attempts, *leaf.others) if leaf.kept and made & needed else ():
            wanted_in.setdefault(attempt, set()).update(made & needed)
        if leaf.kept:
            if leaf.node is leaf.statement.node and is_simple(leaf.node):
                needed -= effects.bound
            tests |= {*leaf.tests}
            tested = {
                name for test in leaf.tests for name in objects.effects_of(ast.Expr(test)).reached
            }
            needed |= (effects.reached | tested) - INTERFACE_GLOBALS
        elif wanted:
            lost = needed & effects.certain
            if ALL in effects.certain:  # What it would have bound is not known.
                lost = needed - objects.functions - objects.modules - BUILTINS
                if not runs_text(leaf.node):
                    lost -= objects.mentions.keys()
            # What only a function binds that is called here, and that they do not bind themselves.
            leaf.needed_by = tuple(
                name
                for name, reach in asked.items()
                if reach & (lost | (made - effects.certain - objects.bound_by_calls(reach)))
            )
        elif decides and leaf.why and not is_skipped(leaf):
            lost = set().union(*decides)
            leaf.needed_by = tuple(name for name, reach in asked.items() if reach & lost)
        elif leaf.waits and not effects.certain & INTERFACE_GLOBALS:
            leaf.why = UNNEEDED


def runs_text(node: ast.stmt) -> bool:
    """Say whether a statement executes a text, so that it may bind anew what has a value."""
    calls = (part for part in at_once(node) if isinstance(part, ast.Call))
    return any(ast.unparse(call.func) == "exec" for call in calls)


def may_raise(node: ast.stmt) -> bool:
    """Say whether a statement may be there for the error that it raises, and not to be read."""
    return not (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "print"
        and all(isinstance(part, (ast.Constant, ast.JoinedStr)) for part in node.value.args)
    )


def is_skipped(leaf: Leaf) -> bool:
    """Say whether an import that fails at a grader's stands above a statement in its `try`."""
    imports = [part for attempt in leaf.attempts for part in attempt.body]
    return any(reason_against_import(part) or colab_aliases(part) for part in imports)


def failing_imports(leaves: list[Leaf], asked: dict[str, set[str]]) -> Iterator[LeftOut]:
    """Yield an entry for each import in a function that is asked for and fails at a grader's."""
    for leaf in leaves:
        for part in imports_without_fallback(leaf.node) if leaf.kept else ():
            why = reason_against_import(part)
            users = tuple(n for n, reach in asked.items() if leaf.effects.bound & reach)
            if why and users:
                line = leaf.statement.line + part.lineno - first_line(leaf.statement.node)
                yield LeftOut(leaf.statement.cell, line, ast.unparse(part), why, users)


def needs(unknown: list[str]) -> str:
    """Return the reason that names are missing."""
    return f"it needs {', '.join(unknown)}, and that is not kept"


def binds_names(node: ast.stmt) -> bool:
    """Say whether an assignment has only names on its left side."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    names = [n for t in targets for n in (t.elts if isinstance(t, (ast.Tuple, ast.List)) else [t])]
    return all(isinstance(name, ast.Name) for name in names)
