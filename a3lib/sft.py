"""Supervised fine-tuning: make the study's starting policy from reviews, and its perplexity."""

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.batching import batches, progress
from a3lib.data import pad_left
from a3lib.errors import InputError
from a3lib.logprobs import completion_labels, sequence_log_probs
from a3lib.training import optimise


def review_rows(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[list[int]]:
    """Return the token ids of each text with EOS at its end, cut to `max_length`; blanks left out.

    "<|endoftext|>" written out in a review is text and not the token.

    Raises InputError where no text has a token to predict.
    """
    written = [text for text in texts if text.strip()]
    if not written or max_length < 2:
        raise InputError(
            f"{len(written)} of {len(texts)} reviews have a word, and they are cut to {max_length} "
            "tokens: there is nothing to predict; check the reviews, or raise sft_max_length."
        )
    encoded = tokenizer(written, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [[*ids, tokenizer.eos_token_id][:max_length] for ids in encoded]


def review_log_probs(
    policy: PreTrainedModel, rows: list[list[int]], eos: int
) -> tuple[Tensor, int]:
    """Return each row's summed log-probability after its first token, (B,), and their number."""
    ids, mask = (tensor.to(policy.device) for tensor in pad_left(rows, eos))
    firsts = torch.ones(len(rows), dtype=torch.long, device=ids.device)
    predicted = completion_labels(mask, ids, firsts) != -100
    return sequence_log_probs(policy, ids, mask, predicted), int(predicted.sum())


@torch.no_grad()
def perplexity(
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    *,
    max_length: int,
    batch_size: int = 32,
) -> float:
    """Return exp of the mean negative log-likelihood a token, the end token included.

    The first token of a text is given and not predicted.
    """
    total, count = 0.0, 0
    for rows in batches(review_rows(texts, tokenizer, max_length), batch_size):
        log_probs, tokens = review_log_probs(policy, [*rows], tokenizer.eos_token_id)
        total, count = total + log_probs.sum().item(), count + tokens
    return math.exp(-total / count)


def fine_tune(
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    max_length: int,
    longest_gradient: float,
    seed: int,
) -> dict[str, list[float]]:
    """Tune a policy in place on texts by plain language modelling; return the history of its loss.

    The loss is the mean negative log-likelihood over the batch's tokens, in nats.
    """
    rows = review_rows(texts, tokenizer, max_length)
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    while len(order) < steps * batch_size:
        order += torch.randperm(len(rows), generator=generator).tolist()
    loop = batches(order[: steps * batch_size], batch_size)

    def step(numbers: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
        batch = [rows[number] for number in numbers]
        log_probs, tokens = review_log_probs(policy, batch, tokenizer.eos_token_id)
        return -log_probs.sum() / tokens, {}

    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate)
    return optimise(
        optimizer, progress(loop, "SFT"), step, name="SFT", longest_gradient=longest_gradient
    )
