"""The study's losses once more, for one number at a time, and what their tests share."""

import math
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

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


# Three pairs for refusals, which do not look at the numbers.
PAIR = pair_sums([(1.0, -1.0), (0.5, 0.0), (-1.0, 2.0)])
