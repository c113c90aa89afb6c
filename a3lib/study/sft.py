"""Supervised fine-tuning: make the study's starting policy from reviews."""

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.logprobs import review_log_probs
from a3lib.tokenization import review_rows
from a3lib.training import optimise
from a3lib.util.batching import batches, progress


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
