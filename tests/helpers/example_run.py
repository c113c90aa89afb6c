"""The folder of a run as the notebook writes it, with made-up figures: for tests of its readers."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from a3lib.plots import loss_over_time, save_figure
from a3lib.profiles import get_profile, model_names
from a3lib.results.samples import ModelSamples, Samples, write_samples
from a3lib.results.summary import RunSummary
from a3lib.util.records import decode

ALPHAS, BETAS = (0.0, 0.003, 0.1, 3.0), (0.1, 0.25, 0.5)
STEPS, PROMPTS = 40, 20
FIGURES = ("baseline_rewards", "reinforce_reward", "reinforce_rewards", "kl_and_reward", "dpo_loss")


def curve(start: float, end: float, seed: int) -> list[float]:
    """Values that go from one level to another, with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.02 * abs(end - start) + 0.001, STEPS)
    line = end + (start - end) * np.exp(-np.arange(STEPS) / 10)
    return [float(value) for value in line + noise]


def example_summary() -> dict[str, Any]:
    """What is in summary.json after a run of the tiny profile without study and forecasts."""
    kl = [
        {
            "alpha": alpha,
            "reward": 0.96 - 0.14 * number,
            "naturalness": 0.03 + 0.32 * number,
            "kl_divergences": [abs(v) for v in curve(0.1, 200.0 / 10**number, number)],
            "rewards": curve(0.5, 0.96 - 0.14 * number, 10 + number),
        }
        for number, alpha in enumerate(ALPHAS)
    ]
    dpo = [
        {
            "beta": beta,
            "reward": 0.87 + 0.02 * number,
            "naturalness": 0.57 + 0.16 * number,
            "losses": curve(math.log(2), 0.02, 20 + number),
            "test_loss": 0.06 / (number + 1),
        }
        for number, beta in enumerate(BETAS)
    ]
    return {
        "profile": "tiny",
        "settings": asdict(get_profile("tiny")),
        "versions": {"python": "3.11", "torch": "2.13", "transformers": "5", "datasets": "5"},
        "seconds": {"baseline": 1.5, "reinforce": 20.0, "kl": 90.0, "dpo": 60.0},
        "baseline": {"reward": 0.487, "naturalness": 0.997},
        "reinforce": {
            "reward": 0.963,
            "naturalness": 0.03,
            "rewards": curve(0.5, 0.96, 30),
        },
        "kl": kl,
        "dpo": dpo,
    }


def parsed(content: dict[str, Any]) -> RunSummary:
    """What is read of a run's summary.json that holds this."""
    summary: RunSummary = decode(RunSummary, content, "summary")
    return summary


def example_samples(completion: str = " a fine film and i liked it .") -> Samples:
    """Twenty prompts with a completion of each model, every reward and KL different."""
    generator = np.random.default_rng(5)
    models = tuple(
        ModelSamples(
            name,
            (completion,) * PROMPTS,
            tuple(map(float, generator.uniform(0, 1, PROMPTS))),
            tuple(map(float, generator.exponential(3.0 * number, PROMPTS))),
        )
        for number, name in enumerate(model_names(ALPHAS, BETAS))
    )
    return Samples(tuple(f"prompt {number} of the film" for number in range(PROMPTS)), models)


def example_run(folder: Path, completion: str = " a fine film and i liked it .") -> Path:
    """Write summary.json, samples.json and a figure of each name, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(example_summary()), encoding="utf-8")
    write_samples(example_samples(completion), folder)
    figure = loss_over_time({"a": [0.7, 0.6]})
    for name in FIGURES:
        save_figure(figure, folder / "figures", name)
    plt.close(figure)
    return folder
