"""What a release contains, as text: `python -m tests.kit.refresh_golden` writes it down again.

So it does with the course's own lines that a grader does not execute, of which it says nothing.
"""

from pathlib import Path

import nbformat
from nbconvert import PythonExporter

from a3lib.kit.release import read_files, tree_files
from a3lib.kit.source.submission import notebook_cells, script_cells, sorted_out
from a3lib.kit.source.told import GIVEN
from a3lib.kit.student.student_copy import NOTEBOOK, student_files
from a3lib.util.files import PROJECT

GOLDEN = Path(__file__).parent / "golden"


def listings() -> dict[str, str]:
    """Return the golden files by name: what is in both zips, and the students' notebook."""
    files = read_files(PROJECT, tree_files(PROJECT))
    student = student_files(files)
    return {
        "student.txt": "".join(f"{name}\n" for name in sorted(student)),
        # All the tests are in it too; they come and go, and there is nothing in them to look after.
        "instructor.txt": "".join(
            f"{name}\n" for name in sorted(files) if not name.startswith("tests/")
        ),
        "student_notebook.txt": as_text(student[NOTEBOOK]),
    }


def as_text(notebook: bytes) -> str:
    """Return a notebook's cells one below the other: code in fences, prose as it is."""
    cells = nbformat.reads(notebook.decode(), as_version=4).cells
    return "\n".join(
        f"<!-- {cell.id} -->\n"
        + (f"```python\n{cell.source}\n```\n" if cell.cell_type == "code" else f"{cell.source}\n")
        for cell in cells
    )


def given_lines() -> str:
    """Return what is left out of the students' notebook itself, and of its scripts."""
    files = read_files(PROJECT, tree_files(PROJECT))
    notebook = student_files(files)[NOTEBOOK].decode()
    script = PythonExporter().from_notebook_node(nbformat.reads(notebook, as_version=4))[0]
    found = [
        sorted_out(notebook_cells(notebook, NOTEBOOK), NOTEBOOK),
        sorted_out(script_cells(script), "A3.py"),
    ]
    return "".join(f"{text}\n" for text in sorted({o.text for s in found for o in s.left_out}))


if __name__ == "__main__":
    GIVEN.write_text(given_lines(), encoding="utf-8")
    GOLDEN.mkdir(exist_ok=True)
    for name, text in listings().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
