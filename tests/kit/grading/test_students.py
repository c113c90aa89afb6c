"""Whose files are: what only looks like a platform's name, and folders that say nothing."""

from pathlib import Path

import pytest
from helpers.collected import CODE, collected, names, put
from helpers.odd_files import Zip, make

NLP = ["nlp_2026_1120_ann", "nlp_2026_1120_bob"]
SECOND_FOLDERS = ["ann_submission_1", "bob_submission_1"]
SECTION = ["sec1_Anna", "sec1_My", "sec1_Real"]
FORMS = ["resp", "resp_ann_lee", "resp_bob_ray"]
TWO_SECTIONS = ["s1", "s1_ann", "s1_bob", "s2_cy"]


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (("My/A3.py", "New/A3.py", "anna/A3.py"), ["My", "New", "anna"]),
        (("1/A3.py", "v1/A3.py", "v2/A3.py", "hw3/A3.py"), ["1", "hw3", "v1", "v2"]),
        (("old/A3.py", "new/A3.py", "A3.py"), ["in"]),
        (("old/A3.py", "new/A3.py"), ["in"]),
        (("A3.py", "old/A3.py", "anna/A3.py"), ["in", "anna"]),
        (("carl.py", "My/A3.py", "New/A3.py", "anna/A3.py"), ["My", "New", "anna", "carl"]),
        (("sec1/A3.py", "sec1/alice.py", "sec1/bob.py"), ["sec1", "sec1_alice", "sec1_bob"]),
        (("ann/A3.py", "ann/try1.py", "ann/try2.py", "bob/A3.py"), ["ann", "bob"]),
        (("alice/lab_2025_1105_A3.py", "bob/lab_2025_1105_A3.py"), ["alice", "bob"]),
        (("s1/doejane_123_4567_A3.py", "s1/roejim_124_4568_A3.py"), ["doejane_123", "roejim_124"]),
        (("nlp_2026_1120_ann.py", "nlp_2026_1120_bob.py"),) * 2,
        (("nlp_2026_1120_ann/A3.py", "nlp_2026_1120_bob/A3.py"), NLP),
        (("ann_20261120_2359_A3.py", "bob_20261120_2358_A3.py"),) * 2,
        (("ann/submission_1/A3.py", "bob/submission_1/A3.py"), SECOND_FOLDERS),
        (("hw3-ann/doejane_101_5001_A3.py", "hw3-bob/A3.py"), ["hw3-ann", "hw3-bob"]),
        (("1_ontime/roe_102_4000_A3.py", "2_late/roe_LATE_102_5002_A3.py"), ["roe_102"]),
        (("sec1/My/A3.py", "sec1/Real/A3.py", "sec1/Anna/A3.py"), SECTION),
        (("resp/A3.py", "resp/A3 - Ann Lee.py", "resp/A3 - Bob Ray.py"), FORMS),
        (("s1/A3.py", "s1/A3_ann.py", "s1/A3_bob.py", "s2/A3_cy.py"), TWO_SECTIONS),
    ],
)
def test_nobody_is_taken_for_somebody_elses_older_file(
    tmp_path: Path, paths: tuple[str, ...], wanted: list[str]
) -> None:
    put(tmp_path / "in", *paths, text=CODE)
    assert sorted(names(tmp_path / "in")) == sorted(name.removesuffix(".py") for name in wanted)


def test_modules_beside_a3_are_not_other_students(tmp_path: Path) -> None:
    put(tmp_path, "ann/A3.py", text=CODE)
    put(tmp_path, "ann/losses.py", text="def compute_DPO_loss():\n    return 0\n")
    put(tmp_path, "ann/sampling.py", text="def compute_kl_divergence():\n    return 0\n")
    found = collected(tmp_path)
    assert [item.name for item in found.submissions] == ["ann"]
    assert [reason for _, reason in found.passed_over] == ["A3.py beside it is graded"] * 2


@pytest.mark.parametrize("name", ["शर्माअनिल", "สมชาย", "mu\u0308llerjo\u0308rg"])
def test_canvas_s_names_may_have_marks(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}_101_5001_A3.py", f"{name}_101_5002_A3.ipynb", text=CODE)
    (found,) = collected(tmp_path).submissions
    assert (found.owner[0], found.owner[2]) == ("canvas", "101")
    assert found.parts[-1].endswith(".py")


@pytest.mark.parametrize("top", ["A3.py", "A3.ipynb"])
def test_what_is_at_the_top_is_no_reason_against_a_student(tmp_path: Path, top: str) -> None:
    put(tmp_path / "in", top, "alice/A3.py", "dan.py", text=CODE)
    put(tmp_path / "in", "charlie/homework.py", "bob.py")
    assert sorted(names(tmp_path / "in")) == ["alice", "bob", "charlie", "dan", "in"]


def test_zips_by_mail_are_of_different_people(tmp_path: Path) -> None:
    names_of_zips = ("A3.zip", "hw3.zip", "final.zip")
    root = make(tmp_path / "in", {name: Zip({"A3.py": CODE}) for name in names_of_zips})
    assert sorted(names(root)) == ["A3", "final", "hw3"]
    assert names(make(tmp_path / "one", {"final.zip": Zip({"A3.py": CODE})})) == ["one"]


def test_what_a_student_has_in_a_zip_changes_nobody_else(tmp_path: Path) -> None:
    forged = {
        "smith_101_6001_A3.py": CODE,
        "doejane_101_5001_B.py": CODE,
        "submission_1/x.py": CODE,
    }
    tree = {"roe_102_5002_A3.zip": Zip(forged), "doejane_101_5001_A3.py": CODE}
    found = collected(make(tmp_path / "in", tree)).submissions
    owners = {one.owner for one in found}
    assert owners == {("canvas", "roe", "102"), ("canvas", "doejane", "101")}
