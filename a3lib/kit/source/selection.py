"""Which top-level statements of a submission are kept: definitions, and what functions need."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import (
    FUNCTIONS,
    IMPORTS,
    LeftOut,
    Statement,
    bound_by,
    first_line,
)
from a3lib.kit.source.purity import BUILTINS, is_plain, reason_against
from a3lib.util.text import one_line

# The globals that a grader supplies, so a submission's own are not used.
INTERFACE_GLOBALS = frozenset(
    {
        "device",
        "model_name",
        "optimizer",
        "orig_model",
        "tokenizer",
        "model",
        "reward_tokenizer",
        "reward_model",
        "train_texts",
        "test_texts",
        "train_texts_parallel",
        "test_texts_parallel",
    }
)

RUNS = "it runs code, and only definitions, imports and constants are kept"
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign)


@dataclass
class Known:
    """What is known about a submission's names from the statements that may be kept."""

    definitions: dict[str, ast.stmt]
    bound: set[str] = field(default_factory=lambda: set(BUILTINS | INTERFACE_GLOBALS))
    modules: dict[str, str] = field(default_factory=dict)  # an imported name: where it is from
    waiting: set[str] = field(default_factory=set)  # Only kept if a function needs them.
    star: bool = False

    def note(self, node: ast.stmt, waits: bool) -> None:
        """Take in the names of a statement that may be kept."""
        names = names_of(node).bound
        self.bound |= names
        self.waiting = self.waiting | names if waits else self.waiting - names
        for part in (part for part in ast.walk(node) if isinstance(part, IMPORTS)):
            start = f"{part.module}." if isinstance(part, ast.ImportFrom) else ""
            self.modules |= {bound_by(alias): start + alias.name for alias in part.names}
            self.star |= any(alias.name == "*" for alias in part.names)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that no statement so far binds."""
        return [] if self.star else sorted(set(names) - self.bound)


def sort_out(statements: list[Statement]) -> tuple[list[Statement], list[LeftOut]]:
    """Return the statements that are kept, in order, and what is left out and why."""
    single = [part for statement in statements for part in single_statements(statement)]
    nodes = [statement.node for statement in single]
    # A function may call one that is defined below it.
    known = Known({node.name: node for node in nodes if isinstance(node, DEFINITIONS)})
    candidates: list[tuple[Statement, bool]] = []
    left_out: list[LeftOut] = []
    for statement in single:
        pruned, lost = without_running(statement, known)
        left_out += lost
        if pruned is None:
            continue
        why = why_not(pruned.node, known)
        if why:
            left_out.append(described(statement, why))
            continue
        waits = is_made_by_code(pruned.node, known)
        known.note(pruned.node, waits)
        candidates.append((pruned, waits))

    needed = {name for s, waits in candidates if not waits for name in reads_of(s.node)}
    kept = []
    for statement, waits in reversed(candidates):  # What a statement needs is above it.
        if waits and not names_of(statement.node).bound & needed:
            left_out.append(described(statement, "making it runs code, and no function needs it"))
        else:
            needed |= reads_of(statement.node)
            kept.append(statement)
    return kept[::-1], left_out


def described(statement: Statement, why: str) -> LeftOut:
    """Return the entry for a statement that is left out."""
    text = one_line(ast.unparse(statement.node))
    return LeftOut(statement.cell, statement.line, text, why)


def reads_of(node: ast.stmt) -> frozenset[str]:
    """Return the globals that a statement reads, at once or when it is called."""
    names = names_of(node)
    return names.read | names.later


def single_statements(statement: Statement) -> Iterator[Statement]:
    """Yield a statement's parts: what is inside a guard, and one import for each name."""
    node = statement.node
    if is_guard(node):
        assert isinstance(node, ast.If)
        for child in node.body:
            # In an exported script this is what the notebook has at the top level.
            line = statement.line + first_line(child) - first_line(node)
            part = replace(statement, line=line, node=child, text=ast.unparse(child))
            yield from single_statements(part)
        return
    for new in split(node):
        text = statement.text if new is node else ast.unparse(new)
        yield replace(statement, node=new, text=text)


def is_guard(node: ast.stmt) -> bool:
    """Say whether a statement is `if __name__ == "__main__":`, either way around."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    sides = {ast.unparse(node.test.left), *map(ast.unparse, node.test.comparators)}
    return isinstance(node.test.ops[0], ast.Eq) and sides == {"__name__", "'__main__'"}


def split(node: ast.stmt) -> list[ast.stmt]:
    """Split an import or an assignment where one part may be kept without the other."""
    if isinstance(node, ast.Import) and len(node.names) > 1:
        return [ast.Import([alias]) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and len(node.names) > 1:
        return [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]
    if not isinstance(node, ast.Assign) or not names_of(node).bound & INTERFACE_GLOBALS:
        return [node]
    if len(node.targets) > 1:
        new = [ast.Assign([target], node.value, lineno=node.lineno) for target in node.targets]
        return [part for one in new for part in split(one)]
    target, value = node.targets[0], node.value
    pairs = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    if not pairs or len(target.elts) != len(value.elts) or names_of(node).bound & reads_of(node):  # type: ignore[attr-defined]
        return [node]
    return [
        ast.Assign([name], part, lineno=node.lineno)
        for name, part in zip(target.elts, value.elts, strict=True)  # type: ignore[attr-defined]
    ]


def without_running(statement: Statement, known: Known) -> tuple[Statement | None, list[LeftOut]]:
    """Take what runs code out of a `try` or an `if`; None where nothing is left.

    A statement of another kind comes back as it is.
    """
    node = statement.node
    if isinstance(node, ast.Pass) or is_text(node):
        return None, []
    if not isinstance(node, (ast.Try, ast.If)):
        return statement, []
    before, as_it_was = ast.dump(node), described(statement, RUNS)
    lost: list[tuple[ast.stmt, str]] = []
    whole = prune(node, known, lost)
    if not whole:
        return None, [replace(as_it_was, why=lost[0][1])] if lost else []
    left_out = [
        described(
            replace(statement, line=statement.line + inner.lineno - node.lineno, node=inner), why
        )
        for inner, why in lost
    ]
    text = statement.text if ast.dump(node) == before else ast.unparse(node)
    return replace(statement, text=text), left_out


def prune(node: ast.stmt, known: Known, lost: list[tuple[ast.stmt, str]]) -> bool:
    """Take what runs code out of the blocks inside; return whether any definition is left."""
    if isinstance(node, ast.If):
        reads = reads_of(ast.Expr(node.test))
        unknown = known.unknown(reads) or sorted(reads & known.waiting)
        why = reason_against(node.test, known.modules, known.definitions)
        if why or unknown:
            lost.append((node, why or needs(unknown)))
            return False
        blocks = [node.body, node.orelse]
    elif isinstance(node, ast.Try):
        blocks = [node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody]
    else:
        why = why_not(node, known) or (RUNS if is_made_by_code(node, known) else None)
        if why:
            lost.append((node, why))
        return not why
    any_left = False
    for block in blocks:
        for index, inner in enumerate(block):
            if isinstance(inner, ast.Pass):
                continue
            if not is_text(inner) and prune(inner, known, lost):
                any_left = True
                known.note(inner, waits=False)
            else:
                block[index] = ast.copy_location(ast.Pass(), inner)
    return any_left


def is_text(node: ast.stmt) -> bool:
    """Say whether a statement is only a constant, such as Colab's prose."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def needs(unknown: list[str]) -> str:
    """Return the reason that names are missing."""
    return f"it needs {', '.join(unknown)}, and that is not kept"


def why_not(node: ast.stmt, known: Known) -> str | None:
    """Say why a statement cannot be kept, or None."""
    if isinstance(node, (*DEFINITIONS, *IMPORTS, ast.Try, ast.If)):
        return None
    if not isinstance(node, ASSIGNMENTS) or not binds_names(node):
        return RUNS
    supplied = sorted(names_of(node).bound & INTERFACE_GLOBALS)
    if supplied:
        return f"the grader supplies {', '.join(supplied)}"
    if node.value is not None and not is_plain(node.value):
        why = reason_against(node.value, known.modules, known.definitions)
        if why:
            return why
    unknown = known.unknown(names_of(node).read)
    return needs(unknown) if unknown else None


def binds_names(node: ast.stmt) -> bool:
    """Say whether an assignment has only names on its left side."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    names = [n for t in targets for n in (t.elts if isinstance(t, (ast.Tuple, ast.List)) else [t])]
    return all(isinstance(name, ast.Name) for name in names)


def is_made_by_code(node: ast.stmt, known: Known) -> bool:
    """Say whether an assignment calls something, or needs the result of one that does."""
    if not isinstance(node, ASSIGNMENTS):
        return False
    plain = node.value is None or is_plain(node.value)
    return not plain or bool(names_of(node).read & known.waiting)
