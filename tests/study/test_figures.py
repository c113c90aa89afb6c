"""The study's figures: what is drawn, the axes' names and units, and each method's style."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.drawn import horizontal_lines, legend_texts, notes
from helpers.seen_colours import SIGHTS, contrast_on_white, least_difference
from helpers.synthetic_runs import BETAS, SEEDS, curve_rows, row_of, sft_rows, study_of
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from a3lib.plots import style_of
from a3lib.plots.styles import method_style, method_styles
from a3lib.study.analysis import Estimate, make_curves, point_intervals
from a3lib.study.figures import divergence_scores, frontier, reach, training_curves
from a3lib.study.methods import DIVERGENCE_NAMES, METHODS

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
            # The dot is where the mean is lowest, at the second evaluation.
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
    assert [legend_texts(axes) for axes in last] == list(GROUPS.values())
    assert above[0].get_ylabel() == "held-out loss / its start"
    assert below[0].get_ylabel() == "held-out pair accuracy"
    assert last[0].get_ylabel() == "gradient norm, mean of 10 steps"
    assert [axes.get_yscale() for axes in last] == ["log"] * 2
    assert [axes.get_xlabel() for axes in last] == ["training step"] * 2
    # The levels are named once, at the right end.
    assert [horizontal_lines(axes) for axes in above] == [[1.0]] * 2
    assert [horizontal_lines(axes) for axes in below] == [[0.5]] * 2
    assert [notes(axes) for axes in (*above, *below)] == [[], ["before training"], [], ["chance"]]


def test_a_figure_that_does_not_vary_has_intervals_of_no_length() -> None:
    # Rounding puts the end of such an interval on the wrong side of its value.
    rows = [row_of("sft", math.inf, 1, reward=0.1, entropy=1.0, prompts=17)]
    rows += [row_of("ipo", beta, 1, reward=0.1, entropy=0.3, prompts=17) for beta in (0.1, 1.0)]
    frontier(make_curves(pd.DataFrame(rows)))
    assert reach(Estimate(1.0, 1.0 + 1e-16, 1.0 - 1e-16)) == [[0.0], [0.0]]
    assert reach(Estimate(0.5, 0.25, 1.0)) == [[0.25], [0.5]]


def test_divergence_scores_draw_each_score_over_the_log_ratio() -> None:
    ratios, scores = [-1.0, 0.0, 1.0], {"one": [-2.0, 0.0, 1.0], "two": [-1.0, 0.0, 0.5]}
    figure = divergence_scores(ratios, scores)
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines if line.get_label() in scores}
    for name, values in scores.items():
        assert list(drawn[name].get_xdata()) == ratios
        assert list(drawn[name].get_ydata()) == values
    assert legend_texts(figure) == ["one", "two"]
    assert "nats" in axes.get_xlabel() and axes.get_ylabel() == "score s(u)"


def test_the_same_divergence_has_one_colour_and_each_link_its_own_line_and_marker() -> None:
    for divergence in DIVERGENCE_NAMES:
        styles = [method_style(f"{link}-{divergence}") for link in ("sigmoid", "hinge", "ipo")]
        assert len({style.colour for style in styles}) == 1
        assert (
            len({style.linestyle for style in styles})
            == len({style.marker for style in styles})
            == 3
        )


def test_a_divergences_score_has_the_colour_of_its_methods() -> None:
    names = {
        "reverse KL (DPO)": "reverse_kl",
        "alpha = 0.5": "alpha_0.5",
        "Jensen-Shannon": "jensen_shannon",
        "forward KL": "forward_kl",
    }
    axes = divergence_scores([0.0, 1.0], {name: [0.0, 1.0] for name in names}).axes[0]
    drawn = {line.get_label(): to_hex(line.get_color()).upper() for line in axes.lines}
    for name, divergence in names.items():
        assert drawn[name] == method_style(f"sigmoid-{divergence}").colour


def test_a_methods_colour_does_not_depend_on_what_stands_beside_it(study: pd.DataFrame) -> None:
    whole = frontier(make_curves(study, 20))
    alone = frontier(make_curves(study[study["method"].isin(("sft", "slic"))], 20))
    for figure in (whole, alone):
        bars = {
            c.lines[0].get_color() for c in figure.axes[-1].containers if c.get_label() == "slic"
        }
        assert bars == {method_style("slic").colour}


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_methods_of_a_panel_are_told_apart(sight: str) -> None:
    panels = [
        [f"{link}-{divergence}" for divergence in DIVERGENCE_NAMES] for link in ("sigmoid", "hinge")
    ]
    panels.append(["sigmoid-reverse_kl", *(name for name in METHODS if "-" not in name)])
    for panel in panels:
        styles = method_styles(panel)
        assert styles == {name: method_style(name) for name in panel}
        assert least_difference([style.colour for style in styles.values()], sight) > 9
        assert len({style.linestyle for style in styles.values()}) == len(panel)
        assert len({style.marker for style in styles.values()}) == len(panel)
        assert min(contrast_on_white(style.colour) for style in styles.values()) >= 3


def test_a_method_that_is_not_in_the_table_has_a_look() -> None:
    assert method_style("new") == style_of("new")
    assert method_style("sigmoid-alpha_0.9") != method_style("sigmoid-alpha_0.7")
    assert method_style("sigmoid-alpha_1e-3").marker == method_style("sigmoid-reverse_kl").marker
    # Beyond forward KL there is no other divergence.
    assert method_style("sigmoid-alpha_2") == method_style("sigmoid-forward_kl")


@pytest.mark.parametrize("name", ["alpha .", "alpha 1.2.3", "KL, alpha = .", "", "\ud800", "SFT"])
def test_every_name_has_a_look(name: str) -> None:
    """A report shows whatever is in its files."""
    assert method_style(name) == method_style(name)
    assert method_style("SFT") == style_of("original") != method_style("ipo")


def test_a_small_kl_is_drawn_on_a_line_with_plain_numbers(study: pd.DataFrame) -> None:
    small = study.copy()
    small["kl"] *= 0.01
    assert frontier(make_curves(small, 20), "kl").axes[0].get_xscale() == "linear"
    axes = frontier(make_curves(study, 20), "kl").axes[0]
    axes.figure.canvas.draw()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.03", "0.1", "0.3", "1"]


def test_studies_with_nothing_to_draw_make_empty_figures(study: pd.DataFrame) -> None:
    untrained = study[study["method"] == "sft"]
    for figure in (frontier(make_curves(untrained, 20)), training_curves(untrained, {})):
        assert figure.axes[0].get_title() == "no methods"
    failed = learned(study)
    failed.loc[failed["method"] == "slic", "failed"] = "diverged"
    best = dict.fromkeys(KEPT, 0.1) | {"slic": math.nan}
    figure = training_curves(failed, best)
    assert legend_texts(figure.axes[-1]) == ["sigmoid-reverse_kl", "ipo"]


def test_a_held_out_loss_that_is_nan_is_not_the_lowest(study: pd.DataFrame) -> None:
    frame = learned(study)
    for index in frame[frame["method"] == "ipo"].index:
        frame.at[index, "held_out_losses"] = [2.0, 1.0, math.nan]
    figure = training_curves(frame, dict.fromkeys(KEPT, 0.1))
    colour = method_style("ipo").colour
    (dot,) = [
        line
        for line in figure.axes[1].lines
        if line.get_marker() == "o" and line.get_color() == colour
    ]
    assert list(dot.get_xdata()) == [2]
