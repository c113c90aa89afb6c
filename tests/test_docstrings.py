"""Every public function, class and method of a3lib says what a caller has to know.

The sources are read as text: nothing is imported, so modules that need a library are read as well.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from a3lib.util.files import LIBRARY

# One entry of a shape says that it is one: a letter such as B, a number, an ellipsis or a length.
ENTRY = r"(?:\.\.\.|[A-Za-z]\w*(?:\([^()]*\))?(?: ?[-+*] ?\w+)*|\d+(?: ?[-+*] ?\w+)*)"
SHAPE = re.compile(rf"\(({ENTRY}(?:, {ENTRY})*,?)\)")
CERTAIN = re.compile(r"(?:^|, )(?:[A-Z]\b|\d|\.\.\.|len\()")
SAID_OTHERWISE = re.compile(r"\bscalar|\b(?:same|any|one|the|student's) shape\b|[Ss]hape of")
# The modules of formulas, and how a docstring says a source or the unit of what it returns.
FORMULAS = ("losses.py", "logprobs.py", "preferences.py", "metrics.py")
SOURCE_OR_UNIT = re.compile(
    r"\bSource\b|\barXiv\b|\bhandout\b|\bnats?\b|\blog-prob|\blog p\b|in \[0, 1\]"
    r"|\bshare\b|\bcounts?\b|\bindices\b|\bindex\b|\bpure number\b",
    re.IGNORECASE,
)


class Definition(NamedTuple):
    """A public function, class or method."""

    file: str
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

    @property
    def text(self) -> str:
        """Its docstring with its paragraphs, or nothing."""
        return ast.get_docstring(self.node) or ""


def definitions_in(body: list[ast.stmt], file: str, prefix: str = "") -> Iterator[Definition]:
    """Yield the public definitions of a module or class; what is within a function is its own."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        # ast calls visit_... by the name of what it visits; the class says what happens there.
        if node.name.startswith(("_", "visit_")):
            continue
        yield Definition(file, prefix + node.name, node)
        if isinstance(node, ast.ClassDef):
            yield from definitions_in(node.body, file, f"{prefix}{node.name}.")


def all_definitions() -> list[Definition]:
    """The public definitions of a3lib."""
    return [
        definition
        for file in sorted(LIBRARY.rglob("*.py"))
        for definition in definitions_in(
            ast.parse(file.read_text(encoding="utf-8")).body, str(file.relative_to(LIBRARY))
        )
    ]


def own_errors(definitions: list[Definition]) -> set[str]:
    """The names of our error classes, and ValueError."""
    found = {"ValueError", "RuntimeError", "Exception", "BaseException"}
    classes = [d.node for d in definitions if isinstance(d.node, ast.ClassDef)]
    for _ in range(3):  # a class of a class of an error
        found |= {
            node.name for node in classes if {ast.unparse(base) for base in node.bases} & found
        }
    return found - {"RuntimeError", "Exception", "BaseException"}


def raised(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names of errors that statements raise and do not catch themselves."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield ast.unparse(error).rpartition(".")[2]
        for name in ("body", "orelse", "finalbody"):
            if not (name == "body" and isinstance(node, ast.Try) and node.handlers):
                yield from raised(getattr(node, name, []))
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from raised(part.body)


def has_tensors(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a parameter or the result is a tensor, or a few of them."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    written = [ast.unparse(a.annotation) for a in arguments if a.annotation is not None]
    written += [ast.unparse(node.returns)] if node.returns is not None else []
    return any(
        re.search(r"\bTensor\b", annotation) and not re.search(r"\bCallable|\bdict\b", annotation)
        for annotation in written
    )


def says_a_shape(text: str) -> bool:
    """Say whether a docstring gives a shape, or says in words what the shape is."""
    written = " ".join(text.split())
    entries = [found[1] for found in SHAPE.finditer(written)]
    shapes = [e for e in entries if ("," in e or e == "...") and CERTAIN.search(e)]
    return bool(shapes or SAID_OTHERWISE.search(written))


DEFINITIONS = all_definitions()
FUNCTIONS = [d for d in DEFINITIONS if not isinstance(d.node, ast.ClassDef)]


def names_of(found: list[Definition]) -> list[str]:
    """Where to look, for a message."""
    return [f"{d.file}: {d.name}" for d in found]


def test_every_public_definition_has_a_docstring_whose_first_paragraph_is_a_sentence() -> None:
    assert len(DEFINITIONS) > 400
    wrong = [d for d in DEFINITIONS if not d.text.split("\n\n")[0].rstrip().endswith(".")]
    assert names_of(wrong) == []


def test_every_function_names_the_errors_that_it_raises() -> None:
    errors = own_errors(DEFINITIONS)
    assert {"InputError", "TrainingDiverged", "NotebookFailed"} <= errors
    wrong = [
        d
        for d in FUNCTIONS
        if any(not re.search(rf"\b{name}\b", d.text) for name in {*raised(d.node.body)} & errors)
    ]
    assert names_of(wrong) == []


def test_every_function_of_tensors_says_their_shapes() -> None:
    with_tensors = [d for d in FUNCTIONS if has_tensors(d.node)]
    assert len(with_tensors) > 60
    assert names_of([d for d in with_tensors if not says_a_shape(d.text)]) == []


def test_every_formula_says_its_source_or_a_unit() -> None:
    formulas = [
        d
        for d in FUNCTIONS
        if d.file in FORMULAS and not d.name.startswith("check_") and d.node.returns is not None
    ]
    assert len(formulas) > 20
    assert names_of([d for d in formulas if not SOURCE_OR_UNIT.search(d.text)]) == []


def test_every_loss_says_its_source() -> None:
    losses = [d for d in FUNCTIONS if d.file == "losses.py" and d.name.endswith("_loss")]
    losses += [d for d in FUNCTIONS if d.file == "losses.py" and d.name.endswith("_divergence")]
    wrong = [
        d
        for d in losses
        if not re.search(r"Source: |arXiv \d{4}|handout", " ".join(d.text.split()))
    ]
    assert names_of([d for d in wrong if not d.name.startswith("check_")]) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Rewards (B,).", True),
        ("log_probs (B, T-1) of tokens.", True),
        ("Values (..., V) and\ntokens (...).", True),
        ("Each one, (len(texts),) in [0, 1].", True),
        ("Return a scalar.", True),
        ("In the shape of u.", True),
        ("Return the loss.", False),
        ("Return (as it were) the loss (a number, or two).", False),
        ("The loss (B).", False),
    ],
)
def test_a_shape_is_told_from_an_aside(text: str, said: bool) -> None:
    assert says_a_shape(text) is said


def test_an_error_that_is_caught_at_once_need_not_be_named() -> None:
    (function,) = ast.parse(
        "def f(x):\n"
        "    try:\n        raise ValueError\n"
        "    except ValueError as e:\n        raise InputError(x) from e\n"
        "    for y in x:\n        raise a.Other\n"
        "    def inner():\n        raise Hidden\n"
    ).body
    assert isinstance(function, ast.FunctionDef)
    assert sorted(raised(function.body)) == ["InputError", "Other"]
