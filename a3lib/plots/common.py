"""What all figures share: smoothed lines, marked levels, legends, files."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from a3lib.plots.styles import ModelStyle
from a3lib.util.files import write_at_once

SMOOTHING_STEPS = 10
# A line of up to this many steps has a marker at each; a longer one has about this many.
MARKED_PLACES = 8
# The rewards that the handout names, and what it asks of them.
REWARD_MARKS = {
    0.65: "0.65: a high alpha stays below (Q3.2)",
    0.75: "0.75: goal of REINFORCE (Q2.1)",
    0.80: "0.80: goal with a KL penalty (Q3.2)",
}
REWARD_AXIS = "reward, P(positive)"
GREY = "0.35"


def moving_average(values: Sequence[float], width: int = SMOOTHING_STEPS) -> np.ndarray:
    """Return the mean of the last `width` values at each step, (T,); fewer at the beginning.

    Values that are NaN or infinite are left out; where no other is left the mean is NaN.
    """
    array = np.asarray(values, dtype=float)
    finite = np.isfinite(array)
    sums = np.cumsum([0.0, *np.where(finite, array, 0.0)])
    counts = np.cumsum([0, *finite])
    ends = np.arange(1, len(array) + 1)
    starts = np.maximum(ends - width, 0)
    finite_counts = counts[ends] - counts[starts]
    means = (sums[ends] - sums[starts]) / np.maximum(finite_counts, 1)
    return np.where(finite_counts > 0, means, np.nan)


def draw_smoothed(
    axes: Axes, values: Sequence[float], label: str, style: ModelStyle, before: int = 0
) -> None:
    """Draw a faint line of the raw values and a strong one of their moving average.

    The more lines were drawn `before` it, the thinner it is, so that none hides an equal one.
    """
    steps = np.arange(1, len(values) + 1)
    axes.plot(steps, values, color=style.colour, alpha=0.3, linewidth=0.8)
    axes.plot(
        steps,
        moving_average(values),
        color=style.colour,
        linestyle=style.linestyle,
        linewidth=max(1.2, 2.8 - 0.5 * before),
        marker=style.marker,
        markersize=max(3.5, 8 - 1.5 * before),
        markevery=max(1, len(steps) // MARKED_PLACES),
        label=label,
    )


def draw_mark(axes: Axes, height: float, label: str) -> None:
    """Draw a thin level line, labelled to the right of the axes, where no data can be."""
    axes.axhline(height, color="0.5", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.9)
    axes.annotate(
        label,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=GREY,
    )


def draw_reward_marks(axes: Axes) -> None:
    """Draw the handout's rewards as labelled lines and fix the axis to [0, 1]."""
    for height, label in REWARD_MARKS.items():
        draw_mark(axes, height, label)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel(REWARD_AXIS)


def plain_ticks(axes: Axes, which: str, lowest: float, highest: float) -> None:
    """Mark 0 and 1 and 3 of each power of ten on the x or y axis of a symlog scale, as written."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    powers = [part * 10.0**power for power in range(-6, 10) for part in (1, 3)]
    axis.set_major_locator(FixedLocator([0, *(t for t in powers if lowest <= t <= highest)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """Draw a legend of what is in the axes below the figure, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(columns, len(handles)),
            frameon=False,
            fontsize=9,
            handlelength=4,
        )


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG (150 dpi) and PDF into a folder and return the two files.

    The PDF has its fonts in it, as TrueType, and no date: the same data gives the same bytes.
    """
    picture, vector = io.BytesIO(), io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    with plt.rc_context({"pdf.fonttype": 42}):
        figure.savefig(vector, format="pdf", metadata={"CreationDate": None})
    files = [folder / f"{name}.{ending}" for ending in ("png", "pdf")]
    for file, content in zip(files, (picture, vector), strict=True):
        write_at_once(file, content.getvalue())
    return files
