"""The study's figures: its losses' scores, reward against entropy and KL, how methods learned."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from a3lib.plots.common import (
    MARKED_PLACES,
    REWARD_AXIS,
    SMOOTHING_STEPS,
    draw_legend,
    draw_mark,
    moving_average,
    plain_ticks,
)
from a3lib.plots.styles import (
    ModelStyle,
    distinct_styles,
    groups_of,
    method_style,
    method_styles,
)
from a3lib.profiles import SFT_NAME
from a3lib.study.analysis import SFT, Curves, Estimate, methods_of, point_intervals
from a3lib.study.methods import DIVERGENCE_LABELS

NO_METHODS: dict[str, list[str]] = {"no methods": []}

# A parabola through fewer points or betas than this, or across a wider gap (a share of the range)
# between neighbours, says more about noise than about the method.
POINTS_FOR_A_FIT, BETAS_FOR_A_FIT, GAP_IN_A_FIT = 8, 4, 0.4
# Up to this KL an axis is linear throughout.
LINEAR_KL = 0.1
AXES_NAMES = {"entropy": "predictive entropy, nats per token", "kl": "KL to SFT, nats per token"}


def divergence_scores(ratios: Sequence[float], scores: Mapping[str, Sequence[float]]) -> Figure:
    """Draw each divergence's score over the log-ratio, by its label in `DIVERGENCE_LABELS`."""
    figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
    methods = {label: f"sigmoid-{name}" for name, label in DIVERGENCE_LABELS.items()}
    styles = {label: method_style(methods.get(label, label)) for label in scores}
    for name, style in distinct_styles(styles).items():
        axes.plot(
            ratios,
            scores[name],
            color=style.colour,
            linestyle=style.linestyle,
            linewidth=1.8,
            marker=style.marker,
            markersize=5,
            markevery=max(1, len(ratios) // MARKED_PLACES),
            label=name,
        )
    axes.set_ylim(-20, 10)
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("u = log policy - log reference of a completion, nats")
    axes.set_ylabel("score s(u)")
    draw_legend(figure, axes)
    return figure


def draw_panel_legend(axes: Axes) -> None:
    """Draw a legend below a panel, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        frameon=False,
        fontsize=7.5,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.18),
        ncols=2,
        handlelength=4,
    )


def make_panels(methods: Sequence[str]) -> tuple[Figure, list[tuple[Axes, str, list[str]]]]:
    """Return a figure with a panel for each group of methods, side by side on shared axes."""
    panels = groups_of(methods) or NO_METHODS
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(4.2 * len(panels) + 1, 4.2),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    return figure, [(a, *panel) for a, panel in zip(axes[0], panels.items(), strict=True)]


def draw_fit(axes: Axes, runs: pd.DataFrame, x: str, style: ModelStyle) -> None:
    """Draw a parabola (in log x for KL) through a method's runs where there are enough of them."""
    if len(runs) < POINTS_FOR_A_FIT or runs["beta"].nunique() < BETAS_FOR_A_FIT:
        return
    scale, back = (np.log, np.exp) if x == "kl" else (np.positive, np.positive)
    horizontal = scale(runs[x].to_numpy(dtype=float))
    if np.diff(np.sort(horizontal)).max() > GAP_IN_A_FIT * np.ptp(horizontal):
        return
    fit = np.polynomial.Polynomial.fit(horizontal, runs["reward"].to_numpy(dtype=float), 2)
    line = np.linspace(horizontal.min(), horizontal.max(), 100)
    axes.plot(
        back(line),
        fit(line),
        color=style.colour,
        linestyle=style.linestyle,
        linewidth=1.2,
        alpha=0.8,
    )


def reach(estimate: Estimate) -> list[list[float]]:
    """Return how far an interval reaches below and above its value, as error bars want it."""
    return [
        [max(0.0, estimate.value - estimate.low)],
        [max(0.0, estimate.high - estimate.value)],
    ]


def frontier(curves: Curves, x: str = "entropy") -> Figure:
    """Draw reward against entropy or KL: seeds as points, each beta's mean with its intervals.

    `x` is "entropy" or "kl". The curve is a parabola fitted to a method's runs.
    """
    runs = curves.runs
    rewards, others = point_intervals(curves, "reward"), point_intervals(curves, x)
    start = runs[runs["method"] == SFT]
    figure, panels = make_panels(methods_of(runs))
    for axes, title, methods in panels:
        for method, style in method_styles(methods).items():
            colour, marker = style.colour, style.marker
            tried = runs[runs["method"] == method]
            axes.scatter(tried[x], tried["reward"], s=10, marker=marker, color=colour, alpha=0.35)
            for number, beta in enumerate(sorted(tried["beta"].unique())):
                across, up = others[(method, beta)], rewards[(method, beta)]
                axes.errorbar(
                    across.value,
                    up.value,
                    xerr=reach(across),
                    yerr=reach(up),
                    fmt=marker,
                    color=colour,
                    markersize=5,
                    elinewidth=0.8,
                    label=method if number == 0 else None,
                )
            draw_fit(axes, tried, x, style)
        axes.scatter(start[x], start["reward"], marker="*", s=90, color="black", label=SFT_NAME)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(AXES_NAMES[x])
        draw_panel_legend(axes)
    if x == "kl" and runs["kl"].max() > LINEAR_KL:
        panels[0][0].set_xscale("symlog", linthresh=0.1, linscale=0.5)
        panels[0][0].set_xlim(left=-0.01)
        plain_ticks(panels[0][0], "x", 0.03, 1.1 * runs["kl"].max())
    panels[0][0].set_ylim(max(0, runs["reward"].min() - 0.05), 1)
    panels[0][0].set_ylabel(REWARD_AXIS)
    return figure


def training_curves(runs: pd.DataFrame, best: Mapping[str, float]) -> Figure:
    """Draw how each method learned at its best beta: held-out loss, accuracy and gradient norm.

    The loss is relative to its start, the norm from before it is cut. `best` gives each method's
    beta. Strong lines are means over seeds, faint ones are seeds; a dot marks the lowest mean loss,
    where early stopping would have ended.
    """
    runs = runs[runs["failed"] == ""]
    groups = groups_of(methods_of(runs)) or NO_METHODS
    width = 4.2 * len(groups) + 1
    figure, grid = plt.subplots(
        3,
        len(groups),
        figsize=(width, 9),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (loss, accuracy, gradient), (title, methods) in zip(grid.T, groups.items(), strict=True):
        for method, (colour, linestyle, _) in method_styles(methods).items():
            tried = runs[(runs["method"] == method) & (runs["beta"] == best.get(method))]
            if tried.empty:
                continue
            steps = np.asarray(tried["held_out_steps"].iloc[0])
            losses = np.stack([np.asarray(v) / v[0] for v in tried["held_out_losses"]])
            right = np.stack([np.asarray(v) for v in tried["held_out_accuracies"]]).mean(axis=0)
            norms = np.stack([np.asarray(v) for v in tried["gradient_norms"]]).mean(axis=0)
            loss.plot(steps, losses.T, linestyle=linestyle, color=colour, alpha=0.2, linewidth=0.8)
            mean = losses.mean(axis=0)
            lowest = int(np.where(np.isfinite(mean), mean, np.inf).argmin())
            loss.plot(steps, mean, linestyle=linestyle, color=colour, linewidth=1.8, label=method)
            loss.plot(steps[lowest], mean[lowest], "o", color=colour, markersize=5)
            accuracy.plot(steps, right, linestyle=linestyle, color=colour, linewidth=1.8)
            smooth = moving_average(norms.tolist())
            gradient.plot(
                np.arange(1, len(norms) + 1),
                smooth,
                linestyle=linestyle,
                color=colour,
                label=method,
            )
        last = loss is grid[0, -1]
        draw_mark(loss, 1.0, "before training" if last else "")
        draw_mark(accuracy, 0.5, "chance" if last else "")
        loss.set_title(title, fontsize=10)
        gradient.set_yscale("log")
        gradient.xaxis.set_major_locator(MaxNLocator(integer=True))
        gradient.set_xlabel("training step")
        draw_panel_legend(gradient)
    for axes, name in zip(
        grid[:, 0],
        (
            "held-out loss / its start",
            "held-out pair accuracy",
            f"gradient norm, mean of {SMOOTHING_STEPS} steps",
        ),
        strict=True,
    ):
        axes.set_ylabel(name)
    return figure
