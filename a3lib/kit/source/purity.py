"""Whether an expression changes nothing, and whether it can be evaluated without loading anything.

This keeps honest files from starting a training run when they are read; it is no protection
against a hostile one, which is what the grader's sandbox is for.
"""

import ast
import builtins
import re

from a3lib.kit.source.cells import FUNCTIONS

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
    r"from_pretrained|load|load_\w+|loads|open|exec|input|system|popen|download|\w+_download|"
    r"pipeline|save|save_\w+|dump|mkdir|makedirs|unlink|remove|rename|sleep|getenv|generate|"
    r"backward|read_\w+|write_\w+|urlopen|urlretrieve|run_\w+"
)
BANNED_BUILTINS = {
    "open",
    "exec",
    "eval",
    "input",
    "print",
    "compile",
    "__import__",
    "exit",
    "quit",
    "setattr",
    "delattr",
    "globals",
    "locals",
    "vars",
    "breakpoint",
    "help",
    "display",
}
BANNED_MODULES = {
    "subprocess",
    "shutil",
    "socket",
    "requests",
    "urllib",
    "http",
    "wandb",
    "multiprocessing",
    "threading",
    "concurrent",
    "pickle",
    "signal",
    "atexit",
    "importlib",
    "sys",
    "gc",
    "ctypes",
    "google",
    "gdown",
    "huggingface_hub",
    "IPython",
    "tempfile",
    "glob",
    "runpy",
    "builtins",
}
HARMLESS_OF_OS = re.compile(r"os\.(path\.(join|basename|dirname|splitext|sep)|cpu_count)")
# Methods of an object that the submission or the grader has.
HARMLESS_METHODS = {
    "parameters",
    "named_parameters",
    "state_dict",
    "to",
    "items",
    "keys",
    "values",
    "copy",
    "get",
    "split",
    "strip",
    "lower",
    "upper",
    "join",
    "format",
    "size",
    "encode",
    "eval",
    "convert_tokens_to_ids",
    "get_vocab",
    "item",
    "tolist",
    "view",
    "reshape",
    "float",
    "long",
}
RUNS_CODE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def is_plain(node: ast.AST) -> bool:
    """Return whether an expression calls nothing and changes nothing."""
    if isinstance(node, ast.Lambda):
        return all(map(is_plain, [*node.args.defaults, *filter(None, node.args.kw_defaults)]))
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, (ast.Name, ast.Attribute)) and is_plain(node.value)
    if isinstance(node, ast.Subscript) and not isinstance(node.value, (ast.Name, ast.Subscript)):
        return False
    return isinstance(node, PURE) and all(map(is_plain, ast.iter_child_nodes(node)))


def reason_against(
    node: ast.expr, modules: dict[str, str], definitions: dict[str, ast.stmt]
) -> str | None:
    """Say why an expression must not be evaluated, or None.

    `modules` says for each imported name where it is from; `definitions` has the classes and
    functions of the file.
    """
    for part in ast.walk(node):
        if isinstance(part, RUNS_CODE):
            return "it runs code"
        if isinstance(part, ast.Attribute) and BANNED.fullmatch(part.attr):
            return f"it calls {part.attr}"
        if isinstance(part, ast.Name) and (
            part.id in BANNED_BUILTINS or (part.id in modules and BANNED.fullmatch(part.id))
        ):
            return f"it calls {part.id}"
        if isinstance(part, ast.Call):
            why = reason_against_call(part, modules, definitions)
            if why:
                return why
    return None


def reason_against_call(
    call: ast.Call, modules: dict[str, str], definitions: dict[str, ast.stmt]
) -> str | None:
    """Say why a call must not be made, or None."""
    attributes, root = [], call.func
    while isinstance(root, ast.Attribute):
        attributes.append(root.attr)
        root = root.value
    name = root.id if isinstance(root, ast.Name) else ""
    if name in definitions:
        return None if is_record(definitions[name]) else f"it calls {name}, which this file defines"
    if name in modules:
        path = ".".join([modules[name], *reversed(attributes)])
        first = path.split(".")[0]
        harmful = first in BANNED_MODULES or (first == "os" and not HARMLESS_OF_OS.fullmatch(path))
        return f"it calls {path}" if harmful else None
    if attributes:
        known = isinstance(root, ast.Constant) or attributes[0] in HARMLESS_METHODS
        return None if known else f"it calls {attributes[0]}"
    # Without an import it is a builtin, or something that the file creates.
    arguments = {part.id for a in call.args for part in ast.walk(a) if isinstance(part, ast.Name)}
    functions = sorted(
        n for n in arguments & set(definitions) if isinstance(definitions[n], FUNCTIONS)
    )
    if functions:
        return f"it may call {functions[0]}, which this file defines"
    return None if hasattr(builtins, name or " ") else f"it calls {ast.unparse(call.func)}"


def is_record(node: ast.stmt) -> bool:
    """Say whether making an instance of a class only stores its arguments."""
    if not isinstance(node, ast.ClassDef) or node.keywords:
        return False
    names = {"__init__", "__new__", "__post_init__"}
    methods = [part for part in node.body if isinstance(part, FUNCTIONS) and part.name in names]
    return not any(isinstance(part, ast.Call) for method in methods for part in ast.walk(method))
