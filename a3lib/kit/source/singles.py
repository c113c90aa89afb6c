"""Statements made as small as they are decided about: one import each, and no guard around."""

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import replace

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import Statement
from a3lib.kit.source.code_texts import compiles, first_line, is_guard
from a3lib.kit.source.interface import INTERFACE_GLOBALS
from a3lib.kit.source.modules import parsed


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
    for new in written_out(node) or split(node):
        text = statement.text if new is node else ast.unparse(new)
        yield replace(statement, node=new, text=text)


def written_out(node: ast.stmt) -> list[ast.stmt]:
    """Return the statements of a text that a statement executes, where it stands there."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("exec", "eval"):
        return []
    text, *others = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not isinstance(text, ast.Constant) or [*map(ast.unparse, others)] not in ([], ["globals()"]):
        return []
    code = textwrap.dedent(str(text.value)) if ast.unparse(call.func) == "exec" else text.value
    return parsed([str(code).strip()], node) if compiles(str(code).strip()) else []


def split(node: ast.stmt) -> list[ast.stmt]:
    """Split an import or an assignment where one part may be kept without the other."""
    if isinstance(node, ast.Import) and len(node.names) > 1:
        return [ast.copy_location(ast.Import([alias]), node) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and len(node.names) > 1:
        return [
            ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node)
            for alias in node.names
        ]
    if not isinstance(node, ast.Assign) or not names_of(node).bound & INTERFACE_GLOBALS:
        return [node]
    if len(node.targets) > 1:
        new = [ast.Assign([target], node.value, lineno=node.lineno) for target in node.targets]
        return [part for one in new for part in split(one)]
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
        return [node]
    names, parts = target.elts, value.elts
    if len(names) != len(parts) or names_of(node).bound & names_of(node).read:
        return [node]
    pairs = zip(names, parts, strict=True)
    return [ast.Assign([name], part, lineno=node.lineno) for name, part in pairs]
