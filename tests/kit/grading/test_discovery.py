"""Finding submissions: what is one, what is passed over and why, and their names."""

import os
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from helpers.collected import collected, names, put
from helpers.odd_files import CASES, CODE, Case, Zip, make
from helpers.refusals import refused

from a3lib.kit.grading import discovery
from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.discovery import SubmissionFile


def find_submissions(given: list[Path]) -> tuple[list[SubmissionFile], list[tuple[str, str]]]:
    found = collected(*given)
    return found.submissions, found.passed_over


def the_submission(folder: Path) -> Path:
    with TemporaryDirectory() as room:
        return discovery.the_submission(folder, Room(Path(room)))[0]


def test_a_folder_is_searched_to_the_bottom_in_order(tmp_path: Path) -> None:
    put(tmp_path, "carol.py", "bob/A3.ipynb", "alice/late/A3.py", "alice/notes.txt")
    found, passed_over = find_submissions([tmp_path])
    assert [(item.name, item.file.relative_to(tmp_path).as_posix()) for item in found] == [
        ("alice_late", "alice/late/A3.py"),
        ("bob", "bob/A3.ipynb"),
        ("carol", "carol.py"),
    ]
    reason = "neither .py nor .ipynb nor .zip"
    assert passed_over == [(str(tmp_path / "alice" / "notes.txt"), reason)]


def test_files_and_folders_can_be_given_together_and_twice(tmp_path: Path) -> None:
    put(tmp_path, "a/x.py", "b.ipynb")
    assert names(tmp_path / "b.ipynb", tmp_path / "a", tmp_path / "a" / "x.py") == ["b", "a_x"]


def test_a_name_does_not_depend_on_other_files(tmp_path: Path) -> None:
    put(tmp_path, "alice/A3.py")
    before = names(tmp_path)
    put(tmp_path, "bob/A3.py", "alice2/A3.py")
    assert before[0] in names(tmp_path)


def test_a_name_of_its_own_keeps_its_capitals_and_gets_no_mark(tmp_path: Path) -> None:
    put(tmp_path, "Alice/A3.py", "bob/A3.py")
    assert names(tmp_path) == ["Alice", "bob"]


def test_names_that_are_the_same_get_marks(tmp_path: Path) -> None:
    put(tmp_path, "x/a/b.py", "x/a_b.py", "x/A_B.ipynb", "x/other.py")
    found = names(tmp_path / "x")
    assert len({name.casefold() for name in found}) == 4
    assert sorted(name[:3].casefold() for name in found) == ["a_b", "a_b", "a_b", "oth"]
    assert "other" in found
    assert all(len(name) > len("a_b") for name in found)
    assert found == names(tmp_path / "x")


def test_a_lone_file_in_a_folder_that_is_given_has_the_folders_name(tmp_path: Path) -> None:
    put(tmp_path, "alice/A3.py", "bob/A3.py")
    assert names(tmp_path / "alice", tmp_path / "bob") == ["alice", "bob"] == names(tmp_path)
    assert names(tmp_path / "alice" / "A3.py") == ["A3"]
    put(tmp_path, "cy/A3_v2.py", "dan/my A3_final.py", "two/A3_final.py", "two/A3_v2.py")
    assert [names(tmp_path / name) for name in ("cy", "dan")] == [["cy"], ["dan"]]
    assert names(tmp_path / "two") == ["A3_final", "A3_v2"]


def test_a_file_that_is_named_after_the_mark_of_another_meets_none(tmp_path: Path) -> None:
    put(tmp_path, "x/a b.py", "x/a_b.py")
    marked = names(tmp_path / "x")
    put(tmp_path, f"x/{marked[0]}.py", f"x/{marked[1].upper()}.py")
    found = names(tmp_path / "x")
    assert len({name.casefold() for name in found}) == 4


def test_links_are_refused_and_listed(tmp_path: Path) -> None:
    put(tmp_path, "in/a.py", "out/secret.py")
    (tmp_path / "in" / "link.py").symlink_to(tmp_path / "out" / "secret.py")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "broken.ipynb").symlink_to(tmp_path / "nowhere")
    found, passed_over = find_submissions([tmp_path / "in"])
    assert [item.name for item in found] == ["a"]
    assert [(Path(path).name, reason) for path, reason in passed_over] == [
        ("broken.ipynb", "a symbolic link"),
        ("folder", "a symbolic link"),
        ("link.py", "a symbolic link"),
    ]


def test_links_that_are_given_are_refused_as_well(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "out/b.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "out" / "b.py")
    (tmp_path / "folder").symlink_to(tmp_path / "out")
    given = [tmp_path / name for name in ("a.py", "link.py", "folder")]
    found, passed_over = find_submissions(given)
    assert [item.name for item in found] == ["a"]
    assert [reason for _, reason in passed_over] == ["a symbolic link"] * 2


def test_a_script_goes_before_the_notebook_of_the_same_name(tmp_path: Path) -> None:
    put(tmp_path, "a/A3.py", "a/A3.ipynb", "b/A3.ipynb")
    found, passed_over = find_submissions([tmp_path])
    assert [item.file.name for item in found] == ["A3.py", "A3.ipynb"]
    assert passed_over == [(str(tmp_path / "a" / "A3.ipynb"), "A3.py beside it is graded")]


def test_what_tools_leave_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.py", ".ipynb_checkpoints/a-checkpoint.ipynb", "__MACOSX/a.py", "._a.py")
    found, passed_over = find_submissions([tmp_path])
    assert [item.name for item in found] == ["a"]
    assert len(passed_over) == 3
    assert {reason for _, reason in passed_over} == {
        "Jupyter's own copies",
        "notes of macOS on the files of a zip",
        "a note of macOS on another file",
    }


def test_what_is_no_ordinary_file_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    put(tmp_path, "folder.py/b.py")
    found, passed_over = find_submissions([tmp_path])
    assert [item.name for item in found] == ["a", "folder_b"]
    assert [reason for _, reason in passed_over] == ["not an ordinary file"]


def test_what_cannot_be_graded_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt", "empty/notes.txt")
    with refused("nothing", "exists"):
        find_submissions([tmp_path / "nothing"])
    with refused("notes.txt", ".ipynb"):
        find_submissions([tmp_path / "notes.txt"])
    with refused("empty", "no .py or .ipynb"):
        find_submissions([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["A3.py", "A3.ipynb", "other.py"], "A3.py"),
        (["A3.ipynb", "other.py", "data.csv"], "A3.ipynb"),
        (["solution.ipynb", "notes.txt"], "solution.ipynb"),
        (["a3.py"], "a3.py"),
        (["a3.py", "other.py"], "a3.py"),
        (["A3.py", "a3.py", "old/A3.py"], "A3.py"),
        (["mine.py", "mine.ipynb"], "mine.py"),
        (["homework/A3.ipynb", "homework/helpers.py"], "homework/A3.ipynb"),
        (["A3.IPYNB", "__MACOSX/A3.py", ".ipynb_checkpoints/A3.ipynb"], "A3.IPYNB"),
    ],
)
def test_the_one_file_to_grade(tmp_path: Path, names: list[str], chosen: str) -> None:
    put(tmp_path, *(f"s/{name}" for name in names))
    assert the_submission(tmp_path / "s") == tmp_path / "s" / chosen
    (tmp_path / "link").symlink_to(tmp_path / "s")
    assert the_submission(tmp_path / "link") == tmp_path / "s" / chosen


def test_a_file_with_asked_functions_goes_before_one_with_a_better_name(tmp_path: Path) -> None:
    put(tmp_path, "A3.py", "old/notes.py")
    put(tmp_path, "solution.ipynb", text='["def evaluate(tokenizer, model):"]')
    assert the_submission(tmp_path).name == "solution.ipynb"
    put(tmp_path, "A3.py", text="train = make_train()\n")
    assert the_submission(tmp_path).name == "A3.py"


def test_what_is_passed_over_for_the_one_file_is_said(tmp_path: Path) -> None:
    put(tmp_path, "A3.py", "A3 (1).py", "notes.txt", "A3/A3.ipynb")
    with TemporaryDirectory() as room:
        file, left = discovery.the_submission(tmp_path, Room(Path(room)))
    assert file == tmp_path / "A3.py"
    assert dict(left) == {
        "A3 (1).py": "A3.py beside it is graded",
        "A3/A3.ipynb": "A3.py is graded",
        "notes.txt": "neither .py nor .ipynb nor .zip",
    }


def test_gradescope_takes_a_zip(tmp_path: Path) -> None:
    make(tmp_path / "s", {"A3.zip": Zip({"hw/A3.py": CODE})})
    with TemporaryDirectory() as room:
        file, _ = discovery.the_submission(tmp_path / "s", Room(Path(room)))
        assert file.read_text() == CODE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradescope_takes_what_grade_takes_of_one_student(tmp_path: Path, case: Case) -> None:
    """Where a case has one student, both have chosen the same file."""
    root = make(tmp_path / "s", case.tree)
    if len(case.graded) > 1 or "bob/my A3.py" in case.tree:
        return
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        file, _ = discovery.the_submission(root, Room(Path(one)))
        (graded,) = discovery.find_submissions([root], Room(Path(other))).submissions
        assert file.read_bytes() == graded.file.read_bytes()
        assert file.name == graded.file.name


def test_none_or_several_files_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "a/notes.txt", "b/two.py", "b/one.ipynb", "d/x/A3.py", "d/y/A3.py")
    with refused("there is none", "A3.py"):
        the_submission(tmp_path / "a")
    with refused("there are one.ipynb, two.py"):
        the_submission(tmp_path / "b")
    with refused("there are x/A3.py, y/A3.py"):
        the_submission(tmp_path / "d")
    (tmp_path / "c" / "A3.ipynb").mkdir(parents=True)
    (tmp_path / "c" / "A3.py").symlink_to(tmp_path / "b" / "two.py")
    for name in ("c", "absent"):
        with refused("there is none"):
            the_submission(tmp_path / name)


def test_a_student_of_a_platforms_zip_without_a_submission_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    with zipfile.ZipFile(folder / "submissions.zip", "w") as archive:
        archive.writestr("dora_11111_22222_A3.rar", "no archive that is read")
        archive.writestr("eli_33333_44444_A3.py", "def evaluate(): ...\n")
    _, left = find_submissions([folder])
    assert left[0] == (str(folder / "dora_11111_*"), "nothing in it can be graded")


NOTEBOOK = '{"cells": [{"cell_type": "code", "source": %s, "metadata": {}}], "metadata": {}}'
ONE_TEXT = NOTEBOOK % '"x = 1\\ndef evaluate(a):\\n    return a"'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bob.py", CODE.encode("utf-16")),
        ("bob.ipynb", ONE_TEXT.encode()),
        ("bob.ipynb", ONE_TEXT.encode("utf-16")),
    ],
)
def test_functions_are_seen_in_whatever_the_grader_reads(
    name: str, content: bytes, tmp_path: Path
) -> None:
    put(tmp_path, "in/sec1/alice.py", text=CODE)
    (tmp_path / "in/sec1" / name).write_bytes(content)
    assert names(tmp_path / "in") == ["sec1_alice", "sec1_bob"]


def test_who_has_written_nothing_is_still_a_student(tmp_path: Path) -> None:
    put(tmp_path, "in/A3.py", "in/sec1/alice.py", "in/sec1/cem.py", text=CODE)
    put(tmp_path, "in/bob/A3.py", "in/sec1/dan.py")
    found, passed_over = find_submissions([tmp_path / "in"])
    paths = [file.file.relative_to(tmp_path / "in").as_posix() for file in found]
    assert {"bob/A3.py", "sec1/dan.py"} <= {*paths} and passed_over == []


def test_an_a3_without_a_function_is_no_helper(tmp_path: Path) -> None:
    put(tmp_path, "in/ann/A3.py", "in/bob/A3.py", text=CODE)
    put(tmp_path, "in/ann/cem/A3.py", "in/bob/dan/losses.py")
    found, passed_over = find_submissions([tmp_path / "in"])
    paths = [file.file.relative_to(tmp_path / "in").as_posix() for file in found]
    assert paths == ["ann/A3.py", "ann/cem/A3.py", "bob/A3.py"]
    (reason,) = [reason for _, reason in passed_over]
    assert reason.startswith("bob/A3.py is graded; this is a helper module")


def test_a_helper_beside_one_student_is_still_a_helper(tmp_path: Path) -> None:
    put(tmp_path, "in/ann/A3.py", text=CODE)
    put(tmp_path, "in/ann/losses.py")
    found, passed_over = find_submissions([tmp_path / "in"])
    assert [file.name for file in found] == ["ann"] and len(passed_over) == 1


def test_a_later_upload_of_a_zip_is_graded(tmp_path: Path) -> None:
    for name, text in (("A3", "old = 1\n"), ("A3-1", "new = 1\n")):
        number = 4567 if name == "A3" else 8901
        with zipfile.ZipFile(tmp_path / f"doejane_123_{number}_{name}.zip", "w") as archive:
            archive.writestr("A3.py", text + CODE)
    with TemporaryDirectory() as folder:
        found = discovery.find_submissions([tmp_path], Room(Path(folder)))
        texts = [item.file.read_text() for item in found.submissions]
    assert [text.partition(" ")[0] for text in texts] == ["new"]
