"""Random language models of a few thousand parameters, and rows padded on either side."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

EOS = 0
VOCABULARY = 13
WIDTH = 16
# Weights ten times as large as usual, so that a wrong position or a seen padding token shows.
SPREAD = 0.4

Maker = Callable[..., PreTrainedModel]


def tiny_gpt2(
    *,
    vocabulary: int = VOCABULARY,
    dropout: float = 0.5,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """A random GPT-2, whose positions are learned, in evaluation mode."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=64,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        resid_pdrop=dropout,
        initializer_range=SPREAD,
        bos_token_id=EOS,
        eos_token_id=EOS,
    )
    return GPT2LMHeadModel(config).to(dtype).eval()


def tiny_llama(
    *,
    vocabulary: int = VOCABULARY,
    dropout: float = 0.5,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """A random Llama, whose positions are rotations, in evaluation mode."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        max_position_embeddings=64,
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        attention_dropout=dropout,
        initializer_range=SPREAD,
        bos_token_id=EOS,
        eos_token_id=EOS,
    )
    return LlamaForCausalLM(config).to(dtype).eval()


MAKERS: tuple[Maker, ...] = (tiny_gpt2, tiny_llama)


def policy_with_logits(logits: Sequence[float]) -> PreTrainedModel:
    """A GPT-2 that gives every next token these logits, whatever the text."""
    model = tiny_gpt2(vocabulary=len(logits))
    head = nn.Linear(WIDTH, len(logits))
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor(logits))
    model.set_output_embeddings(head)
    return model.eval()


def pad_rows(
    rows: Sequence[Sequence[int]],
    *,
    side: Literal["left", "right"],
    fill: int = EOS,
    extra: int = 0,
) -> Tensor:
    """Stack rows of different lengths, with `extra` columns of padding beyond the longest."""
    width = max(len(row) for row in rows) + extra
    padded = []
    for row in rows:
        padding = [fill] * (width - len(row))
        padded.append([*padding, *row] if side == "left" else [*row, *padding])
    return torch.tensor(padded)


def mask_rows(
    rows: Sequence[Sequence[int]],
    *,
    side: Literal["left", "right"],
    skip: Sequence[int] | None = None,
    extra: int = 0,
) -> Tensor:
    """The mask that belongs to `pad_rows`, without the first `skip[b]` tokens of each row."""
    skipped = [0] * len(rows) if skip is None else skip
    marks = [
        [0] * first + [1] * (len(row) - first) for row, first in zip(rows, skipped, strict=True)
    ]
    return pad_rows(marks, side=side, fill=0, extra=extra)


@torch.no_grad()
def next_token_log_probs(
    model: PreTrainedModel, row: Sequence[int], temperature: float = 1.0
) -> list[list[float]]:
    """The log-probabilities after each token of one unpadded row, by the model's own forward."""
    logits = model(input_ids=torch.tensor([list(row)])).logits[0].double() / temperature
    return (logits - logits.exp().sum(dim=1, keepdim=True).log()).tolist()


def completion_log_probs(
    model: PreTrainedModel, row: Sequence[int], first: int, temperature: float = 1.0
) -> list[float]:
    """The log-probability of each token of one unpadded row from column `first` on."""
    table = next_token_log_probs(model, row, temperature)
    return [table[t - 1][row[t]] for t in range(first, len(row))]
