"""The solved notebook gets the same full score, whatever wrote it as a script."""

import json
from pathlib import Path

import nbformat
import pytest
from helpers.exporters import EXPORTERS

from a3lib.kit.grade import grade_all
from a3lib.kit.grading.fingerprint import Settings
from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("grades the solution from four exporters")


def test_four_exporters_give_the_same_full_score(tmp_path: Path) -> None:
    notebook = nbformat.read(PROJECT / "A3.ipynb", as_version=4)
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name, export in EXPORTERS.items():
        (folder / f"{name}.py").write_text(export(notebook), encoding="utf-8")

    grade_all([folder], tmp_path / "results", Settings(trusted=True), workers=1)

    scores = {
        file.parent.name: json.loads(file.read_text(encoding="utf-8"))["score"]
        for file in (tmp_path / "results").glob("*/results.json")
    }
    assert scores == dict.fromkeys(scores, 85) and len(scores) == len(EXPORTERS) == 4
