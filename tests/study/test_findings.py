"""What a study writes down: valid JSON, figures as two kinds of files, and a text."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from helpers.synthetic_runs import row_of, study_of

from a3lib.profiles import SAMPLE_PROMPTS
from a3lib.results.samples import read_samples, write_samples
from a3lib.results.summary import StudySummary, read_summary
from a3lib.study.analysis import SFT, Estimate, best_runs, make_curves, verdict
from a3lib.study.config import get_study
from a3lib.study.findings import best_samples, most_entropy, study_section, write_findings
from a3lib.study.methods import ORDERED_DIVERGENCES

SIGMOID = [f"sigmoid-{divergence}" for divergence in ORDERED_DIVERGENCES]
KEPT = dict(zip(SIGMOID, (1.0, 1.1, 1.2, 1.3, 1.4), strict=True)) | {"ipo": 1.2, "slic": 1.5}
MADE = {"held_out, seed 1": {"candidates": 8, "mean_reward": 0.5, "pairs": 3}}
FAILED = "ipo: the loss is nan at step 1; lower the learning rate."


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """A small study in which one run diverged and one method stays below every reward."""
    frame = study_of(KEPT | {"rrhf": 1.9}, tops={"rrhf": 0.6}, noise=0.02)
    rows = frame.to_dict("records")
    for number, row in enumerate(rows):
        if (row["method"], row["beta"], row["seed"]) == ("ipo", 0.1, 2):
            rows[number] = {key: row[key] for key in ("method", "beta", "seed", "coefficient")} | {
                "failed": FAILED,
                "losses": [0.7],
                "gradient_norms": [1.0],
                "beyond_threshold": [0.0],
            }
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def written(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    matplotlib.use("Agg")
    folder = tmp_path_factory.mktemp("findings")
    text = write_findings(get_study("tiny"), runs, folder, MADE)
    assert plt.get_fignums() == [], "a figure is left open"
    return folder, text


def content_of(folder: Path) -> dict[str, Any]:
    """summary.json, which must be valid JSON: NaN and Infinity are none."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    text = (folder / "summary.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return content


def test_the_summary_holds_what_was_done_and_found(
    written: tuple[Path, str], runs: pd.DataFrame
) -> None:
    summary = content_of(written[0])
    assert summary["made"] == MADE
    assert summary["runs"] == len(runs) == 3 + 8 * 15
    assert summary["diverged"] == [FAILED]
    assert summary["sft"] == pytest.approx({"reward": 0.5, "entropy": 2.0}, rel=0.02)
    assert summary["settings"]["methods"] == list(get_study("tiny").methods)
    assert {"python", "torch", "transformers"} <= set(summary["versions"])


def test_the_summary_has_every_method_at_its_best_beta(written: tuple[Path, str]) -> None:
    best = {row["method"]: row for row in content_of(written[0])["best"]}
    assert list(best) == [*KEPT, "rrhf"]
    assert {row["beta"] for row in best.values()} == {0.1}
    assert [name for name, row in best.items() if not row["finite"]] == ["ipo"]
    assert best["slic"]["entropy"] == pytest.approx(1.5, rel=1e-3)


def test_the_summary_compares_each_group_at_its_own_reward(written: tuple[Path, str]) -> None:
    matched = content_of(written[0])["matched"]
    # rrhf is among the other methods and reaches none of the rewards.
    assert list(matched) == ["sigmoid"]
    group = matched["sigmoid"]
    assert group["reward"] == 0.85
    assert [row["method"] for row in group["methods"]] == SIGMOID[::-1]
    value, low, high = group["methods"][0]["entropy"]
    assert low <= value <= high


def test_the_summary_holds_the_verdict(written: tuple[Path, str], runs: pd.DataFrame) -> None:
    found = verdict(make_curves(runs), "sigmoid", ORDERED_DIVERGENCES)
    assert content_of(written[0])["verdicts"] == {"sigmoid": asdict(found)}
    assert found.answer == "seen"


def test_the_figures_are_written_as_png_and_pdf(written: tuple[Path, str]) -> None:
    folder = written[0] / "figures"
    names = ("reward_entropy", "reward_kl", "training")
    assert {file.name for file in folder.iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("png", "pdf")
    }
    for name in names:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF-")


def test_the_text_says_what_was_found(written: tuple[Path, str], runs: pd.DataFrame) -> None:
    folder, text = written
    assert text.startswith("123 runs, 1 of them diverged. The policy before: reward 0.500, ")
    assert "entropy 2.000 nats a token" in text
    assert verdict(make_curves(runs), "sigmoid", ORDERED_DIVERGENCES).sentence in text
    assert "At reward 0.85, sigmoid-forward_kl keeps most entropy: " in text
    assert "other methods: no reward is passed by all curves in every seed." in text
    assert str(folder) in text
    assert "nan" not in text


def test_the_text_has_a_table_of_all_methods_and_says_which_is_not_finite(
    written: tuple[Path, str],
) -> None:
    lines = written[1].split("\n\n")[1].splitlines()
    assert lines[1].split()[0] == "method" and lines[1].split()[-1] == "finite"
    ends = {line.split()[0]: line.split()[-1] for line in lines[3:]}
    assert ends == dict.fromkeys([*KEPT, "rrhf"], "yes") | {"ipo": "NO"}


def test_the_section_of_a_run_has_every_method_at_its_best_beta(
    runs: pd.DataFrame, written: tuple[Path, str]
) -> None:
    section = study_section(MADE, best_runs(runs))
    assert section.made == MADE
    assert section.best == read_summary(written[0], StudySummary).best
    assert section.best[0].beta == 0.1 and type(section.best[0].finite) is bool


def test_a_study_whose_runs_all_diverged_says_so_and_draws_nothing(tmp_path: Path) -> None:
    failed = {"method": "slic", "beta": 0.1, "failed": FAILED, "losses": [], "gradient_norms": []}
    rows = [*study_of({}).to_dict("records"), *(failed | {"seed": seed} for seed in (1, 2, 3))]
    text = write_findings(get_study("tiny"), pd.DataFrame(rows), tmp_path, {})
    assert "6 runs, 3 of them diverged" in text
    assert not (tmp_path / "figures").exists()
    best = read_summary(tmp_path, StudySummary).best
    assert best[0].method == "slic" and math.isnan(best[0].reward) and not best[0].finite
    assert content_of(tmp_path)["best"][0]["reward"] is None


def test_the_method_that_keeps_most_entropy_is_named_with_those_that_overlap() -> None:
    figures = {"a": (1.0, 0.8, 1.2), "b": (0.9, 0.7, 0.8), "c": (0.5, 0.4, 0.79)}
    table = pd.DataFrame(
        [
            {"method": name, "entropy": Estimate(*found), "kl": Estimate(0.5, 0.25, 0.75)}
            for name, found in figures.items()
        ]
    )
    sentence = most_entropy(table, 0.8)
    assert sentence == (
        "At reward 0.8, a keeps most entropy: 1.000 [0.800, 1.200] nats a token, at a KL of "
        "0.500 [0.250, 0.750]; the intervals of b overlap with it."
    )
    assert most_entropy(table.iloc[[0, 2]], 0.8).endswith("0.500 [0.250, 0.750].")


@pytest.mark.parametrize("read", [False, True])
def test_best_samples_are_those_of_the_best_beta_at_the_first_seed(
    read: bool, tmp_path: Path
) -> None:
    rows = [
        row_of(SFT, math.inf, 1, reward=0.5, entropy=2.0, kl=0.0),
        *(
            row_of("ipo", beta, seed, reward=reward, entropy=1.0, texts=[f"a {beta} {seed}"] * 12)
            for seed in (1, 2)
            for beta, reward in ((0.1, 0.9), (1.0, 0.7))
        ),
    ]
    runs = pd.DataFrame(rows)
    if read:  # Lists come out of the file as arrays.
        runs.to_parquet(tmp_path / "study.parquet")
        runs = pd.read_parquet(tmp_path / "study.parquet")
    samples = best_samples(runs, best_runs(runs), ["a"] * 12)
    assert read_samples(write_samples(samples, tmp_path).parent) == samples
    assert samples.prompts == ("a",) * 12
    policy, ipo = samples.models
    assert (policy.name, ipo.name) == ("SFT", "ipo")
    assert policy.completions[0] == " text" and set(policy.kl) == {0.0}
    assert ipo.completions == (" 0.1 1",) * 12
    assert ipo.rewards == tuple(rows[1]["rewards"]) and ipo.kl == tuple(rows[1]["kls"])


def test_best_samples_leave_out_what_diverged_and_later_prompts() -> None:
    rows = [
        row_of(SFT, math.inf, 1, reward=0.5, entropy=2.0, kl=0.0, prompts=30),
        row_of("ipo", 0.1, 1, reward=0.9, entropy=1.0, prompts=30) | {"failed": "It diverged."},
    ]
    runs = pd.DataFrame(rows)
    samples = best_samples(runs, best_runs(runs), ["a"] * 30)
    assert [model.name for model in samples.models] == ["SFT"]
    assert len(samples.prompts) == SAMPLE_PROMPTS == 20
