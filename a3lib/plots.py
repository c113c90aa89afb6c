"""Every figure of the assignment. Each function returns a matplotlib figure and shows nothing."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's palette, which colour-blind readers can tell apart; line styles tell as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
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


def reward_histogram(rewards: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the distribution of the test rewards of one or more models, by name."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    bins = np.linspace(0, 1, 21).tolist()
    for (name, values), colour, style in zip(rewards.items(), cycle(COLOURS), cycle(STYLES)):
        axes.hist(values, bins, histtype="stepfilled", color=colour, alpha=0.25)
        axes.hist(values, bins, histtype="step", color=colour, linestyle=style, linewidth=1.5)
        mean = float(np.mean(values))
        axes.axvline(mean, color=colour, linestyle=style, label=f"{name}, mean {mean:.3f}")
    axes.set_xlim(0, 1)
    axes.set_xlabel("reward, P(positive)")
    axes.set_ylabel("test reviews")
    axes.legend(frameon=False)
    return figure


def reward_over_time(rewards: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the mean reward of each training batch, raw and smoothed, of runs by name."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    draw_runs(axes, rewards)
    draw_reward_marks(axes)
    return figure


def draw_runs(axes: Axes, runs: Mapping[str, Sequence[float]]) -> None:
    """Draw one smoothed line a run, with a legend."""
    for (name, values), colour, style in zip(runs.items(), cycle(COLOURS), cycle(STYLES)):
        draw_smoothed(axes, values, name, colour, style)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"training step (bold: mean of the last {SMOOTHING_STEPS})")
    axes.legend(frameon=False)


def kl_and_reward(
    kl_divergences: Mapping[str, Sequence[float]], rewards: Mapping[str, Sequence[float]]
) -> Figure:
    """Draw KL to the original model (left) and reward (right) over time, of runs by name."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    draw_runs(left, kl_divergences)
    left.set_yscale("symlog", linthresh=1)
    left.set_ylim(bottom=0)
    left.set_ylabel("KL(policy || original), nats per text")
    draw_runs(right, rewards)
    draw_reward_marks(right)
    return figure


def loss_over_time(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the DPO training loss of runs by name, with the loss of an untrained policy, ln 2."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    draw_runs(axes, losses)
    draw_mark(axes, float(np.log(2)), "ln 2: policy = reference")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("DPO loss, nats per pair")
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and PDF into a folder and return the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{ending}" for ending in ("png", "pdf")]
    for file in files:
        figure.savefig(file, dpi=150)
    return files
