"""SLiC-HF and RRHF against plain loops, and against what they must never do."""

import math
from collections.abc import Callable

import pytest
import torch
from helpers.plain_losses import (
    EXTREMES,
    PAIR,
    assert_near,
    doubles,
    gradients_of,
    many,
    some,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from a3lib.losses import (
    rrhf_loss,
    slic_loss,
)

# SLiC-HF


@some
@given(
    st.sampled_from([1, 2, 7]).flatmap(
        lambda n: st.lists(
            st.tuples(*[st.floats(-30, 0)] * 3),
            min_size=n,
            max_size=n,
        )
    ),
    st.sampled_from([0.5, 1.0, 20.0]),
    st.sampled_from([0.0, 0.1, 2.0]),
)
def test_slic_and_its_gradient_equal_the_loop(
    rows: list[tuple[float, float, float]], delta: float, weight: float
) -> None:
    assume(all(abs(delta - w + v) > 1e-6 for w, v, _ in rows))
    sums = [doubles(column).requires_grad_() for column in zip(*rows, strict=True)]
    loss = slic_loss(*sums, delta=delta, target_weight=weight)
    assert loss.shape == (len(rows),)
    expected, gradients = [], []
    for w, v, target in rows:
        active = delta - w + v > 0
        expected.append((delta - w + v if active else 0.0) - weight * target)
        gradients.append((-1.0, 1.0, -weight) if active else (0.0, 0.0, -weight))
    assert_near(loss, expected)
    for found, column in zip(gradients_of(loss, *sums), zip(*gradients, strict=True), strict=True):
        assert_near(found, column)


def test_slic_by_hand() -> None:
    chosen, rejected = doubles([-5.0, -5.0, -5.0]), doubles([-7.0, -5.5, -4.0])
    target = doubles([-2.0, -3.0, -4.0])
    # An order right by 2, right by 0.5 and wrong by 1, with the paper's delta of 1.
    assert_near(slic_loss(chosen, rejected, target), [0.2, 0.8, 2.4])
    assert_near(slic_loss(chosen, rejected, target, delta=3.0, target_weight=0.5), [2.0, 4.0, 6.0])


def test_slic_has_no_reference_in_its_ranking() -> None:
    """Only the two sums' difference counts, with no log-ratio: at step 0 it is not constant."""
    chosen, rejected, target = doubles([-5.0, -6.0]), doubles([-4.5, -4.0]), doubles([-3.0, -3.0])
    loss = slic_loss(chosen, rejected, target)
    assert_near(slic_loss(chosen - 9, rejected - 9, target), loss.tolist())
    assert loss[0] != loss[1]


def test_an_inactive_slic_hinge_leaves_the_gradient_of_the_target_alone() -> None:
    chosen, rejected, target = (doubles([x]).requires_grad_() for x in (-3.0, -9.0, -4.0))
    loss = slic_loss(chosen, rejected, target, target_weight=0.25)
    assert loss.item() == pytest.approx(1.0)
    found = [gradient.item() for gradient in gradients_of(loss, chosen, rejected, target)]
    assert found == [0.0, 0.0, -0.25]


def test_the_slic_target_may_be_the_chosen_completion() -> None:
    chosen, rejected = doubles([-3.0]).requires_grad_(), doubles([-3.5]).requires_grad_()
    loss = slic_loss(chosen, rejected, chosen)
    found = [gradient.item() for gradient in gradients_of(loss, chosen, rejected)]
    assert found == pytest.approx([-1.1, 1.0])


def test_slic_is_finite_far_out_changes_nothing_and_keeps_float32() -> None:
    grid = [(w, v, 0.5 * w) for w in EXTREMES for v in EXTREMES]
    sums = [x.requires_grad_() for x in torch.tensor(grid).T.contiguous()]
    before = [x.detach().clone() for x in sums]
    loss = slic_loss(*sums)
    gradients = gradients_of(loss, *sums)
    assert loss.dtype == torch.float32
    assert all(x.isfinite().all() for x in (loss, *gradients))
    wrong = before[0] <= before[1]
    assert (gradients[0][wrong] == -1).all()
    assert (gradients[1][wrong] == 1).all()
    assert all(torch.equal(x.detach(), y) for x, y in zip(sums, before, strict=True))


@pytest.mark.parametrize("delta", [0, 0.0, -1.0, math.nan, math.inf])
def test_a_slic_delta_that_is_not_above_zero_raises(delta: float) -> None:
    with pytest.raises(ValueError, match=f"delta is {delta};"):
        slic_loss(*PAIR[:3], delta=delta)


@pytest.mark.parametrize("weight", [-0.1, -math.inf, math.nan, math.inf])
def test_a_target_weight_below_zero_raises(weight: float) -> None:
    with pytest.raises(ValueError, match=f"target_weight is {weight};"):
        slic_loss(*PAIR[:3], target_weight=weight)
    with pytest.raises(ValueError, match=f"target_weight is {weight};"):
        rrhf_loss(torch.zeros(1, 2), torch.ones(1, 2), torch.zeros(1, 2), target_weight=weight)


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("wrong", [lambda x: x[:, None], lambda x: x[:1]], ids=["(B,1)", "(1,)"])
def test_sums_of_different_shapes_raise_in_slic(
    position: int, wrong: Callable[[Tensor], Tensor]
) -> None:
    sums = list(PAIR[:3])
    sums[position] = wrong(sums[position])
    with pytest.raises(ValueError, match="must have one shape"):
        slic_loss(*sums)


# RRHF


def loop_rrhf(
    sums: list[float], lengths: list[int], rewards: list[float], exponent: float, weight: float
) -> tuple[float, list[float], float]:
    """The loss of one prompt, its gradient, and how near a pair is to the hinge's corner."""
    count = len(sums)
    scores = [sums[i] / lengths[i] ** exponent for i in range(count)]
    pairs = [(i, j) for i in range(count) for j in range(count) if rewards[j] > rewards[i]]
    value, gradient, corner = 0.0, [0.0] * count, math.inf
    for i, j in pairs:
        corner = min(corner, abs(scores[i] - scores[j]))
        if scores[i] > scores[j]:
            value += (scores[i] - scores[j]) / len(pairs)
            gradient[i] += 1 / lengths[i] ** exponent / len(pairs)
            gradient[j] -= 1 / lengths[j] ** exponent / len(pairs)
    best = 0
    for i in range(count):
        if rewards[i] > rewards[best]:
            best = i
    value -= weight * sums[best] / lengths[best]
    gradient[best] -= weight / lengths[best]
    return value, gradient, corner


def candidate_rows(rows: int, count: int) -> st.SearchStrategy[list[list[tuple[float, int, int]]]]:
    """Sum, length and reward of each candidate; few rewards, so that there are ties."""
    candidate = st.tuples(st.floats(-60, 0), st.integers(1, 20), st.integers(-2, 2))
    row = st.lists(candidate, min_size=count, max_size=count)
    return st.lists(row, min_size=rows, max_size=rows)


@many
@given(
    st.tuples(st.sampled_from([1, 2, 7]), st.integers(1, 5)).flatmap(lambda n: candidate_rows(*n)),
    st.sampled_from([0.0, 0.5, 1.0, 1.5]),
    st.sampled_from([0.0, 1.0, 0.3]),
)
def test_rrhf_and_its_gradient_equal_the_loop(
    rows: list[list[tuple[float, int, int]]], exponent: float, weight: float
) -> None:
    columns = [[list(column) for column in zip(*row, strict=True)] for row in rows]
    expected = [loop_rrhf(*row, exponent, weight) for row in columns]  # type: ignore[arg-type]
    assume(all(corner > 1e-9 for _, _, corner in expected))
    sums = doubles([row[0] for row in columns]).requires_grad_()
    loss = rrhf_loss(
        sums,
        doubles([row[1] for row in columns]),
        doubles([row[2] for row in columns]),
        length_exponent=exponent,
        target_weight=weight,
    )
    assert loss.shape == (len(rows),)
    assert_near(loss, [row[0] for row in expected])
    assert_near(gradients_of(loss, sums)[0], [row[1] for row in expected])


def test_rrhf_by_hand() -> None:
    sums = doubles([[-4.0, -9.0, -2.0]]).requires_grad_()
    lengths, rewards = torch.tensor([[4, 3, 1]]), torch.tensor([[0.5, 0.9, 0.1]])
    # p = -1, -3, -2. Better are (0 over 2): in order; (1 over 0): 2 ahead; (1 over 2): 1 ahead.
    loss = rrhf_loss(sums, lengths, rewards)
    assert_near(loss, [(0 + 2 + 1) / 3 + 9 / 3])
    expected = [[1 / 3 / 4, -2 / 3 / 3 - 1 / 3, 1 / 3 / 1]]
    assert_near(gradients_of(loss, sums)[0], expected)


def test_rrhf_divides_by_the_number_of_pairs_and_not_of_violations_or_candidates() -> None:
    # All 6 pairs of 4 candidates, of which the one between the last two is out of order by 3.
    sums = doubles([[-1.0, -2.0, -6.0, -3.0]])
    rewards = doubles([[4.0, 3.0, 2.0, 1.0]])
    assert_near(rrhf_loss(sums, doubles([[1.0] * 4]), rewards, target_weight=0.0), [3 / 6])


def test_rrhf_counts_the_pairs_of_each_prompt_apart() -> None:
    # Three pairs in the first row, one of them out of order by 6; two in the second, both by 6.
    sums = doubles([[-1.0, -8.0, -2.0], [-1.0, -7.0, -1.0]])
    rewards = doubles([[3.0, 2.0, 1.0], [0.0, 1.0, 0.0]])
    found = rrhf_loss(sums, torch.ones_like(sums), rewards, target_weight=0.0)
    assert_near(found, [6 / 3, (6 + 6) / 2])


def test_ties_count_for_nothing_in_rrhf() -> None:
    sums = doubles([[-1.0, -5.0, -9.0]]).requires_grad_()
    rewards = doubles([[1.0, 1.0, 0.0]])
    loss = rrhf_loss(sums, doubles([[1.0] * 3]), rewards, target_weight=0.0)
    # Two pairs, both in order; the two best may lie as far apart as they like.
    assert loss.item() == 0
    assert not gradients_of(loss, sums)[0].any()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_without_a_pair_the_ranking_term_is_exactly_zero(count: int) -> None:
    torch.manual_seed(2)
    sums = (-9 * torch.rand(3, count)).requires_grad_()
    rewards = torch.full((3, count), 0.7)
    lengths = torch.randint(1, 9, (3, count))
    ranking = rrhf_loss(sums, lengths, rewards, target_weight=0.0)
    assert ranking.tolist() == [0.0] * 3
    assert not gradients_of(ranking, sums)[0].any()
    # What is left is the first candidate's term.
    expected = -sums[:, 0] / lengths[:, 0]
    torch.testing.assert_close(rrhf_loss(sums, lengths, rewards), expected)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_best_response_is_divided_by_its_true_length(exponent: float) -> None:
    sums, lengths = doubles([[-50.0, -6.0]]), doubles([[10.0, 4.0]])
    rewards = doubles([[0.0, 1.0]])
    loss = rrhf_loss(sums, lengths, rewards, length_exponent=exponent, target_weight=2.0)
    # In order by every exponent, so only the likelihood is left.
    assert_near(loss, [2 * 6 / 4])


def test_the_length_exponent_is_on_the_length() -> None:
    sums, lengths, rewards = doubles([[-8.0, -9.0]]), doubles([[16.0, 4.0]]), doubles([[0.0, 1.0]])
    for exponent, ahead in [(0.0, 1.0), (0.5, -2.0 + 4.5), (1.0, -0.5 + 2.25)]:
        loss = rrhf_loss(sums, lengths, rewards, length_exponent=exponent, target_weight=0.0)
        assert_near(loss, [ahead])
    default = rrhf_loss(sums, lengths, rewards)
    assert_near(default, [1.75 + 2.25])


def test_the_first_of_several_best_is_taken() -> None:
    sums = doubles([[-1.0, -4.0, -6.0, -5.0]]).requires_grad_()
    rewards = doubles([[0.0, 2.0, 2.0, 2.0]])
    loss = rrhf_loss(sums, doubles([[1.0, 2.0, 2.0, 2.0]]), rewards)
    ranking = rrhf_loss(sums, doubles([[1.0, 2.0, 2.0, 2.0]]), rewards, target_weight=0.0)
    assert (loss - ranking).item() == pytest.approx(4 / 2)
    assert gradients_of(loss - ranking, sums)[0].tolist() == [[0.0, -0.5, 0.0, 0.0]]


def test_an_order_that_is_right_sends_no_gradient_into_the_others() -> None:
    sums = doubles([[-3.0, -1.0, -2.0], [-1.0, -2.0, -3.0]]).requires_grad_()
    rewards = doubles([[0.1, 0.9, 0.5], [0.9, 0.5, 0.1]])
    loss = rrhf_loss(sums, torch.ones_like(sums), rewards)
    assert_near(gradients_of(loss, sums)[0], [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])


def test_a_step_down_rrhf_raises_the_better_of_a_wrong_pair() -> None:
    sums = doubles([[-1.0, -5.0]]).requires_grad_()
    lengths, rewards = doubles([[1.0, 1.0]]), doubles([[0.0, 1.0]])
    ranking = rrhf_loss(sums, lengths, rewards, target_weight=0.0)
    assert gradients_of(ranking, sums)[0].tolist() == [[1.0, -1.0]]


def test_only_the_order_of_rewards_counts_in_rrhf() -> None:
    torch.manual_seed(3)
    sums, lengths = -9 * torch.rand(4, 5), torch.randint(1, 9, (4, 5))
    rewards = torch.randint(3, (4, 5)).float()
    expected = rrhf_loss(sums, lengths, rewards)
    assert torch.equal(rrhf_loss(sums, lengths, rewards.exp() - 7), expected)


def test_rrhf_changes_none_of_its_arguments_keeps_float32_and_takes_integer_lengths() -> None:
    torch.manual_seed(4)
    arguments = [-9 * torch.rand(3, 4), torch.randint(1, 9, (3, 4)), torch.rand(3, 4)]
    before = [x.clone() for x in arguments]
    loss = rrhf_loss(*arguments)
    assert (loss.shape, loss.dtype) == ((3,), torch.float32)
    assert all(map(torch.equal, arguments, before))
    arguments[1] = arguments[1].float()
    assert torch.equal(rrhf_loss(*arguments), loss)


def test_rrhf_sends_no_gradient_into_the_rewards() -> None:
    sums = doubles([[-1.0, -5.0]]).requires_grad_()
    rewards = doubles([[0.0, 1.0]]).requires_grad_()
    rrhf_loss(sums, doubles([[1.0, 2.0]]), rewards).sum().backward()
    assert sums.grad is not None
    assert rewards.grad is None


def test_rrhf_is_finite_far_out_and_a_wrong_pair_keeps_its_gradient() -> None:
    grid = torch.tensor([(w, v) for w in EXTREMES for v in EXTREMES if w < v])
    sums = grid.requires_grad_()
    rewards = torch.tensor([1.0, 0.0]).expand(grid.shape)
    ranking = rrhf_loss(sums, torch.ones(grid.shape), rewards, target_weight=0.0)
    (gradient,) = gradients_of(ranking, sums)
    assert ranking.isfinite().all()
    assert (gradient == torch.tensor([-1.0, 1.0])).all()


@pytest.mark.parametrize("length", [0, -1])
def test_a_completion_without_a_token_raises_in_rrhf(length: int) -> None:
    lengths = torch.tensor([[3, 2], [1, length]])
    with pytest.raises(ValueError, match="length 0"):
        rrhf_loss(torch.zeros(2, 2), lengths, torch.zeros(2, 2))


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (3,), (2, 3, 1), (3, 2)])
def test_candidates_of_different_shapes_raise(position: int, shape: tuple[int, ...]) -> None:
    arguments = [torch.zeros(2, 3), torch.ones(2, 3), torch.zeros(2, 3)]
    arguments[position] = torch.ones(shape)
    with pytest.raises(ValueError, match="must have one shape"):
        rrhf_loss(*arguments)
