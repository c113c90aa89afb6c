"""The export for a similarity checker, and a checker on PATH: real ones are not needed here.

`fake` is a small program in the place of JPlag or Dolos: it notes its command line and writes a
table as these programs document it. What the real ones write is not tested.
"""

import json
import os
import stat
import sys
from pathlib import Path

import nbformat
import pytest

from a3lib.kit.grade import starter
from a3lib.kit.grading.discovery import SubmissionFile
from a3lib.kit.grading.similarity import (
    compare,
    own_functions,
    similar_submissions,
    write_files,
)
from a3lib.kit.source.submission import read_submission
from a3lib.util.files import PROJECT

GIVEN = '''\
def helper(x):
    """Given."""
    return x


def train(model_name):
    # TODO: write it
    raise NotImplementedError("train")
'''
OWN = GIVEN.replace('    # TODO: write it\n    raise NotImplementedError("train")', "    return {}")
CSV = {
    "jplag": "submissionName1,submissionName2,averageSimilarity,maxSimilarity\nann,bob,0.925,1\n",
    "dolos": "id,leftFilePath,rightFilePath,similarity\n1,x/ann/ann.py,x/bob/bob.py,0.5\n",
}


def fake(folder: Path, program: str, text: str, status: int = 0) -> None:
    """Make a program that notes how it was called, writes a table, and ends."""
    folder.mkdir(exist_ok=True)
    file = folder / program
    file.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        f"pathlib.Path({str(folder / 'called.json')!r}).write_text(json.dumps(sys.argv[1:]))\n"
        f"pathlib.Path('deep').mkdir()\n"
        f"pathlib.Path('deep/pairs.csv').write_text({text!r})\n"
        f"print('no space left\\x1b[31m', file=sys.stderr)\nsys.exit({status})\n"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def exported(tmp_path: Path, **texts: str) -> Path:
    """Write the files of these submissions."""
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    files = []
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
        files.append((name, tmp_path / f"{name}.py"))
    (tmp_path / "given.py").write_text(GIVEN)
    given = [kept.text for kept in read_submission(tmp_path / "given.py").kept]
    write_files(files, read_submission, given, out)
    return out


def written(out: Path) -> dict[str, str]:
    root = out / "similarity.files"
    return {f.relative_to(root).as_posix(): f.read_text() for f in root.rglob("*.py")}


def test_only_what_the_student_wrote_is_exported(tmp_path: Path) -> None:
    text = f"import torch\nLR = 3\n{OWN}\n# Mine.\n\nclass Mine:\n    pass\n\n\ntrain('x')\n"
    out = exported(tmp_path, ann=text, bob=GIVEN, eve="x = 1\n", damaged="def (")
    assert written(out) == {
        "ann/ann.py": "def train(model_name):\n    return {}\n\n\nclass Mine:\n    pass\n"
    }
    assert "def helper" in (out / "similarity.starter" / "starter.py").read_text()


def test_blanks_and_comments_make_no_code_ones_own(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GIVEN.replace("    # TODO: write it", "\n    # mine!\n"))
    given = [kept.text for kept in read_submission(tmp_path / "a.py").kept]
    assert own_functions(read_submission(tmp_path / "a.py"), given) == []
    (tmp_path / "b.py").write_text(GIVEN)
    assert own_functions(read_submission(tmp_path / "b.py"), given) == []


def test_the_students_notebook_is_without_code_of_its_own(tmp_path: Path) -> None:
    """What the release gives is left out, and of the solved notebook its solutions remain."""
    nbformat.write(starter(), tmp_path / "given.ipynb")
    out = tmp_path / "out"
    out.mkdir()
    files = [
        SubmissionFile("given", tmp_path / "given.ipynb", "", ()),
        SubmissionFile("solved", PROJECT / "A3.ipynb", "", ()),
    ]
    said = similar_submissions(starter(), files, out)
    assert set(written(out)) == {"solved/solved.py"}
    assert "def train_DPO" in written(out)["solved/solved.py"]
    assert said


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    exported(tmp_path, ann=OWN)
    assert set(written(exported(tmp_path, bob=OWN))) == {"bob/bob.py"}


@pytest.mark.parametrize(("program", "similarity"), [("jplag", "92.5"), ("dolos", "50")])
def test_a_checker_that_is_installed_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, similarity: str
) -> None:
    fake(tmp_path / "bin", program, CSV[program])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    out = exported(tmp_path, ann=OWN, bob=OWN)
    first, *pairs = compare(out, 2)
    assert "compared 1 pairs" in first and "similarity.report" in first
    assert pairs == [f"ann and bob: {similarity}%"]
    called = json.loads((tmp_path / "bin" / "called.json").read_text())
    assert any("similarity.starter" in argument for argument in called)
    assert any("similarity.files" in argument for argument in called)


def test_where_none_is_installed_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = exported(tmp_path, ann=OWN, bob=OWN)
    (said,) = compare(out, 2)
    assert said.startswith("Neither JPlag nor Dolos is installed") and "similarity.files" in said


def test_a_checker_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    fake(tmp_path / "bin", "dolos", "", status=3)
    out = exported(tmp_path, ann=OWN, bob=OWN)
    assert compare(out, 2) == ["Dolos failed with status 3: no space left."]
    fake(tmp_path / "bin", "dolos", "another,table\n1,2\n")
    (said,) = compare(exported(tmp_path, ann=OWN, bob=OWN), 2)
    assert said.startswith("Dolos ran, and no table of pairs is in")
    (tmp_path / "bin" / "dolos").write_text("no program")
    assert os.access(tmp_path / "bin" / "dolos", os.X_OK)
    (said,) = compare(exported(tmp_path, ann=OWN, bob=OWN), 2)
    assert said.startswith("Dolos could not be started")


def test_one_submission_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    fake(tmp_path / "bin", "jplag", CSV["jplag"])
    (said,) = compare(exported(tmp_path, ann=OWN), 1)
    assert said.startswith("1 submissions have functions of their own")
    assert not (tmp_path / "bin" / "called.json").exists()
