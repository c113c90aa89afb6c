"""Which names' objects a piece of code changes in place, and which names share an object."""

import ast
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from a3lib.kit.source.code_texts import FUNCTIONS

SETTERS = ("setattr", "delattr", "next")
# Classes whose methods are called with the object that they change: list.append(NAMES, 1).
CLASSES = ("object", "type", "list", "dict", "set", "bytearray", "OrderedDict", "deque", "Counter")
# What these give is, or has in it, what they are given.
VIEWS = (
    "vars",
    "getattr",
    "type",
    "iter",
    "reversed",
    "partial",
    "ChainMap",
    "from_numpy",
    "as_tensor",
)
# These make another object of the same parts.
COPIES = (
    "sorted",
    "enumerate",
    "zip",
    "filter",
    "min",
    "max",
    "list",
    "tuple",
    "dict",
    "chain",
)
# Methods that change their object when something else calls them: map(NAMES.append, more).
CHANGERS = (
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "put",
    "remove",
    "setdefault",
    "update",
    "write",
)
# Arguments into which a function writes, or from which it draws.
WRITTEN = ("out", "file", "generator")
# Methods that leave their object as it is.
READERS = (
    "copy",
    "count",
    "encode",
    "endswith",
    "format",
    "get",
    "index",
    "items",
    "join",
    "keys",
    "lower",
    "named_parameters",
    "parameters",
    "replace",
    "size",
    "split",
    "startswith",
    "state_dict",
    "strip",
    "tolist",
    "upper",
    "values",
)


def at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a statement that run with it: not the bodies of functions."""
    yield node
    if isinstance(node, (*FUNCTIONS, ast.Lambda)):
        parts = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        parts += getattr(node, "decorator_list", [])
    else:
        parts = list(ast.iter_child_nodes(node))  # type: ignore[arg-type]
    for part in parts:
        yield from at_once(part)


@dataclass
class Changes:
    """The names whose objects some code changes: for certain, or by calls that may do so."""

    certain: set[str] = field(default_factory=set)
    called_on: set[str] = field(default_factory=set)  # of these, those that have the method called
    called: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)  # A method of theirs gives a value that is used.
    passed: list[tuple[str, bool, set[str]]] = field(default_factory=list)

    def all(self) -> set[str]:
        """Return all of the names."""
        return self.certain.union(self.called_on, self.used, *(names for *_, names in self.passed))


def changes_in(parts: Iterable[ast.AST]) -> Changes:
    """Return what code changes; each call comes after the statement that it is in.

    `passed` says for each call which name is called, if the call is a statement, and what it gets.
    """
    found, alone = Changes(), set[ast.AST]()
    for part in parts:
        if isinstance(part, ast.Expr):
            alone.add(part.value)
        elif isinstance(part, (ast.Attribute, ast.Subscript)) and not is_loaded(part):
            found.certain |= roots(part.value)
        elif isinstance(part, ast.AugAssign):
            found.certain |= roots(part.target)
        elif isinstance(part, ast.Call):
            arguments = [*part.args, *(keyword.value for keyword in part.keywords)]
            function, is_statement = part.func, part in alone
            passed = {name for argument in arguments for name in roots(argument)}
            named = {function.attr} if isinstance(function, ast.Attribute) else set()
            found.passed += [(name, is_statement, passed) for name in roots(function) | named]
            if isinstance(function, ast.Attribute) and function.attr not in READERS:
                (found.called_on if is_statement else found.used).update(roots(function.value))
            if isinstance(function, ast.Name):
                found.called.add(function.id)
            if part.args and changes_first_argument(function):
                found.certain |= roots(part.args[0])
            if ast.unparse(function) in ("exec", "eval") and len(part.args) > 1:
                found.certain |= roots(part.args[1])
            found.used |= used_by(part, arguments)
    return found


def changes_first_argument(function: ast.expr) -> bool:
    """Say whether a function is `setattr` or the like, or a method that is taken from its class."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        of_class = function.value.id in CLASSES and function.attr not in READERS
        return of_class or (function.value.id == "builtins" and function.attr in SETTERS)
    return isinstance(function, ast.Name) and function.id in SETTERS


def used_by(call: ast.Call, arguments: list[ast.expr]) -> set[str]:
    """Return the names whose objects a call may change by calling or filling what it is given."""
    used = set[str]()
    for keyword in call.keywords:
        if keyword.arg in WRITTEN:
            used |= roots(keyword.value)
    for given in [call.func, *arguments]:
        if isinstance(given, ast.Lambda):
            used |= changes_in(ast.walk(given.body)).all()
        elif isinstance(given, ast.Attribute) and given is not call.func and given.attr in CHANGERS:
            used |= roots(given.value)
    if not isinstance(call.func, (ast.Name, ast.Attribute)):  # Such as partial(put, CONFIG)("a").
        used |= {name for part in [call.func, *arguments] for name in roots(part)}
    return used


def is_loaded(node: ast.Attribute | ast.Subscript) -> bool:
    """Say whether an attribute or an item is read, and not assigned or deleted."""
    return isinstance(node.ctx, ast.Load)


def roots(node: ast.expr) -> set[str]:
    """Return the names whose objects, or parts of them, an expression may give."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("globals()", "vars()"):
        return {str(node.slice.value)} if isinstance(node.slice, ast.Constant) else set()
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.NamedExpr)):
        return roots(node.value)
    if isinstance(node, ast.Call):  # Such as CONFIG.setdefault("names", []), or config_of(3).
        return roots(node.func) | parts_given(node)
    if isinstance(node, ast.IfExp):
        return roots(node.body) | roots(node.orelse)
    if isinstance(node, ast.Dict):
        return {name for value in node.values for name in roots(value)}
    if isinstance(node, ast.BoolOp):
        return {name for value in node.values for name in roots(value)}
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return {name for value in node.elts for name in roots(value)}
    return set()


def parts_given(call: ast.Call, others: Container[str] = ()) -> set[str]:
    """Return the names whose objects, or parts of them, a view or one of `others` may give."""
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func) == "globals().get":
        return {str(part.value) for part in call.args[:1] if isinstance(part, ast.Constant)}
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name not in VIEWS and name not in others:
        return set()
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {name for argument in arguments for name in roots(argument)}


def shared_by(node: ast.stmt, definitions: Iterable[str] = ()) -> Iterator[tuple[str, str, bool]]:
    """Yield each pair of a name and one whose object it may hold now, and whether that is sure.

    What a call of the file's own `definitions` gives may be any of its arguments.
    """
    if isinstance(node, ast.ClassDef):
        yield from ((node.name, base, True) for part in node.bases for base in roots(part))
    for part in at_once(node):
        if isinstance(part, ast.Assign):
            pairs = [(target, part.value) for target in part.targets]
        elif isinstance(part, (ast.AnnAssign, ast.NamedExpr)) and part.value:
            pairs = [(part.target, part.value)]
        elif isinstance(part, (ast.For, ast.AsyncFor, ast.comprehension)):
            # enumerate(x), x.items() and zip(x, y) give parts of x.
            inner = [part.iter]
            inner += part.iter.args if isinstance(part.iter, ast.Call) else []
            pairs = [(part.target, value) for value in inner]
        elif isinstance(part, ast.withitem) and part.optional_vars:
            pairs = [(part.optional_vars, part.context_expr)]
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            call = part.value  # Such as LAYERS.append(LAYER).
            owner = call.func.value if isinstance(call.func, ast.Attribute) else ast.Constant(0)
            pairs = [(owner, argument) for argument in call.args]
        else:
            continue
        is_sure = not isinstance(part, ast.Expr)
        for target, value in pairs:
            made = any(isinstance(inner, ast.Call) for inner in ast.walk(value))
            for name in roots(target):
                others = roots(value)
                for maker in ast.walk(value):
                    if isinstance(maker, ast.Call):
                        others |= parts_given(maker, {*COPIES, *definitions})
                for other in others - {name}:
                    yield name, other, is_sure and not made
