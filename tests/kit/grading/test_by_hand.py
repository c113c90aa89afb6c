"""by_hand.csv: what a person wrote is counted, kept and never lost."""

from pathlib import Path

import pytest
from helpers.refusals import refused

from a3lib.kit.grading.by_hand import keep_marks, read_marks, without_points, without_submission

COLUMNS = {"exercise 5": 15.0, "write-up": None}


def test_a_new_file_has_a_line_for_each(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    marks = keep_marks(file, COLUMNS, ["ann", "bob"])
    assert file.read_text(encoding="utf-8-sig") == (
        "name,exercise 5,write-up,comment\nann,,,\nbob,,,\n"
    )
    assert marks.of("ann") == {}


def test_marks_are_kept_and_new_lines_come_below(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    keep_marks(file, COLUMNS, ["ann", "bob"])
    text = 'name,exercise 5,write-up,comment,marker\nbob,12,3.5,"well, done\n=)",Eve\nann,0,,,\n'
    file.write_text(text)
    marks = keep_marks(file, COLUMNS, ["ann", "bob", "cleo"])
    assert file.read_text(encoding="utf-8-sig") == f"{text}cleo,,,,\n"
    assert marks.of("bob") == {"exercise 5": 12, "write-up": 3.5}
    assert marks.of("BOB") == marks.of("bob")
    assert marks.of("ann") == {"exercise 5": 0}
    assert marks.comment_on("bob") == "well, done\n=)"
    before = file.stat().st_mtime_ns
    keep_marks(file, COLUMNS, ["ann"])
    assert file.stat().st_mtime_ns == before, "nothing new, nothing written"


def test_what_spreadsheets_make_of_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    text = "\ufeffname; exercise 5 ;write-up;comment\r\n'ann;12,5;;ok\r\n;;;\r\n\r\nbob\r\n"
    file.write_bytes(text.encode())
    marks = keep_marks(file, COLUMNS, ["ann", "bob", "cleo"])
    assert marks.of("ann") == {"exercise 5": 12.5}
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "name;exercise 5;write-up;comment"
    assert lines[1:] == ["'ann;12,5;;ok", "bob", "cleo;;;"]


def test_a_column_that_is_gone_or_new_is_added(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,exercise 5\nann,3\n")
    keep_marks(file, {"exercise 5": 15, "style": 2}, ["ann"])
    assert file.read_text(encoding="utf-8-sig") == "name,exercise 5,style\nann,3\n"
    assert read_marks(file, {"exercise 5": 15, "style": 2}).of("ann") == {"exercise 5": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,exercise 5\nann,x\n", "'x' for exercise 5 in line 2"),
        ("name,exercise 5\nann,16\n", "from 0 to 15"),
        ("name,exercise 5\nann,-1\n", "'-1' for exercise 5"),
        ("name,exercise 5\nann,nan\n", "'nan'"),
        ("name,exercise 5\nann,12/15\n", "'12/15'"),
        ("name,exercise 5\nann,1_0\n", "'1_0'"),
        ("name,write-up\nann,-3\n", "from 0 to 100"),
        ("name,exercise 5\nann,3\nAnn,4\n", "two lines of 'Ann', the second is line 3"),
        ("name,exercise 5\n,3\n", "no name in line 2"),
        ("student,exercise 5\nann,3\n", "no column 'name'"),
        ("", "no column 'name'"),
        ("name,exercise 5,exercise 5\nann,3,4\n", "two columns 'exercise 5'"),
        ('name,exercise 5\nann,"3\nbob,4\n', "is no CSV"),
    ],
)
def test_what_is_unclear_is_said_and_left_as_it_is(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text(text)
    with refused(says):
        keep_marks(file, COLUMNS, ["ann", "zoe"])
    assert file.read_text() == text


def test_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "by_hand.csv").write_bytes("name,exercise 5\nJosé,3\n".encode("latin-1"))
    with refused("not UTF-8", "CSV UTF-8"):
        read_marks(tmp_path / "by_hand.csv", COLUMNS)


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "by_hand.csv").mkdir()
    with refused("by_hand.csv' is a folder; move it away."):
        read_marks(tmp_path / "by_hand.csv", COLUMNS)


def test_marks_of_nobody_are_said(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,exercise 5\nann,3\ngone,4\nempty,\n")
    marks = keep_marks(file, COLUMNS, ["ann"])
    assert without_submission(marks, ["ann"]) == ["gone"]
    assert "gone,4" in file.read_text()


def test_a_column_of_another_name_that_holds_numbers_is_told(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,exercise 5 (of 15),write-up,seen by,comment\nann,3,,Eve,4\nbob\n")
    marks = keep_marks(file, COLUMNS, ["ann", "bob"])
    assert without_points(marks, COLUMNS) == ["exercise 5 (of 15)"]
    assert without_points(keep_marks(tmp_path / "new.csv", COLUMNS, ["ann"]), COLUMNS) == []


def test_a_mark_has_a_bound_where_no_rubric_says_it(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,write-up\nann,100\n")
    assert read_marks(file, COLUMNS).of("ann") == {"write-up": 100}
    file.write_text("name,write-up\nann,101\n")
    with refused("'101'", "from 0 to 100"):
        read_marks(file, COLUMNS)


def test_lines_of_commas_are_no_lines_and_count_as_lines(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,write-up\n,,,\n;;;\nann,x\n")
    with refused("line 4"):
        read_marks(file, COLUMNS)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("ann,12,5,8,fine\n", "more cells than columns in line 2"),
        ("ann,12,8,Good, but late\n", "more cells than columns in line 2"),
        ("bob,1,2,\nann;12;5;fine\n", "between columns, and line 3 has ';'"),
    ],
)
def test_a_comma_too_many_and_other_separators_are_said(
    lines: str, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text(f"name,exercise 5,write-up,comment\n{lines}")
    with refused(says):
        read_marks(file, {"exercise 5": 15.0, "write-up": None})


def test_a_decimal_comma_in_the_last_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("name,exercise 5,write-up,comment\nann,5,5,,\n")
    with refused("more cells than columns in line 2"):
        read_marks(file, COLUMNS)


def test_columns_are_known_in_any_case(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.csv"
    file.write_text("Name,Exercise 5,WRITE-UP,Comment\nann,3,4,well done\n")
    marks = keep_marks(file, COLUMNS, ["ann"])
    assert (marks.of("ann"), marks.comment_on("ann")) == (
        {"exercise 5": 3, "write-up": 4},
        "well done",
    )
    file.write_text("name,Exercise 5,exercise 5\nann,3,4\n")
    with refused("two columns 'exercise 5'"):
        read_marks(file, COLUMNS)
