"""Every divergence trains on our own samples: what a published report could not get to happen."""

import math
from pathlib import Path

import pytest

from a3lib.study.config import get_study
from a3lib.study.grid import Job, run_job
from a3lib.study.methods import DIVERGENCE_NAMES

# Betas at which the full study found each divergence to learn well; exponential scores are steep.
BETAS = {"reverse_kl": 0.3, "jensen_shannon": 0.3}
STUDY = get_study(
    "tiny", prompts=250, held_out_prompts=50, steps=40, held_out_every=40, test_prompts=128
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def untrained(folder: Path) -> float:
    """The untrained policy's reward on the same prompts with the same draws."""
    return run_job(STUDY, folder, Job("sft", math.inf, 1))["reward"]


@pytest.mark.parametrize("divergence", DIVERGENCE_NAMES)
def test_a_divergence_raises_the_reward_and_lowers_its_held_out_loss(
    divergence: str, folder: Path, untrained: float
) -> None:
    job = Job(f"sigmoid-{divergence}", BETAS.get(divergence, 0.003), 1)
    row = run_job(STUDY, folder, job)
    assert row["failed"] == ""
    assert len(row["losses"]) == len(row["gradient_norms"]) == STUDY.steps
    assert all(map(math.isfinite, row["losses"] + row["gradient_norms"]))
    assert min(row["gradient_norms"]) > 0
    assert row["held_out_losses"][-1] < row["held_out_losses"][0] - 0.05
    assert row["reward"] >= untrained + 0.10
