"""Names of results: distinct wherever capitals do not count, and kept from call to call."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3lib.kit.grading.owners import comparable
from a3lib.kit.grading.result_names import distinct_names, recorded_names

NAMES = st.sampled_from(["ann", "Ann", "ANN", "bob", "ann-1", "jos\u00e9", "jose\u0301"])


@given(st.lists(NAMES, max_size=6), st.integers(0, 6))
def test_names_differ_and_stay_when_others_come(names: list[str], first: int) -> None:
    named = [(f"/in/{place}", name) for place, name in enumerate(names)]
    before = distinct_names(named[:first], {})
    recorded = {path: [name] for (path, _), name in zip(named, before)}
    after = distinct_names(named, recorded)
    assert after[:first] == before
    assert len({comparable(name) for name in after}) == len(named)
    recorded = {path: [name] for (path, _), name in zip(named, after)}
    assert distinct_names(named, recorded) == after


def test_a_name_that_is_alone_gets_no_mark_and_two_new_ones_both_get_one() -> None:
    assert distinct_names([("/a", "ann"), ("/b", "bob")], {}) == ["ann", "bob"]
    first, second = distinct_names([("/a", "ann"), ("/b", "Ann")], {})
    assert first.startswith("ann-") and second.startswith("Ann-")


@pytest.mark.parametrize("recorded", ["bob", "ann-b", "ann-0123", "an"])
def test_a_path_keeps_its_name_whatever_it_suggests_now(recorded: str) -> None:
    """Else marks by hand are lost when more students come, or fewer."""
    assert distinct_names([("/a", "ann")], {"/a": [recorded]}) == [recorded]
    # Somebody has copied a folder of results.
    assert distinct_names([("/a", "ann")], {"/a": ["ann", recorded]}) == ["ann"]
    assert distinct_names([("/a", "ann")], {"/a": [recorded, "other"]}) == ["ann"]
    names = distinct_names([("/a", "ann"), ("/b", recorded)], {"/a": [recorded]})
    assert names[0] == recorded and len(set(names)) == 2


def test_a_students_other_file_keeps_the_name() -> None:
    others = {"/new/A3.py": ["/old/A3.py"]}
    assert distinct_names([("/new/A3.py", "ann")], {"/old/A3.py": ["ann-01234567"]}, others) == [
        "ann-01234567"
    ]
    both = {"/old/A3.py": ["first"], "/new/A3.py": ["second"]}
    assert distinct_names([("/new/A3.py", "ann")], both, others) == ["second"]


def test_what_is_gone_from_a_zip_takes_no_name(tmp_path: Path) -> None:
    zipped = tmp_path / "all.zip"
    zipped.write_bytes(b"PK")
    recorded = {f"{zipped}/ann_1.py": ["ann"]}
    assert distinct_names([("/ann_2.py", "ann")], recorded)[0].startswith("ann-")
    assert distinct_names([("/ann_2.py", "ann")], recorded, seen={str(zipped)}) == ["ann"]
    seen = {str(zipped), f"{zipped}/ann_1.py"}
    assert distinct_names([("/ann_2.py", "ann")], recorded, seen=seen)[0].startswith("ann-")


def test_a_mark_that_somebody_has_for_a_name_is_longer() -> None:
    mark, _ = distinct_names([("/a", "ann"), ("/b", "Ann")], {})
    names = distinct_names([("/a", "ann"), ("/b", "Ann"), ("/c", mark)], {})
    assert len(set(names)) == 3 and names[2] == mark and names[0].startswith(mark)


def test_what_results_record(tmp_path: Path) -> None:
    assert recorded_names(None) == {} == recorded_names(tmp_path / "nowhere")
    for name, extra in (("ann", {"path": "/in/ann.py"}), ("bob", {"path": 3}), ("old", {})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"extra_data": extra}))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "results.json").write_text("{")
    assert recorded_names(tmp_path) == {"/in/ann.py": ["ann"]}


def test_a_name_of_another_submission_that_is_still_there_is_not_lent(tmp_path: Path) -> None:
    """Else the second ann has the first one's results, and her marks by hand."""
    first, zipped = tmp_path / "s1" / "ann.py", tmp_path / "s2.zip" / "ann.py"
    first.parent.mkdir()
    first.write_text("x = 1")
    zipped.parent.write_bytes(b"PK")
    for taken in (first, zipped):
        (name,) = distinct_names([("/s3/ann.py", "Ann")], {str(taken): ["ann"]})
        assert name.startswith("Ann-"), taken
        assert distinct_names(
            [("/s3/ann.py", "Ann")], {"/s3/ann.py": [name], str(taken): ["ann"]}
        ) == [name]
    # A folder that was moved keeps its names.
    assert distinct_names([("/new/ann.py", "ann")], {str(tmp_path / "old/ann.py"): ["ann"]}) == [
        "ann"
    ]
