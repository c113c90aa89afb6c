"""The verdict on the predicted order, on made-up runs whose truth is known."""

from collections.abc import Sequence

import pytest
from helpers.synthetic_runs import curves_of, entropy_at

from a3lib.study.analysis import Curves, verdict
from a3lib.study.methods import ORDERED_DIVERGENCES

SIGMOID = [f"sigmoid-{divergence}" for divergence in ORDERED_DIVERGENCES]
# Entropies at the curves' ends in the order that theory expects.
EXPECTED = dict(zip(SIGMOID, (1.0, 1.1, 1.2, 1.3, 1.4), strict=True))


def answer_of(curves: Curves, link: str, order: Sequence[str]) -> tuple[str, str]:
    """A verdict's answer and its sentence."""
    found = verdict(curves, link, order)
    return found.answer, found.sentence


def test_the_order_that_was_built_in_is_seen() -> None:
    answer, sentence = answer_of(curves_of(EXPECTED), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "seen"
    assert sentence.startswith("sigmoid: the predicted order is seen at reward 0.85 with 3 seeds.")
    for divergence, method in zip(ORDERED_DIVERGENCES, SIGMOID, strict=True):
        assert f"{divergence} {entropy_at(EXPECTED[method], 0.85):.3f}" in sentence
    assert "forward minus reverse KL 0.350 [0.350, 0.350]" in sentence
    assert "Outside" not in sentence
    assert verdict(curves_of(EXPECTED, noise=0.02), "sigmoid", ORDERED_DIVERGENCES).answer == "seen"


def test_each_link_has_a_verdict_of_its_own() -> None:
    hinge = {name.replace("sigmoid", "hinge"): 2.4 - end for name, end in EXPECTED.items()}
    curves = curves_of(EXPECTED | hinge)
    assert verdict(curves, "sigmoid", ORDERED_DIVERGENCES).answer == "seen"
    assert verdict(curves, "hinge", ORDERED_DIVERGENCES).answer == "not seen"


def test_reversed_ends_are_not_seen() -> None:
    kept = dict(zip(SIGMOID, reversed(EXPECTED.values()), strict=True))
    answer, sentence = answer_of(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "not seen"
    assert "the predicted order is not seen" in sentence and "-0.350" in sentence


@pytest.mark.parametrize("end", [1.8, 0.6])
def test_an_alpha_clearly_outside_is_not_seen_and_is_named(end: float) -> None:
    answer, sentence = answer_of(
        curves_of(EXPECTED | {"sigmoid-alpha_0.5": end}), "sigmoid", ORDERED_DIVERGENCES
    )
    assert answer == "not seen"
    assert sentence.endswith("Outside the two ends: sigmoid-alpha_0.5.")


def test_the_order_among_the_alphas_is_not_asked_for() -> None:
    kept = EXPECTED | {"sigmoid-alpha_0.3": 1.3, "sigmoid-alpha_0.7": 1.1}
    assert verdict(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES).answer == "seen"


def spread(end: float, *steps: float) -> list[float]:
    """An entropy that differs from seed to seed."""
    return [end + step for step in steps]


def test_an_interval_that_holds_zero_is_undecided() -> None:
    kept = EXPECTED | {"sigmoid-forward_kl": spread(1.4, -0.9, 0.1, 0.8)}
    answer, sentence = answer_of(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "undecided"
    assert "the predicted order is undecided at reward 0.85" in sentence
    # The same the other way round.
    kept["sigmoid-forward_kl"] = spread(1.0, -0.9, 0.1, 0.5)
    assert verdict(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES).answer == "undecided"


@pytest.mark.parametrize("centre", [1.5, 0.9])
def test_an_alpha_that_may_lie_outside_is_undecided(centre: float) -> None:
    kept = EXPECTED | {"sigmoid-alpha_0.5": spread(centre, -0.4, 0.0, 0.4)}
    answer, sentence = answer_of(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "undecided"
    assert "Outside" not in sentence


def test_an_alpha_clearly_outside_means_little_where_the_ends_are_undecided() -> None:
    kept = EXPECTED | {
        "sigmoid-forward_kl": spread(1.0, -0.3, 0.1, 0.2),
        "sigmoid-alpha_0.5": 0.2,
    }
    answer, sentence = answer_of(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "undecided"
    assert "Outside the two ends: sigmoid-alpha_0.5" in sentence


@pytest.mark.parametrize("missing", SIGMOID)
def test_a_missing_divergence_is_undecided_and_named(missing: str) -> None:
    kept = {method: end for method, end in EXPECTED.items() if method != missing}
    answer, sentence = answer_of(curves_of(kept), "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "undecided"
    assert f"({missing} is not)" in sentence


def test_without_a_common_reward_it_is_undecided() -> None:
    curves = curves_of(EXPECTED, tops={"sigmoid-alpha_0.3": 0.6})
    answer, sentence = answer_of(curves, "sigmoid", ORDERED_DIVERGENCES)
    assert answer == "undecided"
    assert "no reward is passed by all five curves" in sentence


def test_jensen_shannon_has_no_part_in_the_verdict() -> None:
    with_it = EXPECTED | {"sigmoid-jensen_shannon": 0.1}
    assert verdict(
        curves_of(with_it, tops={"sigmoid-jensen_shannon": 0.6}), "sigmoid", ORDERED_DIVERGENCES
    ) == verdict(curves_of(EXPECTED), "sigmoid", ORDERED_DIVERGENCES)
