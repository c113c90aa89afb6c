"""The calibration diagram: where its points are, what their sizes and numbers say."""

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection

from a3lib.forecasting.figure import calibration
from a3lib.forecasting.scores import MANY_BINS, Forecast, calibration_bins, wilson_interval

FEW = [
    *[Forecast("q", 0.1, happened) for happened in (False, False, True)],
    *[Forecast("q", 0.7, happened) for happened in (True, False, True, True, True, True)],
]


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    plt.close("all")


def drawn(forecasts: list[Forecast]) -> Axes:
    figure = calibration(forecasts)
    figure.canvas.draw()
    return figure.axes[0]


def markers(axes: Axes) -> list[PathCollection]:
    """The scattered points; error bars are collections of lines."""
    return [found for found in axes.collections if isinstance(found, PathCollection)]


def points(axes: Axes) -> list[list[float]]:
    return [list(map(float, found.get_offsets()[0])) for found in markers(axes)]


def test_points_lie_at_the_mean_forecast_and_the_share() -> None:
    axes = drawn(FEW)
    assert np.allclose(points(axes), [[0.1, 1 / 3], [0.7, 5 / 6]])
    assert [text.get_text() for text in axes.texts] == ["3", "6"]


def test_areas_are_in_proportion_to_the_counts() -> None:
    small, large = markers(drawn(FEW))
    assert large.get_sizes()[0] == pytest.approx(2 * small.get_sizes()[0])


def test_bars_are_the_wilson_intervals() -> None:
    bars = [found for found in drawn(FEW).collections if isinstance(found, LineCollection)]
    ends = [tuple(segment[:, 1]) for bar in bars for segment in bar.get_segments()]
    assert np.allclose(ends, [wilson_interval(1, 3), wilson_interval(5, 6)])


def test_the_diagonal_and_the_axes_have_names() -> None:
    axes = drawn(FEW)
    labels = {line.get_label(): line for line in axes.lines}
    assert list(labels["perfect"].get_xdata()) == list(labels["perfect"].get_ydata()) == [0, 1]
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["perfect", "95 % interval"]
    assert (
        "forecast probability" in axes.get_xlabel() and axes.get_ylabel() == "share that happened"
    )


def test_many_forecasts_have_narrower_groups() -> None:
    generator = np.random.default_rng(1)
    many = [Forecast("q", p, bool(generator.random() < p)) for p in generator.random(200).tolist()]
    assert len(drawn(many).texts) == len(calibration_bins(many, MANY_BINS)) == 10
    assert len(drawn(many[:99]).texts) == 5


def test_certain_forecasts_and_none_are_drawn() -> None:
    axes = drawn([Forecast("q", 1.0, True), Forecast("q", 0.0, False)])
    assert np.allclose(points(axes), [[0, 0], [1, 1]])
    assert points(drawn([])) == []
