"""The study's figures: its losses' scores, reward against entropy and KL, how methods learned."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from a3lib.frontier import SFT, Curves, Estimate, groups_of, methods_of, point_intervals
from a3lib.plots.drawing import SMOOTHING_STEPS, draw_mark, moving_average
from a3lib.plots.looks import COLOURS, MARKERS, STYLES

# A parabola through fewer points or betas than this, or across a wider gap (a share of the range)
# between neighbours, says more about noise than about the method.
POINTS_FOR_A_FIT, BETAS_FOR_A_FIT, GAP_IN_A_FIT = 8, 4, 0.4
AXES_NAMES = {"entropy": "predictive entropy, nats per token", "kl": "KL to SFT, nats per token"}


def divergence_scores(ratios: Sequence[float], scores: Mapping[str, Sequence[float]]) -> Figure:
    """Draw each divergence's score over the log-ratio, by name."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    for (name, values), colour, style in zip(scores.items(), cycle(COLOURS), cycle(STYLES)):
        axes.plot(ratios, values, style, color=colour, label=name)
    axes.set_ylim(-20, 10)
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("u = log policy - log reference of a completion, nats")
    axes.set_ylabel("score s(u)")
    axes.legend(frameon=False)
    return figure


def looks(methods: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each method with its colour, line style and marker."""
    for number, method in enumerate(methods):
        yield (
            method,
            COLOURS[number % len(COLOURS)],
            STYLES[number % len(STYLES)],
            MARKERS[number % len(MARKERS)],
        )


def make_panels(methods: Sequence[str]) -> tuple[Figure, list[tuple[Axes, str, list[str]]]]:
    """Return a figure with a panel for each group of methods, side by side on shared axes."""
    panels = groups_of(methods)
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


def draw_fit(axes: Axes, runs: pd.DataFrame, x: str, colour: str, style: str) -> None:
    """Draw a parabola (in log x for KL) through a method's runs where there are enough of them."""
    if len(runs) < POINTS_FOR_A_FIT or runs["beta"].nunique() < BETAS_FOR_A_FIT:
        return
    scale, back = (np.log, np.exp) if x == "kl" else (np.positive, np.positive)
    horizontal = scale(runs[x].to_numpy(dtype=float))
    if np.diff(np.sort(horizontal)).max() > GAP_IN_A_FIT * np.ptp(horizontal):
        return
    fit = np.polynomial.Polynomial.fit(horizontal, runs["reward"].to_numpy(dtype=float), 2)
    line = np.linspace(horizontal.min(), horizontal.max(), 100)
    axes.plot(back(line), fit(line), style, color=colour, linewidth=1.2, alpha=0.8)


def reach(found: Estimate) -> list[list[float]]:
    """Return how far an interval reaches below and above its value, as error bars want it."""
    return [[max(0.0, found.value - found.low)], [max(0.0, found.high - found.value)]]


def frontier(curves: Curves, x: str = "entropy") -> Figure:
    """Draw reward against entropy or KL: seeds as points, each beta's mean with its intervals.

    `x` is "entropy" or "kl". The curve is a parabola fitted to a method's runs.
    """
    runs = curves.runs
    rewards, others = point_intervals(curves, "reward"), point_intervals(curves, x)
    start = runs[runs["method"] == SFT]
    figure, panels = make_panels(methods_of(runs))
    for axes, title, methods in panels:
        for method, colour, style, marker in looks(methods):
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
            draw_fit(axes, tried, x, colour, style)
        axes.scatter(start[x], start["reward"], marker="*", s=90, color="black", label="SFT")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(AXES_NAMES[x])
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    if x == "kl":
        panels[0][0].set_xscale("symlog", linthresh=0.1)
        panels[0][0].set_xlim(left=-0.01)
    panels[0][0].set_ylim(max(0, runs["reward"].min() - 0.05), 1)
    panels[0][0].set_ylabel("reward, P(positive)")
    return figure


def training_curves(runs: pd.DataFrame, best: Mapping[str, float]) -> Figure:
    """Draw how each method learned at its best beta: held-out loss over its start, accuracy, and
    gradient norm before it is cut.

    `best` gives each method's beta. Strong lines are means over seeds, faint ones are seeds; a dot
    marks the lowest mean loss, where early stopping would have ended.
    """
    groups = groups_of(methods_of(runs))
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
        for method, colour, style, _ in looks(methods):
            tried = runs[(runs["method"] == method) & (runs["beta"] == best[method])]
            steps = np.asarray(tried["held_out_steps"].iloc[0])
            losses = np.stack([np.asarray(v) / v[0] for v in tried["held_out_losses"]])
            right = np.stack([np.asarray(v) for v in tried["held_out_accuracies"]]).mean(axis=0)
            norms = np.stack([np.asarray(v) for v in tried["gradient_norms"]]).mean(axis=0)
            loss.plot(steps, losses.T, style, color=colour, alpha=0.2, linewidth=0.8)
            mean, lowest = losses.mean(axis=0), int(losses.mean(axis=0).argmin())
            loss.plot(steps, mean, style, color=colour, linewidth=1.8, label=method)
            loss.plot(steps[lowest], mean[lowest], "o", color=colour, markersize=5)
            accuracy.plot(steps, right, style, color=colour, linewidth=1.8)
            smooth = moving_average(norms.tolist())
            gradient.plot(np.arange(1, len(norms) + 1), smooth, style, color=colour)
        draw_mark(loss, 1.0, "before training")
        draw_mark(accuracy, 0.5, "chance")
        loss.set_title(title, fontsize=10)
        loss.legend(frameon=False, fontsize=7)
        gradient.set_yscale("log")
        gradient.set_xlabel("training step")
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
