"""Finding submissions: what is one, what is passed over and why, and their names."""

import os
from pathlib import Path

import pytest
from helpers.refusals import refused

from a3lib.kit.grading.discovery import LONGEST_NAME, find_submissions, name_of, the_submission


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x = 1\n")


def names(*given: Path) -> list[str]:
    return [item.name for item in find_submissions(given)[0]]


def test_a_folder_is_searched_to_the_bottom_in_order(tmp_path: Path) -> None:
    put(tmp_path, "carol.py", "bob/A3.ipynb", "alice/late/A3.py", "alice/notes.txt")
    found, passed_over = find_submissions([tmp_path])
    assert [(item.name, item.file.relative_to(tmp_path).as_posix()) for item in found] == [
        ("alice_late", "alice/late/A3.py"),
        ("bob", "bob/A3.ipynb"),
        ("carol", "carol.py"),
    ]
    assert passed_over == []


def test_files_and_folders_can_be_given_together_and_twice(tmp_path: Path) -> None:
    put(tmp_path, "a/x.py", "b.ipynb")
    assert names(tmp_path / "b.ipynb", tmp_path / "a", tmp_path / "a" / "x.py") == ["b", "x"]


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


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("José/A3.py", "José"),
        ("A3.py", "A3"),
        ("José/hw.py", "José_hw"),
        ("a b;$(rm).py", "a_b_rm"),
        ("=1+1.py", "1_1"),
        ("-rf.py", "rf"),
        ("....py", "submission"),
        ("\u202egnp.py", "gnp"),
        ("\x1b[31m.py", "31m"),
        ("x" * 300 + ".py", "x" * LONGEST_NAME),
    ],
)
def test_names_are_safe(path: str, name: str) -> None:
    assert name_of(Path(path)) == name


def test_no_name_leads_out_of_the_results(tmp_path: Path) -> None:
    put(tmp_path, "a/x.py")
    for name in (name_of(Path("../x.py")), name_of(Path("/etc/x.py"))):
        assert "/" not in name and not name.startswith(".")


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
    assert {reason for _, reason in passed_over} == {"a tool's own file or folder"}


def test_what_is_no_ordinary_file_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    put(tmp_path, "folder.py/b.py")
    found, passed_over = find_submissions([tmp_path])
    assert [item.name for item in found] == ["a", "folder.py_b"]
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
