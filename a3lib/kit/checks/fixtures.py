"""What the checks run on: small models with weights from a formula, and the tiny world's own.

A formula gives the same weights with every version of every library, so nothing has to be stored.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel, PreTrainedTokenizerBase

from a3lib.models import load_reward_model, load_tokenizer
from a3lib.tinyworld import POLICY_FOLDER, REWARD_MODEL_FOLDER

# Token ids of a random policy; the end token, which is also the padding, is 0.
VOCABULARY = 31
# Weights so large that a wrong position or a padding token that is seen shows in the numbers.
SPREAD = 0.4
# What a policy gives to tokens that it never says.
NEVER = -60.0


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Return numbers of mean 0 and variance 1 from a formula, of any shape, in float64."""
    count = torch.Size(shape).numel()
    angle = torch.arange(count, dtype=torch.float64) * 12.9898 + (seed + 1) * 78.233
    return ((angle.sin() * 43758.5453).frac().abs() - 0.5).mul(12**0.5).reshape(shape)


def make_policy(vocabulary: int, width: int, layers: int, tied: bool) -> Any:
    """Return a GPT-2 of this size in evaluation mode, with the usual dropout for training mode."""
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=128,
        n_embd=width,
        n_layer=layers,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=tied,
    )
    with torch.random.fork_rng(devices=[]):
        model = GPT2LMHeadModel(config).eval()
    model.loss_type = "ForCausalLM"  # Unset, transformers warns about it.
    return model


@torch.no_grad()
def random_policy(seed: int, vocabulary: int = VOCABULARY, sharpness: float = 1.0) -> Any:
    """Return a GPT-2 with weights from `noise`; `sharpness` multiplies its logits."""
    model = make_policy(vocabulary, width=16, layers=2, tied=sharpness == 1.0)
    for index, (name, parameter) in enumerate(model.named_parameters()):
        values = noise(*parameter.shape, seed=1000 * seed + index) * SPREAD
        # A layer norm's weights are around 1.
        parameter.copy_(values + float(".ln_" in name and name.endswith("weight")))
    if sharpness != 1.0:
        model.get_output_embeddings().weight.mul_(sharpness)
    return model


@torch.no_grad()
def fixed_policy(logits: dict[int, float], vocabulary: int) -> Any:
    """Return a GPT-2 that gives every next token the same logits, whatever the text before.

    Its last hidden state is always (1, 0, ...), so the head's first column holds the logits.
    """
    model = make_policy(vocabulary, width=8, layers=1, tied=False)
    for index, parameter in enumerate(model.transformer.parameters()):
        parameter.copy_(noise(*parameter.shape, seed=index) * SPREAD)
    model.transformer.ln_f.weight.zero_()
    model.transformer.ln_f.bias.zero_()
    model.transformer.ln_f.bias[0] = 1.0
    head = model.get_output_embeddings().weight
    head.zero_()
    head[:, 0] = NEVER
    for token, logit in logits.items():
        head[int(token), 0] = logit
    return model


@cache
def policy_tokenizer() -> PreTrainedTokenizerBase:
    """Return the tiny world's tokenizer, which pads on the left with EOS."""
    return load_tokenizer(str(POLICY_FOLDER))


@cache
def reward_tools() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the tiny world's sentiment classifier and its tokenizer."""
    return load_reward_model(str(REWARD_MODEL_FOLDER))


@contextmanager
def checkpoint(policy: PreTrainedModel) -> Iterator[str]:
    """Write a policy and the tokenizer to a folder that is there for a while; yield its path."""
    place = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="a3-", dir=place, ignore_cleanup_errors=True) as folder:
        policy.save_pretrained(folder)
        policy_tokenizer().save_pretrained(folder)
        yield folder


def interface() -> dict[str, Any]:
    """Return the globals that a student's functions may read, from the tiny world."""
    reward_model, reward_tokenizer = reward_tools()
    # One program may leave it in training mode, and the next one must not meet that.
    reward_model.eval()
    return {
        "device": torch.device("cpu"),
        "tokenizer": policy_tokenizer(),
        "reward_model": reward_model,
        "reward_tokenizer": reward_tokenizer,
        "model": None,
        "orig_model": None,
        "optimizer": None,
        "model_name": str(POLICY_FOLDER),
        "train_texts": [],
        "test_texts": [],
        "train_texts_parallel": [],
        "test_texts_parallel": [],
    }
