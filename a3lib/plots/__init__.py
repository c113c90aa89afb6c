"""Figures of a run; the functions return them and show nothing."""

from a3lib.plots.common import REWARD_MARKS, SMOOTHING_STEPS, moving_average, save_figure
from a3lib.plots.overview import results_overview
from a3lib.plots.styles import COLOURS, ModelStyle, method_style, style_of
from a3lib.plots.training import (
    kl_and_reward,
    loss_over_time,
    reward_histogram,
    reward_over_time,
)

__all__ = [
    "COLOURS",
    "REWARD_MARKS",
    "SMOOTHING_STEPS",
    "ModelStyle",
    "kl_and_reward",
    "loss_over_time",
    "method_style",
    "moving_average",
    "results_overview",
    "reward_histogram",
    "reward_over_time",
    "save_figure",
    "style_of",
]
