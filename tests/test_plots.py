"""Figures: the numbers that are drawn, the axes' names and units, and the files."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from a3lib import plots
from a3lib.plots import (
    kl_and_reward,
    loss_over_time,
    moving_average,
    reward_histogram,
    reward_over_time,
    save_figure,
)

RUNS = {f"run {name}": [0.1 * name + 0.01 * step for step in range(15)] for name in range(4)}


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    """Draw without a screen and forget each figure afterwards."""
    matplotlib.use("Agg")
    yield
    plt.close("all")


def horizontal_lines(axes: Axes) -> list[float]:
    """The heights of the lines that go from the left end of the axes to the right end."""
    lines = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    return [float(line.get_ydata()[0]) for line in lines]


def legend_texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def notes(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@given(st.lists(st.floats(-100, 100), max_size=30), st.integers(1, 12))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_moving_average_is_the_mean_of_the_last_values(values: list[float], width: int) -> None:
    expected = []
    for step in range(len(values)):
        last = values[max(0, step + 1 - width) : step + 1]
        expected.append(math.fsum(last) / len(last))
    assert moving_average(values, width).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_bold_line_is_a_mean_over_ten_steps() -> None:
    assert plots.SMOOTHING_STEPS == 10
    assert moving_average(range(20))[-1] == 14.5


def test_raw_and_smoothed_values_are_drawn_from_step_1() -> None:
    axes = reward_over_time({"REINFORCE": [0.5, 0.7, 0.9]}).axes[0]
    raw, smooth = axes.lines[:2]
    assert raw.get_xdata().tolist() == smooth.get_xdata().tolist() == [1, 2, 3]
    assert list(raw.get_ydata()) == [0.5, 0.7, 0.9]
    assert smooth.get_ydata().tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert raw.get_alpha() < 0.5
    assert legend_texts(axes) == ["REINFORCE"]


def test_the_three_rewards_of_the_handout_are_marked_and_labelled() -> None:
    axes = reward_over_time(RUNS).axes[0]
    assert horizontal_lines(axes) == [0.65, 0.75, 0.80]
    assert notes(axes) == ["0.65", "0.75", "0.80"]


def test_rewards_are_drawn_on_the_whole_range_of_a_probability() -> None:
    low, high = reward_over_time({"a": [0.5, 0.5]}).axes[0].get_ylim()
    assert low == 0
    assert 1 <= high < 1.1


def test_reward_over_time_names_its_axes() -> None:
    axes = reward_over_time(RUNS).axes[0]
    assert axes.get_ylabel() == "reward, P(positive)"
    assert "training step" in axes.get_xlabel()
    assert "10" in axes.get_xlabel()


def test_steps_are_numbered_with_whole_numbers() -> None:
    figure = reward_over_time({"short": [0.5, 0.6, 0.7]})
    figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())


def test_runs_differ_in_colour_and_in_line_style() -> None:
    axes = reward_over_time(RUNS).axes[0]
    bold = axes.lines[1:8:2]
    assert len({to_hex(line.get_color()) for line in bold}) == 4
    assert len({line.get_linestyle() for line in bold}) == 4
    assert legend_texts(axes) == list(RUNS)


def test_more_runs_than_colours_are_all_drawn() -> None:
    many = {f"alpha = {number}": [0.1, 0.2] for number in range(9)}
    assert legend_texts(reward_over_time(many).axes[0]) == list(many)


def test_kl_is_left_and_reward_is_right() -> None:
    kl = {"alpha = 1": [3.0, 5.0]}
    reward = {"alpha = 1": [0.5, 0.6]}
    left, right = kl_and_reward(kl, reward).axes
    assert list(left.lines[0].get_ydata()) == [3.0, 5.0]
    assert list(right.lines[0].get_ydata()) == [0.5, 0.6]
    assert left.get_ylabel() == "KL(policy || original), nats per text"
    assert right.get_ylabel() == "reward, P(positive)"
    assert "training step" in left.get_xlabel()
    assert "training step" in right.get_xlabel()
    assert left.get_ylim()[0] == 0


def test_the_reward_marks_are_on_the_reward_side_only() -> None:
    left, right = kl_and_reward(RUNS, RUNS).axes
    assert horizontal_lines(left) == []
    assert horizontal_lines(right) == [0.65, 0.75, 0.80]


def test_the_histogram_counts_every_review_in_bins_of_a_twentieth() -> None:
    rewards = [0.0, 0.01, 0.5, 0.99, 1.0]
    axes = reward_histogram({"original": rewards}).axes[0]
    corners = np.vstack([patch.get_xy() for patch in axes.patches])
    assert sorted(set(corners[:, 0].round(6))) == pytest.approx(np.linspace(0, 1, 21).tolist())
    assert corners[:, 1].max() == 2
    assert axes.get_xlim() == (0, 1)


def test_the_histogram_marks_and_names_each_mean() -> None:
    axes = reward_histogram({"original": [0.2, 0.4], "REINFORCE": [0.75, 1.0]}).axes[0]
    assert [float(line.get_xdata()[0]) for line in axes.lines] == pytest.approx([0.3, 0.875])
    assert legend_texts(axes) == ["original, mean 0.300", "REINFORCE, mean 0.875"]
    assert axes.get_xlabel() == "reward, P(positive)"
    assert axes.get_ylabel() == "test reviews"


def test_the_loss_is_compared_with_that_of_an_untrained_policy() -> None:
    axes = loss_over_time({"beta = 0.1": [0.7, 0.6]}).axes[0]
    assert horizontal_lines(axes) == pytest.approx([math.log(2)])
    assert notes(axes) == ["ln 2: policy = reference"]
    assert axes.get_ylabel() == "DPO loss, nats per pair"
    assert "training step" in axes.get_xlabel()
    assert axes.get_ylim()[0] == 0


def test_figures_are_saved_as_png_and_pdf(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    files = save_figure(reward_over_time(RUNS), folder, "rewards")
    assert files == [folder / "rewards.png", folder / "rewards.pdf"]
    assert files[0].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert files[1].read_bytes().startswith(b"%PDF-")
    assert sorted(folder.iterdir()) == sorted(files)


def test_all_colours_can_be_told_apart() -> None:
    channels = [np.array(matplotlib.colors.to_rgb(colour)) for colour in plots.COLOURS]
    gaps = [np.abs(first - second).max() for first, second in pairwise(channels)]
    assert min(gaps) > 0.2
