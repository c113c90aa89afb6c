"""Statements as text: where one begins and ends, and whether a text is code."""

import ast
import re
import textwrap
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


IMPORTS = (ast.Import, ast.ImportFrom)


def is_guard(node: ast.stmt) -> bool:
    """Say whether a statement is `if __name__ == "__main__":`, either way around."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    sides = {ast.unparse(node.test.left), *map(ast.unparse, node.test.comparators)}
    return isinstance(node.test.ops[0], ast.Eq) and sides == {"__name__", "'__main__'"}


def parts_of(node: ast.AST) -> tuple[list[ast.AST], list[ast.stmt]]:
    """Return a statement's own expressions, and the statements inside it."""
    own: list[ast.AST] = []
    inner: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            inner.append(child)
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            of_child = parts_of(child)
            own += of_child[0]
            inner += of_child[1]
        else:
            own.append(child)
    return own, inner


def bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


def first_line(node: ast.stmt | ast.expr) -> int:
    """Return the line that a node begins on, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(part.lineno for part in [node, *decorators])


def last_line(node: ast.stmt | ast.expr) -> int:
    """Return the line that a node ends on."""
    return node.end_lineno or node.lineno


def cut(code: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yield a module's statements with their text and the comments above them."""
    lines = code.split("\n")
    body = ast.parse(code).body
    done = 0
    for index, node in enumerate(body):
        shared = done >= first_line(node) or any(
            first_line(after) <= last_line(node) for after in body[index + 1 : index + 2]
        )
        above = lines[done : first_line(node) - 1]
        done = max(done, last_line(node)) if node is not body[-1] else len(lines)
        while done < len(lines) and re.match(r"\s+#", lines[done]):
            done += 1  # A comment that is indented belongs to what is above it.
        text = "\n".join(lines[first_line(node) - 1 : done])
        # A statement that shares its line with another is written anew.
        alone = not shared and is_code_of(text, [node])
        yield node, "\n".join([*above, text if alone else ast.unparse(node)])


def is_code_of(text: str, nodes: list[ast.stmt]) -> bool:
    """Say whether a text parses to exactly these statements."""
    try:
        return ast.dump(ast.parse(text)) == ast.dump(ast.Module(nodes, []))
    except SyntaxError:
        return False


def compiles(text: str) -> bool:
    """Say whether a text is a module that Python compiles."""
    try:
        compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def in_coroutine(name: str, text: str, bound: frozenset[str]) -> str:
    """Return code that runs a statement with a top-level await, and binds the same globals."""
    body = f"global {', '.join(sorted(bound))}\n{text}" if bound else text
    return f"import asyncio\n\nasync def {name}():\n{indented(body)}\n\nasyncio.run({name}())"


def indented(text: str) -> str:
    """Indent code, except for a string's later lines where that would alter the string."""
    tree = ast.parse(text)
    everywhere = textwrap.indent(text, "    ")
    if is_code_of(f"if 1:\n{everywhere}", [ast.If(ast.Constant(1), tree.body, [])]):
        return everywhere
    strings = [n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr))]
    inside = {line for n in strings for line in range(n.lineno + 1, last_line(n) + 1)}
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(text.split("\n"), start=1)
    )
