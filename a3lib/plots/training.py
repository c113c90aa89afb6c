"""What a run's models learned: rewards, KL and losses over time, and test rewards."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from a3lib.plots.drawing import SMOOTHING_STEPS, draw_mark, draw_reward_marks, draw_smoothed
from a3lib.plots.looks import COLOURS, STYLES


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
