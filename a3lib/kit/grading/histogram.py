"""What a course's submissions scored."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from a3lib.plots.common import draw_legend
from a3lib.plots.styles import COLOURS

SCORE_BIN = 5


def score_histogram(scores: Sequence[float], maximum: float) -> Figure:
    """Draw how many submissions got each score, in bins of 5 points up to `maximum`."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    ends = np.arange(0, maximum + SCORE_BIN, SCORE_BIN).tolist()
    axes.hist(scores, ends, color=COLOURS[0], edgecolor="white")
    if scores:
        centre = float(np.mean(scores))
        axes.axvline(centre, color="black", linestyle="--", label=f"mean {centre:.1f}")
    draw_legend(figure, axes)
    axes.set_xlim(0, ends[-1])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("points for exercises 1 to 4")
    axes.set_ylabel("submissions")
    return figure
