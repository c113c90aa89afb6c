"""What all figures share: smoothed lines, marked levels, files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SMOOTHING_STEPS = 10
# The rewards that the handout names: too low (a high alpha), REINFORCE's goal, a good alpha's goal.
REWARD_MARKS = (0.65, 0.75, 0.80)


def moving_average(values: Sequence[float], width: int = SMOOTHING_STEPS) -> np.ndarray:
    """Return the mean of the last `width` values at each step; fewer at the beginning."""
    sums = np.cumsum([0.0, *values])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw_smoothed(
    axes: Axes, values: Sequence[float], label: str, colour: str, style: str = "-"
) -> None:
    """Draw a faint line of the raw values and a strong one of their moving average."""
    steps = np.arange(1, len(values) + 1)
    axes.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
    axes.plot(steps, moving_average(values), style, color=colour, linewidth=2, label=label)


def draw_mark(axes: Axes, height: float, label: str) -> None:
    """Draw a thin level line with a label at its right end."""
    axes.axhline(height, color="0.6", linewidth=0.8, linestyle=(0, (1, 2)))
    axes.annotate(
        label,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 1),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color="0.35",
    )


def draw_reward_marks(axes: Axes) -> None:
    """Draw the handout's rewards as labelled lines and fix the axis to [0, 1]."""
    for mark in REWARD_MARKS:
        draw_mark(axes, mark, f"{mark:.2f}")
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("reward, P(positive)")


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and PDF into a folder and return the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{ending}" for ending in ("png", "pdf")]
    for file in files:
        figure.savefig(file, dpi=150)
    return files
