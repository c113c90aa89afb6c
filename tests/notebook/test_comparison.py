"""What policies write after the same beginnings, with stand-ins for the notebook's functions."""

from typing import Any

import pytest
import torch
from helpers.refusals import refused
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from a3lib.models import load_tokenizer
from a3lib.notebook.comparison import (
    LONGEST_START,
    compare_policies,
    continue_start,
    read_start,
    without_gradients,
)
from a3lib.profiles import MAX_NEW_TOKENS, ORIGINAL, REINFORCE, SEED
from a3lib.results.tables import seed_texts
from a3lib.tinyworld import POLICY_FOLDER
from a3lib.tokenization import seed_prompts

REVIEWS = ["This film is the best one of all the films of this year .", "The plot is dull ."]
# A policy is its number here.
POLICIES: dict[str, Any] = {ORIGINAL: 2, REINFORCE: 5}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(str(POLICY_FOLDER))


def write_on(
    reviews: list[str],
    tokenizer: PreTrainedTokenizerBase,
    policy: Any,
    *scorers: str,
    seed_token_length: int = 10,
) -> tuple[Tensor, Tensor, list[str]]:
    """A compute_reward_for_mini_batch: random rewards, and texts that name their policy."""
    assert scorers == ("reward tokenizer", "reward model")
    ids, mask = seed_prompts(reviews, tokenizer, seed_token_length)
    texts = [f"{tokenizer.decode(row[m.bool()])} by {policy}" for row, m in zip(ids, mask)]
    return torch.rand(len(reviews)), torch.arange(len(reviews))[:, None], texts


def loss_of(rewards: Tensor, tokens: Tensor, policy: Any) -> tuple[Tensor, Tensor]:
    """A compute_reinforce_loss of one text, whose log-probabilities are the policy's number."""
    assert rewards.shape == (1,) and tokens.shape == (1, 1)
    return torch.full((1, 1), float(policy), requires_grad=True), torch.tensor(0.0)


def kl_of(log_probs: Tensor, tokens: Tensor, original: Any) -> Tensor:
    """A compute_kl_divergence that tells its texts and both policies apart."""
    assert not torch.is_grad_enabled()
    return (log_probs - original).sum() + 10 * tokens.sum()


def test_every_policy_continues_the_same_reviews_with_the_same_seed(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    scorers: Any = ("reward tokenizer", "reward model")
    samples = compare_policies(POLICIES, REVIEWS, write_on, tokenizer, *scorers)
    torch.manual_seed(SEED)
    rewards = tuple(torch.rand(2).tolist())
    assert samples.prompts == tuple(seed_texts(REVIEWS, tokenizer))
    assert [model.name for model in samples.models] == [ORIGINAL, REINFORCE]
    for model in samples.models:
        assert model.completions == (f" by {POLICIES[model.name]}",) * 2
        assert model.rewards == rewards
        assert model.kl == (None, None)


def test_each_text_has_its_divergence_from_the_original(tokenizer: PreTrainedTokenizerBase) -> None:
    scorers: Any = ("reward tokenizer", "reward model")
    samples = compare_policies(POLICIES, REVIEWS, write_on, tokenizer, *scorers, (loss_of, kl_of))
    # By hand: the policies are 2 and 5, and the texts' tokens 0 and 1.
    assert [model.kl for model in samples.models] == [(0.0, 10.0), (3.0, 13.0)]


def test_every_policy_goes_on_from_the_whole_start(tokenizer: PreTrainedTokenizerBase) -> None:
    scorers: Any = ("reward tokenizer", "reward model")
    for start in ("The plot", REVIEWS[0]):
        samples = continue_start(POLICIES, write_on, tokenizer, *scorers, start)
        assert samples.prompts == (start,)
        assert [(model.name, model.completions) for model in samples.models] == [
            (ORIGINAL, (" by 2",)),
            (REINFORCE, (" by 5",)),
        ]


def test_a_policy_is_kept_without_its_gradients() -> None:
    policy: Any = torch.nn.Linear(2, 1)
    policy(torch.ones(2)).backward()
    assert without_gradients(policy) is policy
    assert all(parameter.grad is None for parameter in policy.parameters())


@pytest.mark.parametrize("start", ["This film", "zebra <|endoftext|> 😀"])
def test_a_start_is_counted_in_the_tokens_that_a_review_would_have(
    start: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    text, length = read_start(start, tokenizer)
    assert text == start
    _, attention_mask = seed_prompts([start], tokenizer, LONGEST_START)
    assert length == attention_mask.sum()


def test_a_start_leaves_room_for_what_the_tiny_model_writes(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    assert tokenizer.model_max_length >= LONGEST_START + MAX_NEW_TOKENS
    words = " film" * LONGEST_START
    assert read_start(words, tokenizer)[1] == LONGEST_START
    with refused("has 101 tokens; type fewer words, 100 tokens at most"):
        read_start(words + " film", tokenizer)
