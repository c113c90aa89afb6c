"""What a release contains, as text: `python -m tests.kit.refresh_golden` writes it down again."""

from pathlib import Path

import nbformat

from a3lib.kit.release import read_files, tree_files
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


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in listings().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
