"""Supervised fine-tuning and perplexity, against plain loops over unpadded rows."""

import copy
import math
from typing import Any

import pytest
import torch
from helpers.small_models import MAKERS, Maker, next_token_log_probs, policy_with_logits, tiny_gpt2
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.logprobs import perplexity, review_log_probs
from a3lib.models import load_policy, load_tokenizer
from a3lib.study import sft
from a3lib.study.sft import fine_tune
from a3lib.tinyworld import POLICY_FOLDER
from a3lib.tinyworld.grammar import write_reviews
from a3lib.tokenization import review_rows

END = "<|endoftext|>"
# Texts of different lengths, so that batches are padded; blanks count for nothing.
TEXTS = [
    "This film is wonderful.",
    "",
    "Dull",
    "The acting was bad but the story is great, and I would see it again with my friends.",
    " \n",
    "I watched this movie last night.",
]
LONGEST = 60


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(str(POLICY_FOLDER))


def small_policy(tokenizer: PreTrainedTokenizerBase, **options: Any) -> PreTrainedModel:
    """A random GPT-2 with small weights, as training begins from, in float64."""
    policy = tiny_gpt2(vocabulary=len(tokenizer), dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(0.1 if parameter.ndim > 1 else 1.0)
    return policy


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def plain_nll(policy: PreTrainedModel, rows: list[list[int]]) -> tuple[float, int]:
    """The negative log-likelihood of all tokens but the first, one unpadded row at a time."""
    total, count = 0.0, 0
    for row in rows:
        table = next_token_log_probs(policy, row)
        for t in range(1, len(row)):
            total -= table[t - 1][row[t]]
            count += 1
    return total, count


# Rows


def test_rows_are_the_ids_with_eos_at_the_end_and_blanks_are_left_out(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    rows = review_rows(TEXTS, tokenizer, LONGEST)
    written = [text for text in TEXTS if text.strip()]
    assert rows == [[*plain_ids(tokenizer, text), tokenizer.eos_token_id] for text in written]
    assert len(rows) == 4


def test_a_long_text_loses_its_end_and_eos_with_it(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = plain_ids(tokenizer, TEXTS[0])
    assert review_rows(TEXTS[:1], tokenizer, len(ids) + 1) == [[*ids, tokenizer.eos_token_id]]
    assert review_rows(TEXTS[:1], tokenizer, len(ids)) == [ids]
    assert review_rows(TEXTS[:1], tokenizer, 2) == [ids[:2]]


def test_eos_written_out_in_a_review_is_text(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,) = review_rows([f"Good.{END} Bad."], tokenizer, LONGEST)
    assert row.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(row[:-1]) == f"Good.{END} Bad."


def test_log_probs_of_reviews_are_those_after_the_first_token(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    policy = tiny_gpt2(vocabulary=len(tokenizer), dtype=torch.float64)
    # EOS inside a row, at its beginning and at its end, where padding is EOS too.
    rows = [[5, 0, 7, 0], [0, 9], [3], [4, 8, 2, 6, 0]]
    found, count = review_log_probs(policy, rows, 0)
    expected = [-plain_nll(policy, [row])[0] for row in rows]
    assert count == 3 + 1 + 0 + 4
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9
    )


# Perplexity


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("batch_size", [1, 3, 32])
@pytest.mark.parametrize("max_length", [5, LONGEST])
def test_perplexity_equals_the_loop(
    tokenizer: PreTrainedTokenizerBase, make: Maker, batch_size: int, max_length: int
) -> None:
    policy = make(vocabulary=len(tokenizer), dtype=torch.float64)
    rows = review_rows(TEXTS, tokenizer, max_length)
    total, count = plain_nll(policy, rows)
    found = perplexity(policy, tokenizer, TEXTS, max_length=max_length, batch_size=batch_size)
    assert found == pytest.approx(math.exp(total / count), rel=1e-9)


def test_a_policy_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    policy = policy_with_logits([0.0] * len(tokenizer))
    found = perplexity(policy, tokenizer, TEXTS, max_length=LONGEST)
    assert found == pytest.approx(len(tokenizer), rel=1e-5)


def test_perplexity_is_without_dropout(tokenizer: PreTrainedTokenizerBase) -> None:
    policy = tiny_gpt2(vocabulary=len(tokenizer))
    quiet = perplexity(policy, tokenizer, TEXTS, max_length=LONGEST)
    assert perplexity(policy.train(), tokenizer, TEXTS, max_length=LONGEST) == quiet
    assert policy.training


def test_the_trained_policy_is_hardly_perplexed_by_its_own_world(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    texts = [review.text for review in write_reviews(20, seed=503)]
    policy = load_policy(str(POLICY_FOLDER))
    trained = perplexity(policy, tokenizer, texts, max_length=100)
    mixed = perplexity(policy, tokenizer, [text[::-1] for text in texts], max_length=100)
    assert 1 < trained < 10 < mixed


# Tuning


def tune(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, **options: Any
) -> dict[str, list[float]]:
    chosen: dict[str, Any] = {
        "steps": 4,
        "batch_size": 3,
        "learning_rate": 0.01,
        "max_length": 40,
        "max_grad_norm": 1.0,
        "seed": 7,
    }
    texts = options.pop("texts", TEXTS)
    return fine_tune(policy, tokenizer, texts, **chosen | options)


def weights(policy: PreTrainedModel) -> Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def test_tuning_lowers_perplexity_on_reviews_that_it_did_not_see(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    texts = [review.text for review in write_reviews(40, seed=504)]
    policy = small_policy(tokenizer)
    before = perplexity(policy, tokenizer, texts[32:], max_length=40)
    history = tune(policy, tokenizer, texts=texts[:32], steps=30, batch_size=8)
    after = perplexity(policy, tokenizer, texts[32:], max_length=40)
    assert before == pytest.approx(len(tokenizer), rel=0.1)
    assert after < before / 3
    assert history.keys() == {"losses", "gradient_norms"}
    assert len(history["losses"]) == len(history["gradient_norms"]) == 30


def test_the_loss_is_the_mean_over_the_batchs_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    policy = small_policy(tokenizer)
    rows = review_rows(TEXTS, tokenizer, 40)
    total, count = plain_nll(policy, rows)
    history = tune(policy, tokenizer, steps=1, batch_size=len(rows))
    assert history["losses"] == [pytest.approx(total / count, rel=1e-9)]


def test_tuning_is_repeatable_by_seed(tokenizer: PreTrainedTokenizerBase) -> None:
    results = []
    for seed in (7, 7, 8):
        policy = small_policy(tokenizer)
        torch.manual_seed(len(results))  # what the global generator holds does not matter
        history = tune(policy, tokenizer, seed=seed)
        results.append((history, weights(policy)))
    assert results[0][0] == results[1][0] != results[2][0]
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][1], results[2][1])


def test_tuning_leaves_the_global_generator_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    policy = small_policy(tokenizer)
    before = torch.get_rng_state()
    tune(policy.train(), tokenizer)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_text_comes_once_before_one_comes_again(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Great", "Dull.", "The film is bad", "I loved it very much.", "A story"]
    seen: list[list[int]] = []
    sizes: list[int] = []

    def recording(policy: PreTrainedModel, rows: list[list[int]], eos: int) -> tuple[Tensor, int]:
        seen.extend(rows)
        sizes.append(len(rows))
        return review_log_probs(policy, rows, eos)

    monkeypatch.setattr(sft, "review_log_probs", recording)
    tune(small_policy(tokenizer), tokenizer, texts=texts, steps=5, batch_size=3)
    assert sizes == [3] * 5
    rows = review_rows(texts, tokenizer, 40)
    for epoch in range(3):
        assert sorted(seen[5 * epoch : 5 * epoch + 5]) == sorted(rows)
    assert seen[:5] != rows
    assert seen[:5] != seen[5:10]


def test_a_long_gradient_is_cut_and_its_length_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    policy = small_policy(tokenizer)
    history = tune(policy, tokenizer, max_grad_norm=0.125)
    left = math.sqrt(sum(float((p.grad**2).sum()) for p in policy.parameters()))
    assert min(history["gradient_norms"]) > 0.2
    assert left == pytest.approx(0.125, rel=1e-4)


def test_the_first_step_moves_each_weight_by_the_learning_rate(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    # AdamW's first step has the size of the learning rate wherever there is a gradient; its decay
    # is a hundredth of that at most here.
    policy = small_policy(tokenizer)
    before = copy.deepcopy(policy)
    tune(policy, tokenizer, steps=1, learning_rate=0.003)
    moved = (weights(policy) - weights(before)).abs()
    assert moved.max().item() == pytest.approx(0.003, rel=0.02)
