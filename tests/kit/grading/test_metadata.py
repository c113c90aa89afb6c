"""Gradescope's metadata: who handed in and when; what is damaged or not Gradescope's is said."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from helpers.odd_files import CODE, Content, Zip, make

from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.discovery import find_submissions
from a3lib.kit.grading.metadata import HandIn, Person, hand_ins

EXPORT = """\
---
submission_12:
  :submitters:
  - :name: Jane Doe
    :sid: '0042'
    :email: jane@example.org
  - :name: "Max = 1"
    :sid:
    :email: max@example.org
  :created_at: 2026-02-01 23:04:05.123456789 Z
  :score: 10.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests: []
submission_13:
  :submitters:
  - :name: Ming Li
  :created_at: '2026-02-02T00:00:00-08:00'
"""
AUTOGRADER = {
    "id": 123456,
    "created_at": "2018-07-01T14:22:32.365935-07:00",
    "assignment": {"due_date": "2018-07-31T23:00:00.000000-07:00", "total_points": "85.0"},
    "users": [{"email": "student@example.com", "id": 1234, "name": "Student User"}],
    "previous_submissions": [],
}
FILES = {"submission_12/A3.py": CODE, "submission_13/A3.py": CODE}
JANE = Person("Jane Doe", "jane@example.org", "0042")


def found(tmp_path: Path, tree: dict[str, Content]) -> tuple[dict[str, HandIn], list[str]]:
    root = make(tmp_path / "in", tree)
    with TemporaryDirectory() as room:
        collection = find_submissions([root], Room(Path(room)))
        return hand_ins(collection.submissions, collection.metadata)


@pytest.mark.parametrize("folder", ["", "assignment_99_export/"])
def test_an_exports_names_and_times_are_used(tmp_path: Path, folder: str) -> None:
    tree = {f"{folder}{name}": text for name, text in FILES.items()}
    known, problems = found(tmp_path, tree | {f"{folder}submission_metadata.yml": EXPORT})
    assert problems == []
    assert known["submission_12"].people == (JANE, Person("Max = 1", "max@example.org"))
    assert known["submission_12"].time.startswith("2026-02-01T23:04:05.123456")
    assert known["submission_13"] == HandIn((Person("Ming Li"),), "2026-02-02T00:00:00-08:00")


def test_an_export_may_be_a_zip(tmp_path: Path) -> None:
    files = {f"assignment_99_export/{name}": text for name, text in FILES.items()}
    files["assignment_99_export/submission_metadata.yml"] = EXPORT
    root = make(tmp_path / "in", {"export.zip": Zip(files)})
    with TemporaryDirectory() as room:
        collection = find_submissions([root / "export.zip"], Room(Path(room)))
        known, problems = hand_ins(collection.submissions, collection.metadata)
    assert problems == []
    assert known["submission_12"].people[0] == JANE


def test_the_autograders_file_is_about_one_submission(tmp_path: Path) -> None:
    tree = {"submission_metadata.json": json.dumps(AUTOGRADER), "submission/A3.py": CODE}
    known, problems = found(tmp_path / "one", tree)
    person = Person("Student User", "student@example.com")
    assert list(known.values()) == [HandIn((person,), AUTOGRADER["created_at"])]
    assert problems == []
    known, problems = found(tmp_path / "two", tree | {"bob/A3.py": CODE})
    assert set(known.values()) == {HandIn()}
    assert "about one submission and there are 2" in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n- a\n",
        "submission_12: {",
        "submission_12: 3\n",
        "a: b\n",
        "\x00\x01",
        "*unknown",
        "!!python/object/apply:os.system ['true']",
        "&a [*a]",
        "{" * 5000,
    ],
)
def test_damaged_metadata_is_said_and_stops_nothing(tmp_path: Path, text: str) -> None:
    known, problems = found(tmp_path, FILES | {"submission_metadata.yml": text})
    assert set(known) == {"submission_12", "submission_13"}
    assert set(known.values()) == {HandIn()}
    assert len(problems) == 1 and "damaged (" in problems[0] and "Error" not in problems[0]
    assert problems[0].endswith("; export it from Gradescope again.")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"users": 3', b"\xff\xfe", "[" * 100_000, '{"users": NaN1}']
)
def test_damaged_json_is_said(tmp_path: Path, text: str | bytes) -> None:
    known, problems = found(tmp_path, {"A3.py": CODE, "submission_metadata.json": text})
    assert list(known.values()) == [HandIn()]
    assert "damaged (" in problems[0] and "Error" not in problems[0]


def test_odd_values_are_left_out(tmp_path: Path) -> None:
    odd = {"users": [{"name": ["a"], "email": "<b>\n=1+1"}, 3], "created_at": {"a": 1}}
    tree = {"A3.py": CODE, "submission_metadata.json": json.dumps(odd)}
    known, _ = found(tmp_path, tree)
    assert list(known.values()) == [HandIn((Person("", "< b> =1+1"),), "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b\nc: {\n", "no YAML in line 3"),
        ("a: b\n", "it names no submission"),
        ("- a\n", "a list or a lone value"),
    ],
)
def test_why_metadata_is_damaged(tmp_path: Path, text: str, why: str) -> None:
    _, problems = found(tmp_path, FILES | {"submission_metadata.yml": text})
    assert f"damaged ({why})" in problems[0]


def test_a_time_that_is_none_is_marked(tmp_path: Path) -> None:
    text = EXPORT.replace("'2026-02-02T00:00:00-08:00'", "yesterday evening")
    known, _ = found(tmp_path, FILES | {"submission_metadata.yml": text})
    assert known["submission_13"].time == "“yesterday evening”, which is no date"


def test_students_of_whom_no_file_is_there_are_named(tmp_path: Path) -> None:
    tree: dict[str, Content] = {"submission_13/A3.py": CODE, "submission_metadata.yml": EXPORT}
    _, problems = found(tmp_path / "one", tree)
    assert len(problems) == 1 and "lists submission_12 (Jane Doe, Max = 1), of whom" in problems[0]
    many = "".join(f"submission_{n}:\n  :created_at:\n" for n in range(20, 29))
    _, problems = found(tmp_path / "nine", tree | {"submission_metadata.yml": EXPORT + many})
    assert "does not name everybody of submission_20, submission_21, submis" in problems[0]
    assert "submission_24 and 4 more; see who that is" in problems[0]
    assert "submission_23 and 5 more, of whom" in problems[1]


def test_canvas_marks_what_is_late(tmp_path: Path) -> None:
    tree = {"doejane_LATE_12_3456_A3.py": CODE, "ming_13_3457_A3.py": CODE}
    known, _ = found(tmp_path, tree)
    assert {name: one.time for name, one in known.items()} == {
        "doejane_12": "late, by Canvas's mark",
        "ming_13": "",
    }


def test_a_student_cannot_write_metadata(tmp_path: Path) -> None:
    """Nobody gets another one's name by a file in their own folder."""
    forged = json.dumps(AUTOGRADER)
    tree = {"eve/submission_metadata.json": forged, "eve/A3.py": CODE}
    known, problems = found(tmp_path, tree)
    assert known == {"eve": HandIn()}
    assert "a student could have written it" in problems[0]


def test_names_that_platforms_give(tmp_path: Path) -> None:
    tree = {
        "doejane_123_4567_A3.py": CODE,
        "Max Muster_77_assignsubmission_file_/A3.py": CODE,
        "zoe.py": CODE,
    }
    known, _ = found(tmp_path, tree)
    assert known == {
        "doejane_123": HandIn((Person("doejane", canvas="123"),)),
        "Max_Muster_77": HandIn((Person("Max Muster", moodle="77"),)),
        "zoe": HandIn(),
    }


def of_one(tmp_path: Path, lines: str) -> tuple[HandIn, list[str]]:
    """Return who handed in, and problems, by these lines about submission_12."""
    text = "submission_12:\n" + "".join(f"  {line}\n" for line in lines.splitlines())
    known, problems = found(
        tmp_path, {"submission_12/A3.py": CODE, "submission_metadata.yml": text}
    )
    return known["submission_12"], problems


@pytest.mark.parametrize(
    ("sid", "number"),
    [("00123", "00123"), ("0o17", "0o17"), ("1_000", "1_000"), ("12:30", "12:30"), ("1e3", "1e3")],
)
def test_a_number_of_a_student_is_a_text(tmp_path: Path, sid: str, number: str) -> None:
    hand_in, problems = of_one(tmp_path, f":submitters:\n- :name: No\n  :sid: {sid}")
    assert (hand_in.people, problems) == ((Person("No", "", number),), [])


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2025-10-01 12:00:00 UTC", "2025-10-01T12:00:00+00:00"),
        ("2025-10-01 12:00:00.25 Z", "2025-10-01T12:00:00.250000+00:00"),
        ("2025-10-01 12:00:00 -07:00", "2025-10-01T12:00:00-07:00"),
        ("2025-10-01", "2025-10-01T00:00:00"),
        ("!ruby/object:T\n  utc: 2025-10-01 12:00:00 Z\n  zone: x", "2025-10-01T12:00:00+00:00"),
        ("2025-13-45 10:00:00", "“2025-13-45 10:00:00”, which is no date"),
    ],
)
def test_a_time_in_each_form(tmp_path: Path, written: str, time: str) -> None:
    hand_in, problems = of_one(tmp_path, f":submitters:\n- :name: Ann\n:created_at: {written}")
    assert (hand_in.people, hand_in.time, problems) == ((Person("Ann"),), time, [])


@pytest.mark.parametrize(
    "lines",
    [
        ":submitters:",
        ":submitters: Ann",
        ":submitters:\n- Ann",
        ":submitters:\n- :name: Ann\n- :email: bob@x.org",
        ":submitters:\n  :name: Ann",
        ":created_at: 2025-10-01",
    ],
)
def test_who_is_not_named_is_said(tmp_path: Path, lines: str) -> None:
    _, problems = of_one(tmp_path, lines)
    assert [text.partition(": ")[2] for text in problems] == [
        "it does not name everybody of submission_12; see who that is in Gradescope."
    ]


def test_a_group_that_is_cut_is_said(tmp_path: Path) -> None:
    people = ":submitters:\n" + "".join(f"- :name: P{n}\n" for n in range(21))
    hand_in, problems = of_one(tmp_path, people)
    assert len(hand_in.people) == 20
    assert problems[0].endswith("it names 21 people, and the first 20 are used.")


def test_what_stands_twice_is_damaged(tmp_path: Path) -> None:
    ann, bob = ("submission_12:\n  :submitters:\n  - :name: " + name for name in ("Ann", "Bob"))
    files = {"submission_12/A3.py": CODE, "submission_metadata.yml": f"{ann}\n{bob}\n"}
    known, problems = found(tmp_path / "yml", files)
    assert known["submission_12"] == HandIn()
    assert "damaged ('submission_12' stands in it twice)" in problems[0]
    text = '{"users": [{"name": "Ann"}], "users": [{"name": "Bob"}]}'
    known, problems = found(tmp_path / "json", {"A3.py": CODE, "submission_metadata.json": text})
    assert list(known.values()) == [HandIn()]
    assert "damaged ('users' stands in it twice)" in problems[0]


def test_metadata_that_contradicts_other_metadata_is_said(tmp_path: Path) -> None:
    ann, bob = ({"submission_12": {"submitters": [{"name": name}]}} for name in ("Ann", "Bob"))
    files = {"submission_12/A3.py": CODE, "submission_metadata.json": json.dumps(ann)}
    known, problems = found(
        tmp_path / "other", files | {"submission_metadata.yml": json.dumps(bob)}
    )
    assert known["submission_12"].people == (Person("Ann"),)
    assert len(problems) == 1 and "submission_metadata.yml: says something else" in problems[0]
    assert found(tmp_path / "same", files | {"submission_metadata.yml": json.dumps(ann)})[1] == []


def test_somebody_who_is_named_for_two_submissions_is_said(tmp_path: Path) -> None:
    text = EXPORT.replace("Ming Li", "J. Doe\n    :sid: '0042'")
    _, problems = found(tmp_path, FILES | {"submission_metadata.yml": text})
    assert len(problems) == 1
    assert problems[0].startswith(
        "One person handed in submission_12 (Jane Doe) and submission_13 (J. Doe), and has"
    )
    # Two of one name and with no number may be two people.
    text = EXPORT.replace("Ming Li", "Jane Doe")
    assert found(tmp_path / "name", FILES | {"submission_metadata.yml": text})[1] == []


@pytest.mark.parametrize(
    ("folder", "trusted"),
    [
        ("assignment_9_export/assignment_9_export/", True),
        ("assignment_9_export (1)/", True),
        ("section A/", False),
        ("assignment_9_export/submission_12/", False),
    ],
)
def test_metadata_is_used_where_no_student_can_put_it(
    tmp_path: Path, folder: str, trusted: bool
) -> None:
    names = [f"{folder}{name}" for name in ("submission_12/A3.py", "submission_metadata.yml")]
    known, problems = found(tmp_path, dict(zip(names, (CODE, EXPORT), strict=True)))
    assert (known["submission_12"].people[:1] == (JANE,)) is trusted
    assert any("could have written it" in text for text in problems) is not trusted


def test_a_submission_that_metadata_leaves_out_is_said(tmp_path: Path) -> None:
    cut = EXPORT[: EXPORT.index("submission_13")]
    _, problems = found(tmp_path, FILES | {"submission_metadata.yml": cut})
    assert problems == [
        "Gradescope's metadata does not list submission_13, so names and times are missing; "
        "export it again."
    ]


def test_of_an_export_that_is_there_twice_nobody_is_absent(tmp_path: Path) -> None:
    exports = ("assignment_9_export/", "assignment_9_export (1)/")
    tree = {f"{e}{name}": text for e in exports for name, text in FILES.items()}
    tree |= {f"{export}submission_metadata.yml": EXPORT for export in exports}
    known, problems = found(tmp_path, tree)
    assert known["submission_12"].people[0] == JANE and problems == []


def test_people_without_a_number_are_not_one_person(tmp_path: Path) -> None:
    text = EXPORT.replace("'0042'", "n/a").replace("Ming Li", "Ming Li\n    :sid: n/a")
    assert found(tmp_path, FILES | {"submission_metadata.yml": text})[1] == []
    names = ("A/Jane Doe_11_assignsubmission_file_/A3.py", "B/Jim_11_assignsubmission_file_/A3.py")
    assert found(tmp_path / "moodle", dict.fromkeys(names, CODE))[1] == []
    names = ("A/Jane Doe_11_assignsubmission_file_/A3.py", "Jane_Doe_11_assignsubmission_file_.py")
    assert found(tmp_path / "same", dict.fromkeys(names, CODE))[1] == []
