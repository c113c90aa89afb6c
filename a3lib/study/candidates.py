"""Candidates: several sampled completions of each prompt with their rewards, kept as a data set.

A data set folder holds candidates.parquet (one row a prompt), settings.json (what it was made
with) and README.md (its card). Token ids are kept and scored as they were sampled.
"""

import hashlib
import io
import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet
import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.generation import Rollout, sample_continuations
from a3lib.preferences import PAIRINGS, tournament_pairs
from a3lib.profiles import SamplingConfig
from a3lib.tokenization import pad_left, tokenize_prompts
from a3lib.util.batching import batches, progress
from a3lib.util.files import write_at_once

DATA_FILE, SETTINGS_FILE, CARD_FILE = "candidates.parquet", "settings.json", "README.md"
COLUMNS = ("prompt", "prompt_ids", "completion_ids", "completions", "rewards")
SAMPLING_BATCH = 256
# Takes texts and the prompts that they begin with, returns P(positive), (B,).
RewardOf = Callable[[list[str], list[str]], Tensor]


class Candidates(NamedTuple):
    """K completions of each of P prompts; row p * K + k is candidate k of prompt p.

    tokens, attention_mask and completion_mask (P * K, T), rewards (P, K).
    """

    tokens: Tensor
    attention_mask: Tensor
    completion_mask: Tensor
    rewards: Tensor

    def to(self, device: torch.device) -> "Candidates":
        """Return the same on another device."""
        return Candidates(*(tensor.to(device) for tensor in self))


def word_prompts(texts: list[str], words: int) -> list[str]:
    """Return the first words of each text; texts that are blank are left out.

    With 0 words every prompt is empty: generation starts from the beginning of a text.

    Raises InputError for a negative number, and where no text has a word.
    """
    if words < 0:
        raise InputError(f"prompt_words is {words}; give a whole number from 0 on.")
    if words == 0:
        return [""] * len(texts)
    prompts = [" ".join(text.split()[:words]) for text in texts if text.strip()]
    if not prompts:
        raise InputError(
            f"Cut to {words} words, all {len(texts)} prompts are empty; check the reviews."
        )
    return prompts


def continue_prompts(
    prompts: list[str],
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig = SamplingConfig(),
) -> tuple[Rollout, list[str]]:
    """Let the policy continue each prompt; return the rollout (B, P+N) and B completions."""
    rows = tokenize_prompts(prompts, tokenizer, special_tokens=False)
    input_ids, attention_mask = pad_left(rows, tokenizer.eos_token_id)
    rollout = sample_continuations(
        policy,
        input_ids.to(policy.device),
        attention_mask.to(policy.device),
        max_new_tokens=max_new_tokens,
        sampling=sampling,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    completions = [
        str(tokenizer.decode(tokens[mask.bool()], skip_special_tokens=True))
        for tokens, mask in zip(rollout.tokens, rollout.completion_mask, strict=True)
    ]
    return rollout, completions


def sample_candidates(
    prompts: list[str],
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    reward_of: RewardOf,
    *,
    candidates: int,
    max_new_tokens: int,
    sampling: SamplingConfig,
) -> Dataset:
    """Sample and score several completions of each prompt: one row a prompt.

    Columns: prompt, prompt_ids, and lists over candidates: completion_ids, completions, rewards.
    A prompt whose completions are all empty is left out. The randomness is torch's global one.

    Raises InputError where no prompt is left; `reward_of` raises where a reward is not a number.
    """
    completion_ids: list[list[int]] = []
    completions: list[str] = []
    rewards: list[float] = []
    repeated = [prompt for prompt in prompts for _ in range(candidates)]
    for batch in progress(batches(repeated, SAMPLING_BATCH), "sampling candidates"):
        rollout, texts = continue_prompts(
            [*batch], policy, tokenizer, max_new_tokens=max_new_tokens, sampling=sampling
        )
        for tokens, mask in zip(rollout.tokens, rollout.completion_mask, strict=True):
            completion_ids.append(tokens[mask.bool()].tolist())
        completions += texts
        whole = [prompt + text for prompt, text in zip(batch, texts, strict=True)]
        rewards += reward_of(whole, [*batch]).tolist()
    rows: list[dict[str, Any]] = [
        dict(zip(COLUMNS, row, strict=True))
        for row in zip(
            prompts,
            tokenize_prompts(prompts, tokenizer, special_tokens=False),
            batches(completion_ids, candidates),
            batches(completions, candidates),
            batches(rewards, candidates),
            strict=True,
        )
    ]
    kept = [row for row in rows if any(text.strip() for text in row["completions"])]
    if not kept:
        raise InputError(
            f"All completions of all {len(prompts)} prompts are empty, of {prompts[0]!r} for "
            "example; the policy ends at once: take another one or other prompts."
        )
    if len(kept) < len(rows):
        print(f"prompts left out because all completions are empty: {len(rows) - len(kept)}")
    return Dataset.from_list(kept)


def as_tensors(rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Candidates:
    """Return a data set's candidates as tensors: prompts padded left, completions right."""
    prompts, completions, rewards = rows["prompt_ids"], rows["completion_ids"], rows["rewards"]
    flat = [(p, c) for p, several in zip(prompts, completions, strict=True) for c in several]
    left, left_mask = pad_left([prompt for prompt, _ in flat], tokenizer.eos_token_id)
    # Padding on the right is padding on the left of the reversed ids.
    right, right_mask = pad_left([ids[::-1] for _, ids in flat], tokenizer.eos_token_id)
    right, right_mask = right.flip(1), right_mask.flip(1)
    return Candidates(
        torch.cat([left, right], dim=1),
        torch.cat([left_mask, right_mask], dim=1),
        torch.cat([torch.zeros_like(left_mask), right_mask], dim=1),
        torch.tensor([*rewards], dtype=torch.float32),
    )


def fingerprint(content: Any) -> str:
    """Return 12 characters that tell a model's weights, or anything that JSON can hold, apart."""
    digest = hashlib.sha256()
    if isinstance(content, torch.nn.Module):
        for name, tensor in sorted(content.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    else:
        digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def describe(rows: Dataset) -> dict[str, float]:
    """Return a data set's counts, its mean reward and, per pairing, pairs, ties and mean gap.

    The mean gap is NaN where all are tied.
    """
    rewards = torch.tensor([*rows["rewards"]], dtype=torch.float64)
    prompts, candidates = rewards.shape
    texts = chain.from_iterable(rows["completions"])
    empty = sum(not str(text).strip() for text in texts)
    statistics: dict[str, float] = {
        "prompts": prompts,
        "candidates": prompts * candidates,
        "mean_reward": rewards.mean().item(),
        "empty_completions": empty,
        "prompts_all_equal": int((rewards == rewards[:, :1]).all(dim=1).sum()),
    }
    for pairing in PAIRINGS:
        if candidates % 2 or (pairing == "final" and candidates & (candidates - 1)):
            continue
        pairs = tournament_pairs(rewards, pairing)
        flat = rewards.flatten()[pairs]
        matches = prompts * candidates // 2 if pairing == "first_round" else prompts
        statistics[f"{pairing}_pairs"] = len(pairs)
        statistics[f"{pairing}_ties"] = matches - len(pairs)
        statistics[f"{pairing}_mean_gap"] = (flat[:, 0] - flat[:, 1]).mean().item()
    return statistics


def save_candidates(rows: Dataset, folder: Path, settings: dict[str, Any]) -> None:
    """Write a data set with its settings and its card into a folder."""
    data = io.BytesIO()
    pyarrow.parquet.write_table(rows.with_format("arrow")[:], data)
    write_at_once(folder / DATA_FILE, data.getvalue())
    table = [*describe(rows).items(), *((f"made with {k}", v) for k, v in settings.items())]
    lines = [
        "---",
        f"configs: [{{config_name: default, data_files: {DATA_FILE}}}]",
        "---",
        "# Candidates for preference optimisation",
        "",
        "One row a prompt: its text and token ids, and lists over its sampled candidates: token",
        "ids, texts and rewards, P(positive) of prompt and completion together.",
        "",
        "| what | value |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in table],
    ]
    write_at_once(folder / CARD_FILE, "\n".join(lines) + "\n")
    # Last, because its presence says that the folder is complete.
    write_at_once(folder / SETTINGS_FILE, json.dumps(settings, indent=2) + "\n")


def check_same_settings(made_with: dict[str, Any], settings: dict[str, Any], what: str) -> None:
    """Raise InputError, naming the first difference, where two settings are not the same."""
    for key in sorted(made_with.keys() | settings.keys()):
        if made_with.get(key) != settings.get(key):
            raise InputError(
                f"{what} was made with {key} = {made_with.get(key)!r} and this study asks for "
                f"{settings.get(key)!r}; change it back, or give another name."
            )


def load_candidates(folder: Path, settings: dict[str, Any]) -> Dataset | None:
    """Return the data set in a folder, or None where there is none.

    Raises InputError, naming the difference, where it was made with other settings.
    """
    if not (folder / SETTINGS_FILE).is_file():
        return None
    made_with = read_or_refuse(folder / SETTINGS_FILE, lambda file: json.loads(file.read_text()))
    check_same_settings(made_with, settings, f"The data set {str(folder)!r}")
    return Dataset(read_or_refuse(folder / DATA_FILE, pyarrow.parquet.read_table))


def read_or_refuse(file: Path, read: Callable[[Path], Any]) -> Any:
    """Return what a file holds.

    Raises InputError where it cannot be read.
    """
    try:
        return read(file)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise InputError(
            f"{str(file)!r} cannot be read; delete the folder and run again."
        ) from error
