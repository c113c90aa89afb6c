"""Supervised fine-tuning: make the study's starting policy from reviews."""

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.logprobs import review_log_probs
from a3lib.tokenization import review_rows
from a3lib.training import History, gradient_scaler, optimizer_step
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
    max_grad_norm: float,
    seed: int,
) -> dict[str, list[float]]:
    """Tune a policy in place on texts by plain language modelling; return its history.

    `losses` are the mean negative log-likelihood over the batch's tokens, in nats, and
    `gradient_norms` the norms before they are clipped to `max_grad_norm`.

    Raises TrainingDiverged where the loss or the gradient's norm is NaN or infinite.
    """
    rows = review_rows(texts, tokenizer, max_length)
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    while len(order) < steps * batch_size:
        order += torch.randperm(len(rows), generator=generator).tolist()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate)
    scaler = gradient_scaler(policy.device)
    history: History = {"losses": [], "gradient_norms": []}
    loop = progress(batches(order[: steps * batch_size], batch_size), "SFT")
    for numbers in loop:
        batch = [rows[number] for number in numbers]
        log_probs, tokens = review_log_probs(policy, batch, tokenizer.eos_token_id)
        loss = -log_probs.sum() / tokens
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        norm = optimizer_step(
            loss, optimizer, scaler, history, name="SFT", max_grad_norm=max_grad_norm
        )
        history["losses"].append(loss.item())
        history["gradient_norms"].append(norm)
        loop.set_postfix(loss=f"{loss.item():.3f}", gradient_norm=f"{norm:.3f}")
    return history
