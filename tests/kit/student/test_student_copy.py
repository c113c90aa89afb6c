"""What goes into a student's copy, and what stays behind."""

import re
import tomllib
from typing import Any

import nbformat
import pytest
from helpers.refusals import refused
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from a3lib.kit.checks.catalogue import POINTS
from a3lib.kit.student.student_copy import (
    DEVELOPMENT,
    check_points,
    is_copied,
    module_of,
    student_files,
    student_notebook,
    with_points,
)
from a3lib.util.files import PROJECT

SOLVED = (
    "def f(x):\n    # BEGIN SOLUTION\n    # TODO: double x.\n    return x + x\n    # END SOLUTION"
)


def headings(points: dict[int, int]) -> list[NotebookNode]:
    return [new_markdown_cell(f"# Section {n}: words ({p} points)") for n, p in points.items()]


def tree(*cells: NotebookNode, **metadata: Any) -> dict[str, bytes]:
    notebook = new_notebook(cells=[*headings(POINTS), *cells], metadata=metadata)
    return {
        "A3.ipynb": nbformat.writes(notebook).encode(),
        "a3lib/kit/student/README.md": b"{points 4} of {points}",
        "requirements.txt": b"torch>=2.6\nhypothesis>=6\npytest>=8\npytest-xdist>=3\n",
        "constraints.txt": b"# Versions\nexecnet==2\nmypy==2\nmypy_extensions==1\n"
        b"torch==2.13.0\ntrl==1\n",
        "README.md": b"ours",
        "a3lib/losses.py": b"",
        "a3lib/data.py": b"",
        "writeup/A3.tex": b"",
    }


@pytest.mark.parametrize(
    ("name", "copied"),
    [
        ("a3lib/data.py", True),
        ("a3lib/__init__.py", True),
        ("a3lib/losses.py", False),
        ("a3lib/tinyworld/policy/model.safetensors", True),
        ("a3lib/tinyworld/build.py", False),
        ("a3lib/kit/__init__.py", True),
        ("a3lib/kit/checks/__init__.py", True),
        ("a3lib/kit/checks/expected.json", True),
        ("a3lib/kit/checks/answers/hidden.json", False),
        ("a3lib/kit/checks/answers/hidden.py", False),
        ("a3lib/kit/release.py", False),
        ("a3lib/kit/student/README.md", False),
        ("a3lib/README.md", False),
        ("a3lib/kit/checks/README.md", False),
        ("a3lib/kit/sandbox/README.md", False),
        ("a3lib/tinyworld/CARD.md", True),
        ("tests/test_submission.py", True),
        ("tests/test_losses.py", False),
        ("tests/helpers/plain_solutions.py", False),
        ("writeup/A3.tex", True),
        ("README.md", False),
        (".ci/run", False),
        ("export_to_py.py", True),
        ("notes/export_to_py.py", False),
    ],
)
def test_a_file_is_copied_or_not(name: str, copied: bool) -> None:
    assert is_copied(name) == copied


def test_a_data_file_belongs_to_the_module_of_its_name() -> None:
    assert module_of("a3lib/kit/checks/answers/hidden.json") == "a3lib.kit.checks.answers.hidden"
    assert module_of("a3lib/kit/__init__.py") == "a3lib.kit"


def test_a_copy_has_a_readme_of_its_own_and_only_the_requirements_that_it_needs() -> None:
    made = student_files(tree(new_code_cell(SOLVED, id="f")))
    assert sorted(made) == [
        "A3.ipynb",
        "README.md",
        "a3lib/data.py",
        "constraints.txt",
        "requirements.txt",
        "writeup/A3.tex",
    ]
    assert made["README.md"] == b"35 of 100"
    assert made["requirements.txt"] == b"torch>=2.6\npytest>=8\n"
    assert made["constraints.txt"] == b"# Versions\ntorch==2.13.0\n"


def test_the_tools_of_developers_are_not_asked_of_students() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = project["optional-dependencies"]["dev"]
    assert {"import-linter", "nbstripout", "pre-commit"} <= set(tools)
    # Two of them bring others along; pip has either dash for a name's.
    for tool in (*tools, "grimp", "virtualenv", "cfgv", "identify", "nodeenv", "distlib"):
        assert any(DEVELOPMENT.match(f"{tool.replace('-', dash)}==1") for dash in "-_"), tool


def test_a_tree_without_the_notebook_is_refused() -> None:
    files = tree()
    del files["A3.ipynb"]
    with refused("A3.ipynb", "project's tree"):
        student_files(files)


def test_the_notebook_is_without_solutions_outputs_instructors_cells_and_metadata() -> None:
    output = new_output("stream", name="stdout", text="42")
    cells = [
        new_code_cell(SOLVED, id="f", execution_count=7, outputs=[output], metadata={"x": 1}),
        new_code_cell("f(1)", id="secret", metadata={"tags": ["instructor"]}),
        new_markdown_cell("Words", id="words", metadata={"author": "me"}),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "P"},
        "widgets": {"state": "x + x"},
    }
    found = student_notebook(new_notebook(cells=cells, metadata=metadata))
    assert [cell.id for cell in found.cells] == ["f", "words"]
    code, words = found.cells
    assert (code.outputs, code.execution_count, code.metadata, words.metadata) == ([], None, {}, {})
    assert code.source.endswith('raise NotImplementedError("TODO: f")')
    assert found.metadata == {"kernelspec": {"name": "python3", "display_name": "P"}}
    nbformat.validate(found)


def test_the_number_of_a_cell_with_a_wrong_marker_counts_all_cells() -> None:
    wrong = new_code_cell("# BEGIN SOLUTION\n# TODO: x.\nx = 1")
    cells = [new_markdown_cell("a"), new_code_cell("b"), wrong]
    with refused("Cell 3, line 1: ", "not closed"):
        student_notebook(new_notebook(cells=cells))
    # A cell that is left out is read all the same: its marker may have lost its partner elsewhere.
    wrong.metadata["tags"] = ["instructor"]
    with refused("Cell 3, line 1: "):
        student_notebook(new_notebook(cells=cells))
    with refused("Cell 1, line 2: ", "not code"):
        student_notebook(new_notebook(cells=[new_markdown_cell("a\n# END SOLUTION")]))


@pytest.mark.parametrize(
    "points", [POINTS | {3: 20}, {n: p for n, p in POINTS.items() if n != 5}, POINTS | {6: 0}, {}]
)
def test_headings_with_other_points_are_refused(points: dict[int, int]) -> None:
    with refused("headings", "points"):
        check_points(new_notebook(cells=headings(points)))
    files = tree() | {"A3.ipynb": nbformat.writes(new_notebook(cells=headings(points))).encode()}
    with refused("headings", "points"):
        student_files(files)


def test_the_points_stand_in_their_places() -> None:
    assert with_points("{points 1}+{points 2}, {points}") == "15+20, 100"


# The write-up


def test_the_write_up_asks_what_the_notebook_asks() -> None:
    tex = (PROJECT / "writeup/A3.tex").read_text(encoding="utf-8")
    cells = nbformat.read(PROJECT / "A3.ipynb", as_version=4).cells
    given = [c for c in cells if "instructor" not in c.metadata.get("tags", [])]
    prose = "\n".join(cell.source for cell in given if cell.cell_type == "markdown")
    asked = re.findall(r"\*\*Q(\d\.\d)\*\*", prose)
    assert re.findall(r"^\\question\{(\d\.\d)\}", tex, re.MULTILINE) == asked
    assert len(asked) == 20
    # One place for an answer each, and the collaborators' statement before everything.
    assert tex.count("\n\\answer\n") == len(asked) + 1
    assert tex.index("Collaborators") < tex.index("\\question{1.1}")


def test_the_write_up_gives_points_and_page_limits() -> None:
    tex = (PROJECT / "writeup/A3.tex").read_text(encoding="utf-8")
    found = re.findall(r"^\\exercise\{.*?\}\{(\d+)\}\{(\d) pages?\}", tex, re.MULTILINE)
    assert [int(points) for points, _ in found] == [*POINTS.values()]
    assert [int(pages) for _, pages in found] == [1, 2, 3, 4, 2]


def test_the_write_ups_braces_and_environments_are_closed() -> None:
    tex = (PROJECT / "writeup/A3.tex").read_text(encoding="utf-8")
    code = re.sub(r"(?<!\\)%.*", "", tex)
    assert code.count("{") == code.count("}")
    assert code.count("\\begin{") == code.count("\\end{") == 1
    assert code.isascii()
