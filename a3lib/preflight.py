"""What a run is about to do: device, memory, versions, profile, and how long each section takes."""

import os
import time
from collections.abc import Callable
from importlib.metadata import version
from math import ceil
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.data import check_pairs, count_blank, load_pairs, load_reviews
from a3lib.logprobs import select_tokens, vocabulary_log_probs
from a3lib.losses import kl_divergence, preference_loss, reinforce_loss
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
from a3lib.tables import text_table
from a3lib.tinyworld import POLICY_FOLDER
from a3lib.training import batches, continue_reviews, optimise, pair_log_probs

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


def reinforce_step(
    policy: PreTrainedModel,
    reference: PreTrainedModel | None,
    tokenizer: PreTrainedTokenizerBase,
    reward_of: Callable[[list[str]], Tensor],
) -> Callable[[list[str]], tuple[Tensor, dict[str, Tensor]]]:
    """Return a step of section 2, or of section 3 where there is a reference, for `optimise`."""

    def step(texts: list[str]) -> tuple[Tensor, dict[str, Tensor]]:
        rollout, generations = continue_reviews(texts, policy, tokenizer)
        log_probs = vocabulary_log_probs(policy, rollout.tokens, rollout.attention_mask)[:, :-1]
        mask = rollout.completion_mask[:, 1:]
        chosen = select_tokens(log_probs, rollout.tokens[:, 1:])
        loss = reinforce_loss(chosen, reward_of(generations), mask)
        if reference is not None:
            with torch.no_grad():
                original = vocabulary_log_probs(reference, rollout.tokens, rollout.attention_mask)
            loss = loss + kl_divergence(log_probs, original[:, :-1], mask)
        return loss, {}

    return step


def estimate_sections(profile: Profile, device: torch.device) -> dict[str, float]:
    """Load everything, run two batches of each kind of work, and return seconds a section.

    The models are thrown away afterwards and torch's random state is put back.

    Raises InputError for everything about models and data that can be found out now.
    """
    train_texts, test_texts = load_reviews(profile)
    train_pairs, test_pairs = load_pairs(profile)
    tokenizer = load_tokenizer(profile.policy)
    check_pairs(train_pairs + test_pairs, tokenizer, profile.max_length)
    reward_model, reward_tokenizer = load_reward_model(profile.reward_model, device)
    positive_label(reward_model, reward_tokenizer)
    policy = load_policy(profile.policy, device)
    reference = load_reference(profile.policy, device)
    blank = count_blank(train_texts), count_blank(test_texts)
    if any(blank):
        print(f"{blank[0]} train and {blank[1]} test reviews are blank and seeded with EOS.")

    def reward_of(texts: list[str]) -> Tensor:
        return positive_probability(texts, reward_model, reward_tokenizer)

    def evaluate_batch(number: int) -> None:
        chosen = test_texts[: profile.batch_size]
        reward_of(continue_reviews(chosen, policy, tokenizer)[1])

    def train_batch(original: PreTrainedModel | None) -> Callable[[int], object]:
        optimizer = torch.optim.AdamW(policy.parameters(), lr=profile.learning_rate)
        step = reinforce_step(policy, original, tokenizer, reward_of)
        chosen = [train_texts[: profile.batch_size]]
        return lambda _: optimise(optimizer, chosen, step, name="preflight")

    def preference_batch(number: int) -> None:
        optimizer = torch.optim.AdamW(policy.parameters(), lr=profile.dpo_learning_rate)
        chosen = train_pairs[: profile.dpo_batch_size]
        optimise(optimizer, [chosen], preference_step, name="preflight")

    def preference_step(pairs: list) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            original = pair_log_probs(reference, tokenizer, pairs, profile.max_length)
        current = pair_log_probs(policy, tokenizer, pairs, profile.max_length)
        return preference_loss(*current, *original).mean(), {}

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        evaluation = seconds_per_batch(evaluate_batch, device)
        plain = seconds_per_batch(train_batch(None), device)
        with_kl = seconds_per_batch(train_batch(reference), device)
        preference = seconds_per_batch(preference_batch, device)

    evaluation *= ceil(len(test_texts) / profile.batch_size)
    steps = len(batches(train_texts, profile.batch_size))
    preference_steps = DPO_EPOCHS * len(batches(train_pairs, profile.dpo_batch_size))
    return {
        "1 baseline": evaluation,
        "2 REINFORCE": steps * plain + evaluation,
        "3 KL": len(profile.alphas) * (steps * with_kl + evaluation),
        "4 DPO": len(profile.betas) * (preference_steps * preference + evaluation),
    }


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
