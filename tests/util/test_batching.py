"""Batches, progress bars and means."""

import math

import pytest

from a3lib.util.batching import batches, mean, progress


def test_batches_keep_every_item_in_order_with_a_smaller_last_one() -> None:
    assert batches([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert batches([], 2) == []


def test_a_progress_bar_hands_on_its_items_and_is_plain_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(progress(["a", "b"], "evaluate")) == ["a", "b"]
    printed = capsys.readouterr()
    assert "evaluate" in printed.out and "2/2" in printed.out and printed.err == ""


def test_a_mean_is_exact_and_of_nothing_it_is_no_number() -> None:
    assert mean([0.1] * 10) == 0.1
    assert mean([1.0, 2.0, 6.0]) == 3.0
    assert math.isnan(mean([]))
