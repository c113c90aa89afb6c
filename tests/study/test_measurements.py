"""What is measured of a policy, against loops over unpadded rows."""

import math
from typing import Any

import pytest
import torch
from helpers.small_models import (
    next_token_log_probs,
    policy_with_logits,
)
from helpers.tiny_checkpoints import save_tiny_gpt2
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.metrics import distinct_bigrams, naturalness, unigram_entropy
from a3lib.models import load_policy, load_reference, load_tokenizer
from a3lib.study import train
from a3lib.study.candidates import continue_prompts
from a3lib.study.train import (
    measure_policy,
)

WORDS = ["The plot", "A warm, funny story", "", "I laughed and", "Two hours of my life"]
TOKENS = 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two random policies with one tokenizer."""
    made = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp(f"policy-{seed}")
        save_tiny_gpt2(folder, seed)
        made.append(str(folder))
    return made[0], made[1]


@pytest.fixture(scope="module")
def tokenizer(folders: tuple[str, str]) -> PreTrainedTokenizerBase:
    return load_tokenizer(folders[0])


def reward_of(texts: list[str], prompts: list[str]) -> Tensor:
    """A reward that can be told from the text and its prompt."""
    assert all(text.startswith(prompt) for text, prompt in zip(texts, prompts, strict=True))
    return torch.tensor([float(len(t) + 100 * len(p)) for t, p in zip(texts, prompts, strict=True)])


def measured(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    seed: int = 5,
    **options: Any,
) -> dict[str, Any]:
    torch.manual_seed(seed)
    sizes = {"max_new_tokens": TOKENS, "unigram_tokens": 8, "has_grammar": True} | options
    return measure_policy(policy, reference, tokenizer, WORDS, reward_of, **sizes)


def test_figures_of_each_prompt_equal_a_loop_over_unpadded_rows(
    folders: tuple[str, str], tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, reference = load_policy(folders[0]), load_reference(folders[1])
    # Two prompts a batch, and the last one alone; the same draws again for the loop.
    monkeypatch.setattr(train, "SCORING_BATCH", 2)
    found = measured(policy, reference, tokenizer)
    torch.manual_seed(5)
    completions, lengths = [], []
    for start in (0, 2, 4):
        batch = WORDS[start : start + 2]
        rollout, texts = continue_prompts(batch, policy, tokenizer, max_new_tokens=TOKENS)
        for row, (prompt, text) in enumerate(zip(batch, texts, strict=True)):
            number = start + row
            assert found["texts"][number] == prompt + text
            ids = rollout.tokens[row][rollout.attention_mask[row].bool()].tolist()
            written = int(rollout.completion_mask[row].sum())
            current, original = (next_token_log_probs(m, ids) for m in (policy, reference))
            entropy = divergence = 0.0
            for position in range(len(ids) - written - 1, len(ids) - 1):
                for p, q in zip(current[position], original[position], strict=True):
                    entropy -= math.exp(p) * p
                    divergence += math.exp(p) * (p - q)
            assert found["lengths"][number] == written
            assert found["entropies"][number] == pytest.approx(entropy, rel=1e-4)
            assert found["kls"][number] == pytest.approx(divergence, rel=1e-3, abs=1e-5)
            assert found["rewards"][number] == len(prompt + text) + 100 * len(prompt)
            completions.append(ids[len(ids) - written :])
            lengths.append(written)
    total = sum(lengths)
    assert found["reward"] == pytest.approx(sum(found["rewards"]) / 5)
    assert found["entropy"] == pytest.approx(sum(found["entropies"]) / total)
    assert found["kl"] == pytest.approx(sum(found["kls"]) / total)
    assert found["unigram_entropy"] == unigram_entropy(completions, 8)
    assert found["distinct_2"] == distinct_bigrams(completions, 8)
    assert found["naturalness"] == naturalness(found["texts"], WORDS)


def test_the_reference_has_no_divergence_from_itself(
    folders: tuple[str, str], tokenizer: PreTrainedTokenizerBase
) -> None:
    same = load_reference(folders[0])
    found = measured(same, same, tokenizer)
    assert found["kls"] == [0.0] * 5 and found["kl"] == 0.0
    away = measured(same, load_reference(folders[1]), tokenizer)
    assert min(away["kls"]) > 0
    # What it writes and how sure it is of it has nothing to do with the reference.
    for key in ("texts", "entropies", "lengths", "rewards"):
        assert away[key] == found[key]


def test_lengths_count_the_end_token_and_entropy_is_a_mean_over_tokens(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    # Every next token is the end with probability 1/2, or one of two others.
    logits = [-1e4] * len(tokenizer)
    ends, *others = tokenizer.eos_token_id, *tokenizer("ab")["input_ids"]
    logits[ends] = math.log(0.5)
    for token in others:
        logits[token] = math.log(0.5 / len(others))
    policy = policy_with_logits(logits)
    found = measured(policy, policy, tokenizer, seed=0)
    assert 1 in found["lengths"] and len(set(found["lengths"])) > 1
    per_token = 0.5 * math.log(2) + 0.5 * math.log(2 * len(others))
    expected = [length * per_token for length in found["lengths"]]
    assert found["entropies"] == pytest.approx(expected, rel=1e-5)
    assert found["entropy"] == pytest.approx(per_token, rel=1e-5)
    # The end token is counted and not written.
    for prompt, text, length in zip(WORDS, found["texts"], found["lengths"], strict=True):
        assert tokenizer.eos_token not in text
        assert len(text) - len(prompt) in (length, length - 1)
        if length < TOKENS:
            assert len(text) - len(prompt) == length - 1


def test_too_few_tokens_and_another_world_have_no_figure(
    folders: tuple[str, str], tokenizer: PreTrainedTokenizerBase
) -> None:
    policy = load_reference(folders[0])
    found = measured(policy, policy, tokenizer, unigram_tokens=1000, has_grammar=False)
    assert found["unigram_entropy"] is None
    assert found["distinct_2"] is None
    assert found["naturalness"] is None


def test_a_measurement_leaves_no_gradient_and_depends_on_the_draws_alone(
    folders: tuple[str, str], tokenizer: PreTrainedTokenizerBase
) -> None:
    policy, reference = load_policy(folders[0]), load_reference(folders[1])
    first, again = (measured(policy, reference, tokenizer) for _ in range(2))
    assert first == again
    assert measured(policy, reference, tokenizer, seed=6)["texts"] != first["texts"]
    assert all(parameter.grad is None for parameter in policy.parameters())
