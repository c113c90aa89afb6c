"""Where a chart's lines, ticks and marks stand, and the values that are read off."""

import math

import numpy as np
import pytest

from a3lib.plots import style_of
from a3lib.report.charts import Chart, Line, as_values, axes_of, drawn, scaled, smooth, y_ticks


def chart_of(*values: float | None, **others: object) -> Chart:
    """A chart of one line, from step 1 on."""
    line = Line("REINFORCE", style_of("REINFORCE"), values)
    steps = tuple(range(1, len(values) + 1))
    return Chart("key", "Title", "text", "unit", steps, (line,), **others)  # type: ignore[arg-type]


def test_a_path_goes_through_its_values_from_corner_to_corner() -> None:
    found = drawn(chart_of(0.0, 1.0, 0.5, smoothed=False))
    # The axis ends 2 % above the highest value.
    middle = 1000 * (1.02 - 0.5) / 1.02
    expected = f"M0.0 1000.0h0L500.0 {1000 * 0.02 / 1.02:.1f}L1000.0 {middle:.1f}"
    assert found["lines"][0]["path"] == expected
    assert found["lines"][0]["raw"] == ""


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    path = drawn(chart_of(0.0, None, 1.0, 0.5, smoothed=False))["lines"][0]["path"]
    assert path.count("M") == 2 and path.count("L") == 1 and path.count("h0") == 2


def test_a_smoothed_chart_draws_raw_values_and_means_of_ten() -> None:
    values = [float(v) for v in np.random.default_rng(0).uniform(0, 1, 30)]
    found = drawn(chart_of(*values))
    data = found["data"]["lines"][0]
    assert data["values"] == pytest.approx(values, rel=1e-3)
    assert data["means"][0] == data["values"][0]
    assert data["means"][29] == pytest.approx(np.mean(values[20:]), rel=1e-3)
    assert found["lines"][0]["raw"].count("L") == found["lines"][0]["path"].count("L") == 29


def test_means_leave_out_what_is_missing() -> None:
    assert smooth([1.0, None, 3.0]) == [1.0, None, 2.0]
    assert smooth([None, None]) == [None, None]


def test_what_is_no_finite_number_is_missing() -> None:
    assert as_values([1, math.nan, "x", None, True, math.inf, 2.5], 8) == (
        1.0,
        None,
        None,
        None,
        None,
        None,
        2.5,
        None,
    )


def test_a_symlog_axis_is_linear_to_one_and_has_decades_above() -> None:
    assert [scaled(v, True) for v in (0.0, 0.5, 1.0, 10.0, 100.0, -10.0)] == pytest.approx(
        [0.0, 0.5, 1.0, 2.0, 3.0, -2.0]
    )
    assert scaled(100.0, False) == 100.0
    axes = axes_of(chart_of(0.0, 150.0, symlog=True))
    assert [tick.label for tick in y_ticks(axes)] == ["0", "1", "10", "100"]
    places = [tick.place for tick in y_ticks(axes)]
    assert places[0] == 100 and np.ptp(np.diff(places)) < 1e-6


def test_a_symlog_axis_of_small_values_has_round_ticks() -> None:
    labels = [tick.label for tick in y_ticks(axes_of(chart_of(0.0, 0.4, symlog=True)))]
    assert labels[0] == "0" and labels[-1] == "0.4" and len(labels) >= 4


def test_marks_and_wished_ends_are_on_the_chart() -> None:
    found = drawn(chart_of(0.4, 0.5, top=1.0, marks=((0.75, "goal"),)))
    assert found["marks"] == [("goal", pytest.approx(100 * 0.27 / 1.02))]
    assert [tick.label for tick in found["y_ticks"]][-1] == "1"
    assert drawn(chart_of(0.4, 0.5, marks=((0.75, "goal"),)))["marks"][0].place > 0
    assert drawn(chart_of(-1.0, 1.0))["y_ticks"][0].label == "-1"


@pytest.mark.parametrize("values", [(0.5,), (0.0,), (None,), (0.0, 0.0), (None, 3.0)])
def test_a_chart_of_next_to_nothing_is_drawn(values: tuple[float | None, ...]) -> None:
    found = drawn(chart_of(*values))
    assert "nan" not in str(found["lines"][0]["path"])
    assert all(0 <= tick.place <= 100 for tick in (*found["x_ticks"], *found["y_ticks"]))
    assert len(found["rows"]) == len(values)


def test_a_long_table_is_thinned_to_its_last_step() -> None:
    found = drawn(chart_of(*np.linspace(0, 1, 204).tolist()))
    assert found["every"] == 6
    assert [step for step, _ in found["rows"]][-2:] == [198, 204]
    assert len(found["rows"]) <= 40
    assert found["rows"][-1][1] == [pytest.approx(np.mean(np.linspace(0, 1, 204)[-10:]))]


def test_markers_stand_on_their_line() -> None:
    found = drawn(chart_of(*np.linspace(0, 1, 61).tolist(), smoothed=False))
    markers = found["lines"][0]["markers"]
    assert len(markers) == 6
    assert all(top == pytest.approx(100 * (1.02 - left / 100) / 1.02) for left, top in markers)
