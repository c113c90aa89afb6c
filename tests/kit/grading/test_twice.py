"""Two gradings of one file are compared check by check."""

from typing import Any

from a3lib.kit.grading.twice import differences


def results(unreadable: str = "", **statuses: str) -> dict[str, Any]:
    tests = [{"extra_data": {"check": name}, "status": status} for name, status in statuses.items()]
    return {"tests": tests, "extra_data": {"unreadable": unreadable}}


def test_equal_gradings_have_no_differences() -> None:
    same = results(a="passed", b="failed")
    assert differences(same, same) == []
    assert differences(results("empty"), results("empty")) == []


def test_each_check_that_differs_is_named() -> None:
    first, second = (
        results(a="passed", b="failed", c="passed"),
        results(a="failed", b="passed", c="passed"),
    )
    assert differences(first, second) == [
        "a passed the first time and failed the second time.",
        "b failed the first time and passed the second time.",
    ]


def test_what_was_asked_once_only_is_named() -> None:
    assert differences(results(a="passed"), results("no text in it")) == [
        "a passed the first time and was not asked the second time.",
        "the file was not asked the first time and could not be read the second time.",
    ]
