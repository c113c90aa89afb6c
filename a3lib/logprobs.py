"""Log-probabilities of tokens and completions: the one place where logits become log-probabilities.

Position t predicts token t+1, so an array per token has T-1 columns. Everything is float32 or
better, whatever precision the model runs in.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor
from transformers import PreTrainedModel


def position_ids(attention_mask: Tensor) -> Tensor:
    """Number the real tokens of each row from 0, whatever padding is before them.

    GPT-2 learns absolute positions, so a left-padded row must be told where its text begins.
    attention_mask (B, T) -> (B, T).
    """
    return (attention_mask.long().cumsum(dim=1) - 1).clamp(min=0)


def mixed_precision(device: torch.device) -> AbstractContextManager:
    """Return float16 autocast on CUDA (a T4 has no bfloat16) and nothing elsewhere."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.float16)
    return nullcontext()


@contextmanager
def dropout_off(model: torch.nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode for a while: what is scored must be what was sampled from."""
    in_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in in_training:
            module.training = True


def output_logits(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Apply a model's output head in its weights' own precision: (..., H) -> logits (..., V).

    Logits of GPT-2 lie around -80, where float16 has steps of 1/16; so the head is left out of
    mixed precision.
    """
    head = model.get_output_embeddings()
    with torch.autocast(hidden.device.type, enabled=False):
        return head(hidden.to(head.weight.dtype))


def hidden_states(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Run a model without its output head: input_ids (B, T) -> hidden (B, T, H)."""
    with dropout_off(model), mixed_precision(input_ids.device):
        return model.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids(attention_mask),
            use_cache=False,
        ).last_hidden_state


def log_softmax(logits: Tensor) -> Tensor:
    """Turn logits (..., V) of any precision into log-probabilities (..., V), float32 or better."""
    return torch.log_softmax(at_least_float32(logits), dim=-1)


def at_least_float32(values: Tensor) -> Tensor:
    """Return the values in float32, or as they are where they are more precise."""
    return values if values.dtype == torch.float64 else values.float()


def select_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Pick the entry of each token: values (..., V), tokens (...) -> (...)."""
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def chosen_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return each token's log-probability under its own logits: (..., V), (...) -> (...)."""
    predictions = at_least_float32(logits)
    return select_tokens(predictions, tokens) - predictions.logsumexp(dim=-1)


def token_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return log p(tokens[:, t+1] | tokens[:, :t+1]) for every t.

    logits (B, T, V), tokens (B, T) -> (B, T-1). Log-probabilities do as well as logits. For a
    temperature other than 1, divide the logits by it first.

    Raises ValueError where the shapes do not belong together.
    """
    if logits.shape[:-1] != tokens.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} and tokens {tuple(tokens.shape)} must agree in all but "
            "the last dimension of logits; pass the tokens that the model was fed."
        )
    return chosen_log_probs(logits[:, :-1], tokens[:, 1:])


def vocabulary_log_probs(
    model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return the log-probability of every next token: input_ids (B, T) -> (B, T, V).

    Column t belongs to the token at t+1, so the last column predicts a token that is not there.
    """
    return log_softmax(output_logits(model, hidden_states(model, input_ids, attention_mask)))


def sequence_log_probs(
    model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, completion_mask: Tensor
) -> Tensor:
    """Return the summed log-probability of each row's completion, (B,).

    input_ids, attention_mask and completion_mask are (B, T). The output head is applied to
    completion positions only: with a vocabulary of 50,000 it would take most of the memory.
    A completion token in the first column has no prediction and counts for nothing.
    """
    hidden = hidden_states(model, input_ids, attention_mask)[:, :-1]
    chosen = completion_mask[:, 1:].bool()
    scores = chosen_log_probs(output_logits(model, hidden[chosen]), input_ids[:, 1:][chosen])
    rows = chosen.nonzero()[:, 0]
    return scores.new_zeros(len(input_ids)).index_add(0, rows, scores)


def completion_distributions(
    model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, completion_mask: Tensor
) -> Tensor:
    """Return the log-probabilities that each completion token was drawn from, (N, V).

    input_ids, attention_mask and completion_mask are (B, T); the N tokens are in row order. The
    output head is applied to these positions only.
    """
    hidden = hidden_states(model, input_ids, attention_mask)[:, :-1]
    return log_softmax(output_logits(model, hidden[completion_mask[:, 1:].bool()]))
