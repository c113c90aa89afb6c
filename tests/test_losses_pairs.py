"""The losses of a pair against plain loops, and against what they must never do."""

import math
from collections.abc import Callable

import pytest
import torch
from helpers.plain_losses import (
    EXTREMES,
    PAIR,
    assert_near,
    doubles,
    each_case,
    each_score,
    gradients_of,
    huge,
    moderate,
    options,
    pair_sums,
    plain_preference,
    plain_score,
    some,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from a3lib.losses import (
    check_divergence,
    divergence_score,
    initial_slope,
    preference_loss,
)

# The limits of alpha, and equal initial gradients


@pytest.mark.parametrize("link", ["sigmoid", "hinge"])
@pytest.mark.parametrize(
    ("alpha", "limit"), [(1e-7, "reverse_kl"), (1 - 1e-7, "forward_kl")], ids=["0", "1"]
)
def test_the_loss_of_alpha_has_both_limits(link: str, alpha: float, limit: str) -> None:
    grid = [(w / 4, v / 4) for w in range(-12, 13, 3) for v in range(-12, 13, 4)]
    sums = pair_sums(grid)
    # With this beta no pair of the grid lies on the hinge's corner.
    loss = preference_loss(*sums, beta=0.123, link=link, divergence="alpha", alpha=alpha)
    expected = preference_loss(*sums, beta=0.123, link=link, divergence=limit)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    found = gradients_of(loss, *sums[:2])
    for gradient, other in zip(found, gradients_of(expected, *sums[:2]), strict=True):
        torch.testing.assert_close(gradient, other, rtol=0, atol=1e-5)
    # A half is neither, so the comparison above can fail.
    half = preference_loss(*sums, beta=0.123, link=link, divergence="alpha", alpha=0.5)
    assert (half - expected).abs().max() > 0.1


@each_score
@pytest.mark.parametrize(("link", "expected"), [("sigmoid", -0.05), ("hinge", -0.1)])
def test_beta_over_the_initial_slope_gives_equal_initial_gradients(
    divergence: str, alpha: float | None, link: str, expected: float
) -> None:
    sums = pair_sums([(0.0, 0.0)] * 3)
    loss = preference_loss(
        *sums, beta=0.1 / initial_slope(divergence), link=link, divergence=divergence, alpha=alpha
    )
    chosen, rejected = gradients_of(loss, *sums[:2])
    assert_near(chosen, [expected] * 3, 1e-15)
    assert_near(rejected, [-expected] * 3, 1e-15)


# The losses of a pair


@each_case
@some
@given(
    st.sampled_from([1, 2, 7]).flatmap(
        lambda n: st.lists(st.tuples(moderate, moderate), min_size=n, max_size=n)
    ),
    st.sampled_from([0.05, 0.1, 0.5, 2.0]),
)
def test_a_loss_and_its_gradient_equal_the_loop(
    divergence: str,
    alpha: float | None,
    link: str,
    smoothing: float,
    ratios: list[tuple[float, float]],
    beta: float,
) -> None:
    if link == "hinge":
        # At its corner a hinge has two gradients.
        for w, v in ratios:
            delta = plain_score(w, divergence, alpha)[0] - plain_score(v, divergence, alpha)[0]
            assume(abs(beta * delta - 1) > 1e-6)
    sums = pair_sums(ratios)
    loss = preference_loss(*sums, beta=beta, **options(divergence, alpha, link, smoothing))
    chosen, rejected = gradients_of(loss, *sums[:2])
    expected = [plain_preference(w, v, beta, link, divergence, alpha, smoothing) for w, v in ratios]
    assert loss.shape == (len(ratios),)
    assert_near(loss, [row[0] for row in expected])
    assert_near(chosen, [row[1] for row in expected])
    assert_near(rejected, [row[2] for row in expected])


@each_case
@pytest.mark.parametrize("rows", [1, 7])
def test_autograd_agrees_with_finite_differences(
    divergence: str, alpha: float | None, link: str, smoothing: float, rows: int
) -> None:
    torch.manual_seed(0)
    # Small ratios: with them no hinge is near its corner.
    sums = pair_sums((4 * torch.rand(rows, 2) - 2).tolist())
    assert torch.autograd.gradcheck(
        lambda w, v: preference_loss(
            w, v, *sums[2:], beta=0.05, **options(divergence, alpha, link, smoothing)
        ),
        sums[:2],
        eps=1e-5,
        atol=1e-7,
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("link", "beta", "ratios", "loss"),
    [
        # 1 - 0.1 * 3; the beta is on the margin and not on the 1
        ("hinge", 0.1, (2.0, -1.0), 0.7),
        ("hinge", 0.1, (-1.0, 2.0), 1.3),
        ("hinge", 0.5, (2.0, -1.0), 0.0),
        # (3 - 1 / 0.2)^2 and (-3 - 1 / 0.2)^2
        ("ipo", 0.1, (2.0, -1.0), 4.0),
        ("ipo", 0.1, (-1.0, 2.0), 64.0),
        # a margin of 1 / (2 beta) is what ipo wants
        ("ipo", 0.25, (2.0, 0.0), 0.0),
    ],
)
def test_hinge_and_ipo_by_hand(
    link: str, beta: float, ratios: tuple[float, float], loss: float
) -> None:
    found = preference_loss(*pair_sums([ratios]), beta=beta, link=link)
    assert found.item() == pytest.approx(loss, abs=1e-12)


def test_label_smoothing_by_hand() -> None:
    # 0.9 * 0.3132616875 (right) + 0.1 * 1.3132616875 (wrong) at beta Delta = 1
    loss = preference_loss(*pair_sums([(6.0, -4.0)]), beta=0.1, label_smoothing=0.1)
    assert loss.item() == pytest.approx(0.41326168751822286, abs=1e-12)


def test_label_smoothing_is_the_expected_loss_under_wrong_labels() -> None:
    w, v, rw, rv = pair_sums([(2.0, -1.0), (-3.0, 0.5), (0.0, 0.0)])
    smoothed = preference_loss(w, v, rw, rv, beta=0.7, label_smoothing=0.3)
    right, swapped = (
        preference_loss(w, v, rw, rv, beta=0.7),
        preference_loss(v, w, rv, rw, beta=0.7),
    )
    torch.testing.assert_close(smoothed, 0.7 * right + 0.3 * swapped, rtol=0, atol=1e-12)


def test_label_smoothing_is_least_where_the_policy_believes_the_labels_as_much() -> None:
    # sigmoid(beta Delta) = 1 - e, so a margin beyond that is pulled back.
    best = math.log(0.8 / 0.2)
    sums = pair_sums([(best - 0.1, 0.0), (best, 0.0), (best + 0.1, 0.0)])
    loss = preference_loss(*sums, beta=1.0, label_smoothing=0.2)
    (slope,) = gradients_of(loss, sums[0])
    assert slope[0] < -1e-3
    assert abs(slope[1]) < 1e-12
    assert slope[2] > 1e-3


def test_plain_options_are_the_default() -> None:
    sums = pair_sums([(2.0, -1.0), (-3.0, 0.5)])
    named = preference_loss(*sums, beta=0.1, **options("reverse_kl", None, "sigmoid", 0.0))
    assert torch.equal(preference_loss(*sums), named)


@each_case
def test_each_pair_has_its_own_loss_whatever_the_others(
    divergence: str, alpha: float | None, link: str, smoothing: float
) -> None:
    sums = pair_sums([(2.0, -1.0), (-3.0, 0.5), (0.25, 0.0), (1e4, -1e4)])
    how = options(divergence, alpha, link, smoothing)
    together = preference_loss(*sums, **how)
    for b in range(4):
        alone = preference_loss(*(x[b : b + 1] for x in sums), **how)
        torch.testing.assert_close(together[b : b + 1], alone, rtol=1e-12, atol=0)


# Far out


@each_case
@pytest.mark.parametrize("beta", [0.01, 0.1, 2.0])
def test_losses_and_gradients_stay_finite_and_wrong_pairs_keep_a_gradient_in_float32(
    divergence: str, alpha: float | None, link: str, smoothing: float, beta: float
) -> None:
    grid = [(w, v) for w in EXTREMES for v in EXTREMES]
    chosen, rejected = (x.requires_grad_() for x in torch.tensor(grid).T.contiguous())
    zero = torch.zeros(len(grid))
    loss = preference_loss(
        chosen, rejected, zero, zero, beta=beta, **options(divergence, alpha, link, smoothing)
    )
    up, down = gradients_of(loss, chosen, rejected)
    assert loss.dtype == torch.float32
    for found in (loss, up, down):
        assert found.isfinite().all()
    wrong = (chosen <= rejected).detach()
    # A step down the loss raises the chosen and lowers the rejected.
    assert (up[wrong] < 0).all()
    assert (down[wrong] > 0).all()


@each_score
def test_two_ratios_beyond_the_threshold_are_still_told_apart(
    divergence: str, alpha: float | None
) -> None:
    """A clamp on both sides would make this ln 2 with a gradient of exactly zero."""
    chosen = torch.tensor([-2000.0, -1000.0], requires_grad=True)
    rejected = torch.tensor([-1000.0, -2000.0], requires_grad=True)
    zero = torch.zeros(2)
    loss = preference_loss(chosen, rejected, zero, zero, divergence=divergence, alpha=alpha)
    assert loss[0] > 99
    assert loss[1] < 1e-6
    assert gradients_of(loss, chosen)[0][0] <= -0.0999


@each_case
@some
@given(st.tuples(huge, huge))
def test_far_out_a_loss_and_its_gradient_still_equal_the_loop(
    divergence: str,
    alpha: float | None,
    link: str,
    smoothing: float,
    ratios: tuple[float, float],
) -> None:
    expected = plain_preference(*ratios, 1e-4, link, divergence, alpha, smoothing)
    delta = plain_score(ratios[0], divergence, alpha)[0]
    delta -= plain_score(ratios[1], divergence, alpha)[0]
    assume(link != "hinge" or abs(1e-4 * delta - 1) > 1e-6)
    chosen, rejected = (doubles([u]).requires_grad_() for u in ratios)
    zero = doubles([0.0])
    how = options(divergence, alpha, link, smoothing)
    loss = preference_loss(chosen, rejected, zero, zero, beta=1e-4, **how)
    up, down = gradients_of(loss, chosen, rejected)
    for found, value in zip((loss, up, down), expected, strict=True):
        assert_near(found, [value])


# Step 0


@each_case
@pytest.mark.parametrize("rows", [1, 7])
def test_at_step_0_the_loss_is_known(
    divergence: str, alpha: float | None, link: str, smoothing: float, rows: int
) -> None:
    torch.manual_seed(1)
    chosen, rejected = -50 * torch.rand(2, rows)
    loss = preference_loss(
        chosen,
        rejected,
        chosen.clone(),
        rejected.clone(),
        beta=0.25,
        **options(divergence, alpha, link, smoothing),
    )
    known = {"sigmoid": math.log(2), "hinge": 1.0, "ipo": 4.0}[link]
    torch.testing.assert_close(loss, torch.full((rows,), known), rtol=0, atol=1e-6)


@each_case
def test_a_loss_changes_none_of_its_arguments_and_keeps_float32(
    divergence: str, alpha: float | None, link: str, smoothing: float
) -> None:
    sums = pair_sums([(2.0, -1.0), (-300.0, 0.5)], torch.float32)
    before = [x.detach().clone() for x in sums]
    loss = preference_loss(*sums, **options(divergence, alpha, link, smoothing))
    assert (loss.shape, loss.dtype) == ((2,), torch.float32)
    assert loss.requires_grad
    loss.sum().backward()
    assert all(torch.equal(x.detach(), y) for x, y in zip(sums, before, strict=True))
    # A reference that was computed without gradients is enough.
    assert sums[2].grad is None
    assert sums[3].grad is None


# Refusals


@pytest.mark.parametrize("name", ["kl", "js", "reverse-kl", "Forward_KL", ""])
def test_an_unknown_divergence_raises(name: str) -> None:
    for refused in (
        lambda: check_divergence(name, None),
        lambda: divergence_score(torch.zeros(2), name),
        lambda: preference_loss(*PAIR, divergence=name),
    ):
        with pytest.raises(ValueError, match=f"no divergence '{name}'.*jensen_shannon"):
            refused()


@pytest.mark.parametrize("name", ["dpo", "logistic", "Sigmoid", ""])
def test_an_unknown_link_raises(name: str) -> None:
    with pytest.raises(ValueError, match=f"no link '{name}'.*hinge"):
        preference_loss(*PAIR, link=name)


@pytest.mark.parametrize("alpha", [None, 0, 0.0, 1, 1.0, -0.5, 1.5, math.nan, math.inf])
def test_an_alpha_that_is_missing_or_not_between_0_and_1_raises(alpha: float | None) -> None:
    for refused in (
        lambda: check_divergence("alpha", alpha),
        lambda: divergence_score(torch.zeros(2), "alpha", alpha),
        lambda: preference_loss(*PAIR, divergence="alpha", alpha=alpha),
    ):
        with pytest.raises(ValueError, match=f"alpha is {alpha};"):
            refused()


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("divergence", ["reverse_kl", "forward_kl", "jensen_shannon"])
def test_an_alpha_that_is_left_over_raises(divergence: str, alpha: float) -> None:
    for refused in (
        lambda: check_divergence(divergence, alpha),
        lambda: divergence_score(torch.zeros(2), divergence, alpha),
        lambda: preference_loss(*PAIR, divergence=divergence, alpha=alpha),
    ):
        with pytest.raises(ValueError, match=f"alpha = {alpha} means nothing with {divergence}"):
            refused()


@pytest.mark.parametrize("link", ["sigmoid", "hinge", "ipo"])
@pytest.mark.parametrize("beta", [0, 0.0, -0.1, math.nan, math.inf, -math.inf])
def test_a_beta_that_is_not_a_number_above_zero_raises(beta: float, link: str) -> None:
    with pytest.raises(ValueError, match=f"beta is {beta};"):
        preference_loss(*PAIR, beta=beta, link=link)


@pytest.mark.parametrize(
    ("divergence", "alpha"), [("forward_kl", None), ("jensen_shannon", None), ("alpha", 0.5)]
)
def test_ipo_takes_reverse_kl_only(divergence: str, alpha: float | None) -> None:
    with pytest.raises(ValueError, match=f"ipo with the divergence {divergence}"):
        preference_loss(*PAIR, link="ipo", divergence=divergence, alpha=alpha)


@pytest.mark.parametrize("link", ["hinge", "ipo"])
def test_label_smoothing_goes_with_the_sigmoid_only(link: str) -> None:
    with pytest.raises(ValueError, match=f"label_smoothing with the link {link}"):
        preference_loss(*PAIR, link=link, label_smoothing=0.1)


@pytest.mark.parametrize("smoothing", [0.5, 0.9, 1.0, -0.1, math.nan])
def test_label_smoothing_outside_its_range_raises(smoothing: float) -> None:
    with pytest.raises(ValueError, match=f"label_smoothing is {smoothing};"):
        preference_loss(*PAIR, label_smoothing=smoothing)


@pytest.mark.parametrize("link", ["sigmoid", "hinge", "ipo"])
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(
    "wrong", [lambda x: x[:, None], lambda x: x[:1], lambda x: x[0]], ids=["(B,1)", "(1,)", "()"]
)
def test_sums_of_different_shapes_raise_under_every_link(
    link: str, position: int, wrong: Callable[[Tensor], Tensor]
) -> None:
    sums = list(PAIR)
    sums[position] = wrong(sums[position])
    with pytest.raises(ValueError, match="must have one shape"):
        preference_loss(*sums, link=link)
