"""The study's preference losses against plain loops, and against what they must never do."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from a3lib.losses import (
    beyond_threshold,
    check_divergence,
    continued_exp,
    divergence_score,
    initial_slope,
    preference_loss,
    rrhf_loss,
    slic_loss,
)

SCORES: list[tuple[str, float | None]] = [
    ("reverse_kl", None),
    ("forward_kl", None),
    ("jensen_shannon", None),
    ("alpha", 0.3),
    ("alpha", 0.5),
    ("alpha", 0.7),
]
# Every combination that means something: divergence, alpha, link, label smoothing.
CASES: list[tuple[str, float | None, str, float]] = [
    *((divergence, alpha, "sigmoid", 0.0) for divergence, alpha in SCORES),
    *((divergence, alpha, "sigmoid", 0.2) for divergence, alpha in SCORES),
    *((divergence, alpha, "hinge", 0.0) for divergence, alpha in SCORES),
    ("reverse_kl", None, "ipo", 0.0),
]
# From where nothing is an exponential any more, across both thresholds and float32's own limit.
EXTREMES = [0.0, 1e-3, 1.0, 4.9, 5.1, 16.7, 39.0, 41.0, 88.0, 89.0, 104.0, 1000.0, 9999.0, 10000.0]
EXTREMES = sorted({sign * size for sign in (-1, 1) for size in EXTREMES})

moderate = st.floats(-3, 3)
huge = st.floats(-10000, 10000)
some = settings(max_examples=25, deadline=None, derandomize=True, database=None)
many = settings(max_examples=100, deadline=None, derandomize=True, database=None)

each_score = pytest.mark.parametrize(("divergence", "alpha"), SCORES)
each_case = pytest.mark.parametrize(("divergence", "alpha", "link", "smoothing"), CASES)


def doubles(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def gradients_of(values: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(values.sum(), leaves)


def assert_near(found: Tensor, expected: Any, tolerance: float = 1e-9) -> None:
    """Both relative and absolute, because scores beyond the threshold run into the millions."""
    torch.testing.assert_close(found, doubles(expected), rtol=tolerance, atol=tolerance)


# The definitions once more, for one number at a time: (value, slope)


def plain_exp(x: float) -> tuple[float, float]:
    """Exp from -40 to 5, and its two tangents."""
    if x > 5:
        return math.exp(5) * (1 + x - 5), math.exp(5)
    if x < -40:
        return math.exp(-40) * (1 + x + 40), math.exp(-40)
    return math.exp(x), math.exp(x)


def plain_score(u: float, divergence: str, alpha: float | None) -> tuple[float, float]:
    if divergence == "reverse_kl":
        return u, 1.0
    if divergence == "forward_kl":
        value, slope = plain_exp(-u)
        return -value, slope
    if divergence == "alpha":
        assert alpha is not None
        value, slope = plain_exp(-alpha * u)
        return (1 - value) / alpha, slope
    if u >= 0:
        value, slope = plain_exp(-u)
        return math.log(2) - math.log1p(value), slope / (1 + value)
    value, slope = plain_exp(u)
    return math.log(2) + u - math.log1p(value), 1 - slope / (1 + value)


def plain_link(delta: float, beta: float, link: str, smoothing: float) -> tuple[float, float]:
    x = beta * delta
    if link == "ipo":
        return (delta - 0.5 / beta) ** 2, 2 * (delta - 0.5 / beta)
    if link == "hinge":
        return (1 - x, -beta) if x < 1 else (0.0, 0.0)
    right, wrong = plain_softplus(-x), plain_softplus(x)
    slope_right, slope_wrong = -beta * plain_sigmoid(-x), beta * plain_sigmoid(x)
    return (
        (1 - smoothing) * right + smoothing * wrong,
        (1 - smoothing) * slope_right + smoothing * slope_wrong,
    )


def plain_softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def plain_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def plain_preference(
    chosen: float,
    rejected: float,
    beta: float,
    link: str,
    divergence: str,
    alpha: float | None,
    smoothing: float,
) -> tuple[float, float, float]:
    """The loss of a pair of log-ratios, and its gradients on the chosen and the rejected."""
    score_w, slope_w = plain_score(chosen, divergence, alpha)
    score_l, slope_l = plain_score(rejected, divergence, alpha)
    loss, slope = plain_link(score_w - score_l, beta, link, smoothing)
    return loss, slope * slope_w, -slope * slope_l


def pair_sums(
    ratios: list[tuple[float, float]], dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Policy and reference sums of completions that have these log-ratios."""
    reference_chosen = torch.tensor([-7.0 - b for b in range(len(ratios))], dtype=dtype)
    reference_rejected = torch.tensor([-9.0 + b for b in range(len(ratios))], dtype=dtype)
    chosen, rejected = torch.tensor(ratios, dtype=dtype).reshape(-1, 2).unbind(dim=1)
    return (
        (reference_chosen + chosen).requires_grad_(),
        (reference_rejected + rejected).requires_grad_(),
        reference_chosen,
        reference_rejected,
    )


def options(divergence: str, alpha: float | None, link: str, smoothing: float) -> dict[str, Any]:
    return {
        "divergence": divergence,
        "alpha": alpha,
        "link": link,
        "label_smoothing": smoothing,
    }


# The exponential and its lines


@many
@given(st.floats(-40, 5))
def test_the_exponential_is_exact_between_its_ends(x: float) -> None:
    leaf = doubles([x]).requires_grad_()
    value = continued_exp(leaf)
    (slope,) = gradients_of(value, leaf)
    assert value.item() == pytest.approx(math.exp(x), rel=1e-14)
    assert slope.item() == pytest.approx(math.exp(x), rel=1e-14)


@many
@given(huge)
def test_the_exponential_is_its_tangent_outside(x: float) -> None:
    value, slope = plain_exp(x)
    leaf = doubles([x]).requires_grad_()
    found = continued_exp(leaf)
    assert found.item() == pytest.approx(value, rel=1e-12)
    assert gradients_of(found, leaf)[0].item() == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("end", [-40.0, 5.0])
def test_value_and_slope_go_on_without_a_step_at_both_ends(end: float) -> None:
    before, behind = math.nextafter(end, -math.inf), math.nextafter(end, math.inf)
    leaf = doubles([before, end, behind]).requires_grad_()
    values = continued_exp(leaf)
    for found in (values, *gradients_of(values, leaf)):
        assert found.tolist() == pytest.approx([math.exp(end)] * 3, rel=1e-12)


@many
@given(huge, huge)
def test_the_exponential_rises_strictly_and_its_slope_never_falls(
    first: float, last: float
) -> None:
    assume(abs(first - last) > 1e-3)
    leaf = doubles(sorted([first, last])).requires_grad_()
    value = continued_exp(leaf)
    (slope,) = gradients_of(value, leaf)
    assert value[0] < value[1]
    assert 0 < slope[0] <= slope[1]


def test_the_exponential_is_finite_with_a_live_slope_in_float32() -> None:
    leaf = torch.tensor(EXTREMES).reshape(3, -1).requires_grad_()
    value = continued_exp(leaf)
    (slope,) = gradients_of(value, leaf)
    assert (value.shape, value.dtype) == (leaf.shape, torch.float32)
    assert value.isfinite().all()
    assert slope.isfinite().all()
    assert (slope > 0).all()


# Scores


@each_score
@some
@given(st.lists(moderate, min_size=1, max_size=7))
def test_a_score_and_its_slope_equal_the_loop(
    divergence: str, alpha: float | None, ratios: list[float]
) -> None:
    leaf = doubles(ratios).requires_grad_()
    score = divergence_score(leaf, divergence, alpha)
    expected = [plain_score(u, divergence, alpha) for u in ratios]
    assert score.shape == leaf.shape
    assert_near(score, [value for value, _ in expected])
    assert_near(gradients_of(score, leaf)[0], [slope for _, slope in expected])


@each_score
@some
@given(huge)
def test_a_score_goes_on_as_the_line_far_out(
    divergence: str, alpha: float | None, ratio: float
) -> None:
    leaf = doubles([ratio]).requires_grad_()
    score = divergence_score(leaf, divergence, alpha)
    value, slope = plain_score(ratio, divergence, alpha)
    assert_near(score, [value])
    found = gradients_of(score, leaf)[0].item()
    # Relative, because the slopes far out on the right are near exp(-40).
    assert found == pytest.approx(slope, rel=1e-9)


@each_score
@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_a_slope_has_all_its_digits_on_its_way_down(
    divergence: str, alpha: float | None, dtype: torch.dtype, digits: float
) -> None:
    """The derivative of expm1 taken as expm1 + 1 is exactly 0 below -17 in float32."""
    leaf = torch.linspace(-60, 150, 211, dtype=dtype).requires_grad_()
    (slope,) = gradients_of(divergence_score(leaf, divergence, alpha), leaf)
    expected = [plain_score(u, divergence, alpha)[1] for u in leaf.tolist()]
    assert slope.tolist() == pytest.approx(expected, rel=digits, abs=0)


@pytest.mark.parametrize(
    ("divergence", "alpha", "at_minus_2", "at_1"),
    [
        ("reverse_kl", None, -2.0, 1.0),
        ("forward_kl", None, -7.38905609893065, -0.36787944117144233),
        ("jensen_shannon", None, -1.433780830483027, 0.3798854930417225),
        ("alpha", 0.5, -3.43656365691809, 0.7869386805747332),
        ("alpha", 0.3, -2.740396001301697, 0.8639392643942740),
    ],
)
def test_scores_by_hand(
    divergence: str, alpha: float | None, at_minus_2: float, at_1: float
) -> None:
    assert_near(divergence_score(doubles([-2.0, 1.0]), divergence, alpha), [at_minus_2, at_1])


@each_score
def test_a_score_keeps_its_shape_and_float32(divergence: str, alpha: float | None) -> None:
    for shape in [(), (1,), (7,), (2, 3)]:
        score = divergence_score(torch.zeros(shape), divergence, alpha)
        assert (score.shape, score.dtype) == (shape, torch.float32)


@each_score
def test_a_score_is_finite_with_a_live_slope_in_float32(
    divergence: str, alpha: float | None
) -> None:
    leaf = torch.tensor(EXTREMES, requires_grad=True)
    score = divergence_score(leaf, divergence, alpha)
    (slope,) = gradients_of(score, leaf)
    assert score.isfinite().all()
    assert slope.isfinite().all()
    assert (slope > 0).all()
    # Never falling, so a worse completion never has the better score.
    assert (score.diff() >= 0).all()


# Limits of alpha


@pytest.mark.parametrize("alpha", [1e-3, 1e-6, 1e-9])
def test_a_small_alpha_is_reverse_kl(alpha: float) -> None:
    leaf = torch.linspace(-3, 3, 25, dtype=torch.float64).requires_grad_()
    score = divergence_score(leaf, "alpha", alpha)
    # The next term of the series is alpha u^2 / 2; 1 - exp(-alpha u) would lose all digits here.
    assert_near(score, leaf.tolist(), 5 * alpha + 1e-14)
    assert_near(gradients_of(score, leaf)[0], [1.0] * 25, 4 * alpha + 1e-14)


def test_a_small_alpha_is_reverse_kl_in_float32_too() -> None:
    ratios = torch.linspace(-3, 3, 25)
    score = divergence_score(ratios, "alpha", 1e-6)
    torch.testing.assert_close(score, ratios, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rest", [1e-3, 1e-6, 1e-9])
def test_an_alpha_near_one_is_forward_kl_but_for_the_constant(rest: float) -> None:
    leaf = torch.linspace(-3, 3, 25, dtype=torch.float64).requires_grad_()
    score = divergence_score(leaf, "alpha", 1 - rest)
    forward = divergence_score(leaf, "forward_kl")
    torch.testing.assert_close(score - 1, forward, rtol=0, atol=50 * rest)
    torch.testing.assert_close(
        gradients_of(score, leaf)[0], gradients_of(forward, leaf)[0], rtol=0, atol=70 * rest
    )


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


# Equal initial gradients


@each_score
def test_the_initial_slope_is_the_slope_at_zero(divergence: str, alpha: float | None) -> None:
    leaf = doubles([0.0]).requires_grad_()
    (slope,) = gradients_of(divergence_score(leaf, divergence, alpha), leaf)
    assert slope.item() == pytest.approx(initial_slope(divergence), abs=1e-15)


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


# Beyond the threshold


@some
@given(st.lists(huge, min_size=1, max_size=7), st.floats(0.01, 0.99))
def test_a_log_ratio_is_beyond_the_threshold_where_the_exponent_is_above_5(
    ratios: list[float], alpha: float
) -> None:
    leaf = doubles(ratios)
    forward, other = beyond_threshold(leaf, "forward_kl"), beyond_threshold(leaf, "alpha", alpha)
    assert forward.tolist() == [-u > 5 for u in ratios]
    assert other.tolist() == [-alpha * u > 5 for u in ratios]


@pytest.mark.parametrize(
    ("divergence", "alpha", "rate"), [("forward_kl", None, 1.0), ("alpha", 0.25, 0.25)]
)
def test_the_threshold_itself_is_not_beyond(
    divergence: str, alpha: float | None, rate: float
) -> None:
    end = -5 / rate
    ratios = doubles([math.nextafter(end, -math.inf), end, 0.0, -end * 3])
    beyond = beyond_threshold(ratios, divergence, alpha)
    assert beyond.dtype == torch.bool
    assert beyond.tolist() == [True, False, False, False]


@each_score
def test_beyond_the_threshold_the_score_has_one_slope(divergence: str, alpha: float | None) -> None:
    leaf = torch.linspace(-60, 60, 241, dtype=torch.float64).requires_grad_()
    (slope,) = gradients_of(divergence_score(leaf, divergence, alpha), leaf)
    beyond = beyond_threshold(leaf.detach(), divergence, alpha)
    assert (slope[beyond] == math.exp(5)).all()
    assert (slope[~beyond] <= math.exp(5)).all()
    grows = divergence in ("forward_kl", "alpha")
    assert beyond.any() == grows


def test_reverse_kl_and_jensen_shannon_have_no_threshold() -> None:
    for divergence in ("reverse_kl", "jensen_shannon"):
        beyond = beyond_threshold(torch.full((2, 3), -1e4), divergence)
        assert (beyond.shape, beyond.dtype) == ((2, 3), torch.bool)
        assert not beyond.any()


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


# Refusals of the preference losses

PAIR = pair_sums([(1.0, -1.0), (0.5, 0.0), (-1.0, 2.0)])


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


@each_score
def test_divergences_in_range_are_let_through(divergence: str, alpha: float | None) -> None:
    check_divergence(divergence, alpha)


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
