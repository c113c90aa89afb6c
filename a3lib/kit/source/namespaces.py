"""Names that code binds without naming them: through `globals()`, `sys.modules` and the like."""

import ast
from collections.abc import Iterable, Iterator, Set

from a3lib.kit.source.changes import is_loaded
from a3lib.kit.source.code_texts import bound_by

ALL = "*"  # Stands for every global.
# Through these any global can be read or bound by its name.
NAMESPACES = ("globals", "locals", "vars", "eval", "exec", ALL)
NAMESPACE_SETTERS = ("update", "setdefault", "__setitem__", "pop")
# Other ways to write the module that the code is in.
THIS_MODULE = (
    "sys.modules[__name__]",
    "sys.modules.get(__name__)",
    "importlib.import_module(__name__)",
    "__import__(__name__)",
)
EVERYWHERE = frozenset({"builtins", "__builtins__"})  # What these hold, every module has.


def aliases_in(nodes: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that statements give to their module or to the dictionary of its names."""
    found = set(EVERYWHERE)
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {bound_by(alias) for alias in node.names if alias.name == "builtins"}
        if isinstance(node, ast.Assign) and is_whole(node.value, found):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


def is_whole(node: ast.expr, aliases: Set[str]) -> bool:
    """Say whether an expression gives the module that it is in, or all names of it."""
    return is_namespace(node, aliases) or is_module(node, aliases)


def bound_through_namespaces(parts: Iterable[ast.AST], aliases: Set[str]) -> set[str]:
    """Return the names that code binds so; `aliases` has names for the module and its names."""
    return {name for part in parts for name in bound_by_part(part, aliases)}


def bound_by_part(part: ast.AST, aliases: Set[str]) -> Iterator[str]:
    """Yield the names that one node binds, or `ALL` where it does not say which."""
    if isinstance(part, ast.Subscript) and not is_loaded(part):
        if is_namespace(part.value, aliases):
            yield text_of(part.slice)
    elif isinstance(part, ast.Attribute) and not is_loaded(part):
        if is_module(part.value, aliases):
            yield part.attr
    elif isinstance(part, ast.AugAssign):
        if isinstance(part.target, ast.Name) and is_namespace(part.target, aliases - EVERYWHERE):
            yield from keys_of(part.value)
    elif not isinstance(part, ast.Call):
        return
    elif isinstance(part.func, ast.Name) and part.func.id in ("setattr", "delattr"):
        if len(part.args) > 1 and is_module(part.args[0], aliases):
            yield text_of(part.args[1])
    elif isinstance(part.func, ast.Name) and part.func.id == "exec":
        if len(part.args) < 2 or is_namespace(part.args[1], aliases):
            yield ALL
    elif (
        isinstance(part.func, ast.Attribute)
        and part.func.attr in NAMESPACE_SETTERS
        and is_namespace(part.func.value, aliases - EVERYWHERE)
    ):
        if part.func.attr != "update":
            yield from map(text_of, part.args[:1])
            return
        yield from (keyword.arg or ALL for keyword in part.keywords)
        for argument in part.args:
            yield from keys_of(argument)


def keys_of(node: ast.expr) -> Iterator[str]:
    """Yield the keys of a dictionary that is written out, or `ALL`."""
    for key in node.keys if isinstance(node, ast.Dict) else [None]:
        yield text_of(key)


def text_of(node: ast.expr | None) -> str:
    """Return a constant's text, or `ALL` for what is not one."""
    return str(node.value) if isinstance(node, ast.Constant) else ALL


def is_namespace(node: ast.expr, aliases: Set[str] = frozenset()) -> bool:
    """Say whether an expression is `globals()`, or another way to all names of the file."""
    if isinstance(node, ast.Name):
        return node.id in aliases
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "vars" and len(node.args) == 1:
            return is_module(node.args[0], aliases)
        return node.func.id in NAMESPACES and not node.args
    if isinstance(node, ast.Attribute) and node.attr == "__globals__":
        return True
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "__dict__"
        and is_module(node.value, aliases)
    )


def is_module(node: ast.expr, aliases: Set[str]) -> bool:
    """Say whether an expression is the module that it is in, or one of the names for it."""
    if isinstance(node, ast.Name):
        return node.id in aliases
    return isinstance(node, (ast.Subscript, ast.Call)) and ast.unparse(node) in THIS_MODULE


def is_this_module(node: ast.AST) -> bool:
    """Say whether an expression is `sys.modules[__name__]`."""
    return isinstance(node, ast.Subscript) and ast.unparse(node) == THIS_MODULE[0]
