"""What the study's runs share: models, prompts, a tuned policy, and each seed's candidates.

All of it is made once and kept in the study's folder: sft/ and data/.
"""

import json
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.data import review_texts
from a3lib.errors import InputError
from a3lib.logprobs import perplexity
from a3lib.models import (
    choose_device,
    load_policy,
    load_reference,
    load_reward_model,
    load_tokenizer,
)
from a3lib.preferences import acceptance_probability, rejection_pairs, tournament_pairs
from a3lib.profiles import SamplingConfig
from a3lib.rewards import positive_label, positive_probability
from a3lib.study.candidates import (
    Candidates,
    RewardOf,
    as_tensors,
    check_same_settings,
    fingerprint,
    load_candidates,
    sample_candidates,
    save_candidates,
    word_prompts,
)
from a3lib.study.config import Study
from a3lib.study.sft import fine_tune
from a3lib.study.train import Preferences, score_candidates
from a3lib.util.files import write_at_once


class Tools(NamedTuple):
    """The models and prompts of a study; `identity` tells models and tokenizer from others."""

    reference: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reward_of: RewardOf
    identity: dict[str, str]
    train_prompts: list[str]
    test_prompts: list[str]


def policy_source(study: Study, folder: Path) -> str:
    """Return where the starting policy is: tuned in the study's folder, or as set."""
    return str(folder / "sft") if study.sft_steps else study.policy


@cache
def load_tools(study: Study, folder: Path) -> Tools:
    """Load what the runs of a study share, once a process.

    Raises InputError for whatever is wrong with the models or reviews.
    """
    train_texts, test_texts = review_texts(study.reviews)
    train_prompts = word_prompts(train_texts, study.prompt_words)
    test_prompts = word_prompts(test_texts, study.prompt_words)
    for split, prompts, needed in (
        ("train", train_prompts, study.prompts + study.held_out_prompts),
        ("test", test_prompts, study.test_prompts),
    ):
        if len(prompts) < needed:
            raise InputError(
                f"The {split} reviews give {len(prompts)} prompts and the study needs {needed}; "
                f"take fewer with {'--test-prompts' if split == 'test' else '--prompts'}."
            )
    device = choose_device()
    source = policy_source(study, folder)
    tokenizer = load_tokenizer(source)
    reference = load_reference(source, device)
    reward_model, reward_tokenizer = load_reward_model(study.reward_model, device)
    positive_label(reward_model, reward_tokenizer)

    def reward_of(texts: list[str], prompts: list[str]) -> Tensor:
        return positive_probability(texts, reward_model, reward_tokenizer, prompts=prompts)

    identity = {
        "policy": fingerprint(reference),
        "tokenizer": fingerprint(tokenizer.get_vocab()),
        "reward_model": fingerprint(reward_model),
    }
    test_prompts = test_prompts[: study.test_prompts]
    return Tools(reference, tokenizer, reward_of, identity, train_prompts, test_prompts)


def make_sft_policy(study: Study, folder: Path) -> dict[str, Any]:
    """Tune the study's policy on the training reviews, once; return perplexities and losses.

    Perplexity is per token, on as many test reviews as there are test prompts.

    Raises InputError, naming the difference, where the folder's policy was tuned otherwise.
    """
    settings = {
        "policy": study.policy,
        "reviews": study.reviews,
        "sft_steps": study.sft_steps,
        "sft_learning_rate": study.sft_learning_rate,
        "sft_max_length": study.sft_max_length,
    }
    record = folder / "sft" / "perplexity.json"
    if record.is_file():
        tuning = json.loads(record.read_text(encoding="utf-8"))
        made_with = {key: tuning[key] for key in settings}
        check_same_settings(made_with, settings, f"The policy {str(folder / 'sft')!r}")
        return tuning
    train_texts, test_texts = review_texts(study.reviews)
    tokenizer = load_tokenizer(study.policy)
    policy = load_policy(study.policy, choose_device())
    measure = partial(
        perplexity,
        policy,
        tokenizer,
        test_texts[: study.test_prompts],
        max_length=study.sft_max_length,
    )
    before = measure()
    history = fine_tune(
        policy,
        tokenizer,
        train_texts,
        steps=study.sft_steps,
        batch_size=study.batch_size,
        learning_rate=study.sft_learning_rate,
        max_length=study.sft_max_length,
        max_grad_norm=study.max_grad_norm,
        seed=study.seeds[0],
    )
    policy.save_pretrained(folder / "sft")
    tokenizer.save_pretrained(folder / "sft")
    tuning = settings | {"perplexity_before": before, "perplexity_after": measure()} | history
    # Last, because its presence says that the policy is complete.
    write_at_once(record, json.dumps(tuning))
    return tuning


def candidate_rows(study: Study, folder: Path, tools: Tools, kind: str, seed: int) -> Dataset:
    """Return a seed's candidates, read from the study's folder or sampled now and kept there.

    `kind` is "tournament", "held_out", or "rejection": as many pairs as the first in a first
    round, from fewer prompts with more candidates each.

    Raises InputError where the folder holds candidates that were made with other settings.
    """
    start, prompts, candidates = study.held_out_prompts, study.prompts, study.candidates
    if kind == "held_out":
        start, prompts = 0, study.held_out_prompts
    elif kind == "rejection":
        prompts, candidates = study.rejection_prompts, study.rejection_candidates
    chosen = tools.train_prompts[start : start + prompts]
    settings = tools.identity | {
        "prompt_words": study.prompt_words,
        "number_of_prompts": len(chosen),
        "prompts": fingerprint(chosen),
        "candidates": candidates,
        "max_new_tokens": study.max_new_tokens,
        "temperature": study.temperature,
        "seed": seed,
    }
    place = folder / "data" / f"{kind}-seed-{seed}"
    rows = load_candidates(place, settings)
    if rows is not None:
        return rows
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        rows = sample_candidates(
            chosen,
            tools.reference,
            tools.tokenizer,
            tools.reward_of,
            candidates=candidates,
            max_new_tokens=study.max_new_tokens,
            sampling=SamplingConfig(study.temperature),
        )
    save_candidates(rows, place, settings)
    return rows


@cache
def load_candidate_pairs(
    study: Study, folder: Path, kind: str, seed: int
) -> tuple[Candidates, Tensor]:
    """Return a seed's candidates and their pairs (N, 2), once a process.

    Raises InputError where no pair is left because all candidates of each prompt are equal.
    """
    tools = load_tools(study, folder)
    rows = candidate_rows(study, folder, tools, kind, seed)
    candidates = as_tensors(rows, tools.tokenizer)
    if kind == "rejection":
        pairs = rejection_pairs(
            candidates.rewards,
            study.rejection_accepted,
            study.rejection_beta,
            study.pairing,
            torch.Generator().manual_seed(seed),
        )
    else:
        pairs = tournament_pairs(candidates.rewards, study.pairing)
    if len(pairs) == 0:
        raise InputError(
            f"The {kind} data of seed {seed} has no pair: all {candidates.rewards.numel()} "
            "candidates are tied with those they meet; check the reward model, or take more "
            "prompts or a higher temperature."
        )
    device = tools.reference.device
    return candidates.to(device), pairs.to(device)


@cache
def load_preferences(study: Study, folder: Path, kind: str, seed: int) -> Preferences:
    """Return `load_candidate_pairs` with the reference's scores, once a process."""
    candidates, pairs = load_candidate_pairs(study, folder, kind, seed)
    scores = score_candidates(load_tools(study, folder).reference, candidates)
    return Preferences(candidates, pairs, scores)


def acceptance_rate(rewards: Tensor, beta: float) -> float:
    """Return the share of candidates that rejection sampling's first round accepts on average.

    rewards (P, K).
    """
    return acceptance_probability(rewards, beta).mean().item()
