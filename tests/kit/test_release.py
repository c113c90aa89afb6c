"""The two zips of a release: what they contain, that they prove themselves, and that they do."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from helpers.plain_solutions import solved
from helpers.refusals import refused

from a3lib.errors import InputError
from a3lib.kit import release as module
from a3lib.kit.release import (
    INSTRUCTOR_ZIP,
    STUDENT_ZIP,
    executables,
    files_not_ignored,
    read_files,
    release,
    tree_files,
)
from a3lib.kit.student.proof import environment, first_error
from a3lib.kit.student.student_copy import NOTEBOOK, student_files
from a3lib.util.files import PROJECT, zipped
from tests.kit.refresh_golden import GOLDEN, listings

SLOW = pytest.mark.slow("proves a release and executes the student's notebook")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a release of this tree, and what the command says about it."""
    out = tmp_path_factory.mktemp("release") / "new" / "folder"
    return out, release(PROJECT, out)


@pytest.fixture(scope="module")
def solved_copy(
    released: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, nbformat.NotebookNode]:
    """A student's folder, unpacked, with solutions in plain PyTorch in the notebook's TODOs."""
    folder = tmp_path_factory.mktemp("student")
    with zipfile.ZipFile(released[0] / STUDENT_ZIP) as archive:
        archive.extractall(folder)
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = solved(cell.source)
    nbformat.write(notebook, folder / NOTEBOOK)
    return folder, notebook


@SLOW
def test_a_release_says_what_it_proved_and_wrote(released: tuple[Path, str]) -> None:
    out, said = released
    lines = said.splitlines()
    assert lines[0].startswith("None of ") and "solutions is in the students' files" in lines[0]
    assert "first TODO (evaluate)" in lines[1]
    assert "'not implemented yet'" in lines[2] and "put back all " in lines[2]
    for line, name in zip(lines[3:], (STUDENT_ZIP, INSTRUCTOR_ZIP), strict=True):
        assert line.startswith(f"{out / name}: ") and "SHA-256 " in line
    assert sorted(file.name for file in out.iterdir()) == [INSTRUCTOR_ZIP, STUDENT_ZIP]


@pytest.mark.parametrize("name", ["student.txt", "instructor.txt", "student_notebook.txt"])
def test_a_release_contains_what_the_golden_listing_says(name: str) -> None:
    golden = (GOLDEN / name).read_text(encoding="utf-8")
    assert listings()[name] == golden, "refresh it with python -m tests.kit.refresh_golden"


@SLOW
def test_the_zips_have_the_listed_files(released: tuple[Path, str]) -> None:
    for name, listing in ((STUDENT_ZIP, "student.txt"), (INSTRUCTOR_ZIP, "instructor.txt")):
        with zipfile.ZipFile(released[0] / name) as archive:
            names = archive.namelist()
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        listed = (GOLDEN / listing).read_text().splitlines()
        unlisted = sorted(set(names) - set(listed))
        assert set(listed) <= set(names) and names == sorted(names)
        assert all(n.startswith("tests/") for n in unlisted)
        assert (name == STUDENT_ZIP) == (unlisted == [])


@SLOW
def test_a_second_release_is_the_same_to_the_byte(released: tuple[Path, str]) -> None:
    files = read_files(PROJECT, tree_files(PROJECT))
    student = student_files(files)
    for name, content in ((STUDENT_ZIP, student), (INSTRUCTOR_ZIP, files)):
        backwards = dict(reversed(content.items()))
        again = zipped(backwards, executables(PROJECT, content))
        assert again == (released[0] / name).read_bytes()


def test_modes_are_kept_and_nothing_else_of_the_file_system(tmp_path: Path) -> None:
    packed = zipped({"run": b"#!", "text": b"x"}, {"run"})
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"run": 0o100755, "text": 0o100644}


# What a student can do with a copy


@SLOW
def test_plain_solutions_run_the_whole_notebook_with_only_the_students_library(
    solved_copy: tuple[Path, nbformat.NotebookNode],
) -> None:
    folder, notebook = solved_copy
    assert not (folder / "a3lib/losses.py").exists()
    assert first_error(notebook, folder) is None
    printed = {
        cell.id: "".join(output.get("text", "") for output in cell.get("outputs", []))
        for cell in notebook.cells
    }
    assert "average reward on the test set" in printed["run-reinforce"]
    summary = json.loads((folder / "runs/summary.json").read_text(encoding="utf-8"))
    assert {"baseline", "reinforce", "kl", "dpo"} <= set(summary)
    assert summary["dpo"][0]["losses"][0] == pytest.approx(0.6931472, abs=1e-5)


@SLOW
def test_plain_solutions_pass_every_public_check(
    solved_copy: tuple[Path, nbformat.NotebookNode],
) -> None:
    folder, _ = solved_copy
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/test_submission.py",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment({}, folder), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]


# Refusals


def test_nothing_is_written_where_a_proof_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> list[str]:
        raise InputError("Cell 1, line 2: it leaks.")

    monkeypatch.setattr(module, "prove", refuse)
    with refused("it leaks"):
        release(PROJECT, tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_file_is_no_folder_for_a_release(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with refused("is a file", "give a folder"):
        release(PROJECT, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    command = [sys.executable, "-m", "a3lib", "release", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("a3lib: ") and done.stderr.count("\n") == 1


# Which files are the tree's own


def small_tree(folder: Path) -> None:
    names = (
        "a.py",
        "b.log",
        "sub/c.py",
        "sub/b.log",
        "runs/d.txt",
        "sub/runs/e.txt",
        "cache/f",
        ".git/x",
    )
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".gitignore").write_text("# what is made\nruns/\n*.log\ncache\n")


def test_without_git_its_rules_are_followed(tmp_path: Path) -> None:
    small_tree(tmp_path)
    assert sorted(files_not_ignored(tmp_path)) == [".gitignore", "a.py", "sub/c.py"]
    # The folder .git of this tree is no repository.
    assert tree_files(tmp_path) == [".gitignore", "a.py", "sub/c.py"]


def test_with_git_only_tracked_files_that_are_there_count(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    small_tree(folder)
    (folder / "gone.py").write_text("")
    subprocess.run(["git", "-C", folder, "add", "-f", "a.py", "b.log", "gone.py"], check=True)
    (folder / "gone.py").unlink()
    assert tree_files(folder) == ["a.py", "b.log"]


def test_a_tree_inside_another_repository_is_read_by_itself(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    small_tree(tmp_path / "unpacked")
    (tmp_path / "unpacked/.git/x").unlink()
    (tmp_path / "unpacked/.git").rmdir()
    assert tree_files(tmp_path / "unpacked") == [".gitignore", "a.py", "sub/c.py"]
