"""The solved notebook gets the same full score, whatever wrote it as a script."""

import ast
import json
from pathlib import Path

import nbformat
import pytest
from helpers.exporters import EXPORTERS

from a3lib.kit.grade import grade_all
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.source.submission import read_submission
from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("grades the solution as an exporter wrote it")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The solved notebook as each exporter writes it."""
    notebook = nbformat.read(PROJECT / "A3.ipynb", as_version=4)
    folder = tmp_path_factory.mktemp("submissions")
    files = {name: folder / f"{name}.py" for name in EXPORTERS}
    for name, file in files.items():
        file.write_text(EXPORTERS[name](notebook), encoding="utf-8")
    return files


def graded_code(script: Path) -> list[str]:
    """Return the statements that the grader runs, without the cell that installs the library.

    That cell's %pip lines are written by each exporter in its own way, and left out as magics.
    """
    statements = [ast.unparse(ast.parse(kept.text)) for kept in read_submission(script).kept]
    return [s for s in statements if not s.startswith("try:\n    import a3lib\n")]


def test_four_exporters_hand_the_same_code_to_the_grader(scripts: dict[str, Path]) -> None:
    ours, *others = (graded_code(script) for script in scripts.values())
    assert len(others) == 3 and len(ours) >= 90
    assert all(code == ours for code in others)


def test_it_gets_the_full_score(scripts: dict[str, Path], tmp_path: Path) -> None:
    """One is enough, because the four are the same code; test_small_machine grades the notebook."""
    grade_all([scripts["nbconvert"]], tmp_path, Settings(trusted=True), workers=1)
    (results,) = tmp_path.glob("*/results.json")
    assert json.loads(results.read_text(encoding="utf-8"))["score"] == 85
