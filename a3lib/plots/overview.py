"""One picture of a run's results: which models got the reward, and which kept the language."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from a3lib.plots.common import GREY, REWARD_AXIS, REWARD_MARKS, draw_mark
from a3lib.plots.labels import Point, label_points
from a3lib.plots.styles import ModelStyle, styles_for
from a3lib.profiles import FAMILY_PARAMETERS, model_of

# The axis begins here, or below the lowest reward.
LOWEST_REWARD = 0.4
MARKER_SIZE, RING_STEP = 8.0, 5.0
# Points nearer than this, in both units of the axes, are one place.
SAME_PLACE = 0.012


class Result(Protocol):
    """What is drawn of a model, as `tables.ModelResult` has it; None where not measured."""

    @property
    def name(self) -> str:
        """The model's name, one of `profiles.model_names`."""

    @property
    def reward(self) -> float:
        """The mean P(positive) on the test reviews."""

    @property
    def naturalness(self) -> float | None:
        """The share of the text that is natural, from 0 to 1."""

    @property
    def kl(self) -> float | None:
        """The KL to the original model at the end of training, nats per text."""


def results_overview(results: Sequence[Result]) -> Figure:
    """Draw every model of a run in one picture, each with its name beside it.

    Reward stands over naturalness where that was measured, and else in a row for each model. A
    model whose reward is not a finite number is left out.
    """
    drawn = [result for result in results if math.isfinite(result.reward)]
    natural = [r for r in drawn if r.naturalness is not None and math.isfinite(r.naturalness)]
    return reward_over_naturalness(natural) if natural else reward_rows(drawn)


def lowest(results: Sequence[Result]) -> float:
    """Return where the axis of rewards begins."""
    return max(-0.02, min([LOWEST_REWARD, *(result.reward - 0.05 for result in results)]))


def reward_over_naturalness(results: Sequence[Result]) -> Figure:
    """Draw reward over naturalness; thin lines join the models of one method in their order."""
    # A fixed layout: labels are placed on what is where.
    figure, axes = plt.subplots(figsize=(8.5, 4.6))
    figure.subplots_adjust(left=0.08, right=0.72, top=0.91, bottom=0.13)
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(lowest(results), 1.03)
    points = [(cast(float, result.naturalness), result.reward) for result in results]
    names = [result.name for result in results]
    styles = styles_for(names)
    lines = []
    models = [model_of(name) for name in names]
    for family in FAMILY_PARAMETERS:
        members = [p for p, model in zip(points, models) if model and model.family == family]
        lines += [*pairwise(members)]
        axes.plot(*np.reshape(members, (-1, 2)).T, color="0.75", linewidth=1, zorder=1)
    for height, label in REWARD_MARKS.items():
        draw_mark(axes, height, label)
        lines.append(((-0.06, height), (1.06, height)))
    axes.set_title("reward up, language lost", loc="left", fontsize=9, color=GREY, style="italic")
    axes.set_title("reward up, language kept", loc="right", fontsize=9, color=GREY, style="italic")
    axes.set_xlabel("naturalness: share of word 4-grams that the grammar can write")
    axes.set_ylabel(REWARD_AXIS)
    groups = group_places(points)
    for group in groups:
        for number, member in enumerate(group):
            draw_point(axes, points[member], styles[names[member]], number)
    label_points(
        figure,
        axes,
        ["\n".join(names[member] for member in group) for group in groups],
        [points[group[0]] for group in groups],
        [styles[names[group[0]]].colour if len(group) == 1 else GREY for group in groups],
        [2 + (MARKER_SIZE + RING_STEP * (len(group) - 1)) / 2 for group in groups],
        lines,
    )
    return figure


def group_places(points: Sequence[Point]) -> list[list[int]]:
    """Return the numbers of the points, those whose markers would hide each other together."""
    groups: list[list[int]] = []
    for number, point in enumerate(points):
        near = (g for g in groups if math.dist(points[g[0]], point) < SAME_PLACE)
        group = next(near, None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    return groups


def draw_point(axes: Axes, point: Point, style: ModelStyle, before: int) -> None:
    """Draw a marker, as a ring around those `before` it at the same place if there are some."""
    axes.plot(
        *point,
        style.marker,
        color=style.colour,
        markersize=MARKER_SIZE + RING_STEP * before,
        markerfacecolor="none" if before else style.colour,
        markeredgewidth=1.6 if before else 1,
        zorder=3,
    )


def reward_rows(results: Sequence[Result]) -> Figure:
    """Draw a row for each model with its reward, and its KL at the end where there is one."""
    figure, axes = plt.subplots(
        figsize=(8, 1.4 + 0.34 * max(1, len(results))), layout="constrained"
    )
    styles = styles_for([result.name for result in results])
    for row, result in enumerate(results):
        style = styles[result.name]
        axes.plot(result.reward, row, style.marker, color=style.colour, markersize=MARKER_SIZE)
        axes.hlines(row, 0, result.reward, color=style.colour, linewidth=0.8, alpha=0.5)
        known = result.kl is not None and math.isfinite(result.kl)
        text = f"{result.reward:.3f}" + (f", KL {result.kl:.3g} nats" if known else "")
        axes.annotate(
            text,
            (result.reward, row),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    for height in REWARD_MARKS:
        axes.axvline(height, color="0.5", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.9)
    if not results:
        axes.set_title("no results yet", fontsize=9, color=GREY)
    axes.set_yticks(range(len(results)), [result.name for result in results])
    axes.set_ylim(max(0, len(results) - 1) + 0.6, -0.6)
    axes.set_xlim(0, 1.25)
    axes.set_xticks([0, 0.2, 0.4, *REWARD_MARKS, 1])
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel(f"{REWARD_AXIS}; dotted: the handout's 0.65, 0.75 and 0.80")
    return figure
