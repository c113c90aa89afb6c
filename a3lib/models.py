"""The policy, its frozen reference and the reward model, from a folder or the hub."""

import inspect
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from a3lib.errors import InputError
from a3lib.forward import hidden_states, output_logits
from a3lib.util.hub import HUB_REMEDY, first_line, looks_local, use_local_cache_if_unreachable

# A progress bar for each checkpoint, which loads in no time, buries what a cell prints.
logging.disable_progress_bar()


def choose_device() -> torch.device:
    """Return CUDA where there is one, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _load(auto_class: Any, name: str, what: str, **options: Any) -> Any:
    """Call from_pretrained and turn what goes wrong into one sentence with a remedy."""
    local = looks_local(name)
    name = str(Path(name).expanduser()) if name.startswith("~") else name
    if local and not Path(name, "config.json").is_file():
        raise InputError(
            f"The {what} {name!r} is not a checkpoint folder (it has no config.json); give a "
            "folder written by save_pretrained or a hub name."
        )
    if local and auto_class is AutoTokenizer and not has_tokenizer(Path(name)):
        raise InputError(
            f"The {what} folder {name!r} has no tokenizer; save one into it with "
            "tokenizer.save_pretrained."
        )
    if not local:
        use_local_cache_if_unreachable()
    try:
        return auto_class.from_pretrained(name, **options)
    except Exception as error:
        remedy = "check the files in it" if local else HUB_REMEDY
        raise InputError(
            f"The {what} {name!r} cannot be loaded ({first_line(error)}); {remedy}."
        ) from error


def has_tokenizer(folder: Path) -> bool:
    """Say whether a checkpoint folder has one of the usual tokenizer files."""
    files = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model")
    return any((folder / name).is_file() for name in files)


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Load a policy's tokenizer set to pad on the left with EOS, as the handout asks.

    Raises InputError where it cannot be loaded or has no EOS.
    """
    tokenizer = _load(AutoTokenizer, name, "policy", padding_side="left")
    if tokenizer.eos_token_id is None:
        raise InputError(f"The tokenizer of {name!r} has no EOS token; set eos_token in it.")
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_policy(name: str, device: torch.device | str = "cpu") -> PreTrainedModel:
    """Load a causal language model in float32, with dropout off.

    Raises InputError where it cannot be loaded or is of a kind that the library cannot score.
    """
    model = _load(AutoModelForCausalLM, name, "policy", dtype=torch.float32).to(device).eval()
    check_scorable(model, name)
    return model


def load_reference(name: str, device: torch.device | str = "cpu") -> PreTrainedModel:
    """Load the frozen original: a policy whose parameters take no gradient."""
    return load_policy(name, device).requires_grad_(False)


def load_reward_model(
    name: str, device: torch.device | str = "cpu"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a sentiment classifier, frozen and in float32, and its tokenizer.

    Raises InputError where one of them cannot be loaded.
    """
    tokenizer = _load(AutoTokenizer, name, "reward model")
    model = _load(AutoModelForSequenceClassification, name, "reward model", dtype=torch.float32)
    return model.to(device).eval().requires_grad_(False), tokenizer


@torch.no_grad()
def check_scorable(model: PreTrainedModel, name: str) -> None:
    """Raise InputError where the model's logits are not its output head applied to hidden states.

    The library applies the head itself (see `forward.output_logits`); a few models change the
    logits afterwards or take no position ids.
    """
    if "position_ids" not in inspect.signature(model.base_model.forward).parameters:
        raise InputError(f"The policy {name!r} takes no position ids; take a GPT-2 or Llama type.")
    ids = torch.arange(3, device=model.device)[None]
    mask = torch.ones_like(ids)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    ours = output_logits(model, hidden_states(model, ids, mask))
    if ours.shape != logits.shape or not torch.allclose(ours, logits.float(), rtol=0.02, atol=0.2):
        raise InputError(
            f"The policy {name!r} changes its logits after the output head; take a GPT-2 or Llama "
            "type."
        )
