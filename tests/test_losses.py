"""The losses against plain loops, in float64, with the gradients that they must have."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from a3lib.losses import (
    entropy,
    kl_divergence,
    preference_loss,
    reinforce_loss,
    token_kl,
)

TOKEN_SHAPES = [(1, 1), (1, 6), (3, 1), (3, 6), (4, 5)]
VOCABULARY_SHAPES = [(1, 1, 5), (1, 6, 5), (3, 1, 2), (3, 6, 5), (4, 5, 1), (2, 3, 17)]

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def random_mask(*shape: int) -> Tensor:
    return torch.randint(2, shape)


def random_log_probs(*shape: int) -> Tensor:
    return torch.log_softmax(2 * torch.randn(shape, dtype=torch.float64), dim=-1)


def gradient_of(loss: Tensor, leaf: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient


# REINFORCE


def loop_reinforce(
    log_probs: Tensor, rewards: Tensor, mask: Tensor
) -> tuple[float, list[list[float]]]:
    """Value and gradient in plain Python."""
    rows, columns = log_probs.shape
    loss = 0.0
    gradient = []
    for b in range(rows):
        summed = 0.0
        for t in range(columns):
            if mask[b, t]:
                summed += log_probs[b, t].item()
        loss += -rewards[b].item() * summed / rows
        gradient.append([-rewards[b].item() * mask[b, t].item() / rows for t in range(columns)])
    return loss, gradient


@pytest.mark.parametrize("shape", TOKEN_SHAPES)
@pytest.mark.parametrize("mask_dtype", [torch.long, torch.bool, torch.float64])
def test_reinforce_equals_the_loop(shape: tuple[int, int], mask_dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    log_probs = (-3 * torch.rand(shape, dtype=torch.float64)).requires_grad_()
    rewards = torch.randn(shape[0], dtype=torch.float64)
    mask = random_mask(*shape).to(mask_dtype)
    loss = reinforce_loss(log_probs, rewards, mask)
    value, gradient = loop_reinforce(log_probs, rewards, mask)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(value, abs=1e-12)
    torch.testing.assert_close(
        gradient_of(loss, log_probs),
        torch.tensor(gradient, dtype=torch.float64),
        rtol=0,
        atol=1e-12,
    )


def test_reinforce_by_hand_is_a_sum_over_tokens_and_a_mean_over_rows() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, -4.0], [-0.5, -8.0, -8.0]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    loss = reinforce_loss(log_probs, torch.tensor([0.5, 2.0]), mask)
    assert loss.item() == pytest.approx((0.5 * 3.0 + 2.0 * 0.5) / 2)


def test_a_step_down_the_reinforce_loss_raises_the_rewarded_row() -> None:
    log_probs = torch.full((2, 3), -1.0, requires_grad=True)
    loss = reinforce_loss(log_probs, torch.tensor([1.0, -1.0]), torch.ones(2, 3))
    step = -gradient_of(loss, log_probs)
    assert (step[0] > 0).all()
    assert (step[1] < 0).all()


def test_reinforce_sends_no_gradient_into_the_rewards() -> None:
    torch.manual_seed(1)
    log_probs = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    mask = random_mask(3, 4)
    rewards = log_probs.exp().sum(dim=1)
    found = gradient_of(reinforce_loss(log_probs, rewards, mask), log_probs)
    constant = gradient_of(reinforce_loss(log_probs, rewards.detach(), mask), log_probs)
    assert torch.equal(found, constant)
    leaf = torch.ones(3, dtype=torch.float64, requires_grad=True)
    reinforce_loss(log_probs, leaf, mask).backward()
    assert leaf.grad is None


def test_reinforce_changes_none_of_its_arguments() -> None:
    torch.manual_seed(2)
    arguments = [torch.randn(3, 4), torch.randn(3), random_mask(3, 4)]
    before = [argument.clone() for argument in arguments]
    reinforce_loss(*arguments)
    assert all(map(torch.equal, arguments, before))


@pytest.mark.parametrize(
    ("rewards", "mask"),
    [((3, 1), (3, 4)), ((1, 3), (3, 4)), ((4,), (3, 4)), ((1,), (3, 4)), ((), (3, 4))],
)
def test_rewards_of_a_wrong_shape_raise(rewards: tuple[int, ...], mask: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"rewards must have shape \(3,\)"):
        reinforce_loss(torch.zeros(3, 4), torch.zeros(rewards), torch.ones(mask))


def test_a_single_reward_must_have_one_dimension_too() -> None:
    with pytest.raises(ValueError, match="rewards must have shape"):
        reinforce_loss(torch.zeros(1, 4), torch.zeros(1, 1), torch.ones(1, 4))


@pytest.mark.parametrize("mask", [(3, 5), (3, 1), (1, 4), (4,), (3, 4, 1)])
def test_a_mask_of_a_wrong_shape_raises_in_reinforce(mask: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="mask"):
        reinforce_loss(torch.zeros(3, 4), torch.zeros(3), torch.ones(mask))


@pytest.mark.parametrize("hidden", [-math.inf, math.inf, math.nan])
def test_what_the_mask_leaves_out_of_reinforce_may_be_anything(hidden: float) -> None:
    log_probs = torch.tensor([[-1.0, hidden], [hidden, -2.0]], requires_grad=True)
    mask = torch.tensor([[1, 0], [0, 1]])
    loss = reinforce_loss(log_probs, torch.tensor([1.0, 3.0]), mask)
    assert loss.item() == pytest.approx((1.0 + 6.0) / 2)
    assert gradient_of(loss, log_probs).tolist() == [[-0.5, 0.0], [0.0, -1.5]]


def test_a_batch_without_completion_tokens_has_reinforce_loss_zero() -> None:
    log_probs = torch.randn(2, 3, requires_grad=True)
    loss = reinforce_loss(log_probs, torch.ones(2), torch.zeros(2, 3))
    assert loss.item() == 0
    assert not gradient_of(loss, log_probs).any()


def test_reinforce_is_linear_in_the_rewards() -> None:
    torch.manual_seed(3)
    log_probs, mask = torch.randn(4, 5, dtype=torch.float64), random_mask(4, 5)
    first, second = torch.randn(2, 4, dtype=torch.float64)
    together = reinforce_loss(log_probs, 2 * first - 3 * second, mask)
    apart = 2 * reinforce_loss(log_probs, first, mask) - 3 * reinforce_loss(log_probs, second, mask)
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_the_cut_of_a_batch_does_not_matter_to_reinforce(cut: int) -> None:
    torch.manual_seed(4)
    log_probs = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    rewards, mask = torch.randn(5, dtype=torch.float64), random_mask(5, 6)
    whole = reinforce_loss(log_probs, rewards, mask)
    parts = cut / 5 * reinforce_loss(log_probs[:cut], rewards[:cut], mask[:cut])
    parts = parts + (5 - cut) / 5 * reinforce_loss(log_probs[cut:], rewards[cut:], mask[cut:])
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient_of(parts, log_probs), gradient_of(whole, log_probs))


# KL


def loop_kl(log_probs: Tensor, reference: Tensor, mask: Tensor) -> tuple[float, Tensor]:
    """Value and gradient in plain Python: d/dl of e^l (l - q) is e^l (1 + l - q)."""
    rows, columns, vocabulary = log_probs.shape
    value, gradient = 0.0, torch.zeros_like(log_probs)
    for b in range(rows):
        for t in range(columns):
            if not mask[b, t]:
                continue
            for v in range(vocabulary):
                p, q = log_probs[b, t, v].item(), reference[b, t, v].item()
                value += math.exp(p) * (p - q) / rows
                gradient[b, t, v] = math.exp(p) * (1 + p - q) / rows
    return value, gradient


@pytest.mark.parametrize("shape", VOCABULARY_SHAPES)
@pytest.mark.parametrize("mask_dtype", [torch.long, torch.bool])
def test_kl_equals_the_loop(shape: tuple[int, int, int], mask_dtype: torch.dtype) -> None:
    torch.manual_seed(5)
    policy, reference = random_log_probs(*shape).requires_grad_(), random_log_probs(*shape)
    mask = random_mask(*shape[:2]).to(mask_dtype)
    found = kl_divergence(policy, reference, mask)
    value, gradient = loop_kl(policy.detach(), reference, mask)
    assert found.shape == ()
    assert found.item() == pytest.approx(value, abs=1e-12)
    torch.testing.assert_close(gradient_of(found, policy), gradient, rtol=0, atol=1e-12)


def test_kl_equals_torch_kl_div_with_the_policy_as_target() -> None:
    torch.manual_seed(6)
    policy, reference = random_log_probs(3, 4, 5), random_log_probs(3, 4, 5)
    found = kl_divergence(policy, reference, torch.ones(3, 4))
    torchs = F.kl_div(reference, policy, reduction="batchmean", log_target=True)
    torch.testing.assert_close(found, torchs, rtol=0, atol=1e-12)


def test_kl_by_hand_has_the_policy_in_front() -> None:
    policy = torch.tensor([[[0.5, 0.5]]], dtype=torch.float64).log()
    reference = torch.tensor([[[0.9, 0.1]]], dtype=torch.float64).log()
    one = torch.ones(1, 1)
    forward = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    backward = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert kl_divergence(policy, reference, one).item() == pytest.approx(forward, abs=1e-12)
    assert kl_divergence(reference, policy, one).item() == pytest.approx(backward, abs=1e-12)
    assert abs(forward - backward) > 0.1


logit_rows = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.floats(-30, 30), min_size=n, max_size=n), min_size=2, max_size=2)
)


@quick
@given(logit_rows)
def test_kl_is_never_negative(rows: list[list[float]]) -> None:
    policy, reference = torch.tensor(rows, dtype=torch.float64).log_softmax(dim=-1)
    assert kl_divergence(policy[None, None], reference[None, None], torch.ones(1, 1)) >= -1e-12


def test_kl_of_a_policy_to_itself_is_zero_with_zero_gradient() -> None:
    torch.manual_seed(7)
    logits = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    policy = logits.log_softmax(dim=-1)
    found = kl_divergence(policy, policy.detach().clone(), torch.ones(3, 4))
    assert found.item() == 0
    torch.testing.assert_close(
        gradient_of(found, logits), torch.zeros_like(logits), rtol=0, atol=1e-15
    )


def test_kl_gradient_on_the_logits_is_the_textbook_one() -> None:
    """Compare with d KL / d logit_v = P(v) (log P(v) - log Q(v) - KL) at one position."""
    torch.manual_seed(8)
    logits = torch.randn(1, 1, 6, dtype=torch.float64, requires_grad=True)
    reference = random_log_probs(1, 1, 6)
    found = kl_divergence(logits.log_softmax(dim=-1), reference, torch.ones(1, 1))
    log_p = logits.detach().log_softmax(dim=-1)
    expected = log_p.exp() * (log_p - reference - found.item())
    torch.testing.assert_close(gradient_of(found, logits), expected, rtol=0, atol=1e-12)


def test_kl_sums_over_positions_and_averages_over_rows() -> None:
    policy, reference = random_log_probs(1, 1, 5), random_log_probs(1, 1, 5)
    one = kl_divergence(policy, reference, torch.ones(1, 1)).item()
    many = kl_divergence(policy.expand(4, 3, 5), reference.expand(4, 3, 5), torch.ones(4, 3))
    assert many.item() == pytest.approx(3 * one)


def test_kl_leaves_out_prompt_padding_and_the_last_position() -> None:
    torch.manual_seed(9)
    policy, reference = random_log_probs(2, 6, 5), random_log_probs(2, 6, 5)
    # Padding and prompt, then what predicts the completion, then after EOS and the last.
    mask = torch.tensor([[0, 0, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0]])
    left_out = mask == 0
    other = torch.where(left_out[..., None], random_log_probs(2, 6, 5), policy).requires_grad_()
    found = kl_divergence(other, reference, mask)
    torch.testing.assert_close(found, kl_divergence(policy, reference, mask), rtol=0, atol=0)
    gradient = gradient_of(found, other)
    assert not gradient[left_out].any()
    assert gradient[~left_out].all()


def test_kl_without_any_position_is_zero() -> None:
    policy, reference = random_log_probs(2, 3, 5), random_log_probs(2, 3, 5)
    assert kl_divergence(policy, reference, torch.zeros(2, 3)).item() == 0


def test_kl_sends_no_gradient_into_the_reference() -> None:
    policy = random_log_probs(2, 3, 5).requires_grad_()
    reference = random_log_probs(2, 3, 5).requires_grad_()
    kl_divergence(policy, reference, torch.ones(2, 3)).backward()
    assert policy.grad is not None
    assert reference.grad is None


@pytest.mark.parametrize("cut", [1, 3])
def test_the_cut_of_a_batch_does_not_matter_to_kl(cut: int) -> None:
    torch.manual_seed(10)
    policy, reference, mask = (
        random_log_probs(5, 4, 3),
        random_log_probs(5, 4, 3),
        random_mask(5, 4),
    )
    parts = cut / 5 * kl_divergence(policy[:cut], reference[:cut], mask[:cut])
    parts = parts + (5 - cut) / 5 * kl_divergence(policy[cut:], reference[cut:], mask[cut:])
    torch.testing.assert_close(parts, kl_divergence(policy, reference, mask), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("reference", "mask"),
    [
        ((2, 4, 6), (2, 4)),
        ((1, 4, 5), (2, 4)),
        ((2, 1, 5), (2, 4)),
        ((2, 4, 1), (2, 4)),
        ((2, 4, 5), (2, 3)),
        ((2, 4, 5), (2, 1)),
        ((2, 4, 5), (1, 4)),
        ((2, 4, 5), (2, 4, 1)),
        ((2, 4, 5), (2, 4, 5)),
    ],
)
def test_shapes_that_do_not_fit_raise_in_kl(
    reference: tuple[int, ...], mask: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        kl_divergence(torch.zeros(2, 4, 5), torch.zeros(reference), torch.ones(mask))


# DPO


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def four_sums(rows: int, seed: int = 11) -> list[Tensor]:
    torch.manual_seed(seed)
    return [(-20 * torch.rand(rows, dtype=torch.float64)).requires_grad_() for _ in range(4)]


@pytest.mark.parametrize("beta", [0.1, 0.25, 0.5, 3.0])
def test_dpo_is_log_2_where_the_policy_is_the_reference(beta: float) -> None:
    chosen, rejected = torch.tensor([-12.5, -3.0, -40.0]), torch.tensor([-7.0, -11.0, -40.0])
    losses = preference_loss(chosen, rejected, chosen.clone(), rejected.clone(), beta=beta)
    torch.testing.assert_close(losses, torch.full((3,), math.log(2)), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("sums", "beta", "loss"),
    [
        # u of the chosen 2, of the rejected -1: -log sigmoid(0.5 * 3)
        ((-8.0, -21.0, -10.0, -20.0), 0.5, 0.20141327798275246),
        # the other way round: -log sigmoid(-0.5 * 3)
        ((-11.0, -18.0, -10.0, -20.0), 0.5, 1.7014132779827524),
        # -log sigmoid(0.1 * 10)
        ((-5.0, -25.0, -10.0, -20.0), 0.1, 0.31326168751822286),
        # -log sigmoid(2 * 0.5), where only the reference tells the two apart
        ((-6.0, -6.0, -6.25, -5.75), 2.0, 0.31326168751822286),
    ],
)
def test_dpo_by_hand(sums: tuple[float, float, float, float], beta: float, loss: float) -> None:
    arguments = [torch.tensor([x], dtype=torch.float64) for x in sums]
    assert preference_loss(*arguments, beta=beta).item() == pytest.approx(loss, abs=1e-12)


def test_the_default_beta_is_a_tenth() -> None:
    sums = four_sums(3)
    assert torch.equal(preference_loss(*sums), preference_loss(*sums, beta=0.1))


@pytest.mark.parametrize("rows", [1, 3, 7])
@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_dpo_and_its_gradient_equal_the_loop(rows: int, beta: float) -> None:
    sums = four_sums(rows)
    losses = preference_loss(*sums, beta=beta)
    assert losses.shape == (rows,)
    chosen, rejected = torch.autograd.grad(losses.sum(), sums[:2])
    for b in range(rows):
        pw, pl, rw, rl = (x[b].item() for x in sums)
        margin = (pw - rw) - (pl - rl)
        assert losses[b].item() == pytest.approx(-math.log(sigmoid(beta * margin)), abs=1e-12)
        slope = -beta * sigmoid(-beta * margin)
        assert chosen[b].item() == pytest.approx(slope, abs=1e-12)
        assert rejected[b].item() == pytest.approx(-slope, abs=1e-12)


def test_swapping_chosen_and_rejected_turns_the_margin_round() -> None:
    pw, pl, rw, rl = four_sums(5)
    there = preference_loss(pw, pl, rw, rl, beta=0.3)
    back = preference_loss(pl, pw, rl, rw, beta=0.3)
    margin = (pw - rw) - (pl - rl)
    torch.testing.assert_close(back - there, 0.3 * margin, rtol=0, atol=1e-12)
    turned = -F.logsigmoid(-0.3 * margin)
    torch.testing.assert_close(back, turned, rtol=0, atol=1e-12)


def test_a_common_shift_of_policy_and_reference_changes_nothing() -> None:
    pw, pl, rw, rl = four_sums(5)
    shifted = preference_loss(pw + 7, pl - 2, rw + 7, rl - 2, beta=0.3)
    torch.testing.assert_close(
        shifted, preference_loss(pw, pl, rw, rl, beta=0.3), rtol=0, atol=1e-12
    )


def test_each_pair_has_its_own_loss() -> None:
    sums = four_sums(4)
    together = preference_loss(*sums)
    for b in range(4):
        alone = preference_loss(*(x[b : b + 1] for x in sums))
        torch.testing.assert_close(together[b : b + 1], alone, rtol=0, atol=0)


@pytest.mark.parametrize(("margin", "value", "slope"), [(1e4, 0.0, 0.0), (-1e4, 1e3, -0.1)])
def test_dpo_stays_finite_in_float32(margin: float, value: float, slope: float) -> None:
    chosen = torch.tensor([margin], requires_grad=True)
    zero = torch.zeros(1)
    loss = preference_loss(chosen, zero, zero, zero, beta=0.1)
    assert loss.item() == pytest.approx(value)
    assert gradient_of(loss.sum(), chosen).item() == pytest.approx(slope)


@pytest.mark.parametrize("beta", [0.0, -0.1, math.nan])
def test_a_beta_that_is_not_above_zero_raises(beta: float) -> None:
    with pytest.raises(ValueError, match="beta is"):
        preference_loss(*four_sums(2), beta=beta)


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(
    "wrong", [lambda x: x[:, None], lambda x: x[:1], lambda x: x[0]], ids=["(B,1)", "(1,)", "()"]
)
def test_sums_of_different_shapes_raise(position: int, wrong: Callable[[Tensor], Tensor]) -> None:
    sums = four_sums(3)
    sums[position] = wrong(sums[position])
    with pytest.raises(ValueError, match="must have one shape"):
        preference_loss(*sums)


def test_kl_takes_no_gradient_from_positions_outside_the_mask() -> None:
    log_probs = torch.randn(1, 2, 3).log_softmax(-1)
    log_probs[0, 1] = float("nan")
    log_probs.requires_grad_()
    reference = torch.randn(1, 2, 3).log_softmax(-1)
    kl_divergence(log_probs, reference, torch.tensor([[1, 0]])).backward()
    assert log_probs.grad is not None
    assert log_probs.grad[0, 0].isfinite().all()
    assert (log_probs.grad[0, 1] == 0).all()


# Entropy and divergence of each position


@pytest.mark.parametrize("shape", [(5,), (1, 3), (4, 2, 7), (2, 3, 1)])
def test_entropy_and_divergence_equal_the_loop(shape: tuple[int, ...]) -> None:
    torch.manual_seed(6)
    policy, reference = random_log_probs(*shape), random_log_probs(*shape)
    entropies, divergences = entropy(policy), token_kl(policy, reference)
    assert entropies.shape == divergences.shape == shape[:-1]
    rows = zip(policy.view(-1, shape[-1]), reference.view(-1, shape[-1]), strict=True)
    for place, (p, q) in enumerate(rows):
        expected = -sum(math.exp(x) * x for x in p.tolist())
        assert entropies.flatten()[place].item() == pytest.approx(expected, abs=1e-12)
        expected = sum(math.exp(x) * (x - y) for x, y in zip(p.tolist(), q.tolist(), strict=True))
        assert divergences.flatten()[place].item() == pytest.approx(expected, abs=1e-12)


def test_entropy_by_hand() -> None:
    uniform = torch.zeros(3, 8, dtype=torch.float64).log_softmax(dim=-1)
    torch.testing.assert_close(entropy(uniform), torch.full((3,), math.log(8)).double())
    halves = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64).log()
    assert entropy(halves).item() == pytest.approx(1.5 * math.log(2), abs=1e-12)
    # All but certain: the others have no share that float32 can hold.
    certain = torch.tensor([0.0, -1000.0, -1000.0]).log_softmax(dim=-1)
    assert entropy(certain).item() == 0.0


def test_divergence_by_hand() -> None:
    policy = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    reference = torch.tensor([0.75, 0.25], dtype=torch.float64).log()
    forward = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    backward = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert token_kl(policy, reference).item() == pytest.approx(forward, abs=1e-12)
    assert token_kl(reference, policy).item() == pytest.approx(backward, abs=1e-12)
    assert abs(forward - backward) > 0.01
    assert token_kl(policy, policy).item() == 0.0


def test_divergences_of_positions_sum_up_to_the_penalty() -> None:
    torch.manual_seed(7)
    policy, reference = random_log_probs(4, 6, 9), random_log_probs(4, 6, 9)
    mask = torch.randint(2, (4, 6))
    total = (token_kl(policy, reference) * mask).sum(dim=1).mean()
    torch.testing.assert_close(total, kl_divergence(policy, reference, mask))


def test_the_penalty_is_the_sum_of_all_terms_to_the_last_digit() -> None:
    """In float32 another order of summing gives another digit, and a run's figures would move."""
    torch.manual_seed(8)
    policy, reference = (3 * torch.randn(6, 7, 300).log_softmax(dim=-1) for _ in range(2))
    mask = torch.randint(2, (6, 7))
    p, q = policy[mask.bool()], reference[mask.bool()]
    terms = p.exp() * (p - q)
    assert torch.equal(kl_divergence(policy, reference, mask), terms.sum() / 6)
    assert torch.equal(token_kl(p, q), terms.sum(dim=-1))
