"""The numbered reviews and pairs: all different, with prompts of several lengths."""

import math
from typing import Any

import pytest
import torch

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.examples import (
    HELD_OUT,
    UNKNOWN,
    loss_of_pairs,
    numbered_pairs,
    numbered_reviews,
    rewards_of_reviews,
    shares,
)
from a3lib.kit.checks.probes.models import flat_weights
from a3lib.kit.checks.probes.stubs import (
    MOST_TEXTS,
    angle_of,
    code_of,
    ids_in,
    is_part_of,
    numbered_tokens,
)
from a3lib.kit.checks.probes.stubs_dpo import CHOSEN, REJECTED, DpoStandIns, Pairs, share_of

INPUTS: dict[str, Any] = {
    "texts": ["Fine film.", "A bad one."],
    "count": 500,
    "pairs": [40, 20],
    "noise": 7,
    "stand_ins": "followed",
    "arguments": {"beta": 0.5},
    "positive": 496,
    "negative": 610,
}


def test_reviews_are_all_different() -> None:
    train, test = numbered_reviews(INPUTS)
    assert len(train) == len(set(train)) == 500 and len(test) == 2
    assert not set(train) & set(test)
    assert len(numbered_reviews(INPUTS | {"count": 3})[0]) == 3


def test_rewards_lie_between_0_and_1_and_differ() -> None:
    rewards = rewards_of_reviews(INPUTS)
    assert len(rewards) == 500 == len(rewards.unique())
    assert 0.05 <= float(rewards.min()) < 0.1 and 0.9 < float(rewards.max()) <= 0.95
    assert not torch.equal(rewards, rewards_of_reviews(INPUTS | {"noise": 8}))


def test_pairs_are_all_different_with_prompts_of_several_lengths() -> None:
    train, test = numbered_pairs(INPUTS)
    texts = [text for pair in (*train, *test) for text in pair[1:]]
    assert (len(train), len(test)) == (40, 20) and len(set(texts)) == len(texts)
    assert all(text.startswith(pair.prompt) for pair in train for text in pair[1:])
    lengths = {len(ids) for ids in fixtures.policy_tokenizer()([p.prompt for p in train]).input_ids}
    assert len(lengths) > 2


@pytest.mark.parametrize("ids", [[0], [UNKNOWN, 5, 100], [101, 10_200, HELD_OUT + 3, 9_999]])
def test_tokens_hold_the_numbers_of_texts(ids: list[int]) -> None:
    tokens = numbered_tokens(ids, 30)
    assert ids_in(tokens) == ids and tokens.shape == (len(ids), 30)
    assert int(tokens.min()) > fixtures.policy_tokenizer().eos_token_id


def test_tokens_without_a_number_are_of_no_example() -> None:
    tokens = torch.tensor([[50_256, 11, 13], [2, 0, 1], [101, 101, 2]])
    assert ids_in(tokens) == [UNKNOWN] * 3
    last = MOST_TEXTS - 1
    assert ids_in(numbered_tokens([0, last, last + 1], 30)) == [0, last, UNKNOWN]
    assert math.isfinite(angle_of([0, last, UNKNOWN], [0.1, 0.5, 0.9]))


def test_a_losss_direction_tells_whose_reward_is_whose() -> None:
    right = angle_of([3, 4, 5], [0.1, 0.5, 0.9])
    assert angle_of([5, 4, 3], [0.9, 0.5, 0.1]) == pytest.approx(right)
    for rewards in ([0.9, 0.5, 0.1], [0.5, 0.5, 0.5], [-0.1, -0.5, -0.9], [0.1, 0.5, 0.8]):
        assert abs(angle_of([3, 4, 5], rewards) - right) > 1e-3


def test_a_code_tells_weights_apart() -> None:
    a, b = fixtures.random_policy(3), fixtures.random_policy(3)
    assert code_of(a) == code_of(b)
    with torch.no_grad():
        next(b.parameters())[0, 0] += 0.05
    assert abs(code_of(a) - code_of(b)) > 1e-4


def test_no_weights_have_a_share_near_the_originals() -> None:
    original = fixtures.random_policy(3)
    start, changed = flat_weights(original), fixtures.random_policy(3)
    shares_seen = []
    for _ in range(200):
        with torch.no_grad():
            next(changed.parameters())[0, 0] += 0.05
        shares_seen.append(share_of(changed, start))
    assert share_of(original, start) == share_of(fixtures.random_policy(3), start)
    assert min(abs(share - share_of(original, start)) for share in shares_seen) > 0.05
    assert max(shares_seen) - min(shares_seen) > 0.05
    # Farther from 0.1 a score would be taken for none.
    assert max(shares_seen) < 0.1 + 0.85 * 0.2 / 2


def test_rows_are_found_by_their_texts() -> None:
    pairs = Pairs(*numbered_pairs(INPUTS))
    train, test = numbered_pairs(INPUTS)
    tokenizer = fixtures.policy_tokenizer()
    texts = [train[3].chosen, test[1].rejected, train[3].prompt + train[3].chosen]
    rows = tokenizer(texts)["input_ids"]
    assert pairs.find([*rows[:1], [*rows[1], tokenizer.eos_token_id], rows[2]]) == [
        (3, CHOSEN),
        (HELD_OUT + 1, REJECTED),
        (UNKNOWN, CHOSEN),
    ]
    assert tokenizer.decode(pairs.labels[3, CHOSEN]) == train[3].chosen[len(train[3].prompt) :]


@pytest.mark.parametrize("first", [0, HELD_OUT])
def test_the_stand_ins_of_dpo_know_pairs_sides_and_beta(first: int) -> None:
    train, test = numbered_pairs(INPUTS)
    own_loss, own_scores = (lambda *sums, beta: torch.zeros(())), lambda model, batch: None
    chosen = train[4:7] if first == 0 else test[4:7]
    texts = [p.chosen for p in chosen] + [p.rejected for p in chosen]
    batch = dict(fixtures.policy_tokenizer()(texts, padding=True, return_tensors="pt"))
    policy, reference = fixtures.random_policy(3), fixtures.random_policy(4)
    original = flat_weights(reference)
    stand_ins = DpoStandIns(INPUTS, Pairs(train, test), own_loss, own_scores, original)
    scores = [*stand_ins.get_log_probs(policy, batch).chunk(2)]
    before = [*stand_ins.get_log_probs(reference, batch).chunk(2)]
    stand_ins.compute_DPO_loss(*scores, *before, beta=0.25)
    turned = [values.flip(0) for values in (scores[1], before[1])]
    stand_ins.compute_DPO_loss(scores[0], turned[0], before[0], turned[1])
    call, mixed = stand_ins.calls
    assert call.ids == [first + n for n in (4, 5, 6)] and call.beta == 0.25 and call.mixed == 0
    assert mixed.beta == 0.1 and mixed.mixed == 2
    losses = loss_of_pairs(INPUTS)[int(first > 0)][4:7]
    moved = share_of(policy, original) - 0.02
    assert call.value == pytest.approx(float(losses.mean()) * (1 + moved))


def test_shares_are_spread_between_0_and_1() -> None:
    values = shares(10_000, 5)
    assert 0 <= float(values.min()) < 0.01 and 0.99 < float(values.max()) <= 1
    assert abs(float(values.mean()) - 0.5) < 0.02


def test_rows_are_those_of_a_batch_or_a_part_of_them() -> None:
    whole = numbered_tokens([3, 4, 5, 6], 30)
    assert is_part_of(whole.clone(), whole) and is_part_of(whole[2:], whole)
    assert not is_part_of(whole.flip(0), whole)
    assert not is_part_of(numbered_tokens([3, 4, 5, 6], 30, call=1), whole)
    assert not is_part_of(numbered_tokens([7], 30), whole)
