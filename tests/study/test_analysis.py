"""Curves, intervals and the verdict, on made-up runs whose truth is known."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.synthetic_runs import (
    BETAS,
    SEEDS,
    TOP_REWARD,
    curve_rows,
    entropy_at,
    row_of,
    sft_rows,
    study_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib.plots.styles import groups_of
from a3lib.study.analysis import (
    MATCHED_REWARDS,
    SFT,
    Curves,
    Estimate,
    at_reward,
    best_runs,
    common_reward,
    estimate,
    make_curves,
    matched,
    matched_table,
    methods_of,
    over_seeds,
    point_intervals,
    prompt_draws,
    verdict,
)
from a3lib.study.methods import ORDERED_DIVERGENCES

SIGMOID = [f"sigmoid-{divergence}" for divergence in ORDERED_DIVERGENCES]
# Entropies at the curves' ends in the order that theory expects.
EXPECTED = dict(zip(SIGMOID, (1.0, 1.1, 1.2, 1.3, 1.4), strict=True))


def curves_of(*arguments: Any, replicates: int = 200, **options: Any) -> Curves:
    return make_curves(study_of(*arguments, **options), replicates)


# At a reward ---------------------------------------------------------------------------------


def interpolate(rewards: Sequence[float], values: Sequence[float], target: float) -> float:
    """The first crossing of one curve, in a plain loop."""
    if rewards[0] > target:
        return math.nan
    for place in range(len(rewards) - 1):
        low, high = rewards[place], rewards[place + 1]
        if low <= target <= high:
            share = (target - low) / (high - low) if high > low else 0.0
            return values[place] + share * (values[place + 1] - values[place])
    return math.nan


# Sixteenths, so that curves often stand still or touch the target.
SIXTEENTHS = st.integers(0, 16).map(lambda number: number / 16)


@given(st.integers(1, 6), st.integers(1, 4), SIXTEENTHS, st.data())
@settings(deadline=None, derandomize=True, max_examples=200)
def test_a_figure_at_a_reward_equals_a_loop_over_the_curve(
    rows: int, draws: int, target: float, data: st.DataObject
) -> None:
    curve = st.lists(st.lists(SIXTEENTHS, min_size=draws, max_size=draws), min_size=rows)
    rewards = np.array(data.draw(curve)[:rows])
    values = np.array(data.draw(curve)[:rows])
    found = at_reward(rewards, values, target)
    expected = [interpolate(rewards[:, d], values[:, d], target) for d in range(draws)]
    assert found.tolist() == pytest.approx(expected, nan_ok=True)


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers)[:, None]


def test_a_curve_is_a_straight_line_between_two_betas() -> None:
    found = at_reward(column(0.5, 0.9), column(2.0, 1.0), 0.8)
    assert found.tolist() == pytest.approx([1.25])


def test_a_curve_that_begins_above_or_never_gets_there_has_no_figure() -> None:
    assert np.isnan(at_reward(column(0.7, 0.9), column(1.0, 2.0), 0.65))
    # Even where it comes down and rises through it again.
    assert np.isnan(at_reward(column(0.7, 0.5, 0.9), column(1.0, 2.0, 3.0), 0.65))
    assert np.isnan(at_reward(column(0.5, 0.6), column(1.0, 2.0), 0.65))
    assert np.isnan(at_reward(column(0.65), column(1.0), 0.65))


def test_the_first_crossing_counts() -> None:
    rewards, values = column(0.5, 0.75, 0.5, 0.75), column(1.0, 2.0, 3.0, 4.0)
    assert at_reward(rewards, values, 0.625).tolist() == [1.5]


def test_ends_of_a_curve_belong_to_it() -> None:
    rewards, values = column(0.65, 0.7, 0.8), column(1.0, 2.0, 4.0)
    assert at_reward(rewards, values, 0.65).tolist() == [1.0]
    assert at_reward(rewards, values, 0.8).tolist() == pytest.approx([4.0])


def test_each_draw_has_a_crossing_of_its_own() -> None:
    rewards = np.array([[0.5, 0.9, 0.5], [0.7, 0.9, 0.6]])
    found = at_reward(rewards, np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]]), 0.6)
    assert found.tolist() == pytest.approx([2.0, math.nan, 3.0], nan_ok=True)


# Draws ---------------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 6), st.data())
@settings(deadline=None, derandomize=True, max_examples=80)
def test_a_mean_over_drawn_seeds_equals_a_loop(seeds: int, draws: int, data: st.DataObject) -> None:
    number = st.one_of(st.just(math.nan), st.floats(-9, 9))
    values = [[data.draw(number) for _ in range(draws)] for _ in range(seeds)]
    drawn = [[data.draw(st.integers(0, seeds - 1)) for _ in range(seeds)] for _ in range(draws)]
    expected = []
    for draw in range(draws):
        present = [values[seed][draw] for seed in drawn[draw]]
        present = [value for value in present if not math.isnan(value)]
        expected.append(math.fsum(present) / len(present) if present else math.nan)
    found = over_seeds(np.array(values), np.array(drawn))
    assert found.tolist() == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_each_draw_of_prompts_has_as_many_and_the_first_has_each_once() -> None:
    weights = prompt_draws(7, 50, np.random.default_rng(0))
    assert weights.shape == (7, 51)
    assert weights[:, 0].tolist() == [1] * 7
    assert set(weights.sum(axis=0)) == {7}
    assert len({tuple(column) for column in weights.T}) > 40
    # Each prompt comes once in a draw on average.
    assert weights[:, 1:].mean() == 1
    assert np.abs(weights[:, 1:].mean(axis=1) - 1).max() < 0.5


def test_the_first_column_has_the_plain_means() -> None:
    runs = study_of({"ipo": 1.2}, noise=0.1)
    curves = make_curves(runs, 10)
    for number, row in curves.runs.iterrows():
        tokens = sum(row["lengths"])
        expected = {
            "reward": sum(row["rewards"]) / len(row["rewards"]),
            "entropy": sum(row["entropies"]) / tokens,
            "kl": sum(row["kls"]) / tokens,
            "unigram_entropy": row["unigram_entropy"],
            "naturalness": row["naturalness"],
        }
        assert {k: v[number, 0] for k, v in curves.figures.items()} == pytest.approx(expected)
    assert curves.seeds == SEEDS
    assert curves.seed_draws[0].tolist() == [0, 1, 2]
    assert all(values.shape == (len(runs), 11) for values in curves.figures.values())
    assert curves.seed_draws.shape == (11, 3)
    assert set(curves.seed_draws.flatten()) == {0, 1, 2}


def test_what_is_no_mean_over_prompts_is_the_same_in_every_draw() -> None:
    curves = curves_of({"ipo": 1.2}, noise=0.1)
    for name in ("unigram_entropy", "naturalness"):
        assert np.ptp(curves.figures[name], axis=1).max() == 0
    assert np.ptp(curves.figures["reward"], axis=1).min() > 0


def test_a_figure_that_was_not_measured_is_nan() -> None:
    rows = [row | {"naturalness": None, "unigram_entropy": None} for row in sft_rows()]
    curves = make_curves(pd.DataFrame(rows), 5)
    assert np.isnan(curves.figures["naturalness"]).all()
    assert np.isnan(curves.figures["unigram_entropy"]).all()


def test_prompts_are_drawn_again_the_same_for_all_methods() -> None:
    curves = curves_of({"ipo": 1.2, "slic": 1.2}, noise=0.2)
    runs, rewards = curves.runs, curves.figures["reward"]
    for beta in BETAS:
        for seed in SEEDS:
            first, second = (
                runs[(runs["method"] == m) & (runs["beta"] == beta) & (runs["seed"] == seed)].index
                for m in ("ipo", "slic")
            )
            assert np.allclose(rewards[first], rewards[second], rtol=1e-12)


def test_differences_between_methods_are_paired() -> None:
    # Seeds and prompts are noisy, the distance of the two methods is not.
    kept = {"ipo": [1.0, 1.3, 1.6], "slic": [1.2, 1.5, 1.8]}
    curves = curves_of(kept, noise=0.05)
    first, second = (
        over_seeds(matched(curves, method, "entropy", 0.7), curves.seed_draws) for method in kept
    )
    alone, apart = estimate(first), estimate(second - first)
    assert alone.high - alone.low > 0.1
    assert apart.high - apart.low < 0.03
    assert apart.value == pytest.approx(0.1, abs=1e-6)


def test_the_same_draws_come_again() -> None:
    runs = study_of({"ipo": 1.2}, noise=0.1)
    first, again, other = (make_curves(runs, 20, seed).figures["reward"] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_runs_that_diverged_are_left_out() -> None:
    runs = study_of({"ipo": 1.2})
    runs.loc[5, "failed"] = "It went wrong."
    curves = make_curves(runs, 5)
    assert len(curves.runs) == len(runs) - 1
    assert curves.runs.index.tolist() == list(range(len(runs) - 1))
    assert (curves.runs["failed"] == "").all()


# Intervals -----------------------------------------------------------------------------------


def test_an_interval_leaves_a_fortieth_out_on_either_side() -> None:
    found = estimate(np.array([0.25, *np.linspace(0, 1, 1001)]))
    assert found == pytest.approx((0.25, 0.025, 0.975))
    assert str(found) == "0.250 [0.025, 0.975]"


def test_an_interval_leaves_out_the_draws_without_a_figure() -> None:
    assert estimate(np.array([1.0, math.nan, 3.0, 3.0])) == (1.0, 3.0, 3.0)
    value, low, high = estimate(np.array([1.0, math.nan]))
    assert value == 1.0 and math.isnan(low) and math.isnan(high)


def coverage(datasets: int, seeds: int, seed_spread: float, prompt_spread: float) -> float:
    """The share of intervals that hold the true entropy, 1.5, over many made-up studies."""
    generator, covered = np.random.default_rng(0), 0
    for _ in range(datasets):
        rows = []
        for seed in range(seeds):
            run = row_of("ipo", 1.0, seed, reward=0.7, entropy=0.0, prompts=40)
            truth = 1.5 + seed_spread * generator.standard_normal()
            noise = prompt_spread * generator.standard_normal(40)
            run["entropies"] = [(truth + e) * n for e, n in zip(noise, run["lengths"], strict=True)]
            rows.append(run)
        interval = point_intervals(make_curves(pd.DataFrame(rows), 200), "entropy")[("ipo", 1.0)]
        covered += interval.low <= 1.5 <= interval.high
    return covered / datasets


@pytest.mark.parametrize(("seeds", "seed_spread", "prompt_spread"), [(1, 0, 0.5), (20, 0.5, 0.0)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    seeds: int, seed_spread: float, prompt_spread: float
) -> None:
    # Of 95 %; a bootstrap of 20 or 40 draws is known to be a little short.
    assert 0.88 <= coverage(150, seeds, seed_spread, prompt_spread) <= 0.99


def test_each_point_is_a_mean_over_its_seeds() -> None:
    curves = curves_of({"ipo": [1.0, 1.3, 1.6]}, replicates=1000)
    points = point_intervals(curves, "entropy")
    assert set(points) == {(SFT, math.inf), *(("ipo", beta) for beta in BETAS)}
    assert points[("ipo", 0.1)].value == pytest.approx(1.3)
    # The seeds drawn again: from all of the first to all of the last.
    assert points[("ipo", 0.1)][1:] == pytest.approx((1.0, 1.6))
    assert points[("ipo", 10.0)][1:] == pytest.approx((2.0, 2.0))


def test_a_point_without_all_its_seeds_is_the_mean_of_those_there_are() -> None:
    runs = study_of({"ipo": [1.0, 1.3, 1.6]})
    runs.loc[(runs["beta"] == 0.1) & (runs["seed"] == 2), "failed"] = "It went wrong."
    found = point_intervals(make_curves(runs, 200), "entropy")[("ipo", 0.1)]
    assert found == pytest.approx((1.3, 1.0, 1.6))
    runs.loc[(runs["beta"] == 0.1) & (runs["seed"] == 1), "failed"] = "It went wrong."
    found = point_intervals(make_curves(runs, 200), "entropy")[("ipo", 0.1)]
    assert found == pytest.approx((1.6, 1.6, 1.6))


# Methods side by side ------------------------------------------------------------------------


def test_methods_come_in_the_order_of_the_rows_without_the_untrained_policy() -> None:
    assert methods_of(study_of({"slic": 1.0, "ipo": 1.0})) == ["slic", "ipo"]


def test_methods_are_compared_within_a_link_and_the_others_with_plain_dpo() -> None:
    links = ["sigmoid-reverse_kl", "hinge-reverse_kl", "sigmoid-forward_kl", "hinge-alpha_0.5"]
    assert groups_of([*links, "ipo", "rso"]) == {
        "sigmoid": ["sigmoid-reverse_kl", "sigmoid-forward_kl"],
        "hinge": ["hinge-reverse_kl", "hinge-alpha_0.5"],
        "other methods": ["sigmoid-reverse_kl", "ipo", "rso"],
    }
    assert list(groups_of(links)) == ["sigmoid", "hinge"]
    # A link with one divergence has nothing to be compared with.
    assert groups_of(["ipo", "sigmoid-reverse_kl", "hinge-forward_kl", "hinge-alpha_0.5"]) == {
        "hinge": ["hinge-forward_kl", "hinge-alpha_0.5"],
        "other methods": ["ipo", "sigmoid-reverse_kl"],
    }
    assert groups_of(["sigmoid-forward_kl"]) == {"other methods": ["sigmoid-forward_kl"]}
    assert groups_of([]) == {}


def test_a_curve_goes_from_the_highest_beta_to_the_lowest() -> None:
    runs = study_of({"ipo": 1.2})
    shuffled = runs.sample(frac=1, random_state=0).reset_index(drop=True)
    for frame in (runs, shuffled):
        found = matched(make_curves(frame, 3), "ipo", "entropy", 0.8)
        assert found == pytest.approx(np.full((3, 4), entropy_at(1.2, 0.8)))


def test_a_curve_starts_at_the_untrained_policy() -> None:
    # A single beta: the line goes from the untrained policy's (0.5, 2.0) to it.
    rows = [*sft_rows(), *(row_of("ipo", 0.1, s, reward=0.9, entropy=1.2) for s in SEEDS)]
    found = matched(make_curves(pd.DataFrame(rows), 3), "ipo", "entropy", 0.8)
    assert found == pytest.approx(np.full((3, 4), entropy_at(1.2, 0.8)))


def test_a_method_without_runs_in_a_seed_has_no_figure_there() -> None:
    runs = study_of({"ipo": 1.2, "slic": 1.0})
    runs = runs[(runs["method"] != "slic") | (runs["seed"] == 2)]
    found = matched(make_curves(runs, 3), "slic", "entropy", 0.8)
    assert np.isfinite(found).tolist() == [[False] * 4, [True] * 4, [False] * 4]


def test_the_table_has_the_most_entropy_first() -> None:
    kept = {"ipo": 1.2, "slic": 1.6, "rrhf": 1.0, "rso": 1.4}
    curves = curves_of(kept, tops={"rso": 0.6})
    table = matched_table(curves, 0.75, list(kept))
    assert table["method"].tolist() == ["slic", "ipo", "rrhf", "rso"]
    assert table.index.tolist() == [0, 1, 2, 3]
    assert table["seeds"].tolist() == [3, 3, 3, 0]
    for _, row in table.iloc[:3].iterrows():
        entropy = entropy_at(kept[row["method"]], 0.75)
        assert row["entropy"] == pytest.approx(Estimate(entropy, entropy, entropy))
        assert row["kl"].value == pytest.approx(0.1 + 0.25 / 0.4)
        # No means over prompts, so they have no interval.
        assert row["unigram_entropy"] == pytest.approx(entropy + 1)
        assert row["naturalness"] == pytest.approx(0.75)
    assert math.isnan(table["entropy"].iloc[3].value)
    assert "reward" not in table


def test_the_table_counts_the_seeds_that_pass() -> None:
    runs = study_of({"ipo": 1.2})
    rows = runs[(runs["method"] == "ipo") & (runs["seed"] == 3)].index
    runs.loc[rows, "rewards"] = runs.loc[rows, "rewards"].map(lambda v: [0.5 for _ in v])
    table = matched_table(make_curves(runs, 50), 0.75, ["ipo"])
    assert table["seeds"].tolist() == [2]


def test_the_common_reward_is_the_highest_that_all_pass_in_every_seed() -> None:
    kept = {"ipo": 1.2, "slic": 1.6}
    assert common_reward(curves_of(kept), list(kept)) == max(MATCHED_REWARDS) == 0.85
    for top, expected in ((0.81, 0.8), (0.74, 0.7), (0.651, 0.65), (0.64, None)):
        assert common_reward(curves_of(kept, tops={"slic": top}), list(kept)) == expected
    assert common_reward(curves_of(kept, tops={"slic": 0.64}), ["ipo"]) == 0.85
    # One seed that does not pass is enough.
    rows = [*sft_rows(), *curve_rows("ipo", 1.2, seeds=(1, 2))]
    rows += curve_rows("ipo", 1.2, seeds=(3,), top=0.72)
    assert common_reward(make_curves(pd.DataFrame(rows), 5), ["ipo"]) == 0.7


def answer_of(curves: Curves, link: str, order: Sequence[str]) -> tuple[str, str]:
    """A verdict's answer and its sentence."""
    found = verdict(curves, link, order)
    return found.answer, found.sentence


# The verdict ---------------------------------------------------------------------------------


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


# The best beta -------------------------------------------------------------------------------


def learned(*betas: float, method: str = "ipo") -> pd.DataFrame:
    """Runs in all seeds whose held-out loss fell at these betas only; less beta, more reward."""
    frame = study_of({method: 1.2})
    for index, row in frame.iterrows():
        if row["method"] != SFT:
            end = 0.6 if row["beta"] in betas else 0.8
            frame.at[index, "held_out_losses"] = [0.7, 0.1, end]
    return frame


def test_the_best_beta_is_that_of_the_highest_reward_among_those_that_learned() -> None:
    for betas, expected in (
        (BETAS, 0.1),
        ((1.0, 3.0, 10.0), 1.0),
        ((10.0,), 10.0),
        # None did: the highest reward of all.
        ((), 0.1),
    ):
        found = best_runs(learned(*betas))
        assert found["beta"].tolist() == [expected]


def test_the_held_out_loss_at_the_end_counts_and_not_its_lowest() -> None:
    frame = learned(10.0)
    assert all(min(losses) == 0.1 for losses in frame["held_out_losses"].iloc[3:])
    assert best_runs(frame)["held_out_end"].tolist() == pytest.approx([0.6])


def test_means_over_seeds_decide_and_not_single_runs() -> None:
    frame = learned(*BETAS)
    # One seed's loss rises a little at the smallest beta; its mean still falls.
    row = frame[(frame["beta"] == 0.1) & (frame["seed"] == 2)].index[0]
    frame.at[row, "held_out_losses"] = [0.7, 0.1, 0.75]
    assert best_runs(frame)["beta"].tolist() == [0.1]
    frame.at[row, "held_out_losses"] = [0.7, 0.1, 0.95]
    assert best_runs(frame)["beta"].tolist() == [0.3]


def test_a_row_has_the_means_of_its_beta() -> None:
    frame = study_of({"slic": 1.0, "ipo": [1.0, 1.3, 1.6]})
    table = best_runs(frame)
    assert table["method"].tolist() == ["slic", "ipo"]
    row = table.iloc[1]
    assert row["reward"] == pytest.approx(0.9)
    assert row["gain"] == pytest.approx(0.4)
    assert row["entropy"] == pytest.approx(1.3)
    assert row["unigram_entropy"] == pytest.approx(2.3)
    assert row["coefficient"] == pytest.approx(0.2)
    assert (row["stopped_step"], row["runs"]) == (2, 15)
    assert row["held_out_start"] == pytest.approx(0.7)
    assert row["held_out_end"] == pytest.approx(0.6)
    assert row["beyond"] == pytest.approx(0.125)
    assert row["accuracy"] == pytest.approx(0.875)
    assert bool(row["finite"])


@pytest.mark.parametrize("name", ["losses", "gradient_norms"])
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_method_with_an_infinite_figure_is_not_finite(name: str, bad: float) -> None:
    frame = study_of({"ipo": 1.2, "slic": 1.0})
    frame.at[4, name] = [0.5, bad, 0.5, 0.5]
    assert [bool(finite) for finite in best_runs(frame)["finite"]] == [False, True]


def test_a_method_with_a_failed_run_is_not_finite() -> None:
    frame = study_of({"ipo": 1.2, "slic": 1.0})
    # As a run that diverges leaves its row: a short history and no measurement.
    index = frame[(frame["method"] == "slic") & (frame["beta"] == 0.1)].index
    for row in index:
        frame.at[row, "failed"] = "It went wrong."
        frame.at[row, "losses"], frame.at[row, "gradient_norms"] = [0.7], [1.0]
        frame.at[row, "held_out_losses"] = math.nan
        frame.at[row, "reward"] = math.nan
    found = best_runs(frame)
    assert [bool(finite) for finite in found["finite"]] == [True, False]
    assert found["runs"].tolist() == [15, 15]
    # It is described by the runs that are left.
    assert found["beta"].tolist() == [0.1, 0.3]


@pytest.mark.parametrize("name", ["naturalness", "unigram_entropy", "distinct_2"])
def test_a_figure_that_no_run_has_is_not_a_number(name: str, tmp_path: Path) -> None:
    frame = study_of({"ipo": 1.2})
    frame[name] = None
    frame.to_parquet(tmp_path / "study.parquet")
    for runs in (frame, pd.read_parquet(tmp_path / "study.parquet")):
        found = best_runs(runs)
        assert math.isnan(found[name].iloc[0])
        assert found["reward"].iloc[0] == pytest.approx(TOP_REWARD)


def test_a_method_whose_runs_all_diverged_has_no_figures_and_is_not_finite(tmp_path: Path) -> None:
    # One run diverged at once: it has no history but that of its losses.
    failed = {"method": "slic", "beta": 0.1, "failed": "It went wrong.", "losses": []}
    rows = [*study_of({"ipo": 1.2}).to_dict("records"), *(failed | {"seed": s} for s in (1, 2, 3))]
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "study.parquet")
    for runs in (frame, pd.read_parquet(tmp_path / "study.parquet")):
        found = best_runs(runs).set_index("method").loc["slic"]
        assert math.isnan(found["beta"]) and math.isnan(found["gain"])
        assert not found["finite"] and found["runs"] == 3


def test_a_figure_that_no_run_has_does_not_hide_the_others_at_a_matched_reward() -> None:
    frame = study_of({"ipo": 1.2})
    frame["naturalness"] = None
    (row,) = matched_table(make_curves(frame, 20), 0.7, ["ipo"]).to_dict("records")
    assert row["seeds"] == len(SEEDS)
    assert row["entropy"].value == pytest.approx(entropy_at(1.2, 0.7))
    assert math.isnan(row["naturalness"])
