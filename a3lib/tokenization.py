"""Texts to padded token ids: the beginnings of reviews, and prompts with their completions."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from a3lib.errors import InputError


class PreferencePair(NamedTuple):
    """A prompt and two texts that begin with it: the preferred one and the other."""

    prompt: str
    chosen: str
    rejected: str


def pad_left(
    rows: list[list[int]], filler: int, length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return input_ids and attention_mask (B, T), each row padded on its left."""
    width = length or max(map(len, rows))
    input_ids = torch.full((len(rows), width), filler)
    attention_mask = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        if row:
            input_ids[index, -len(row) :] = torch.tensor(row)
            attention_mask[index, -len(row) :] = 1
    return input_ids, attention_mask


def seed_prompts(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, seed_token_length: int
) -> tuple[Tensor, Tensor]:
    """Return the first tokens of each text: input_ids and attention_mask (B, seed_token_length).

    Shorter texts are padded on the left; an empty one is a single EOS. "<|endoftext|>" written
    out in a review is text and not the token. Source: handout, section 1.
    """
    encoded = tokenizer(
        texts, truncation=True, max_length=seed_token_length, split_special_tokens=True
    )["input_ids"]
    rows = [
        ids if text.strip() else [tokenizer.eos_token_id]
        for text, ids in zip(texts, encoded, strict=True)
    ]
    return pad_left(rows, tokenizer.eos_token_id, seed_token_length)


def tokenize_completions(
    prompts: list[str], texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> dict[str, Tensor]:
    """Tokenise texts that begin with their prompts, left-padded, prompt and completion apart.

    The two are tokenised separately and their ids joined, so no token straddles the boundary. A
    text that is longer than `max_length` tokens loses its end. Returns input_ids (B, T),
    attention_mask (B, T) and prompt_lengths (B,).

    Raises InputError where a prompt leaves no room for a completion.
    """
    prompt_ids = tokenize_prompts(prompts, tokenizer)
    check_room(prompts, prompt_ids, max_length, range(len(prompts)))
    completions = [text[len(prompt) :] for prompt, text in zip(prompts, texts, strict=True)]
    completion_ids = tokenizer(completions, add_special_tokens=False, split_special_tokens=True)
    rows = [
        (first + second)[:max_length]
        for first, second in zip(prompt_ids, completion_ids["input_ids"], strict=True)
    ]
    input_ids, attention_mask = pad_left(rows, tokenizer.eos_token_id)
    lengths = torch.tensor([len(ids) for ids in prompt_ids])
    return {"input_ids": input_ids, "attention_mask": attention_mask, "prompt_lengths": lengths}


def tokenize_prompts(
    prompts: list[str], tokenizer: PreTrainedTokenizerBase, *, special_tokens: bool = True
) -> list[list[int]]:
    """Return the ids of each prompt; an empty one is a single BOS (EOS where there is none).

    `special_tokens` are those that the tokenizer puts around each text, such as Llama's BOS.
    """
    begin = tokenizer.bos_token_id
    begin = tokenizer.eos_token_id if begin is None else begin
    encoded = tokenizer(prompts, add_special_tokens=special_tokens, split_special_tokens=True)
    return [ids or [begin] for ids in encoded["input_ids"]]


def check_room(
    prompts: list[str], prompt_ids: list[list[int]], max_length: int, rows: Sequence[int]
) -> None:
    """Raise InputError, naming the row, where a prompt leaves no room for a completion."""
    for row, prompt, ids in zip(rows, prompts, prompt_ids, strict=True):
        if len(ids) >= max_length:
            raise InputError(
                f"Row {row} of the pairs has a prompt of {len(ids)} tokens ({prompt[:40]!r}...), "
                f"which leaves no room for a completion in {max_length}; raise max_length or take "
                "the row out."
            )


def tokenize_sides(
    pairs: Sequence[PreferencePair],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    device: torch.device,
) -> dict[str, Tensor]:
    """Tokenise pairs for one forward pass: the B chosen texts, then the B rejected ones.

    Returns input_ids, attention_mask (2B, T) and prompt_lengths (2B,).
    """
    prompts = [pair.prompt for pair in pairs] * 2
    texts = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
    tokenized = tokenize_completions(prompts, texts, tokenizer, max_length)
    return {key: value.to(device) for key, value in tokenized.items()}


def review_rows(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[list[int]]:
    """Return the token ids of each text that is not blank, EOS at the end, cut to `max_length`.

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
