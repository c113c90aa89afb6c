"""Paths as a person or a shell names them: read from the folder of their students."""

from pathlib import Path

import pytest
from helpers.collected import CODE, collected, graded, names, put

MOODLE = "Jane Doe_12_assignsubmission_file_"
CANVAS = ("doejane_123_4567_A3", "doejane_123_8901_A3-1", "roejim_LATE_124_4568_A3")


def test_what_a_shell_writes_out_is_read_as_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "alice/A3.py", "bob/A3.py", "bob/draft.py", "cem/main.py", text=CODE)
    put(tmp_path, "cem/utils.py", "dan/notes.txt")
    students = [tmp_path / name for name in ("alice", "bob", "cem", "dan")]
    whole, starred = collected(tmp_path), collected(*students)
    assert [item.name for item in whole.submissions] == ["alice", "bob", "cem_main"]
    assert starred.submissions == whole.submissions
    assert sorted(starred.passed_over) == sorted(whole.passed_over)
    assert names(*(tmp_path / name / "A3.py" for name in ("alice", "bob"))) == ["alice", "bob"]


def test_relative_paths_are_read_as_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "alice/A3.py", "bob/A3.py", "bob/x/A3.py", text=CODE)
    monkeypatch.chdir(tmp_path)
    assert names(Path("alice"), Path("bob")) == ["alice", "bob", "bob_x"]
    assert names(Path("alice/A3.py"), Path("bob/A3.py")) == ["alice", "bob"]
    monkeypatch.chdir(tmp_path / "alice")
    assert names(Path("A3.py"), Path("../bob/A3.py")) == ["alice", "bob"]
    assert names(Path(), Path("../bob")) == ["alice", "bob", "bob_x"]


def test_a_platforms_files_that_a_shell_writes_out(tmp_path: Path) -> None:
    put(tmp_path, f"{MOODLE}/A3.py", *(f"{name}.py" for name in CANVAS), text=CODE)
    assert graded(tmp_path / MOODLE) == {"Jane_Doe_12": f"{MOODLE}/A3.py"}
    files = [tmp_path / f"{name}.py" for name in CANVAS]
    assert graded(*files) == {"doejane_123": f"{CANVAS[1]}.py", "roejim_124": f"{CANVAS[2]}.py"}
    assert graded(files[0]) == {"doejane_123": f"{CANVAS[0]}.py"}


def test_sections_given_together_are_read_each_as_alone(tmp_path: Path) -> None:
    put(tmp_path, "s1/alice/A3.py", "s1/bob/A3.py", "s2/cem.py", "s2/dan.py", text=CODE)
    put(tmp_path, "s2/eve.py")
    assert names(tmp_path / "s1", tmp_path / "s2") == ["alice", "bob", "cem", "dan", "eve"]


def test_a_folder_and_one_in_it_are_read_once(tmp_path: Path) -> None:
    put(tmp_path, "ann/A3.py", "bob/A3.py", text=CODE)
    put(tmp_path, "bob/report.pdf")
    assert collected(tmp_path / "bob", tmp_path) == collected(tmp_path)
    assert collected(tmp_path, tmp_path) == collected(tmp_path)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("a/A3.py", "a/utils.py", "b/A3.py"), ["a", "b"]),
        (("a/A3.py", "a/utils.py", "a/README.md"), ["a"]),
        (("cy/dpo.py", "cy/rewards.py", "b/A3.py"), ["b", "cy_dpo", "cy_rewards"]),
        (("cy", "eve"), ["cy_dpo", "cy_rewards", "eve"]),
        (("A3.py", "ann.py", "bob.py"), ["A3", "ann", "bob"]),
        (("ann.py", "cy", "b/A3.py"), ["ann", "b", "cy_dpo", "cy_rewards"]),
        (("a/A3.py",), ["A3"]),
    ],
)
def test_files_of_one_student_stay_together(
    tmp_path: Path, given: tuple[str, ...], wanted: list[str]
) -> None:
    put(tmp_path / "in", "a/A3.py", "b/A3.py", "A3.py", "ann.py", "bob.py", "eve/A3.py", text=CODE)
    put(tmp_path / "in", "cy/dpo.py", text="def compute_DPO_loss():\n    return 0\n")
    put(tmp_path / "in", "cy/rewards.py", text="def evaluate():\n    return 0\n")
    put(tmp_path / "in", "a/utils.py", "a/README.md")
    found = names(*(tmp_path / "in" / path for path in given))
    # In a class's folder a lone A3.py has the folder's name.
    assert sorted("A3" if name == "in" else name for name in found) == wanted
