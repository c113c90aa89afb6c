"""What a student gets from this tree: file by file, and the notebook without its solutions."""

import re
from collections.abc import Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode

from a3lib.errors import InputError
from a3lib.kit.audience import is_for_students
from a3lib.kit.checks.catalogue import POINTS
from a3lib.kit.source.documents import decoded, parsed_notebook
from a3lib.kit.student.regions import check_no_markers, strip

NOTEBOOK = "A3.ipynb"
# Cells with this tag, such as those of the optional section, are left out.
INSTRUCTOR_TAG = "instructor"
# Files and folders that a student gets as they are; of a3lib, see `is_for_students`.
AS_THEY_ARE = (
    "export_to_py.py",
    "pyproject.toml",
    "tests/conftest.py",
    "tests/test_submission.py",
    "writeup/",
)
STUDENT_README = "a3lib/kit/student/README.md"
REQUIREMENTS = ("requirements.txt", "constraints.txt")
# What only the course's own tests and tools need.
DEVELOPMENT = re.compile(
    r"^(accelerate|ast_serialize|axe-playwright-python|cfgv|distlib|execnet|greenlet|grimp"
    r"|hypothesis|identify|import-linter|librt|mypy|mypy_extensions|nbstripout|nodeenv|pathspec"
    r"|playwright|pre_commit|pytest-xdist|python-discovery|ruff|sortedcontainers|trl"
    r"|virtualenv)[=<>~]"
)
NOTEBOOK_METADATA = ("accelerator", "colab", "kernelspec", "language_info")


def student_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a student's copy, content by name, of all the files of the tree, by name.

    Raises InputError where the notebook cannot be read, its solutions are not marked properly, or a
    heading gives points that the checks do not have.
    """
    if NOTEBOOK not in files or STUDENT_README not in files:
        raise InputError(
            f"{NOTEBOOK} or {STUDENT_README} is not there; make the release in the project's tree."
        )
    copy = {name: content for name, content in files.items() if is_copied(name)}
    for name in REQUIREMENTS:
        lines = files[name].decode().splitlines(keepends=True)
        copy[name] = "".join(line for line in lines if not DEVELOPMENT.match(line)).encode()
    copy["README.md"] = with_points(files[STUDENT_README].decode()).encode()
    notebook = parsed_notebook(decoded(files[NOTEBOOK], NOTEBOOK), NOTEBOOK)
    check_points(notebook)
    copy[NOTEBOOK] = (nbformat.writes(student_notebook(notebook)) + "\n").encode()
    return copy


def is_copied(name: str) -> bool:
    """Say whether a file goes into a student's copy as it is."""
    if name.startswith("a3lib/"):
        # Pages for those who have the whole tree link to what a student does not have.
        return not name.endswith("/README.md") and is_for_students(module_of(name))
    return any(name == kept or (kept[-1] == "/" and name.startswith(kept)) for kept in AS_THEY_ARE)


def module_of(name: str) -> str:
    """Return a file's name as a module's: a data file counts as the module it is named like."""
    parts = name.rpartition(".")[0].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def with_points(text: str) -> str:
    """Put the points in place of {points 1} to {points 5} and {points}, their sum."""
    for exercise, points in POINTS.items():
        text = text.replace(f"{{points {exercise}}}", str(points))
    return text.replace("{points}", str(sum(POINTS.values())))


def check_points(notebook: NotebookNode) -> None:
    """Raise InputError where a section's heading does not give its exercise's points."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^# Section (\d+): .*\((\d+) points\)$", prose, re.MULTILINE)
    if {int(section): int(points) for section, points in headings} != POINTS:
        listed = ", ".join(f"{section}: {points}" for section, points in headings)
        raise InputError(
            f"The notebook's headings give the points {listed or 'of no section'}, and the checks "
            f"have {POINTS}; change one of them."
        )


def student_notebook(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook without solutions, instructors' cells, outputs and other metadata.

    Raises InputError, naming the cell by its number from 1, where a marker is wrong.
    """
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            check_no_markers(cell.source, number)
        source = strip(cell.source, number) if cell.cell_type == "code" else cell.source
        if INSTRUCTOR_TAG in cell.metadata.get("tags", []):
            continue
        kept: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": cell.id,
            "metadata": {},
            "source": source,
        }
        if cell.cell_type == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(nbformat.from_dict(kept))
    metadata = {k: v for k, v in notebook.metadata.items() if k in NOTEBOOK_METADATA}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)
