"""Each method's best beta, on made-up runs whose truth is known."""

import math
from pathlib import Path

import pandas as pd
import pytest
from helpers.synthetic_runs import (
    BETAS,
    TOP_REWARD,
    study_of,
)

from a3lib.study.analysis import (
    SFT,
    best_runs,
)


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
