"""How long each section of the notebook will take, from two batches of each kind of work."""

import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch
from torch import Tensor

from a3lib.notebook.inputs import Inputs
from a3lib.profiles import DPO_EPOCHS, Profile
from a3lib.rewards import positive_label, positive_probability
from a3lib.study.config import notebook_study
from a3lib.study.grid import grid
from a3lib.study.methods import find_method
from a3lib.training import Step, continue_reviews, optimise, preference_step, reinforce_step

MEASURED_BATCHES = 2


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def seconds_per_batch(work: Callable[[int], object], device: torch.device) -> float:
    """Run `work` on batch 0 and batch 1 and return the shorter time: the first one warms up."""
    seconds = []
    for number in range(MEASURED_BATCHES):
        synchronise(device)
        started = time.perf_counter()
        work(number)
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def measure_batches(profile: Profile, inputs: Inputs, device: torch.device) -> dict[str, float]:
    """Return the seconds that a batch of each kind of work takes; the policy is trained by it."""

    def reward_of(texts: list[str]) -> Tensor:
        return positive_probability(texts, inputs.reward_model, inputs.reward_tokenizer)

    def time_steps(step: Step, batch: Sequence[Any]) -> float:
        optimizer = torch.optim.AdamW(inputs.policy.parameters(), lr=profile.learning_rate)
        return seconds_per_batch(
            lambda _: optimise(optimizer, [batch], step, name="preflight"), device
        )

    tests = inputs.test_texts[: profile.batch_size]
    texts = inputs.train_texts[: profile.batch_size]
    pairs = inputs.train_pairs[: profile.dpo_batch_size]
    models = (inputs.policy, inputs.tokenizer, reward_of)
    preference = preference_step(
        inputs.policy,
        inputs.reference,
        inputs.tokenizer,
        beta=profile.betas[0],
        max_length=profile.max_length,
    )
    return {
        "evaluation": seconds_per_batch(
            lambda _: reward_of(continue_reviews(tests, inputs.policy, inputs.tokenizer)[1]), device
        ),
        "reinforce": time_steps(reinforce_step(*models), texts),
        "kl": time_steps(reinforce_step(*models, reference=inputs.reference), texts),
        "dpo": time_steps(preference, pairs),
    }


def estimate_sections(profile: Profile, inputs: Inputs, device: torch.device) -> dict[str, float]:
    """Run two batches of each kind of work and return seconds a section.

    The policy of `inputs` is trained by it; torch's random state is put back.

    Raises InputError where the reward model's positive class cannot be told.
    """
    positive_label(inputs.reward_model, inputs.reward_tokenizer)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        seconds = measure_batches(profile, inputs, device)
    evaluation = seconds["evaluation"] * ceil(len(inputs.test_texts) / profile.batch_size)
    steps = ceil(len(inputs.train_texts) / profile.batch_size)
    dpo_steps = DPO_EPOCHS * ceil(len(inputs.train_pairs) / profile.dpo_batch_size)
    sections = {
        "1 baseline": evaluation,
        "2 REINFORCE": steps * seconds["reinforce"] + evaluation,
        "3 KL": len(profile.alphas) * (steps * seconds["kl"] + evaluation),
        "4 DPO": len(profile.betas) * (dpo_steps * seconds["dpo"] + evaluation),
    }
    if profile.study:
        sections["6 study"] = estimate_study(profile, seconds)
    return sections


def estimate_study(profile: Profile, seconds: dict[str, float]) -> float:
    """Return the seconds of section 6 from those of a batch of each kind of work.

    A step on 16 pairs scores about as many tokens as one of REINFORCE on 32 reviews.
    """
    study = notebook_study(profile)
    runs = len(grid(study))
    step = seconds["reinforce"] * 2 * study.batch_size / profile.batch_size
    sampled = runs * study.test_prompts + study.prompts * study.candidates
    if any(find_method(name).data == "rejection" for name in study.methods):
        sampled += study.rejection_prompts * study.rejection_candidates
    return runs * study.steps * step + sampled / profile.batch_size * seconds["evaluation"]
