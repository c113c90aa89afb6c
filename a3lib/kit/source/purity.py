"""Whether code changes nothing, and whether it can run without training or loading anything.

What is known to train, load, write, fetch or ask is found by its name, through the functions of
the file that it calls. This keeps honest files from starting a training run when they are read; it
is no protection against a hostile one, which is what the grader's sandbox is for.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from a3lib.kit.source.changes import at_once
from a3lib.kit.source.code_texts import FUNCTIONS
from a3lib.kit.source.namespaces import is_this_module

# Names that a notebook has without an import, and where a script imports them from.
NOTEBOOK_NAMES = {"display": "IPython.display", "get_ipython": "IPython"}
DISPLAYS = (ast.List, ast.Dict, ast.Set)
PURE = (
    ast.Constant,
    ast.Name,
    ast.expr_context,
    ast.Tuple,
    *DISPLAYS,
    ast.Starred,
    ast.Slice,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.JoinedStr,
    ast.Subscript,
    ast.FormattedValue,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)
# What a top-level statement may read besides the names that the script defines.
BUILTINS = frozenset([*dir(builtins), *NOTEBOOK_NAMES])

BANNED = re.compile(
    r"from_pretrained|load|load_(?!state_dict)\w+|open|exec|input|system|popen|download|"
    r"\w+_download|pipeline|save|save_\w+|dump|mkdir|makedirs|unlink|rename|sleep|generate|"
    r"backward|read_\w+|write_\w+|urlopen|urlretrieve|run_\w+|show|savefig"
)
BANNED_BUILTINS = {
    "open",
    "exec",
    "eval",
    "input",
    "compile",
    "__import__",
    "exit",
    "quit",
    "breakpoint",
    "help",
    "display",
}
# A module stands for all that is in it.
BANNED_MODULES = (
    "a3lib.kit",
    "a3lib.notebook.playground",
    "a3lib.plots",
    "a3lib.report",
    "a3lib.results",
    "a3lib.study",
    "atexit",
    "concurrent",
    "ctypes",
    "gdown",
    "glob",
    "google",
    "http",
    "huggingface_hub",
    "IPython",
    "multiprocessing",
    "os",
    "pickle",
    "requests",
    "runpy",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "urllib",
    "wandb",
)
HARMLESS = re.compile(
    r"os\.(path\.(join|basename|dirname|splitext|sep)|cpu_count|getenv|environ\.\w+)|"
    r"sys\.(intern|getsizeof|getrecursionlimit|setrecursionlimit)|pickle\.(dumps|loads)|"
    r"threading\.(Lock|RLock|Event|local)|sys\.modules\.get"
)
# The work that a grader lets a submission do, and its import must not.
WORK = (
    "compute_reward_for_mini_batch",
    "evaluate",
    "reset_model_optimizer",
    "train",
    "train_DPO",
)
# Builtins that call a function that they are given.
CALLING = ("map", "filter", "sorted", "min", "max")
MOST_CALLS = 40  # one in another
CONSTRUCTORS = ("__init__", "__new__", "__post_init__")


@dataclass(frozen=True)
class Own:
    """What a file has: where its imports are from, its definitions, and its names' values."""

    modules: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    seen: set[ast.AST] = field(default_factory=set)  # They need no second look.
    depth: int = 0

    def methods(self, name: str) -> Iterator[ast.stmt]:
        """Yield the methods of this name in the file's classes."""
        for node in self.definitions.values():
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, FUNCTIONS) and part.name == name:
                    yield part


def is_plain(node: ast.AST) -> bool:
    """Return whether an expression calls nothing and changes nothing."""
    if is_this_module(node):
        return True
    if isinstance(node, ast.Lambda):
        return all(map(is_plain, [*node.args.defaults, *filter(None, node.args.kw_defaults)]))
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, (ast.Name, ast.Attribute)) and is_plain(node.value)
    if isinstance(node, ast.Subscript) and not isinstance(node.value, (ast.Name, ast.Subscript)):
        return False
    return isinstance(node, PURE) and all(map(is_plain, ast.iter_child_nodes(node)))


def reason_against(node: ast.AST, own: Own) -> str | None:
    """Say why code must not run when a file is loaded, or None."""
    for part in at_once(node):
        if isinstance(part, ast.Await):
            return "it runs code"
        if isinstance(part, ast.Call):
            called = [part.func]
            if calls_what_it_is_given(part.func, own):
                called += [*part.args, *(keyword.value for keyword in part.keywords)]
            for function in called:
                why = reason_to_call(function, own)
                if why:
                    return why
    return None


def calls_what_it_is_given(function: ast.expr, own: Own) -> bool:
    """Say whether a function calls functions that are passed to it."""
    if not isinstance(function, ast.Name):
        return False
    node = own.definitions.get(function.id)
    if not isinstance(node, FUNCTIONS):
        return function.id in CALLING
    given = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
    called = (part.func for part in run_by(node) if isinstance(part, ast.Call))
    return any(isinstance(part, ast.Name) and part.id in given for part in called)


def run_by(function: ast.stmt) -> Iterator[ast.AST]:
    """Yield what runs when a function is called, and not what is in functions inside it."""
    for statement in function.body:  # type: ignore[attr-defined]
        yield from at_once(statement)


def reason_to_call(function: ast.expr, own: Own) -> str | None:
    """Say why what an expression gives must not be called, or None."""
    attributes, root = [], function
    while isinstance(root, ast.Attribute):
        attributes.append(root.attr)
        root = root.value
    if isinstance(root, ast.Name):
        return reason_to_call_name(root.id, attributes[::-1], own)
    if attributes and BANNED.fullmatch(attributes[0]):
        return f"it calls {attributes[0]}"
    if isinstance(root, ast.Lambda):
        return reason_against(root.body, own)
    if attributes or isinstance(root, ast.Constant):
        return None
    # It is taken from a list or made by a call, so it may be any function named there.
    return reason_to_call_one_of(root, own)


def reason_to_call_name(name: str, attributes: list[str], own: Own) -> str | None:
    """Say why `name.a.b` must not be called, or None."""
    if name in own.modules:
        return reason_to_call_import(".".join([own.modules[name], *attributes]))
    if attributes:
        methods = [*own.methods(attributes[-1])]
        if methods:
            return first(reason_against_function(method, own) for method in methods)
        return f"it calls {attributes[-1]}" if BANNED.fullmatch(attributes[-1]) else None
    if name in WORK:
        return f"it calls {name}"
    if name in own.definitions:
        return reason_against_function(own.definitions[name], own)
    if name in own.values:
        return first(reason_to_call_one_of(value, own) for value in own.values[name])
    return f"it calls {name}" if name in BANNED_BUILTINS or name in NOTEBOOK_NAMES else None


def reason_to_call_import(path: str) -> str | None:
    """Say why an imported function, by its full name, must not be called, or None."""
    if HARMLESS.fullmatch(path):
        return None
    last = path.rpartition(".")[2]
    if BANNED.fullmatch(last):
        return f"it calls {last}"
    within = any(path == place or path.startswith(f"{place}.") for place in BANNED_MODULES)
    return f"it calls {path}" if within else None


def reason_to_call_one_of(node: ast.expr, own: Own) -> str | None:
    """Say why a function that an expression names must not be called, or None."""
    if node in own.seen:
        return None
    own.seen.add(node)
    parts = [*ast.walk(node)]
    called = [part.func for part in parts if isinstance(part, ast.Call)]
    for part in parts:
        if isinstance(part, ast.Lambda):
            why = reason_against(part.body, own)
        elif isinstance(part, (ast.Name, ast.Attribute)) and part not in called:
            why = reason_to_call(part, own)
        else:
            continue
        if why:
            return why
    return None


def reason_against_function(node: ast.stmt, own: Own) -> str | None:
    """Say why a function or a class of the file must not be called, or None."""
    if node in own.seen:
        return None
    if own.depth > MOST_CALLS:
        return "it calls too many functions one in another"
    own.seen.add(node)
    if isinstance(node, ast.ClassDef):
        makers = [f for f in node.body if isinstance(f, FUNCTIONS) and f.name in CONSTRUCTORS]
        return first(reason_against_function(maker, own) for maker in makers)
    inner = {
        part.name: part
        for part in ast.walk(node)
        if isinstance(part, (*FUNCTIONS, ast.ClassDef)) and part is not node
    }
    imports = {
        alias.asname or alias.name: (f"{part.module}." if isinstance(part, ast.ImportFrom) else "")
        + alias.name
        for part in ast.walk(node)
        if isinstance(part, (ast.Import, ast.ImportFrom))
        for alias in part.names
    }
    inside = replace(
        own,
        definitions=own.definitions | inner,
        modules=own.modules | imports,
        depth=own.depth + 1,
    )
    why = first(reason_against(part, inside) for part in node.body)  # type: ignore[attr-defined]
    return why and f"it calls {node.name}, and {why.replace('it ', 'that ', 1)}"  # type: ignore[attr-defined]


def first(reasons: Iterable[str | None]) -> str | None:
    """Return the first reason that there is."""
    return next(filter(None, reasons), None)
