"""Figures: the numbers that are drawn, the axes' names and units, and the files."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from synthetic_runs import BETAS, SEEDS, curve_rows, row_of, sft_rows, study_of

from a3lib import plots
from a3lib.frontier import Estimate, make_curves, point_intervals
from a3lib.plots import (
    frontier,
    kl_and_reward,
    loss_over_time,
    moving_average,
    reward_histogram,
    reward_over_time,
    save_figure,
    score_histogram,
    training_curves,
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


def test_the_histogram_of_scores_counts_every_submission_in_bins_of_five_points() -> None:
    axes = score_histogram([0, 4.9, 5, 84, 85], 85).axes[0]
    heights = [patch.get_height() for patch in axes.patches]
    assert len(heights) == 17
    assert (heights[0], heights[1], heights[-1]) == (2, 1, 2)
    assert sum(heights) == 5
    assert axes.get_xlim() == (0, 85)
    assert legend_texts(axes) == ["mean 35.8"]
    assert axes.get_xlabel() == "points for exercises 1 to 4"
    assert axes.get_ylabel() == "submissions"


def test_the_histogram_of_no_scores_is_empty() -> None:
    axes = score_histogram([], 85).axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == 0
    assert axes.get_legend() is None


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


# The study --------------------------------------------------------------------------------------

# Two groups: a link with two divergences, and two others, with plain DPO beside them.
KEPT = {"sigmoid-reverse_kl": 1.0, "sigmoid-forward_kl": 1.4, "ipo": 1.2, "slic": 1.6}
GROUPS = {
    "sigmoid": ["sigmoid-reverse_kl", "sigmoid-forward_kl"],
    "other methods": ["sigmoid-reverse_kl", "ipo", "slic"],
}


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return study_of(KEPT, noise=0.05)


def points_of(axes: Axes) -> list[list[tuple[float, float]]]:
    """Every group of points that is scattered, the untrained policy's last."""
    return [
        [(float(x), float(y)) for x, y in found.get_offsets()]
        for found in axes.collections
        if type(found).__name__ == "PathCollection"
    ]


def error_bars(axes: Axes) -> list[tuple[float, ...]]:
    """Each mean with the ends of its intervals: x, y, left, right, lower, upper."""
    found = []
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        line, _, (across, up) = container.lines
        (left, _), (right, _) = across.get_segments()[0]
        (_, lower), (_, upper) = up.get_segments()[0]
        x, y = line.get_xdata()[0], line.get_ydata()[0]
        found.append(tuple(map(float, (x, y, left, right, lower, upper))))
    return found


@pytest.mark.parametrize("x", ["entropy", "kl"])
def test_the_frontier_draws_every_run_as_a_point(study: pd.DataFrame, x: str) -> None:
    figure = frontier(make_curves(study, 50), x)
    for axes, methods in zip(figure.axes, GROUPS.values(), strict=True):
        found = points_of(axes)
        for points, method in zip(found, methods, strict=False):
            runs = study[study["method"] == method]
            assert points == [*zip(runs[x], runs["reward"], strict=True)]
        start = study[study["method"] == "sft"]
        assert found[len(methods) :] == [[*zip(start[x], start["reward"], strict=True)]]


@pytest.mark.parametrize("x", ["entropy", "kl"])
def test_the_frontier_draws_each_mean_with_both_intervals(study: pd.DataFrame, x: str) -> None:
    curves = make_curves(study, 50)
    others, rewards = point_intervals(curves, x), point_intervals(curves, "reward")
    for axes, methods in zip(frontier(curves, x).axes, GROUPS.values(), strict=True):
        expected = []
        for method in methods:
            for beta in BETAS:
                across, up = others[(method, beta)], rewards[(method, beta)]
                expected.append((across.value, up.value, *across[1:], *up[1:]))
        found = error_bars(axes)
        assert len(found) == len(expected)
        for bar, wanted in zip(found, expected, strict=True):
            assert bar == pytest.approx(wanted)


def test_the_frontier_names_axes_with_units_and_every_method(study: pd.DataFrame) -> None:
    curves = make_curves(study, 50)
    for x, name in (
        ("entropy", "predictive entropy, nats per token"),
        ("kl", "KL to SFT, nats per token"),
    ):
        figure = frontier(curves, x)
        assert [axes.get_title() for axes in figure.axes] == list(GROUPS)
        assert [axes.get_xlabel() for axes in figure.axes] == [name] * 2
        assert figure.axes[0].get_ylabel() == "reward, P(positive)"
        for axes, methods in zip(figure.axes, GROUPS.values(), strict=True):
            assert sorted(legend_texts(axes)) == sorted([*methods, "SFT"])
        # KL spans orders of magnitude and may be 0.
        assert figure.axes[0].get_xscale() == ("symlog" if x == "kl" else "linear")


def test_every_point_of_the_frontier_is_within_the_axes(study: pd.DataFrame) -> None:
    for x in ("entropy", "kl"):
        for axes in frontier(make_curves(study, 50), x).axes:
            (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
            for points in points_of(axes):
                assert all(left < a < right and low < b < high for a, b in points)


def test_the_untrained_policy_is_a_star(study: pd.DataFrame) -> None:
    (axes, _) = frontier(make_curves(study, 50)).axes
    star = axes.collections[-1]
    assert star.get_label() == "SFT"
    assert len(star.get_paths()[0].vertices) == 11  # five tips, five notches, and closed


def fits(frame: pd.DataFrame, x: str = "entropy") -> list[tuple[np.ndarray, np.ndarray]]:
    """The curves that are fitted; a mean of an interval is a line of one point."""
    lines = frontier(make_curves(frame, 20), x).axes[0].lines
    return [
        (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in lines
        if len(line.get_xdata()) > 1
    ]


@pytest.mark.parametrize(
    ("betas", "seeds", "drawn"),
    [
        # Four betas and eight points are just enough, in whatever way one of the two is missing.
        ((0.1, 0.3, 1.0, 3.0), (1, 2), 1),
        ((0.1, 0.3, 1.0), SEEDS, 0),
        (BETAS, (1,), 0),
        (BETAS, (1, 2), 1),
    ],
)
def test_there_is_no_fit_below_eight_points_or_four_betas(
    betas: tuple[float, ...], seeds: tuple[int, ...], drawn: int
) -> None:
    rows = [*sft_rows(seeds, 0.05), *curve_rows("ipo", 1.2, betas=betas, seeds=seeds, noise=0.05)]
    assert len(fits(pd.DataFrame(rows))) == drawn


def test_there_is_no_fit_across_a_wide_gap() -> None:
    frame = pd.DataFrame([*sft_rows(noise=0.05), *curve_rows("ipo", 1.2, noise=0.05)])
    trained = frame["method"] == "ipo"
    for widest, drawn in ((0.35, 1), (0.45, 0)):
        places = np.linspace(1 - widest, 0, trained.sum() - 1)
        frame.loc[trained, "entropy"] = 1 + np.append(places, 1.0)
        assert len(fits(frame)) == drawn


def test_the_fit_is_the_parabola_through_the_runs() -> None:
    frame = pd.DataFrame([*sft_rows(noise=0.05), *curve_rows("ipo", 1.2, noise=0.05)])
    trained = frame["method"] == "ipo"
    frame.loc[trained, "kl"] = np.geomspace(0.1, 1.1, trained.sum())
    runs = frame[trained]
    # Rewards that are a parabola in entropy, and in the logarithm of KL.
    for x, scale in (("entropy", np.asarray), ("kl", np.log)):
        bent = frame.copy()
        horizontal = scale(runs[x].to_numpy())
        bent.loc[runs.index, "reward"] = 0.9 - 0.1 * (horizontal - 0.5) ** 2
        ((across, up),) = fits(bent, x)
        assert across.min() == pytest.approx(runs[x].min())
        assert across.max() == pytest.approx(runs[x].max())
        assert up == pytest.approx(0.9 - 0.1 * (scale(across) - 0.5) ** 2)


def learned(frame: pd.DataFrame) -> pd.DataFrame:
    """The same study with a history of its own in every run."""
    frame = frame.copy()
    for index in frame[frame["method"] != "sft"].index:
        step = 0.01 * index
        frame.at[index, "held_out_losses"] = [2.0, 1.0 + step, 1.5 + step]
        frame.at[index, "held_out_accuracies"] = [0.0, 0.5 + step / 2, 0.6]
    return frame


def test_training_curves_draw_each_method_at_its_best_beta(study: pd.DataFrame) -> None:
    frame = learned(study)
    best = dict(zip(KEPT, (0.1, 3.0, 1.0, 0.3), strict=True))
    figure = training_curves(frame, best)
    above, below, last = figure.axes[:2], figure.axes[2:4], figure.axes[4:]
    for up, down, norms, methods in zip(above, below, last, GROUPS.values(), strict=True):
        # A faint line a seed, their mean, and a dot; then the level line.
        assert len(up.lines) == (len(SEEDS) + 2) * len(methods) + 1
        assert len(down.lines) == len(methods) + 1
        for number, method in enumerate(methods):
            runs = frame[(frame["method"] == method) & (frame["beta"] == best[method])]
            losses = [[v / 2.0 for v in values] for values in runs["held_out_losses"]]
            lines = up.lines[5 * number : 5 * number + 5]
            for line, expected in zip(lines, losses, strict=False):
                assert list(line.get_xdata()) == [0, 2, 4]
                assert list(line.get_ydata()) == pytest.approx(expected)
                assert line.get_alpha() < 0.5
            mean = [math.fsum(part) / 3 for part in zip(*losses, strict=True)]
            assert list(lines[3].get_ydata()) == pytest.approx(mean)
            # The dot is where the mean is lowest, at the second look.
            dot = lines[4]
            assert list(dot.get_xdata()) == [2] and list(dot.get_ydata()) == pytest.approx(
                mean[1:2]
            )
            right = [math.fsum(part) / 3 for part in zip(*runs["held_out_accuracies"], strict=True)]
            assert list(down.lines[number].get_xdata()) == [0, 2, 4]
            assert list(down.lines[number].get_ydata()) == pytest.approx(right)
            # The same norms in every run: 1, 0.9, 0.8 and 0.7, each the mean of those so far.
            assert list(norms.lines[number].get_xdata()) == [1, 2, 3, 4]
            assert list(norms.lines[number].get_ydata()) == pytest.approx([1, 0.95, 0.9, 0.85])


def test_training_curves_name_axes_methods_and_levels(study: pd.DataFrame) -> None:
    figure = training_curves(learned(study), dict.fromkeys(KEPT, 0.1))
    above, below, last = figure.axes[:2], figure.axes[2:4], figure.axes[4:]
    assert [axes.get_title() for axes in above] == list(GROUPS)
    assert [legend_texts(axes) for axes in above] == list(GROUPS.values())
    assert above[0].get_ylabel() == "held-out loss / its start"
    assert below[0].get_ylabel() == "held-out pair accuracy"
    assert last[0].get_ylabel() == "gradient norm, mean of 10 steps"
    assert [axes.get_yscale() for axes in last] == ["log"] * 2
    assert [axes.get_xlabel() for axes in last] == ["training step"] * 2
    assert [(horizontal_lines(axes), notes(axes)) for axes in above] == [
        ([1.0], ["before training"])
    ] * 2
    assert [(horizontal_lines(axes), notes(axes)) for axes in below] == [([0.5], ["chance"])] * 2


def test_a_figure_that_does_not_vary_has_intervals_of_no_length() -> None:
    # Rounding puts the end of such an interval on the wrong side of its value.
    rows = [row_of("sft", math.inf, 1, reward=0.1, entropy=1.0, prompts=17)]
    rows += [row_of("ipo", beta, 1, reward=0.1, entropy=0.3, prompts=17) for beta in (0.1, 1.0)]
    plots.frontier(make_curves(pd.DataFrame(rows)))
    assert plots.reach(Estimate(1.0, 1.0 + 1e-16, 1.0 - 1e-16)) == [[0.0], [0.0]]
    assert plots.reach(Estimate(0.5, 0.25, 1.0)) == [[0.25], [0.5]]


def test_divergence_scores_draw_each_score_over_the_log_ratio() -> None:
    ratios, scores = [-1.0, 0.0, 1.0], {"one": [-2.0, 0.0, 1.0], "two": [-1.0, 0.0, 0.5]}
    (axes,) = plots.divergence_scores(ratios, scores).axes
    drawn = {line.get_label(): line for line in axes.lines if line.get_label() in scores}
    for name, values in scores.items():
        assert list(drawn[name].get_xdata()) == ratios
        assert list(drawn[name].get_ydata()) == values
    assert legend_texts(axes) == ["one", "two"]
    assert "nats" in axes.get_xlabel() and axes.get_ylabel() == "score s(u)"
