"""Sample continuations of prompts from a policy."""

from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.forward import eval_mode, mixed_precision, output_logits, position_ids
from a3lib.profiles import SamplingConfig


class Rollout(NamedTuple):
    """Prompts with their sampled continuations, all (B, P+N).

    `attention_mask` is 1 for real tokens; `completion_mask` is 1 for tokens that the policy chose,
    the first EOS included and everything after it left out.
    """

    tokens: Tensor
    attention_mask: Tensor
    completion_mask: Tensor


@torch.no_grad()
def sample_continuations(
    model: PreTrainedModel,
    input_ids: Tensor,
    attention_mask: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig = SamplingConfig(),
    eos_token_id: int | None = None,
    pad_token_id: int | None = None,
) -> Rollout:
    """Continue each left-padded prompt by up to `max_new_tokens` sampled tokens.

    input_ids and attention_mask (B, P) -> Rollout of (B, P + max_new_tokens). A row stops at its
    first EOS and is filled with padding. EOS defaults to the model's own, padding to EOS. Dropout
    is off and the randomness is torch's global generator.

    Raises InputError where a prompt is empty or not left-padded.
    """
    left_padded = attention_mask[:, -1].bool() & (attention_mask.diff(dim=1) >= 0).all(dim=1)
    if not bool(left_padded.all()):
        row = int((~left_padded).nonzero()[0, 0])
        raise InputError(
            f"Prompt {row} is empty or not left-padded; pad on the left and begin an empty prompt "
            "with EOS."
        )
    eos = model.config.eos_token_id if eos_token_id is None else eos_token_id
    pad = eos if pad_token_id is None else pad_token_id
    ends = torch.as_tensor([] if eos is None else eos, device=input_ids.device).reshape(-1)
    filler = int(torch.as_tensor(0 if pad is None else pad).reshape(-1)[0])

    prompt_length = input_ids.shape[1]
    shape = (len(input_ids), prompt_length + max_new_tokens)
    tokens = input_ids.new_full(shape, filler)
    mask = attention_mask.new_zeros(shape)
    tokens[:, :prompt_length] = input_ids
    mask[:, :prompt_length] = attention_mask

    alive = torch.ones(len(input_ids), dtype=torch.bool, device=input_ids.device)
    cache = None
    start = 0  # the first column that the model has not seen yet
    with eval_mode(model), mixed_precision(input_ids.device):
        for end in range(prompt_length, prompt_length + max_new_tokens):
            output = model.base_model(
                input_ids=tokens[:, start:end],
                attention_mask=mask[:, :end],
                position_ids=position_ids(mask[:, :end])[:, start:],
                past_key_values=cache,
                use_cache=True,
            )
            cache, start = output.past_key_values, end
            logits = output_logits(model, output.last_hidden_state[:, -1])
            drawn = torch.multinomial((logits / sampling.temperature).softmax(dim=-1), 1)[:, 0]
            tokens[:, end] = drawn.where(alive, tokens[:, end])
            mask[:, end] = alive
            alive = alive & ~torch.isin(drawn, ends)
            if not alive.any():
                break
    completion_mask = mask.clone()
    completion_mask[:, :prompt_length] = 0
    return Rollout(tokens, mask, completion_mask)


def masks_of_rollout(
    tokens: Tensor, seed_token_length: int, eos_token_id: int
) -> tuple[Tensor, Tensor]:
    """Return the attention mask and the completion mask of sampled tokens that lost theirs.

    The handout's functions pass on `output_tokens` (B, P+N) alone. The masks follow from how those
    were sampled, and not from where EOS occurs: a prompt is padded on the left only, so its padding
    is the run of EOS at its beginning (an empty prompt is a single EOS, its last token); sampling
    stops at the first EOS, so the completion ends with the first EOS after the prompt.
    """
    is_end = tokens == eos_token_id
    prompt, completion = is_end[:, :seed_token_length], is_end[:, seed_token_length:]
    real_prompt = (~prompt).cumsum(dim=1) > 0
    real_prompt[:, -1] = True
    ends_before = completion.cumsum(dim=1) - completion.long()
    attention_mask = torch.cat([real_prompt, ends_before == 0], dim=1).long()
    completion_mask = attention_mask.clone()
    completion_mask[:, :seed_token_length] = 0
    return attention_mask, completion_mask


def decode_rollout(rollout: Rollout, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the text of each row, prompt and continuation, without padding and special tokens."""
    return [
        str(tokenizer.decode(tokens[mask.bool()], skip_special_tokens=True))
        for tokens, mask in zip(rollout.tokens, rollout.attention_mask, strict=True)
    ]
