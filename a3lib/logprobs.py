"""Log-probabilities of tokens and completions: the one place where logits become log-probabilities.

Position t predicts token t+1, so an array per token has T-1 columns. Everything is float32 or
better, whatever precision the model runs in (see `forward`).
"""

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.forward import at_least_float32, hidden_states, output_logits
from a3lib.tokenization import pad_left, review_rows
from a3lib.util.batching import batches


def log_softmax(logits: Tensor) -> Tensor:
    """Turn logits (..., V) of any precision into log-probabilities (..., V), float32 or better."""
    return torch.log_softmax(at_least_float32(logits), dim=-1)


def select_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Pick the entry, log-probability or logit, of each token: (..., V), (...) -> (...)."""
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def chosen_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return each token's log-probability under its own logits: (..., V), (...) -> (...)."""
    predictions = at_least_float32(logits)
    return select_tokens(predictions, tokens) - predictions.logsumexp(dim=-1)


def token_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return log p(tokens[:, t+1] | tokens[:, :t+1]) for every t.

    logits (B, T, V), tokens (B, T) -> (B, T-1). Log-probabilities work as well as logits. For a
    temperature other than 1, divide the logits by it first.

    Raises ValueError where the shapes do not match.
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


def completion_labels(attention_mask: Tensor, input_ids: Tensor, prompt_lengths: Tensor) -> Tensor:
    """Return input_ids with -100 at the prompt and at padding, on whichever side that is.

    input_ids and attention_mask (B, T), prompt_lengths (B,) -> labels (B, T). A token counts as
    prompt by its number among the row's real tokens, so an EOS inside a completion stays.
    """
    number = attention_mask.cumsum(dim=1)
    in_completion = attention_mask.bool() & (number > prompt_lengths[:, None])
    return input_ids.masked_fill(~in_completion, -100)


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
    """Return exp of the mean negative log-likelihood in nats a token, the end token included.

    The first token of a text is conditioned on and not predicted.
    """
    total, count = 0.0, 0
    for rows in batches(review_rows(texts, tokenizer, max_length), batch_size):
        log_probs, tokens = review_log_probs(policy, [*rows], tokenizer.eos_token_id)
        total, count = total + log_probs.sum().item(), count + tokens
    return math.exp(-total / count)
