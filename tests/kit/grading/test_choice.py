"""Which of a student's files is graded, and what is said of the others."""

from pathlib import Path

import pytest
from helpers.collected import CODE, collected, graded, put


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (("v1/A3.py", "v2/A3.py"), "v2/A3.py"),
        (("A3_v2.py", "A3_v10.py", "A3_v1.py"), "A3_v10.py"),
        (("backup/A3.py", "new/A3.py", "old/A3.py"), "new/A3.py"),
        (("draft/A3.py", "final/A3.py"), "final/A3.py"),
        (("old/A3.py", "A3_final.py", "A3 (1).py"), "A3_final.py"),
        (("A3_backup.py", "A3_final.py"), "A3_final.py"),
        (("A3_old.py", "A3_new.py"), "A3_new.py"),
        (("A3 (1).py", "A3 (2).py"), "A3 (2).py"),
        (("A3.py", "A3 (1).py"), "A3.py"),
        (("A3.py", "A3.ipynb"), "A3.py"),
        (("A3.py", "release/A3.ipynb"), "A3.py"),
        (("a3-release/A3.py", "original/A3.py"), "a3-release/A3.py"),
        (("attempt/A3.py", "starter/A3.py", "A3 template.py"), "attempt/A3.py"),
    ],
)
def test_names_tell_the_order(tmp_path: Path, paths: tuple[str, ...], wanted: str) -> None:
    put(tmp_path, "bob/A3.py", *(f"ann/{path}" for path in paths), text=CODE)
    assert graded(tmp_path)["ann"] == f"ann/{wanted}"
    reasons = [reason for _, reason in collected(tmp_path).passed_over]
    assert len(reasons) == len(paths) - 1
    assert not any("nothing says" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (("a/roe_102_4000_A3.py", "b/roe_102_5002_A3.py"), "b/roe_102_5002_A3.py"),
        (("roe_102_9000_A3.py", "roe_102_5002_A3-1.py"), "roe_102_5002_A3-1.py"),
        (("roe_102_4000_A3.py", "again/roe_102_5002_A3-1.py"), "again/roe_102_5002_A3-1.py"),
        (("roe_102_4000_A3.py", "roe_LATE_102_5002_A3_x.py"), "roe_LATE_102_5002_A3_x.py"),
        (("roe_102_4000_A3.py", "roe_102_4001_A3.ipynb"), "roe_102_4000_A3.py"),
        (("roe_102_4000_A3.py", "roe_102_4001_work.py"), "roe_102_4000_A3.py"),
    ],
)
def test_canvas_tells_the_order(tmp_path: Path, paths: tuple[str, ...], wanted: str) -> None:
    put(tmp_path, "a/doe_19_9999_A3.py", "b/eve_18_8888_A3.py", *paths, text=CODE)
    assert graded(tmp_path)["roe_102"] == wanted


def test_where_nothing_tells_the_order_that_is_said(tmp_path: Path) -> None:
    put(tmp_path, "bob/A3.py", "ann/code/A3.py", "ann/src/A3.py", text=CODE)
    (reason,) = [reason for _, reason in collected(tmp_path).passed_over]
    assert reason.endswith("is graded, and nothing says which of the two is the later one")
