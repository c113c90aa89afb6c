"""One run of the study: train a policy offline on fixed preferences, then measure it."""

import copy
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.logprobs import completion_distributions, sequence_log_probs
from a3lib.losses import beyond_threshold, entropy, rrhf_loss, token_kl
from a3lib.metrics import distinct_bigrams, naturalness, unigram_entropy
from a3lib.preferences import curriculum_order
from a3lib.study.candidates import Candidates, RewardOf, continue_prompts
from a3lib.study.methods import Method
from a3lib.training import History, gradient_scaler, optimizer_step
from a3lib.util.batching import batches

SCORING_BATCH = 64
HISTORY_KEYS = (
    "losses",
    "beyond_threshold",
    "gradient_norms",
    "held_out_steps",
    "held_out_losses",
    "held_out_accuracies",
)


class Preferences(NamedTuple):
    """What a run learns from: candidates, pairs (N, 2) into them, the reference's (P * K,) scores.

    A pair's first index is the chosen candidate. `log_probs` are the frozen reference's summed
    log-probabilities of every candidate; it never changes, so they are computed once.
    """

    candidates: Candidates
    pairs: Tensor
    log_probs: Tensor


@torch.no_grad()
def score_candidates(model: PreTrainedModel, candidates: Candidates) -> Tensor:
    """Return the model's summed log-probability of every candidate, (P * K,)."""
    rows = torch.arange(len(candidates.tokens), device=model.device)
    scores = [log_probs_of(model, candidates, part) for part in rows.split(SCORING_BATCH)]
    return torch.cat(scores)


def log_probs_of(model: PreTrainedModel, candidates: Candidates, rows: Tensor) -> Tensor:
    """Return the summed log-probabilities of some candidates by their row numbers, (len(rows),)."""
    return sequence_log_probs(
        model,
        candidates.tokens[rows],
        candidates.attention_mask[rows],
        candidates.completion_mask[rows],
    )


def example_batches(
    examples: Tensor,
    gaps: Tensor,
    *,
    batch_size: int,
    steps: int,
    generator: torch.Generator,
    curriculum: bool = False,
) -> list[Tensor]:
    """Return `steps` batches of examples, reshuffled on every pass over them.

    examples (N, ...), gaps (N,) their reward gaps. With `curriculum` the very same examples come
    sorted, the largest gap first, so that only the order differs.
    """
    needed = steps * batch_size
    rounds = math.ceil(needed / len(examples))
    order = torch.cat([torch.randperm(len(examples), generator=generator) for _ in range(rounds)])
    order = order[:needed].to(examples.device)
    if curriculum:
        order = order[curriculum_order(gaps[order])]
    return [examples[part] for part in order.split(batch_size)]


def preference_losses(
    policy: PreTrainedModel, method: Method, beta: float, data: Preferences, batch: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the losses (B,) of a batch and the log-ratios u of its candidates.

    The batch is pairs (B, 2) with log-ratios (2, B), chosen first; or, for a listwise method,
    prompts (B,) with log-ratios (K, B).
    """
    candidates = data.candidates
    if method.listwise:
        size = candidates.rewards.shape[1]
        batch = batch[:, None] * size + torch.arange(size, device=batch.device)
    rows = batch.T.flatten()
    scores = log_probs_of(policy, candidates, rows).view(-1, len(batch))
    reference = data.log_probs[rows].view_as(scores)
    ratios = (scores - reference).detach()
    if method.listwise:
        lengths = candidates.completion_mask.sum(dim=1)[rows].view_as(scores)
        rewards = candidates.rewards.flatten()[rows].view_as(scores)
        return rrhf_loss(
            scores.T, lengths.T, rewards.T, target_weight=method.coefficient(beta)
        ), ratios
    return method.pair_losses(scores, reference, beta), ratios


@torch.no_grad()
def held_out_loss(
    policy: PreTrainedModel, method: Method, beta: float, data: Preferences
) -> tuple[float, float]:
    """Return the method's mean loss on held-out preferences, and its accuracy on their pairs.

    Accuracy is the share of pairs whose chosen side has the higher log-ratio; ties count half.
    """
    losses, leads = [], []
    for batch in examples_of(method, data).split(SCORING_BATCH // 2):
        loss, ratios = preference_losses(policy, method, beta, data, batch)
        losses.append(loss)
        if not method.listwise:
            leads.append(ratios[0] - ratios[1])
    if method.listwise:
        ratios = score_candidates(policy, data.candidates) - data.log_probs
        leads = [ratios[data.pairs[:, 0]] - ratios[data.pairs[:, 1]]]
    right = (torch.cat(leads).sign() + 1) / 2
    return torch.cat(losses).mean().item(), right.mean().item()


def examples_of(method: Method, data: Preferences) -> Tensor:
    """Return what a method's batches are made of: pairs (N, 2), or prompts (P,) if listwise."""
    if not method.listwise:
        return data.pairs
    return torch.arange(len(data.candidates.rewards), device=data.pairs.device)


def train_offline(
    policy: PreTrainedModel,
    method: Method,
    beta: float,
    data: Preferences,
    held_out: Preferences,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    max_grad_norm: float,
    held_out_every: int,
    seed: int,
) -> tuple[dict[str, list[float]], dict[str, Tensor]]:
    """Train a policy in place; return its history and the weights of the lowest held-out loss.

    One batch is `batch_size` pairs, or for a listwise method as many prompts as have that many
    candidates in all. The history has one entry a step (`losses`, `gradient_norms`,
    `beyond_threshold`, the share of pairs with a side whose exponential is continued as a line) and
    one for each evaluation on held-out data (`held_out_steps`, `held_out_losses`,
    `held_out_accuracies`), the first of them before training.

    Raises TrainingDiverged where the loss becomes NaN or infinite.
    """
    loop = training_batches(method, data, steps=steps, batch_size=batch_size, seed=seed)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate)
    scaler = gradient_scaler(policy.device)
    history: History = {key: [] for key in HISTORY_KEYS}
    best: dict[str, Tensor] = {}
    for step, batch in enumerate(loop):
        if step % held_out_every == 0:
            evaluation = held_out_loss(policy, method, beta, held_out)
            if note_held_out(history, step, *evaluation):
                best = copy.deepcopy(policy.state_dict())
        losses, ratios = preference_losses(policy, method, beta, data, batch)
        loss = losses.mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        norm = optimizer_step(
            loss, optimizer, scaler, history, name=method.name, max_grad_norm=max_grad_norm
        )
        beyond = beyond_threshold(ratios, method.divergence, method.alpha).any(dim=0)
        history["losses"].append(loss.item())
        history["beyond_threshold"].append(beyond.float().mean().item())
        history["gradient_norms"].append(norm)
    evaluation = held_out_loss(policy, method, beta, held_out)
    if note_held_out(history, steps, *evaluation):
        best = copy.deepcopy(policy.state_dict())
    return history, best


def training_batches(
    method: Method, data: Preferences, *, steps: int, batch_size: int, seed: int
) -> list[Tensor]:
    """Return the batches that a method learns from, one a step, in an order that the seed fixes.

    A batch is pairs (batch_size, 2) or, for a listwise method, as many prompts (B,) as have
    that many candidates in all.
    """
    examples = examples_of(method, data)
    rewards = data.candidates.rewards
    if method.listwise:
        batch_size = max(1, 2 * batch_size // rewards.shape[1])
        gaps = rewards.amax(dim=1) - rewards.amin(dim=1)
    else:
        gaps = rewards.flatten()[data.pairs[:, 0]] - rewards.flatten()[data.pairs[:, 1]]
    return example_batches(
        examples,
        gaps,
        batch_size=batch_size,
        steps=steps,
        generator=torch.Generator().manual_seed(seed),
        curriculum=method.curriculum,
    )


def note_held_out(history: History, step: int, loss: float, accuracy: float) -> bool:
    """Note a held-out evaluation in the history; say whether its loss is the lowest so far."""
    lowest = loss < min(history["held_out_losses"], default=math.inf)
    history["held_out_steps"].append(step)
    history["held_out_losses"].append(loss)
    history["held_out_accuracies"].append(accuracy)
    return lowest


@torch.no_grad()
def measure_policy(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    reward_of: RewardOf,
    *,
    max_new_tokens: int,
    unigram_tokens: int,
    has_grammar: bool,
) -> dict[str, Any]:
    """Let a policy continue each prompt once, by pure sampling, and measure what it wrote.

    Returns lists with one entry a prompt: `rewards`, `lengths` (completion tokens), `entropies`
    and `kls` (nats, summed over those tokens), `texts`; and figures: `reward`, `entropy` and `kl`
    (per token), `unigram_entropy` and `distinct_2` (at fixed counts, or None), `naturalness`
    (None where there is no grammar). KL is exact over the vocabulary, on the policy's own samples.
    """
    per_prompt: dict[str, list[Any]] = {
        key: [] for key in ("rewards", "lengths", "entropies", "kls")
    }
    completions: list[list[int]] = []
    texts: list[str] = []
    for batch in batches(prompts, SCORING_BATCH):
        rollout, written = continue_prompts(
            [*batch], policy, tokenizer, max_new_tokens=max_new_tokens
        )
        whole = [prompt + text for prompt, text in zip(batch, written, strict=True)]
        current = completion_distributions(policy, *rollout)
        original = completion_distributions(reference, *rollout)
        chosen = rollout.completion_mask.bool()
        lengths = chosen.sum(dim=1).tolist()
        per_prompt["lengths"] += lengths
        for key, values in (
            ("entropies", entropy(current)),
            ("kls", token_kl(current, original)),
        ):
            per_prompt[key] += [part.sum().item() for part in values.split(lengths)]
        per_prompt["rewards"] += reward_of(whole, [*batch]).tolist()
        completions += [ids.tolist() for ids in rollout.tokens[chosen].split(lengths)]
        texts += whole
    tokens = sum(per_prompt["lengths"])
    return per_prompt | {
        "texts": texts,
        "reward": math.fsum(per_prompt["rewards"]) / len(prompts),
        "entropy": math.fsum(per_prompt["entropies"]) / tokens,
        "kl": math.fsum(per_prompt["kls"]) / tokens,
        "unigram_entropy": unigram_entropy(completions, unigram_tokens),
        "distinct_2": distinct_bigrams(completions, unigram_tokens),
        "naturalness": naturalness(texts, prompts) if has_grammar else None,
    }
