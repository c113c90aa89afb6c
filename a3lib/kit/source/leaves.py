"""The statements inside a `try` or an `if`, each of which is kept or left out as a whole."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from a3lib.kit.source.cells import LeftOut, Statement
from a3lib.kit.source.code_texts import first_line, parts_of
from a3lib.kit.source.effects import Effects, Objects
from a3lib.util.text import one_line

UNNEEDED = "it runs code, and no function needs it"


BRANCHES = (ast.Try, ast.If)


@dataclass
class Leaf:
    """A statement that is kept or left out as a whole: at the top level, in a `try` or an `if`."""

    statement: Statement  # of the top level
    node: ast.stmt
    tests: tuple[ast.expr, ...]  # of each `if` around it
    attempts: tuple[ast.Try, ...]  # each `try` in whose body it stands
    others: tuple[ast.Try, ...]  # each `try` that it stands in elsewhere, such as in a handler
    effects: Effects
    waits: bool = False
    why: str | None = None
    kept: bool = False
    needed_by: tuple[str, ...] = ()


def inside(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements that a statement is: those in its branches, or itself."""
    if isinstance(node, BRANCHES):
        for child in parts_of(node)[1]:
            yield from inside(child)
    else:
        yield node


def leaves_of(
    statement: Statement,
    objects: Objects,
    node: ast.stmt | None = None,
    tests: tuple[ast.expr, ...] = (),
    attempts: tuple[ast.Try, ...] = (),
    others: tuple[ast.Try, ...] = (),
) -> Iterator[Leaf]:
    """Yield the statements that are decided about: all but texts and `pass`.

    The test of an `if` that binds or changes something is one of them.
    """
    node = node or statement.node
    if isinstance(node, ast.If):
        test = ast.copy_location(ast.Expr(node.test), node)
        effects = objects.effects_of(test)
        if effects.possible:
            yield Leaf(statement, test, tests, attempts, others, effects)
        tests = (*tests, node.test)
    if isinstance(node, BRANCHES):
        for child in parts_of(node)[1]:
            inside = [attempts, others]
            if isinstance(node, ast.Try):
                inside[child not in node.body] += (node,)
            yield from leaves_of(statement, objects, child, tests, *inside)
    elif not isinstance(node, ast.Pass) and not is_text(node):
        yield Leaf(statement, node, tests, attempts, others, objects.effects_of(node))


def left_out_of(statement: Statement, leaves: list[Leaf]) -> list[LeftOut]:
    """Return an entry for each part that is left out, or one where nothing is kept."""
    lost = [leaf for leaf in leaves if not leaf.kept]
    if lost == leaves and len(leaves) > 1:
        worst = next((leaf for leaf in lost if leaf.needed_by), lost[0])
        lost = [replace(worst, node=statement.node)]
    return [
        LeftOut(
            statement.cell,
            statement.line + first_line(leaf.node) - first_line(statement.node),
            one_line(ast.unparse(leaf.node)),
            leaf.why or UNNEEDED,
            leaf.needed_by,
        )
        for leaf in lost
    ]


def with_kept(statement: Statement, kept: set[ast.stmt]) -> Statement | None:
    """Return a statement without what is not kept in it, or None where nothing is left."""
    node = statement.node
    if not isinstance(node, BRANCHES):
        return statement if node in kept else None
    before = ast.dump(node)
    if not prune(node, kept):
        return None
    return statement if ast.dump(node) == before else replace(statement, text=ast.unparse(node))


def prune(node: ast.stmt, kept: set[ast.stmt]) -> bool:
    """Put `pass` for what is not kept in the branches of a statement; say if anything is left."""
    if not isinstance(node, BRANCHES):
        return node in kept
    blocks = [node.body, node.orelse]
    if isinstance(node, ast.Try):
        blocks += [*(handler.body for handler in node.handlers), node.finalbody]
    any_left = isinstance(node, ast.If) and any(
        isinstance(part, ast.Expr) and part.value is node.test for part in kept
    )
    for block in blocks:
        for index, inner in enumerate(block):
            if prune(inner, kept):
                any_left = True
            elif not isinstance(inner, ast.Pass):
                block[index] = ast.copy_location(ast.Pass(), inner)
    return any_left


def is_text(node: ast.stmt) -> bool:
    """Say whether a statement is only a constant, such as Colab's prose."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
