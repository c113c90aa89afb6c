"""The calibration diagram: how often forecast events happened."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from a3lib.forecasting.scores import FEW_BINS, MANY_BINS, Forecast, calibration_bins
from a3lib.plots.styles import COLOURS

# With this many forecasts, narrow groups have enough in them.
FORECASTS_FOR_MANY_BINS = 100
# A marker's area is proportional to its count; these are the largest markers', in square points.
# Many groups are so close together that larger markers would hide the numbers.
LARGEST_OF_FEW, LARGEST_OF_MANY = 400.0, 140.0


def calibration(forecasts: Sequence[Forecast]) -> Figure:
    """Draw the share that happened over the forecast probability, in 5 groups (10 from 100 on).

    A marker's area and the number beside it are the group's count; bars are 95 % Wilson intervals.
    Without forecasts there is the diagonal alone.
    """
    many = len(forecasts) >= FORECASTS_FOR_MANY_BINS
    bins = calibration_bins(forecasts, MANY_BINS if many else FEW_BINS)
    largest = max((group.count for group in bins), default=1)
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], "--", color="0.45", linewidth=1, label="perfect")
    for group in bins:
        area = (LARGEST_OF_MANY if many else LARGEST_OF_FEW) * group.count / largest
        place = (group.mean_forecast, group.share)
        axes.errorbar(
            *place,
            yerr=[[max(0.0, place[1] - group.low)], [max(0.0, group.high - place[1])]],
            fmt="none",
            color=COLOURS[0],
            linewidth=1,
            capsize=3,
            label="95 % interval" if group is bins[0] else None,
        )
        axes.scatter(*place, s=area, color=COLOURS[0], clip_on=False, zorder=3)
        axes.annotate(
            str(group.count),
            place,
            xytext=(np.sqrt(area) / 2 + 3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8 if many else 10,
        )
    # Room for the number of a group at 1.
    axes.set_xlim(-0.03, 1.1)
    axes.set_ylim(-0.03, 1.03)
    axes.set_aspect("equal")
    axes.set_xlabel("forecast probability, mean of a group (number: forecasts in it)")
    axes.set_ylabel("share that happened")
    # Above the axes: inside, every corner can have points.
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure
