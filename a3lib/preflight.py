"""What a run is about to do: device, memory, versions, profile, and how long each section takes."""

import os
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.data import PreferencePair, count_blank, load_pairs, load_reviews
from a3lib.methods import find_method
from a3lib.models import (
    choose_device,
    load_policy,
    load_reference,
    load_reward_model,
    load_tokenizer,
)
from a3lib.profiles import DPO_EPOCHS, Profile
from a3lib.rewards import positive_label, positive_probability
from a3lib.runs import LIBRARIES
from a3lib.studies import notebook_study
from a3lib.study import grid
from a3lib.tables import text_table
from a3lib.tinyworld import POLICY_FOLDER
from a3lib.training import Step, continue_reviews, optimise, preference_step, reinforce_step

MEASURED_BATCHES = 2


def free_memory(device: torch.device) -> str:
    """Return the free memory of the device, in GB, as far as the system tells."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB on {torch.cuda.get_device_name(device)}"
    try:
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{pages / 1e9:.1f} GB"


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


class Inputs(NamedTuple):
    """Everything that a run loads: data, policy, frozen original and reward model."""

    train_texts: list[str]
    test_texts: list[str]
    train_pairs: list[PreferencePair]
    test_pairs: list[PreferencePair]
    tokenizer: PreTrainedTokenizerBase
    policy: PreTrainedModel
    reference: PreTrainedModel
    reward_model: PreTrainedModel
    reward_tokenizer: PreTrainedTokenizerBase


def load_inputs(profile: Profile, device: torch.device) -> Inputs:
    """Load all that a run needs, the small things first.

    Raises InputError for everything about models and data that can be found out now.
    """
    train_texts, test_texts = load_reviews(profile)
    tokenizer = load_tokenizer(profile.policy)
    train_pairs, test_pairs = load_pairs(profile, tokenizer)
    reward_model, reward_tokenizer = load_reward_model(profile.reward_model, device)
    positive_label(reward_model, reward_tokenizer)
    return Inputs(
        train_texts,
        test_texts,
        train_pairs,
        test_pairs,
        tokenizer,
        load_policy(profile.policy, device),
        load_reference(profile.policy, device),
        reward_model,
        reward_tokenizer,
    )


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


def estimate_sections(profile: Profile, device: torch.device) -> dict[str, float]:
    """Load everything, run two batches of each kind of work, and return seconds a section.

    The models are thrown away afterwards and torch's random state is put back.

    Raises InputError for everything about models and data that can be found out now.
    """
    inputs = load_inputs(profile, device)
    blank = count_blank(inputs.train_texts), count_blank(inputs.test_texts)
    if any(blank):
        print(f"{blank[0]} train and {blank[1]} test reviews are blank and seeded with EOS.")
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


def duration(seconds: float) -> str:
    """Return seconds as a person would say them."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def shown_name(name: str) -> str:
    """Return a model's name, and a short one for those of the tiny world."""
    return "tiny" if Path(name).parent == POLICY_FOLDER.parent else name


def preflight(profile: Profile) -> str:
    """Return a table of where and what is about to run, with an estimate for each section.

    Raises InputError for everything about models and data that can be found out now.
    """
    device = choose_device()
    sections = estimate_sections(profile, device)
    rows = [
        ["device", device.type],
        ["free memory", free_memory(device)],
        *[[library, version(library)] for library in LIBRARIES],
        ["profile", profile.name],
        ["policy", shown_name(profile.policy)],
        ["reward model", shown_name(profile.reward_model)],
        ["reviews", profile.reviews],
        ["pairs", profile.pairs],
        *[[f"section {name}", f"about {duration(value)}"] for name, value in sections.items()],
        ["all sections", f"about {duration(sum(sections.values()))}"],
    ]
    return text_table(["preflight", ""], rows)
