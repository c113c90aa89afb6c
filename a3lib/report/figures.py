"""The figures of a folder, inside the page, with words for those who cannot see them."""

import base64
import struct
from pathlib import Path
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# A caption, and what is on the figure, by its file's name without "study_".
TEXTS = {
    "results_overview": (
        "All models of the run in one picture",
        "Scatter plot: each model with its name, its mean test reward over the naturalness of its "
        "texts, or in a row of its own where naturalness was not measured.",
    ),
    "baseline_rewards": (
        "Rewards of the original model",
        "Histogram: how many test reviews got which reward, from 0 to 1, from the original model; "
        "an upright line at the mean.",
    ),
    "reinforce_reward": (
        "REINFORCE: reward while training",
        "Line chart: reward of each training batch over training steps, raw values faint and the "
        "mean of the last ten bold, with levels at 0.65, 0.75 and 0.80.",
    ),
    "reinforce_rewards": (
        "Rewards before and after REINFORCE",
        "Two histograms over each other: test rewards from 0 to 1 of the original model and of "
        "REINFORCE, each with an upright line at its mean.",
    ),
    "kl_and_reward": (
        "KL penalty: divergence and reward while training",
        "Two line charts over training steps, a line for each alpha: left the KL to the original "
        "model in nats per text, on an axis that is logarithmic above 1, right the reward with "
        "levels at 0.65, 0.75 and 0.80.",
    ),
    "dpo_loss": (
        "DPO: loss while training",
        "Line chart: loss of each batch over training steps, a line for each beta, with a level "
        "at ln 2, the loss of an untrained policy.",
    ),
    "divergence_scores": (
        "What a divergence makes of a log-ratio",
        "Line chart: the score of reverse KL, alpha 0.5, Jensen-Shannon and forward KL over the "
        "log-ratio of policy and reference, from -8 to 8 nats.",
    ),
    "reward_entropy": (
        "Study: reward and entropy",
        "Scatter plots side by side, one for each group of methods: reward over predictive "
        "entropy in nats per token, seeds as small points, each beta's mean with its intervals.",
    ),
    "reward_kl": (
        "Study: reward and KL",
        "Scatter plots side by side, one for each group of methods: reward over KL to the policy "
        "before training in nats per token, each beta's mean with its intervals.",
    ),
    "training": (
        "Study: training at each method's best beta",
        "Three rows of line charts over training steps, a column for each group of methods: "
        "held-out loss over its start, held-out pair accuracy, and gradient norm.",
    ),
    "forecast_calibration": (
        "Forecasts: calibration",
        "Calibration diagram: how often forecasts of a probability came true over that "
        "probability, with the diagonal of perfect calibration.",
    ),
    "own_forecast_calibration": (
        "Forecasts of the run's own models: calibration",
        "Calibration diagram: how often forecasts of a positive text came true over their "
        "probability, with the diagonal of perfect calibration.",
    ),
}


class Picture(NamedTuple):
    """A PNG as a data URI with its size in pixels; `source` is empty where it is damaged."""

    name: str
    caption: str
    alt: str
    source: str
    width: int
    height: int


def picture_of(file: Path) -> Picture:
    """Return a PNG file as the page holds it."""
    name = file.stem
    plain = f"Figure {name}; its name is all that this page knows about it."
    caption, alt = TEXTS.get(name.removeprefix("study_"), (name.replace("_", " "), plain))
    try:
        content = file.read_bytes()
    except OSError:
        content = b""
    if not content.startswith(SIGNATURE) or len(content) < 24:
        return Picture(name, caption, alt, "", 0, 0)
    width, height = struct.unpack(">II", content[16:24])
    source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
    return Picture(name, caption, alt, source, width, height)


def pictures_of(folder: Path) -> list[Picture]:
    """Return the figures of a run or study, in the order of `TEXTS` and then of their names."""
    order = [*TEXTS]

    def place(file: Path) -> tuple[int, str]:
        known = file.stem.removeprefix("study_")
        return (order.index(known) if known in order else len(order), file.stem)

    return [picture_of(file) for file in sorted((folder / "figures").glob("*.png"), key=place)]
