"""Whose a file is, and names that can never meet the grader's own files."""

import unicodedata
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3lib.kit.grading.owners import (
    LONGEST_NAME,
    comparable,
    folder_name,
    name_of,
    owner_of,
    platform_of,
)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("A3.py", ()),
        ("alice.py", ("alice",)),
        ("alice (1).py", ("alice (1)",)),
        ("A3_2.py", ("A3_2",)),
        ("alice/A3.py", ("alice",)),
        ("alice/A3 (1).py", ("alice",)),
        ("alice/A3 - Copy.ipynb", ("alice",)),
        ("alice/Copy of A3.ipynb", ("alice",)),
        ("alice/my_final_A3_v2.py", ("alice",)),
        ("alice/alice_A3.py", ("alice",)),
        ("alice/A3_bob.py", ("alice", "bob")),
        ("alice/homework3.py", ("alice",)),
        ("alice/old/src/A3.py", ("alice",)),
        ("A3/A3.py", ()),
        ("s1/alice/A3.py", ("s1", "alice")),
        ("Sun New/A3.py", ("Sun New",)),
        ("\U0001f389/A3.py", ("\U0001f389",)),
        ("John Smith (1)/A3.py", ("John Smith (1)",)),
        ("doejane_123_4567_A3.py", ("canvas", "doejane", "123")),
        ("doejane_LATE_123_4567_my-file.py", ("canvas", "doejane", "123")),
        ("doejane_123_4567_A3.zip/src/x.py", ("canvas", "doejane", "123")),
        ("hw3_2024_11_alice.py", ("hw3_2024_11_alice",)),
        ("Jane Doe_77_assignsubmission_file_/x/A3.py", ("moodle", "Jane Doe", "77")),
        ("Jane Doe_77_assignsubmission_file_A3.py", ("moodle", "Jane Doe", "77")),
        ("assignment_5_export/submission_12/x.py", ("gradescope", "submission", "12")),
    ],
)
def test_whose_a_file_is(path: str, owner: tuple[str, ...]) -> None:
    assert owner_of(PurePath(path).parts) == owner


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("José/A3.py", "José"),
        ("Jose\u0301/A3.py", "José"),
        ("A3.py", "A3"),
        ("अनिल/A3.py", "अनिल"),
        ("José/functions.py", "José_functions"),
        ("alice/A3/A3 (1).py", "alice"),
        ("a b;$(rm).py", "a_b_rm"),
        ("=1+1.py", "1_1"),
        ("-rf.py", "rf"),
        ("....py", "submission"),
        ("\u202egnp.py", "gnp"),
        ("\x1b[31m.py", "31m"),
        ("x" * 300 + ".py", "x" * LONGEST_NAME),
        ("grades.csv.py", "grades_csv"),
        (".lock.py", "lock"),
        ("../x.py", "x"),
        ("/etc/x.py", "etc_x"),
        ("doejane_LATE_123_4567_A3.py", "doejane_123"),
        ("Jane Doe_77_assignsubmission_file_/A3.py", "Jane_Doe_77"),
        ("export/submission_12/A3.py", "submission_12"),
    ],
)
def test_names(path: str, name: str) -> None:
    parts = PurePath(path).parts
    assert name_of(parts, owner_of(parts)) == name


@given(st.text(min_size=1))
def test_no_name_is_a_path_a_formula_too_long_or_has_a_dot(text: str) -> None:
    name = folder_name(text)
    assert name
    assert len(name.encode()) <= LONGEST_NAME
    # Every dot that a file system could take for one.
    assert not set(unicodedata.normalize("NFKC", name)) & set("./\\:")
    assert name[0] not in "=+-@_ "
    assert comparable(name) == comparable(name.upper()) or name.upper() != name


@pytest.mark.parametrize(
    "names",
    [
        ("hw3_2025_1105_alice.py", "hw3_2025_1105_bob.py"),
        ("A3_20251105_1432_alice.py", "A3_20251105_1507_bob.py"),
        ("blatt_03_400123_A3.py", "blatt_03_400124_A3.py"),
        ("group_07_1234_A3.py", "group_07_5678_A3.py"),
        ("alice/submission_1.py", "bob/submission_1.py"),
    ],
)
def test_what_only_looks_like_a_platforms_name_is_not_one_students(names: tuple[str, ...]) -> None:
    owners = [owner_of(name.split("/")) for name in names]
    assert len(set(owners)) == len(names)
    assert all(platform_of(part) is None for name in names for part in name.split("/"))
