"""Scores of divergences against plain loops, and against what they must never do."""

import math

import pytest
import torch
from helpers.plain_losses import (
    EXTREMES,
    assert_near,
    doubles,
    each_score,
    gradients_of,
    huge,
    many,
    moderate,
    plain_exp,
    plain_score,
    some,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from a3lib.losses import (
    beyond_threshold,
    check_divergence,
    continued_exp,
    divergence_score,
    initial_slope,
)

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


# The initial slope


@each_score
def test_the_initial_slope_is_the_slope_at_zero(divergence: str, alpha: float | None) -> None:
    leaf = doubles([0.0]).requires_grad_()
    (slope,) = gradients_of(divergence_score(leaf, divergence, alpha), leaf)
    assert slope.item() == pytest.approx(initial_slope(divergence), abs=1e-15)


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


@each_score
def test_divergences_in_range_are_let_through(divergence: str, alpha: float | None) -> None:
    check_divergence(divergence, alpha)
