"""What a release proves: each proof holds for what is right and refuses what is wrong."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.refusals import refused
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from a3lib.kit.student.proof import (
    prove_checks,
    prove_first_todo,
    prove_no_solution_line,
    put_solutions_back,
    telling_lines,
)
from a3lib.kit.student.regions import find_regions, strip
from a3lib.util.files import PROJECT

SOLVED = """\
def f(x):
    y = x + 1
    # BEGIN SOLUTION
    # TODO: return y twice.

    # A comment = with(many, tokens)
    pair = [y, "y"]  # a, b, c, d
    z = y
    w = -y
    return pair
    # END SOLUTION"""
CLEAN = {"a3lib/data.py": b"z = y\n", "README.md": b"A comment = with(many, tokens). return pair"}


def notebook(*sources: str) -> NotebookNode:
    cells = [new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    return new_notebook(cells=cells)


def content(*sources: str, **metadata: Any) -> bytes:
    made = notebook(*sources)
    made.metadata.update(metadata)
    return nbformat.writes(made).encode()


def test_only_lines_of_four_tokens_tell_something() -> None:
    (region,) = find_regions(SOLVED, 1)
    assert [*telling_lines(region)] == [
        (7, ["pair", "=", "[", "y", ",", '"y"', "]"]),
        (9, ["w", "=", "-", "y"]),
    ]


def test_lines_of_a_call_over_several_lines_are_lines_of_their_own() -> None:
    source = (
        "# BEGIN SOLUTION\n# TODO: t.\nf(\n    a, -b, c\n)\nx = f('''one\ntwo''')\n# END SOLUTION"
    )
    (region,) = find_regions(source, 1)
    found = [(line, " ".join(tokens)) for line, tokens in telling_lines(region)]
    assert found == [(4, "a , - b , c"), (6, "x = f ( '''one\ntwo'''")]


@pytest.mark.parametrize(
    ("idiom", "telling"),
    [
        ("with torch.no_grad(): x", "with torch.no_grad(): x = model(y)"),
        ("for batch in loop: x", "for batch in reversed(loop): x"),
        ("optimizer.zero_grad()", "other.zero_grad()"),
        ("optimizer.step()", "optimizer.step(closure)"),
        ("loss.backward()", "(loss + alpha * kl).backward()"),
        ("scaler.scale(loss).backward()", "scaler.scale(-loss).backward()"),
        ("from a3lib.losses import reinforce_loss", "x = import_module('a3lib.losses')"),
        ("import torch.nn.functional as F", "F = torch.nn.functional"),
        ("f(\n    batch, tokenizer, model\n)", "f(\n    batch, tokenizer, model[0]\n)"),
        ("f(\n    chosen, beta=beta,\n)", "f(\n    chosen, beta=alpha,\n)"),
        ("f(\n    a, c, b=b,\n)", "f(\n    a, 0.5, b=b,\n)"),
        ("(a)", "return a, b"),
    ],
)
def test_an_idiom_tells_nothing_and_what_only_looks_like_one_does(idiom: str, telling: str) -> None:
    for code, tells in ((idiom, False), (telling, True)):
        block = code.replace(": x", ":\n    x")
        inside = "\n".join(f"    {line}" for line in block.split("\n"))
        source = f"def g():\n    # BEGIN SOLUTION\n    # TODO: t.\n{inside}\n    # END SOLUTION"
        (region,) = find_regions(source, 1)
        assert bool([*telling_lines(region)]) is tells, code


def test_an_idiom_may_stand_in_a_students_file_and_a_solution_beside_it_may_not() -> None:
    source = "# BEGIN SOLUTION\n# TODO: t.\nloss.backward()\nz = loss * 2\n# END SOLUTION"
    student = CLEAN | {"A3.ipynb": content(strip(source, 1))}
    library = {"a3lib/data.py": b"loss.backward()\n"}
    assert prove_no_solution_line(notebook(source), student | library) == 1
    with refused("Cell 1, line 4: ", "z = loss * 2", "stands in a3lib/data.py "):
        prove_no_solution_line(notebook(source), student | {"a3lib/data.py": b"z = loss * 2"})


def test_a_copy_without_solution_lines_is_counted() -> None:
    student = CLEAN | {"A3.ipynb": content(strip(SOLVED, 1))}
    assert prove_no_solution_line(notebook("1", SOLVED), student) == 2


LEAKS = {
    "in the library": ("a3lib/data.py", b'pair = [y, "y"]'),
    "with other white space": ("a3lib/data.py", b'    pair=[\n        y,"y"   ]\n'),
    "with other quotes": ("a3lib/data.py", b"pair = [y, 'y']"),
    "inside a longer line": ("a3lib/data.py", b'if True: pair = [y, "y"]  # as before'),
    "in prose": ("README.md", b'Write `pair = [y, "y"]` and be done.'),
    "in data": ("a3lib/kit/checks/expected.json", b'{"hint": "pair = [y, \\"y\\"]"}'),
    "in a notebook's cell": ("A3.ipynb", content("1", 'if 1:\n    pair = [y, "y"]\n')),
    "over two lines of a cell": ("A3.ipynb", content('pair = [y,\n    "y"]')),
    "in a notebook's metadata": ("A3.ipynb", content("1", seen={"it": ['pair = [y, "y"]']})),
    "in the name of a field": ("A3.ipynb", content("1", seen={'pair = [y, "y"]': 1})),
    "in a file that is no text": ("a3lib/x.bin", b'\xff\xfe\x00pair = [y, "y"]\x00\xff'),
}


@pytest.mark.parametrize("where", LEAKS)
def test_a_solution_line_in_any_file_is_refused(where: str) -> None:
    name, leak = LEAKS[where]
    with refused("Cell 2, line 7: ", "pair = [ y", f"stands in {name} "):
        prove_no_solution_line(notebook("1", SOLVED), CLEAN | {name: leak})


# The notebook up to its first TODO


def folder_with(folder: Path, *sources: str) -> Path:
    (folder / "A3.ipynb").write_bytes(content(*sources))
    return folder


def test_the_first_todo_is_found_by_running(tmp_path: Path) -> None:
    sources = ("import os\nassert 'A3_SETTINGS' in os.environ", strip(SOLVED, 2), "f(1)", "1 / 0")
    assert prove_first_todo(folder_with(tmp_path, *sources)) == "f"


def test_another_error_before_the_first_todo_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "x = 1", "training.evaluate(x)", strip(SOLVED, 2), "f(1)")
    with refused("Cell 2 ", "NameError", "training"):
        prove_first_todo(folder)


def test_an_error_that_only_looks_like_a_todo_is_refused(tmp_path: Path) -> None:
    with refused("Cell 1 ", "ValueError"):
        prove_first_todo(folder_with(tmp_path, "raise ValueError('TODO: f')"))
    with refused("Cell 1 ", "NotImplementedError"):
        prove_first_todo(folder_with(tmp_path, "raise NotImplementedError"))


def test_a_notebook_that_runs_through_is_refused(tmp_path: Path) -> None:
    with refused("runs through"):
        prove_first_todo(folder_with(tmp_path, "x = 1", strip(SOLVED, 2)))


def test_a_students_notebook_cannot_use_our_own_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    with refused("Cell 1 ", "ModuleNotFoundError"):
        prove_first_todo(folder_with(tmp_path, "import a3lib.losses"))


# The checks


def folder_with_checks(folder: Path, statuses: dict[str, str], *sources: str) -> Path:
    """A folder whose library says, of each function, this status."""
    rows = [
        {"check": f"{name}.values", "function": name, "status": status, "message": "why"}
        for name, status in statuses.items()
    ]
    (folder / "a3lib").mkdir()
    (folder / "a3lib/__main__.py").write_text(
        "import sys\nassert sys.argv[1:] == ['check', 'A3.ipynb', '--json']\n"
        f"print({json.dumps(rows)!r})"
    )
    return folder_with(folder, *sources)


def test_checks_of_what_is_to_be_written_say_so_and_the_others_pass(tmp_path: Path) -> None:
    statuses = {"f": "not implemented yet", "given": "passed"}
    found = prove_checks(folder_with_checks(tmp_path, statuses, strip(SOLVED, 1)))
    assert found == {"not implemented yet": 1, "passed": 1}


@pytest.mark.parametrize(
    ("statuses", "name", "expected"),
    [
        ({"f": "error"}, "f", "not implemented yet"),
        ({"f": "failed"}, "f", "not implemented yet"),
        ({"f": "passed"}, "f", "not implemented yet"),
        ({"f": "not implemented yet", "given": "failed"}, "given", "passed"),
        ({"f": "not implemented yet", "given": "not implemented yet"}, "given", "passed"),
    ],
)
def test_a_check_that_says_something_else_is_refused(
    statuses: dict[str, str], name: str, expected: str, tmp_path: Path
) -> None:
    folder = folder_with_checks(tmp_path, statuses, strip(SOLVED, 1))
    with refused(f"check {name}.values", f"should say {expected!r}", f"{statuses[name]!r}", "why"):
        prove_checks(folder)


def test_checks_of_a_solved_notebook_must_all_pass(tmp_path: Path) -> None:
    folder = folder_with_checks(tmp_path, {"f": "not implemented yet"}, SOLVED)
    with refused("should say 'passed'"):
        prove_checks(folder)


def test_no_checks_at_all_prove_nothing(tmp_path: Path) -> None:
    with refused("no check"):
        prove_checks(folder_with_checks(tmp_path, {}, "1"))


def test_checks_that_do_not_run_are_refused_with_what_they_said(tmp_path: Path) -> None:
    (tmp_path / "a3lib").mkdir()
    (tmp_path / "a3lib/__main__.py").write_text("raise RuntimeError('no torch')")
    with refused("did not run", "RuntimeError: no torch"):
        prove_checks(folder_with(tmp_path, "1"))


# The solutions put back


def test_solutions_and_answer_modules_come_back(tmp_path: Path) -> None:
    master = notebook("x = 1", SOLVED)
    files = {"a3lib/losses.py": b"L", "a3lib/data.py": b"D", "a3lib/kit/release.py": b"R"}
    put_solutions_back(files, master, folder_with(tmp_path, "x = 1", strip(SOLVED, 2)))
    found = nbformat.read(tmp_path / "A3.ipynb", as_version=4)
    assert [cell.source for cell in found.cells] == ["x = 1", SOLVED]
    assert [f.name for f in (tmp_path / "a3lib").rglob("*.py")] == ["losses.py"]


def test_a_cell_that_does_not_become_the_masters_again_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "x = 2", strip(SOLVED, 2))
    with refused("Cell 1 is not the same"):
        put_solutions_back({}, notebook("x = 1", SOLVED), folder)
    # The words of the TODO stand above it as well, so the solution would go there.
    text = "# TODO: more.\n\n# BEGIN SOLUTION\n# TODO: more.\ny = 1\n# END SOLUTION"
    with refused("Cell 1 is not the same"):
        put_solutions_back({}, notebook(text), folder_with(tmp_path, strip(text, 1)))


def test_prose_is_compared_too(tmp_path: Path) -> None:
    master = new_notebook(cells=[new_markdown_cell("one", id="cell-0")])
    with refused("Cell 1 is not the same"):
        put_solutions_back({}, master, folder_with(tmp_path, "two"))
