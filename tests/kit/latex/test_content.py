"""What a run gives to the write-up: numbers, tables, generations, figures, and what is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.example_run import example_run, example_samples, example_summary, parsed

from a3lib.errors import InputError
from a3lib.kit.latex.content import (
    PARTS,
    alpha_table,
    beta_table,
    forecast_table,
    generations,
    make_material,
    results,
)
from a3lib.profiles import model_names
from a3lib.results.samples import Samples
from a3lib.util.files import PROJECT

FORECAST = {
    **{"count": 12, "accuracy": 0.75, "log_loss": 0.51, "brier": 0.1875, "certain": 2},
    **{"log_loss_error": 0.1, "base_rate": 0.5, "mean_forecast": 0.5},
    **{"certain_and_wrong": 0, "held_back": 2},
    **{"always_half_accuracy": 0.5, "always_half_log_loss": 0.6931, "always_half_brier": 0.25},
}


def without_naturalness(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary as of real reviews, whose naturalness cannot be measured."""
    for row in (summary["baseline"], summary["reinforce"], *summary["kl"], *summary["dpo"]):
        row["naturalness"] = None
    return summary


def test_numbers_have_names() -> None:
    summary = example_summary()
    divergences = summary["kl"][0]["kl_divergences"]
    assert results(parsed(summary)) == {
        "profile": "tiny",
        "original-reward": "0.487",
        "original-naturalness": "0.997",
        "reinforce-reward": "0.963",
        "reinforce-naturalness": "0.030",
        "no-penalty-first-kl": f"{divergences[0]:.1f}",
        "no-penalty-last-kl": f"{divergences[-1]:.1f}",
        "dpo-rewards": r"0.870 ($\beta = 0.1$), 0.890 ($\beta = 0.25$), 0.910 ($\beta = 0.5$)",
        "dpo-test-losses": r"0.060 ($\beta = 0.1$), 0.030 ($\beta = 0.25$), 0.020 ($\beta = 0.5$)",
    }


def test_every_name_that_the_template_uses_is_made_and_the_other_way_round() -> None:
    template = (PROJECT / "writeup/A3.tex").read_text(encoding="utf-8")
    for name in results(parsed(example_summary())):
        assert ("naturalness" in name) != (f"\\result{{{name}}}" in template.replace("\n", " "))
    for name in ("alpha", "beta", "forecast"):
        assert f"\\resulttable{{{name}}}" in template
    for name in generations(example_samples(), parsed(example_summary())):
        assert f"\\generations{{{name.removeprefix('generations_').removesuffix('.tex')}}}" in (
            template
        )


def test_numbers_that_a_run_has_not_are_left_out() -> None:
    summary = example_summary()
    del summary["kl"][0]
    assert not [name for name in results(parsed(summary)) if "penalty" in name]
    assert results(parsed({"profile": "my_own", "dpo": []})) == {"profile": r"my\_{}own"}
    assert results(parsed(without_naturalness(example_summary())))["original-naturalness"] == "--"


def cells(table: str) -> list[list[str]]:
    """The cells of a table's rows, the header first."""
    rows = [line.removesuffix(r" \\") for line in table.split("\n") if line.endswith(r"\\")]
    return [row.split(" & ") for row in rows]


def test_the_alpha_table_has_a_verdict_a_row() -> None:
    summary = example_summary()
    summary["kl"][2] |= {"reward": 0.85, "naturalness": 0.9}
    made = cells(str(alpha_table(parsed(summary))))
    assert made[0] == [r"$\alpha$", "reward", "naturalness", "KL at the end", "verdict"]
    assert [row[0] for row in made[1:]] == ["0", "0.003", "0.1", "3"]
    last = summary["kl"][1]["kl_divergences"][-1]
    assert made[2] == ["0.003", "0.820", "0.350", f"{last:.1f}", "the text breaks down"]
    assert made[3][-1] == "good"
    assert made[4][-1] == "reward stays at 0.65 or below"


def test_the_beta_table_has_a_row_a_beta() -> None:
    made = cells(str(beta_table(parsed(example_summary()))))
    assert made[0] == [r"$\beta$", "test loss", "reward", "naturalness"]
    assert made[2] == ["0.25", "0.030", "0.890", "0.730"]


def test_naturalness_is_a_column_only_where_it_was_measured() -> None:
    summary = without_naturalness(example_summary())
    assert cells(str(alpha_table(parsed(summary))))[0] == [
        r"$\alpha$",
        "reward",
        "KL at the end",
        "verdict",
    ]
    assert cells(str(beta_table(parsed(summary))))[0] == [r"$\beta$", "test loss", "reward"]
    assert "{rrrl}" in str(alpha_table(parsed(summary))) and "{rrr}" in str(
        beta_table(parsed(summary))
    )


def test_the_forecasts_are_compared_with_always_half() -> None:
    assert cells(str(forecast_table(parsed({"forecast": FORECAST})))) == [
        ["12 forecasts", "yours", r"always 50 \%"],
        ["accuracy", "0.750", "0.500"],
        ["log loss, nats", "0.510", "0.693"],
        ["Brier score", "0.188", "0.250"],
    ]


def test_tables_of_what_was_not_done_are_not_made() -> None:
    without_baseline = {"kl": example_summary()["kl"]}
    assert alpha_table(parsed(without_baseline)) is None
    assert alpha_table(parsed({"baseline": {"reward": 1, "naturalness": 1}, "kl": []})) is None
    assert beta_table(parsed({})) is None
    assert forecast_table(parsed({"forecast": None})) is None


def test_generations_stand_beside_what_they_are_compared_with() -> None:
    summary = example_summary()
    made = generations(example_samples(), parsed(summary))
    names = model_names([row["alpha"] for row in summary["kl"]], [0.1, 0.25, 0.5])
    shown = {
        name: [
            model for model in names if rf"\completion{{{model.replace(',', ',{}')}}}" in content
        ]
        for name, content in made.items()
    }
    assert shown == {
        "generations_original.tex": ["original"],
        "generations_reinforce.tex": ["original", "REINFORCE"],
        "generations_kl.tex": names[2:6],
        "generations_dpo.tex": ["original", *names[6:]],
    }
    assert all(content.count(r"\prompt") == 5 for content in made.values())


def test_a_section_whose_models_have_no_samples_has_no_generations() -> None:
    few = Samples(example_samples().prompts, example_samples().models[:3])
    made = generations(few, parsed(example_summary()))
    assert list(made) == [f"generations_{name}.tex" for name in ("original", "reinforce", "kl")]
    assert "0.003" not in made["generations_kl.tex"]


# A folder


def test_a_whole_run_gives_every_file(tmp_path: Path) -> None:
    made = make_material(example_run(tmp_path), parsed(example_summary()))
    names = ("baseline_rewards", "dpo_loss", "kl_and_reward", "reinforce_reward")
    assert sorted(made.files) == sorted(
        [
            "numbers.tex",
            "alpha_table.tex",
            "beta_table.tex",
            *(f"generations_{name}.tex" for name in ("original", "reinforce", "kl", "dpo")),
            *(f"figures/{name}.pdf" for name in (*names, "reinforce_rewards")),
        ]
    )
    assert made.missing == ["the scores of your forecasts", "the figure forecast_calibration"]
    assert made.files["figures/dpo_loss.pdf"] == (tmp_path / "figures/dpo_loss.pdf").read_bytes()
    assert rb"\setresult{original-reward}{0.487}" in made.files["numbers.tex"]


def test_what_an_interrupted_run_lacks_is_said(tmp_path: Path) -> None:
    folder = example_run(tmp_path)
    (folder / "samples.json").unlink()
    figure = folder / "figures/dpo_loss.pdf"
    figure.write_bytes(figure.read_bytes()[:-100])
    begun = {"settings": {}, "seconds": {}, "baseline": {"reward": 0.5, "naturalness": None}}
    made = make_material(folder, parsed(begun))
    assert made.missing == [
        *(PARTS[name] for name in ("reinforce", "kl", "dpo", "forecast")),
        "the generations (samples.json)",
        "the figure dpo_loss",
        "the figure forecast_calibration",
    ]
    assert [name for name in made.files if name.endswith(".tex")] == ["numbers.tex"]
    assert "figures/dpo_loss.pdf" not in made.files


def test_samples_that_are_no_texts_are_one_sentence(tmp_path: Path) -> None:
    rows = {"name": "original", "completions": [5], "rewards": [0.5], "kl": [None]}
    text = json.dumps({"prompts": ["a"], "models": [rows]})
    (tmp_path / "samples.json").write_text(text)
    with pytest.raises(InputError, match=r"is not what a run writes \(AttributeError"):
        make_material(tmp_path, parsed(example_summary()))
