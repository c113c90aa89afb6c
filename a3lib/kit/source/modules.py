"""Modules of a person's own: those that a notebook writes are put into it, others are named.

A grader has the file that is handed in and no other. A cell that begins with `%%writefile x.py`
holds its module's code, which becomes code of the file itself; `import x` then gives the file.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.cells import LeftOut, Statement
from a3lib.kit.source.code_texts import IMPORTS, is_guard

THIS_FILE = "sys.modules[__name__]"
PACKAGES = ("site-packages", "dist-packages")
# Packages that others wrote, so that a person who imports one has no file of that name.
PUBLIC = re.compile(
    r"bitsandbytes|comet_ml|cv2|deepspeed|dotenv|einops|evaluate|faiss|gdown|gradio|jaxtyping|"
    r"lightning|mlflow|neptune|nltk|openai|optuna|peft|plotly|polars|psutil|pynvml|"
    r"pytorch_lightning|rich|rouge_score|sacrebleu|scipy|seaborn|sentence_transformers|"
    r"sentencepiece|sklearn|spacy|tensorboard\w*|tensorflow|textblob|torch(audio|info|metrics|"
    r"summary|text|vision)|trl|unsloth|vllm|wandb|xformers"
)


def with_modules(statements: list[Statement]) -> tuple[list[Statement], list[LeftOut]]:
    """Return statements that need no module written by the notebook, and what cannot be so."""
    written = {statement.module for statement in statements} - {""}
    if not written:
        return statements, []
    inlined = []
    for statement in statements:
        if statement.module and is_guard(statement.node):
            continue  # An import of the module does not run it.
        before = ast.dump(statement.node)
        nodes = Inliner(written).visit(statement.node)
        for node in nodes if isinstance(nodes, list) else [nodes]:
            same = ast.dump(node) == before
            text = statement.text if same else ast.unparse(node)
            inlined.append(replace(statement, node=node, text=text))
    return inlined, clashes(inlined, written)


class Inliner(ast.NodeTransformer):
    """Replaces imports of modules whose code stands in the file itself."""

    def __init__(self, written: set[str]) -> None:
        self.written = written

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        kept = [alias for alias in node.names if alias.name not in self.written]
        lines = [ast.unparse(ast.Import(kept))] if kept else []
        for alias in node.names:
            if alias not in kept:
                lines += ["import sys", f"{alias.asname or alias.name} = {THIS_FILE}"]
        return node if kept == node.names else parsed(lines, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.level or node.module not in self.written:
            return node
        names = [(alias.asname, alias.name) for alias in node.names]
        return parsed([f"{new} = {old}" for new, old in names if new and new != old], node)


def parsed(lines: list[str], place: ast.stmt) -> list[ast.stmt]:
    """Return lines as statements that stand in the place of another one."""
    nodes = ast.parse("\n".join(lines or ["pass"])).body
    for node in nodes:
        for part in ast.walk(node):
            ast.copy_location(part, place)
    return nodes


def clashes(statements: list[Statement], written: set[str]) -> list[LeftOut]:
    """Return an entry for each written module that has a name which other code has as well."""
    meanings: dict[str, dict[str, set[str]]] = {}
    for statement in statements:
        text = ast.unparse(statement.node)
        for name in names_of(statement.node).bound:
            meanings.setdefault(name, {}).setdefault(statement.module, set()).add(text)
    found = []
    for module in sorted(written):
        of_module = [statement for statement in statements if statement.module == module]
        names = sorted(
            name
            for name, texts in meanings.items()
            if module in texts
            and len(texts) > 1
            and any(t != texts[module] for t in texts.values())
        )
        if names:
            why = f"the rest of the file has {', '.join(names)} too: give them other names"
            first = of_module[0]
            text = f"%%writefile {module}.py"
            found.append(LeftOut(first.cell, first.line, text, why, ("every function",)))
    return found


def reason_against_import(node: ast.stmt) -> str | None:
    """Say why a grader does not have what is imported, or None."""
    if isinstance(node, ast.ImportFrom) and node.level:
        return lacks(node.module or node.names[0].name)
    if not isinstance(node, IMPORTS):
        return None
    names = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    )
    missing = [
        name for name in (name.partition(".")[0] for name in names) if not is_installed(name)
    ]
    return lacks(missing[0]) if missing else None


def imports_without_fallback(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the imports in a function or a class that are not in a `try` or an `if`."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, IMPORTS):
            yield part
        elif not isinstance(part, (ast.Try, ast.If)):
            yield from imports_without_fallback(part)


def lacks(module: str) -> str:
    """Return the reason, with what to do, why a module is not there."""
    if PUBLIC.fullmatch(module):
        return f"a grader does not have {module}: do without it in the functions that are asked for"
    return (
        f"{module} is no installed package, and a grader has no other file of yours: put its code "
        f"into a cell that begins with %%writefile {module}.py"
    )


@cache
def is_installed(module: str) -> bool:
    """Say whether a module is there without the folders of the person who imports it."""
    if module in sys.stdlib_module_names or module in sys.builtin_module_names:
        return True
    folders = [entry for entry in sys.path if Path(entry).name in PACKAGES]
    return module in ("a3lib", "google") or bool(PathFinder.find_spec(module, folders))
