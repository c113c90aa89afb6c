"""Numbers as people read them, and what is none."""

import math
from typing import Any

import pytest

from a3lib.util.numbers import decimals, finite, trimmed


def test_a_number_is_finite() -> None:
    assert [finite(v) for v in (1, 0.5, 0)] == [1.0, 0.5, 0.0]
    assert isinstance(finite(1), float)
    for value in (None, math.nan, math.inf, -math.inf, "1", True, [1], 10**400, -1e301):
        assert finite(value) is None


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.12345, 3, "0.123"), (2, 1, "2.0"), (2, 0, "2"), (-0.5, 2, "-0.50"), (None, 3, "-")],
)
def test_a_number_has_as_many_decimals_as_asked(value: Any, digits: int, text: str) -> None:
    assert decimals(value, digits) == text


def test_there_are_three_decimals_unless_told_and_a_sign_of_ones_own() -> None:
    assert decimals(1 / 3) == "0.333"
    assert [decimals(v, missing="?") for v in (None, math.nan, "1", 1.0)] == [
        "?",
        "?",
        "?",
        "1.000",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(4, "4"), (2.5, "2.5"), (0, "0"), (10.0, "10"), (100, "100"), (1.255, "1.25"), (None, "-")],
)
def test_zeros_at_the_end_are_trimmed(value: Any, text: str) -> None:
    assert trimmed(value) == text


def test_a_whole_number_keeps_its_zeros() -> None:
    assert trimmed(100.4, 0) == "100"
