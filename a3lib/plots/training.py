"""What a run's models learned: rewards, KL and losses over time, and test rewards."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from a3lib.plots.common import (
    REWARD_AXIS,
    SMOOTHING_STEPS,
    draw_legend,
    draw_mark,
    draw_reward_marks,
    draw_smoothed,
    plain_ticks,
)
from a3lib.plots.styles import short_name, styles_for

HATCHES = ("", "////", "\\\\\\\\", "....")
# Up to this KL an axis is linear throughout; above, its part beyond 1 is logarithmic.
LINEAR_KL = 3.0


def reward_histogram(rewards: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the distribution of the test rewards of one or more models, by name."""
    figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    bins = np.linspace(0, 1, 21).tolist()
    for number, (name, style) in enumerate(styles_for(rewards).items()):
        values = np.asarray(rewards[name], dtype=float)
        values = values[np.isfinite(values)]
        hatch = HATCHES[number % len(HATCHES)]
        axes.hist(values, bins, color=style.colour, alpha=0.3, edgecolor="none")
        axes.hist(
            values,
            bins,
            histtype="step",
            color=style.colour,
            linestyle=style.linestyle,
            linewidth=1.6,
            hatch=hatch,
        )
        if len(values) == 0:
            axes.plot([], [], color=style.colour, label=f"{name}, no rewards")
            continue
        mean = float(values.mean())
        label = f"{name}, mean {mean:.3f}"
        axes.axvline(
            mean, color=style.colour, linestyle=style.linestyle, linewidth=2.2, label=label
        )
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(REWARD_AXIS)
    axes.set_ylabel("test reviews per 0.05")
    draw_legend(figure, axes, columns=2)
    return figure


def draw_runs(axes: Axes, runs: Mapping[str, Sequence[float]]) -> None:
    """Draw one smoothed line a run."""
    for number, (name, style) in enumerate(styles_for(runs).items()):
        draw_smoothed(axes, runs[name], short_name(name), style, number)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel(f"training step (bold: mean of the last {SMOOTHING_STEPS})")


def reward_over_time(rewards: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the mean reward of each training batch, raw and smoothed, of runs by name."""
    figure, axes = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    draw_runs(axes, rewards)
    draw_reward_marks(axes)
    draw_legend(figure, axes)
    return figure


def scale_kl(axes: Axes, values: Sequence[float]) -> None:
    """Make the vertical axis fit KL from near 0 to hundreds of nats, with plain numbers on it."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    lowest, highest = finite.min(initial=0.0), finite.max(initial=0.0)
    if highest > LINEAR_KL:
        axes.set_yscale("symlog", linthresh=1, linscale=0.6)
        plain_ticks(axes, "y", 1, 1.5 * highest)
    # An estimate of KL from samples may be below 0.
    axes.set_ylim(bottom=1.1 * lowest)


def kl_and_reward(
    kl_divergences: Mapping[str, Sequence[float]], rewards: Mapping[str, Sequence[float]]
) -> Figure:
    """Draw KL to the original model (left) and reward (right) over time, of runs by name."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    draw_runs(left, kl_divergences)
    scale_kl(left, [value for values in kl_divergences.values() for value in values])
    left.set_ylabel("KL(policy || original), nats per text")
    draw_runs(right, rewards)
    draw_reward_marks(right)
    draw_legend(figure, right, columns=6)
    return figure


def loss_over_time(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the DPO training loss of runs by name, with the loss of an untrained policy, ln 2."""
    figure, axes = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    draw_runs(axes, losses)
    draw_mark(axes, float(np.log(2)), "ln 2: policy = reference")
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    axes.set_ylabel("DPO loss, nats per pair")
    draw_legend(figure, axes)
    return figure
