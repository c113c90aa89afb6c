"""Every figure of the assignment and the study; the functions return them and show nothing."""

from a3lib.plots.drawing import REWARD_MARKS, SMOOTHING_STEPS, moving_average, save_figure
from a3lib.plots.forecasts import calibration
from a3lib.plots.looks import COLOURS, Look, look_of
from a3lib.plots.overview import results_overview
from a3lib.plots.scores import SCORE_BIN, score_histogram
from a3lib.plots.study import divergence_scores, frontier, method_look, reach, training_curves
from a3lib.plots.training import (
    kl_and_reward,
    loss_over_time,
    reward_histogram,
    reward_over_time,
)

__all__ = [
    "COLOURS",
    "REWARD_MARKS",
    "SCORE_BIN",
    "SMOOTHING_STEPS",
    "Look",
    "calibration",
    "divergence_scores",
    "frontier",
    "kl_and_reward",
    "look_of",
    "loss_over_time",
    "method_look",
    "moving_average",
    "reach",
    "results_overview",
    "reward_histogram",
    "reward_over_time",
    "save_figure",
    "score_histogram",
    "training_curves",
]
