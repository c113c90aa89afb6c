"""The training loop, its two kinds of step, and evaluation."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import TrainingDiverged
from a3lib.generation import Rollout, decode_rollout, sample_continuations
from a3lib.logprobs import (
    completion_labels,
    select_tokens,
    sequence_log_probs,
    vocabulary_log_probs,
)
from a3lib.losses import kl_divergence, preference_loss, reinforce_loss
from a3lib.profiles import MAX_NEW_TOKENS, SEED_TOKEN_LENGTH
from a3lib.tokenization import PreferencePair, seed_prompts, tokenize_sides
from a3lib.util.batching import mean

# A step takes a batch and returns the loss and further figures to keep, by name.
Step = Callable[[Any], tuple[Tensor, dict[str, Tensor]]]


def continue_reviews(
    texts: list[str],
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    seed_token_length: int = SEED_TOKEN_LENGTH,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> tuple[Rollout, list[str]]:
    """Seed the policy with the beginning of each review and let it write on.

    Returns the rollout (B, seed_token_length + max_new_tokens) and its B texts.
    """
    input_ids, attention_mask = seed_prompts(texts, tokenizer, seed_token_length)
    rollout = sample_continuations(
        policy,
        input_ids.to(policy.device),
        attention_mask.to(policy.device),
        max_new_tokens=max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return rollout, decode_rollout(rollout, tokenizer)


def evaluate(
    loop: Iterable[list[str]], reward_of: Callable[[list[str]], tuple[Tensor, Tensor, list[str]]]
) -> dict[str, Any]:
    """Score the continuations of every batch of reviews; the mean is over reviews, not batches.

    `reward_of(batch)` returns rewards (B,), tokens and B texts. Returns `reward` (the mean),
    `generations` and `rewards` (one a review). A tqdm loop shows the mean so far.
    """
    rewards: list[float] = []
    generations: list[str] = []
    with torch.no_grad():
        for batch in loop:
            reward, _, texts = reward_of(batch)
            rewards += reward.tolist()
            generations += texts
            if isinstance(loop, tqdm):
                loop.set_postfix(reward=f"{mean(rewards):.3f}")
    return {"reward": mean(rewards), "generations": generations, "rewards": rewards}


def optimise(
    optimizer: torch.optim.Optimizer,
    loop: Iterable[Any],
    step: Step,
    *,
    name: str,
    longest_gradient: float | None = None,
) -> dict[str, list[float]]:
    """Take one optimizer step a batch; return `losses` and every figure of the steps, as lists.

    Mixed precision's gradients are scaled on CUDA. With `longest_gradient` a longer gradient is
    cut to that norm, and `gradient_norms` holds the norms before. A tqdm loop shows the running
    figures.

    Raises TrainingDiverged, before the weights are touched, where the loss, or the gradient's norm
    if it is watched, is NaN or infinite.
    """
    history: dict[str, list[float]] = {"losses": []}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    scaler = torch.amp.GradScaler(enabled=parameters[0].is_cuda)
    for number, batch in enumerate(loop):
        loss, figures = step(batch)
        row = {"losses": loss.item()} | {key: value.item() for key, value in figures.items()}
        if not math.isfinite(row["losses"]):
            raise TrainingDiverged(diverged_message(name, number, row["losses"], history), history)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if longest_gradient is not None:
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(parameters, longest_gradient)
            row["gradient_norms"] = norm.item()
            # The scaler leaves out a step whose gradient overflowed; without one it is an end.
            if not (scaler.is_enabled() or math.isfinite(row["gradient_norms"])):
                message = diverged_message(name, number, norm.item(), history, "gradient norm")
                raise TrainingDiverged(message, history)
        scaler.step(optimizer)
        scaler.update()
        for key, value in row.items():
            history.setdefault(key, []).append(value)
        if isinstance(loop, tqdm):
            loop.set_postfix({key: f"{value:.3f}" for key, value in row.items()})
    return history


def diverged_message(
    name: str, number: int, value: float, history: dict[str, list[float]], what: str = "loss"
) -> str:
    """Say at which step the loss went wrong and what the last good figures were."""
    last = ", ".join(f"{key} {values[-1]:.4g}" for key, values in history.items() if values)
    return (
        f"{name}: the {what} is {value} at step {number} (last good figures: {last or 'none'}); "
        "lower the learning rate or check the data of that step."
    )


def pair_log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[PreferencePair],
    max_length: int,
) -> tuple[Tensor, Tensor]:
    """Return the summed log-probabilities of the chosen and the rejected completions, (B,) each."""
    tokenized = tokenize_sides(pairs, tokenizer, max_length, model.device)
    ids, mask = tokenized["input_ids"], tokenized["attention_mask"]
    labels = completion_labels(mask, ids, tokenized["prompt_lengths"])
    chosen, rejected = sequence_log_probs(model, ids, mask, labels != -100).chunk(2)
    return chosen, rejected


def reinforce_step(
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    reward_of: Callable[[list[str]], Tensor],
    *,
    reference: PreTrainedModel | None = None,
    alpha: float = 0.0,
) -> Step:
    """Return a step of REINFORCE on reviews for `optimise`; with a reference, alpha * KL is added.

    `reward_of(texts)` returns one reward a text, (B,). The figures are `rewards` (the batch's
    mean) and, with a reference, `kl_divergences` (nats per text).
    """

    def step(texts: list[str]) -> tuple[Tensor, dict[str, Tensor]]:
        rollout, generations = continue_reviews(texts, policy, tokenizer)
        ids, mask = rollout.tokens, rollout.completion_mask[:, 1:]
        rewards = reward_of(generations)
        log_probs = vocabulary_log_probs(policy, ids, rollout.attention_mask)[:, :-1]
        loss = reinforce_loss(select_tokens(log_probs, ids[:, 1:]), rewards, mask)
        if reference is None:
            return loss, {"rewards": rewards.mean()}
        with torch.no_grad():
            original = vocabulary_log_probs(reference, ids, rollout.attention_mask)[:, :-1]
        divergence = kl_divergence(log_probs, original, mask)
        return loss + alpha * divergence, {"rewards": rewards.mean(), "kl_divergences": divergence}

    return step


def preference_step(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    beta: float,
    max_length: int,
) -> Step:
    """Return a step of DPO on preference pairs for `optimise`, its loss the mean over the pairs."""

    def step(pairs: Sequence[PreferencePair]) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            original = pair_log_probs(reference, tokenizer, pairs, max_length)
        current = pair_log_probs(policy, tokenizer, pairs, max_length)
        return preference_loss(*current, *original, beta=beta).mean(), {}

    return step
