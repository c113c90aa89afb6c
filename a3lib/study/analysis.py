"""What a study found: each method's curve of reward against entropy, with bootstrap intervals.

A curve starts at the untrained policy, where beta is infinite, and goes through a method's betas to
the policy that is held back the least. Intervals come from resampling seeds and test prompts, with
the same draws for every method, so that differences between methods are paired.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from a3lib.results.summary import Verdict

REPLICATES = 1000
LEVEL = 0.95
# Rewards at which methods are compared, where their curves reach them.
MATCHED_REWARDS = (0.65, 0.7, 0.75, 0.8, 0.85)
SFT = "sft"


class Estimate(NamedTuple):
    """A figure with the ends of its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(draws: np.ndarray) -> Estimate:
    """Return the estimate whose first entry is the value and whose others are its replicates."""
    replicates = draws[1:][np.isfinite(draws[1:])]
    if len(replicates) == 0:
        return Estimate(float(draws[0]), math.nan, math.nan)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(replicates, [tail, 100 - tail])
    return Estimate(float(draws[0]), float(low), float(high))


class Curves(NamedTuple):
    """Every run under every draw of test prompts, and the draws of seeds.

    `figures[name]` (runs, 1 + replicates) for reward, entropy and kl; column 0 has every prompt
    once. `seed_draws` (1 + replicates, seeds) are positions among `seeds`; row 0 has each once.
    """

    runs: pd.DataFrame
    seeds: tuple[int, ...]
    figures: dict[str, np.ndarray]
    seed_draws: np.ndarray


def prompt_draws(prompts: int, replicates: int, generator: np.random.Generator) -> np.ndarray:
    """Return how often each prompt is in each draw, (prompts, 1 + replicates)."""
    drawn = generator.multinomial(prompts, np.full(prompts, 1 / prompts), size=replicates)
    return np.concatenate([np.ones((1, prompts)), drawn]).T


def make_curves(runs: pd.DataFrame, replicates: int = REPLICATES, seed: int = 0) -> Curves:
    """Measure every finished run under every draw; `runs` are rows of `grid.run_study`."""
    runs = runs[runs["failed"] == ""].reset_index(drop=True)
    generator = np.random.default_rng(seed)
    weights = prompt_draws(len(runs["rewards"].iloc[0]), replicates, generator)
    sums = {
        name: np.stack([np.asarray(values, dtype=float) for values in runs[name]]) @ weights
        for name in ("rewards", "lengths", "entropies", "kls")
    }
    seeds = tuple(sorted(runs["seed"].unique()))
    positions = np.arange(len(seeds))
    drawn = generator.choice(positions, size=(replicates, len(seeds)))
    figures = {
        "reward": sums["rewards"] / weights.sum(axis=0),
        "entropy": sums["entropies"] / sums["lengths"],
        "kl": sums["kls"] / sums["lengths"],
    }
    # Not a mean over prompts: the same under every draw of prompts, resampled with seeds only.
    for name in ("unigram_entropy", "naturalness"):
        values = runs[name].astype(float).to_numpy()
        figures[name] = np.repeat(values[:, None], replicates + 1, axis=1)
    return Curves(runs, seeds, figures, np.concatenate([positions[None], drawn]))


def over_seeds(values: np.ndarray, seed_draws: np.ndarray) -> np.ndarray:
    """Average values (seeds, draws) over each draw's seeds, leaving out those that are NaN."""
    drawn = np.take_along_axis(values, seed_draws.T, axis=0)
    present = np.isfinite(drawn)
    counts = present.sum(axis=0)
    sums = np.where(present, drawn, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def at_reward(rewards: np.ndarray, values: np.ndarray, target: float) -> np.ndarray:
    """Interpolate values where a curve first rises through a reward: (betas, draws) -> (draws,).

    Rows go from the beta that holds back most to the one that holds back least; between two rows
    the curve is a straight line. NaN where the curve begins above the target or never reaches it.
    """
    crossings = np.full(rewards.shape[1], np.nan)
    begins_below = rewards[0] <= target
    for low, high, start, end in zip(rewards, rewards[1:], values, values[1:]):
        crosses = begins_below & np.isnan(crossings) & (low <= target) & (high >= target)
        share = (target - low) / np.where(high > low, high - low, 1.0)
        crossings = np.where(crosses, start + share * (end - start), crossings)
    return crossings


def matched(curves: Curves, method: str, name: str, target: float) -> np.ndarray:
    """Return a figure at a reward on a method's curve, per seed and draw, (seeds, draws)."""
    runs = curves.runs
    rows = []
    for seed in curves.seeds:
        chosen = runs[runs["method"].isin((SFT, method)) & (runs["seed"] == seed)]
        order = chosen.sort_values("beta", ascending=False).index
        rewards, values = curves.figures["reward"][order], curves.figures[name][order]
        if len(order) == 0:
            rewards = values = np.full((1, curves.seed_draws.shape[0]), np.nan)
        rows.append(at_reward(rewards, values, target))
    return np.stack(rows)


def methods_of(runs: pd.DataFrame) -> list[str]:
    """Return the trained methods of a study in the order of its rows."""
    return [name for name in runs["method"].unique() if name != SFT]


def matched_table(curves: Curves, target: float, methods: Sequence[str]) -> pd.DataFrame:
    """Return methods' figures at one reward: a row a method, the most entropy first.

    `seeds` counts the seeds whose curve passes the reward; a method with none has NaN.
    """
    rows = []
    for method in methods:
        row: dict[str, object] = {"method": method}
        for name in curves.figures:
            if name == "reward":
                continue
            values = matched(curves, method, name, target)
            mean = estimate(over_seeds(values, curves.seed_draws))
            # The others are not means over prompts, so an interval would be too narrow.
            row[name] = mean if name in ("entropy", "kl") else mean.value
            if name == "entropy":
                row["seeds"] = int(np.isfinite(values[:, 0]).sum())
        rows.append(row)
    frame = pd.DataFrame(rows)
    order = frame["entropy"].map(lambda entropy: entropy.value).sort_values(ascending=False).index
    return frame.loc[order].reset_index(drop=True)


def common_reward(curves: Curves, methods: Sequence[str]) -> float | None:
    """Return the highest of the rewards that every one of these curves passes in every seed."""
    for target in sorted(MATCHED_REWARDS, reverse=True):
        values = [matched(curves, method, "entropy", target)[:, 0] for method in methods]
        if np.isfinite(values).all():
            return target
    return None


def verdict(curves: Curves, link: str, order: Sequence[str]) -> Verdict:
    """Say whether reverse KL keeps least entropy, forward KL most and the alphas lie between.

    `order` names the divergences from reverse KL through the alphas to forward KL.

    Compared at the highest reward that all five curves of the link pass in every seed. "seen":
    forward KL keeps more than reverse KL, the interval of the difference above 0, and each
    alpha's mean lies between the two. "not seen": that interval lies below 0, or an alpha lies
    outside, the interval of its distance from that end excluding 0. Else "undecided".
    """
    methods = [f"{link}-{divergence}" for divergence in order]
    present = set(methods_of(curves.runs))
    missing = [method for method in methods if method not in present]
    if missing:
        return Verdict("undecided", f"{link}: not all divergences were run ({missing[0]} is not).")
    target = common_reward(curves, methods)
    if target is None:
        return Verdict(
            "undecided", f"{link}: no reward is passed by all five curves in every seed."
        )
    kept = {
        method: over_seeds(matched(curves, method, "entropy", target), curves.seed_draws)
        for method in methods
    }
    reverse, forward = kept[methods[0]], kept[methods[-1]]
    ends = estimate(forward - reverse)
    alphas = [kept[method] for method in methods[1:-1]]
    outside = [
        method
        for method, alpha in zip(methods[1:-1], alphas, strict=True)
        if estimate(alpha - reverse).high < 0 or estimate(alpha - forward).low > 0
    ]
    between = all(reverse[0] <= alpha[0] <= forward[0] for alpha in alphas)
    if ends.high < 0 or (ends.low > 0 and outside):
        answer = "not seen"
    else:
        answer = "seen" if ends.low > 0 and between else "undecided"
    means = ", ".join(
        f"{divergence} {kept[method][0]:.3f}"
        for divergence, method in zip(order, methods, strict=True)
    )
    sentence = (
        f"{link}: the predicted order is {answer} at reward {target:g} with {len(curves.seeds)} "
        f"seeds. Entropy in nats a token: {means}; forward minus reverse KL {ends}."
    )
    if outside:
        sentence += f" Outside the two ends: {', '.join(outside)}."
    return Verdict(answer, sentence)


# What a method's row at its best beta holds besides beta itself, means over seeds.
BEST_FIGURES = (
    "coefficient",
    "reward",
    "entropy",
    "kl",
    "unigram_entropy",
    "distinct_2",
    "naturalness",
    "held_out_start",
    "held_out_end",
    "accuracy",
    "stopped_step",
    "beyond",
)


def best_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each method at its best beta: a row a method, figures averaged over seeds.

    Best is the highest mean reward among the betas whose mean held-out loss ends below its start,
    or among all where there is none. `gain` is the reward above the untrained policy's, `finite`
    says whether every loss and gradient norm of every run of the method was finite. A method whose
    runs all diverged has NaN.
    """
    start = runs[runs["method"] == SFT]["reward"].mean()
    rows = []
    for method in methods_of(runs):
        tried = runs[runs["method"] == method]
        finite = not tried["failed"].any() and all(
            np.isfinite(np.asarray(history, dtype=float)).all()
            for history in [*tried["losses"], *tried["gradient_norms"]]
        )
        row = {"method": method, "beta": math.nan} | dict.fromkeys(BEST_FIGURES, math.nan)
        finished = tried[tried["failed"] == ""]
        if len(finished):
            means = means_by_beta(finished)
            learned = means[means["held_out_end"] < means["held_out_start"]]
            beta = (learned if len(learned) else means)["reward"].idxmax()
            row |= {"beta": beta, **means.loc[beta]}
        gain = row["reward"] - start
        rows.append(row | {"gain": gain, "finite": bool(finite), "runs": len(tried)})
    return pd.DataFrame(rows)


def means_by_beta(finished: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of every one of `BEST_FIGURES`, a row a beta."""
    figures = finished.assign(
        held_out_start=[losses[0] for losses in finished["held_out_losses"]],
        held_out_end=[losses[-1] for losses in finished["held_out_losses"]],
        accuracy=[values[-1] for values in finished["held_out_accuracies"]],
        beyond=[np.mean(shares) for shares in finished["beyond_threshold"]],
    )
    # A figure that no run has, such as naturalness without a grammar, is None and becomes NaN.
    numbers = figures[["beta", *BEST_FIGURES]].astype(float)
    return numbers.groupby("beta").mean()


def point_intervals(curves: Curves, name: str) -> Mapping[tuple[str, float], Estimate]:
    """Return a figure's mean over seeds with its interval, by method and beta."""
    intervals = {}
    for key, group in curves.runs.groupby(["method", "beta"], sort=False):
        values = np.full((len(curves.seeds), curves.seed_draws.shape[0]), np.nan)
        for index, seed in zip(group.index, group["seed"], strict=True):
            values[curves.seeds.index(seed)] = curves.figures[name][index]
        intervals[(str(key[0]), float(key[1]))] = estimate(over_seeds(values, curves.seed_draws))
    return intervals
