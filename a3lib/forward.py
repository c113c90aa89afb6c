"""How a model is run: positions under padding, precision, dropout, and the output head."""

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
def eval_mode(model: torch.nn.Module) -> Iterator[None]:
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
    with eval_mode(model), mixed_precision(input_ids.device):
        return model.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids(attention_mask),
            use_cache=False,
        ).last_hidden_state


def at_least_float32(values: Tensor) -> Tensor:
    """Return the values in float32, or as they are where they are more precise: same shape."""
    return values if values.dtype == torch.float64 else values.float()
