"""The figures of a run's training: the numbers that are drawn, axes, legends."""

import math
from itertools import pairwise

import numpy as np
import pytest
from helpers.drawn import horizontal_lines, legend_texts, notes
from matplotlib.colors import to_hex

from a3lib.plots import (
    kl_and_reward,
    loss_over_time,
    reward_histogram,
    reward_over_time,
    style_of,
)
from a3lib.profiles import dpo_name, kl_name

RUNS = {f"run {name}": [0.1 * name + 0.01 * step for step in range(15)] for name in range(4)}


def test_raw_and_smoothed_values_are_drawn_from_step_1() -> None:
    figure = reward_over_time({"REINFORCE": [0.5, 0.7, 0.9]})
    axes = figure.axes[0]
    raw, smooth = axes.lines[:2]
    assert raw.get_xdata().tolist() == smooth.get_xdata().tolist() == [1, 2, 3]
    assert list(raw.get_ydata()) == [0.5, 0.7, 0.9]
    assert smooth.get_ydata().tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert raw.get_alpha() < 0.5
    assert legend_texts(figure) == ["REINFORCE"]


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
    figure = reward_over_time(RUNS)
    bold = figure.axes[0].lines[1:8:2]
    assert len({to_hex(line.get_color()) for line in bold}) == 4
    assert len({line.get_marker() for line in bold}) == 4
    assert legend_texts(figure) == list(RUNS)


def test_more_runs_than_colours_are_all_drawn() -> None:
    many = {f"alpha = {number}": [0.1, 0.2] for number in range(9)}
    assert legend_texts(reward_over_time(many)) == list(many)


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
    figure = reward_histogram({"original": [0.2, 0.4], "REINFORCE": [0.75, 1.0]})
    axes = figure.axes[0]
    assert [float(line.get_xdata()[0]) for line in axes.lines] == pytest.approx([0.3, 0.875])
    assert legend_texts(figure) == ["original, mean 0.300", "REINFORCE, mean 0.875"]
    assert axes.get_xlabel() == "reward, P(positive)"
    assert axes.get_ylabel() == "test reviews per 0.05"


def test_the_loss_is_compared_with_that_of_an_untrained_policy() -> None:
    axes = loss_over_time({"beta = 0.1": [0.7, 0.6]}).axes[0]
    assert horizontal_lines(axes) == pytest.approx([math.log(2)])
    assert notes(axes) == ["ln 2: policy = reference"]
    assert axes.get_ylabel() == "DPO loss, nats per pair"
    assert "training step" in axes.get_xlabel()
    assert axes.get_ylim()[0] == 0


def test_a_model_has_its_own_colour_in_every_figure() -> None:
    names = [kl_name(alpha) for alpha in (3.0, 0.1, 0.0)]
    runs = {name: [1.0, 2.0] for name in names}
    for axes in kl_and_reward(runs, runs).axes:
        bold = [line for line in axes.lines if line.get_label().startswith("alpha")]
        assert [line.get_color() for line in bold] == [style_of(name).colour for name in names]
        assert [line.get_linestyle() for line in bold] != ["-"] * 3
    (axes,) = loss_over_time({dpo_name(0.25): [0.7]}).axes
    assert axes.lines[1].get_color() == style_of(dpo_name(0.25)).colour


def test_legends_name_alpha_and_beta_without_the_method() -> None:
    kl = {kl_name(0.1): [1.0]}
    assert legend_texts(kl_and_reward(kl, kl)) == ["alpha = 0.1"]
    assert legend_texts(loss_over_time({dpo_name(0.25): [0.7]})) == ["beta = 0.25"]


def test_equal_lines_are_all_seen() -> None:
    runs = {kl_name(alpha): [0.5, 0.6] for alpha in (0.0, 0.003, 0.1, 3.0)}
    bold = reward_over_time(runs).axes[0].lines[1:8:2]
    for under, over in pairwise(bold):
        assert under.get_linewidth() > over.get_linewidth() > 0.8
        assert under.get_markersize() > over.get_markersize() > 3
        assert under.get_marker() != over.get_marker()


def test_kl_from_0_to_hundreds_has_plain_numbers_and_a_small_one_a_plain_axis() -> None:
    figure = kl_and_reward({"a": [0.0, 2.0, 200.0]}, {"a": [0.5] * 3})
    figure.canvas.draw()
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert ticks == ["0", "1", "3", "10", "30", "100", "300"]
    small = kl_and_reward({"a": [-0.02, 0.07]}, {"a": [0.5, 0.5]}).axes[0]
    assert small.get_yscale() == "linear"
    # An estimate from samples may be below 0 and is seen.
    assert small.get_ylim()[0] < -0.02


def test_two_models_are_told_apart_without_colour() -> None:
    axes = reward_histogram({"original": [0.2, 0.4], "REINFORCE": [0.75, 1.0]}).axes[0]
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len({patch.get_hatch() for patch in outlines}) == 2
    assert len({patch.get_linestyle() for patch in outlines}) == 2
    colours = [to_hex(line.get_color()).upper() for line in axes.lines]
    assert colours == [style_of("original").colour, style_of("REINFORCE").colour]


def test_the_lines_of_losses_stay_below_the_top_of_the_axes() -> None:
    axes = loss_over_time({"a": [0.69, 0.69]}).axes[0]
    assert axes.get_ylim()[1] > 0.71


@pytest.mark.parametrize(
    "values", [[], [0.5], [math.nan], [math.nan, 0.5, math.inf, 0.7], [0.5, 0.6]]
)
@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.filterwarnings("error")
def test_no_model_nine_models_and_broken_values_are_drawn(values: list[float], count: int) -> None:
    runs = {kl_name(10.0**-number): values for number in range(count)}
    for figure in (
        reward_histogram(runs),
        reward_over_time(runs),
        kl_and_reward(runs, runs),
        loss_over_time(runs),
    ):
        figure.canvas.draw()
        assert len(figure.legends) == (1 if count else 0)
        for axes in figure.axes:
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()


def test_a_histogram_of_no_rewards_says_so() -> None:
    figure = reward_histogram({"original": [], "REINFORCE": [math.nan, 0.5]})
    assert legend_texts(figure) == ["original, no rewards", "REINFORCE, mean 0.500"]
