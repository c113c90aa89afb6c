"""Rows as a study writes them, with made-up figures: curves whose shape is known beforehand."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from a3lib.study.analysis import SFT, Curves, make_curves

BETAS = (0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS = (1, 2, 3)
PROMPTS = 12
# What the untrained policy is like, and how far the least held back one gets.
START_REWARD, TOP_REWARD, START_ENTROPY = 0.5, 0.9, 2.0


def row_of(
    method: str,
    beta: float,
    seed: int,
    *,
    reward: float,
    entropy: float,
    kl: float = 0.25,
    noise: float = 0.0,
    prompts: int = PROMPTS,
    **others: Any,
) -> dict[str, Any]:
    """One finished run; `noise` spreads the prompts' figures around their means."""
    # The same for every method, as are the prompts of a study.
    spread = np.random.default_rng(seed).standard_normal(prompts)
    spread = noise * (spread - spread.mean())
    lengths = [5 + number % 3 for number in range(prompts)]
    rewards = [reward + float(step) for step in spread]
    # Divided by its length a sum is the entropy of a token, whatever the lengths.
    entropies = [(entropy + float(step)) * n for step, n in zip(spread, lengths, strict=True)]
    kls = [kl * (1 + float(step)) * n for step, n in zip(spread, lengths, strict=True)]
    row: dict[str, Any] = {
        "method": method,
        "beta": beta,
        "seed": seed,
        "failed": "",
        "rewards": rewards,
        "lengths": lengths,
        "entropies": entropies,
        "kls": kls,
        "texts": ["a text"] * prompts,
        "reward": math.fsum(rewards) / prompts,
        "entropy": math.fsum(entropies) / sum(lengths),
        "kl": math.fsum(kls) / sum(lengths),
        "unigram_entropy": entropy + 1,
        "distinct_2": 0.5,
        "naturalness": 0.75,
        "seconds": 1.5,
    }
    if method != SFT:
        row |= {
            "losses": [0.7, 0.6, 0.5, 0.4],
            "beyond_threshold": [0.0, 0.0, 0.25, 0.25],
            "gradient_norms": [1.0, 0.9, 0.8, 0.7],
            "held_out_steps": [0, 2, 4],
            "held_out_losses": [0.7, 0.5, 0.6],
            "held_out_accuracies": [0.5, 0.75, 0.875],
            "coefficient": 2 * beta,
            "stopped_step": 2.0,
        }
    return row | others


def sft_rows(seeds: Sequence[int] = SEEDS, noise: float = 0.0) -> list[dict[str, Any]]:
    """The untrained policy's runs."""
    return [
        row_of(SFT, math.inf, seed, reward=START_REWARD, entropy=START_ENTROPY, kl=0.0, noise=noise)
        for seed in seeds
    ]


def curve_rows(
    method: str,
    kept: float | Sequence[float],
    *,
    top: float = TOP_REWARD,
    betas: Sequence[float] = BETAS,
    seeds: Sequence[int] = SEEDS,
    noise: float = 0.0,
) -> list[dict[str, Any]]:
    """A method's runs on a straight line, from the untrained policy to (`top`, `kept`).

    `kept` is the entropy at the smallest beta, in all seeds or one a seed.
    """
    ends = [kept] * len(seeds) if isinstance(kept, int | float) else kept
    rows = []
    for place, beta in enumerate(sorted(betas, reverse=True)):
        share = place / (len(betas) - 1)
        for seed, end in zip(seeds, ends, strict=True):
            figures = {
                "reward": START_REWARD + share * (top - START_REWARD),
                "entropy": START_ENTROPY + share * (end - START_ENTROPY),
                "kl": 0.1 + share,
            }
            rows.append(row_of(method, beta, seed, noise=noise, **figures))
    return rows


def study_of(
    kept: Mapping[str, float | Sequence[float]],
    *,
    seeds: Sequence[int] = SEEDS,
    noise: float = 0.0,
    tops: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """A study whose methods keep these entropies at their ends, at rewards of `tops`."""
    rows = sft_rows(seeds, noise)
    for method, end in kept.items():
        top = (tops or {}).get(method, TOP_REWARD)
        rows += curve_rows(method, end, top=top, seeds=seeds, noise=noise)
    return pd.DataFrame(rows)


def entropy_at(kept: float, reward: float, top: float = TOP_REWARD) -> float:
    """The entropy of such a curve at a reward."""
    share = (reward - START_REWARD) / (top - START_REWARD)
    return START_ENTROPY + share * (kept - START_ENTROPY)


def curves_of(*arguments: Any, replicates: int = 200, **options: Any) -> Curves:
    """The curves of `study_of` with these arguments."""
    return make_curves(study_of(*arguments, **options), replicates)
