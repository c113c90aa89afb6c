"""Curves and intervals on made-up runs whose truth is known."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from helpers.synthetic_runs import (
    BETAS,
    SEEDS,
    curve_rows,
    curves_of,
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
    Estimate,
    at_reward,
    common_reward,
    estimate,
    make_curves,
    matched,
    matched_table,
    methods_of,
    over_seeds,
    point_intervals,
    prompt_draws,
)

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


def test_a_figure_that_no_run_has_does_not_hide_the_others_at_a_matched_reward() -> None:
    frame = study_of({"ipo": 1.2})
    frame["naturalness"] = None
    (row,) = matched_table(make_curves(frame, 20), 0.7, ["ipo"]).to_dict("records")
    assert row["seeds"] == len(SEEDS)
    assert row["entropy"].value == pytest.approx(entropy_at(1.2, 0.7))
    assert math.isnan(row["naturalness"])
