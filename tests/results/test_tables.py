"""Tables: seeds apart from continuations, the verdicts' boundaries, and columns that line up."""

import math
from typing import Any

import pandas as pd
import pytest
from datasets import Dataset
from helpers.example_run import ALPHAS, BETAS, example_summary, parsed
from transformers import PreTrainedTokenizerBase

from a3lib.models import load_tokenizer
from a3lib.profiles import get_profile, model_names
from a3lib.results.summary import RunSummary
from a3lib.results.tables import (
    Table,
    alpha_verdict,
    alpha_verdicts,
    beta_results,
    candidates_table,
    cell_text,
    examples_table,
    measured_naturalness,
    model_results,
    seed_texts,
    summary_table,
    text_table,
)
from a3lib.tinyworld import POLICY_FOLDER, reviews

HIGH, LOW = "reward stays at 0.65 or below", "the text breaks down"
GOOD, BETWEEN = "good", "in between"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(str(POLICY_FOLDER))


def results_for(texts: list[str]) -> dict[str, Any]:
    """An evaluation that wrote these texts, with rewards 0.0, 0.1, 0.2, ..."""
    return {"generations": texts, "rewards": [number / 10 for number in range(len(texts))]}


def test_a_seed_is_the_text_of_the_first_ten_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [row["text"] for row in reviews("test")[:20]]
    for text, seed in zip(texts, seed_texts(texts, tokenizer), strict=True):
        assert seed == tokenizer.decode(tokenizer(text)["input_ids"][:10])
        assert text.startswith(seed)


def test_the_seed_of_a_blank_review_is_empty(tokenizer: PreTrainedTokenizerBase) -> None:
    assert seed_texts(["", "  ", "Dull."], tokenizer) == ["", "", "Dull."]


def test_examples_have_seed_continuation_and_reward(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [
        "This film is about a doctor who looks for a lost child in the big city.",
        "Best film ever.",
        "",
    ]
    seeds = seed_texts(texts, tokenizer)
    results = results_for([f"{seed} and more" for seed in seeds])
    table = examples_table(texts, results, tokenizer).frame
    assert list(table.columns) == ["seed", "continuation", "reward"]
    assert table["seed"].tolist() == seeds
    assert table["continuation"].tolist() == [" and more"] * 3
    assert table["reward"].tolist() == ["0.00", "0.10", "0.20"]


def test_a_seed_that_comes_again_stays_in_the_continuation(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    table = examples_table(["Fine."], results_for(["Fine. Fine. Fine."]), tokenizer).frame
    assert table["continuation"].tolist() == [" Fine. Fine."]


@pytest.mark.parametrize(("count", "rows"), [(2, 2), (5, 5), (9, 7)])
def test_as_many_examples_as_asked_or_there_are(
    tokenizer: PreTrainedTokenizerBase, count: int, rows: int
) -> None:
    texts = ["I loved it."] * 7
    table = examples_table(texts, results_for(texts), tokenizer, count=count)
    assert len(table.frame) == rows


def test_five_examples_unless_told(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = ["I loved it."] * 7
    assert len(examples_table(texts, results_for(texts), tokenizer).frame) == 5


def test_examples_are_printed_with_their_caption_and_nothing_is_cut_off(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    long = "a very long continuation " * 40
    text = repr(examples_table(["Fine."], results_for([f"Fine. {long}END"]), tokenizer, "Examples"))
    assert text.splitlines()[0] == "Examples"
    assert text.splitlines()[1].split() == ["seed", "continuation", "reward"]
    assert f"{long}END" in text
    assert len(text.splitlines()) == 3


def test_examples_are_shown_as_html_with_what_is_written_as_text(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    results = results_for(["Fine.<br /><b>bold</b> & more"])
    page = examples_table(["Fine."], results, tokenizer, "alpha < 1")._repr_html_()
    assert "&lt;br /&gt;&lt;b&gt;bold&lt;/b&gt; &amp; more" in page
    assert "<caption>alpha &lt; 1</caption>" in page
    assert "<b>" not in page
    assert all(name in page for name in ("seed", "continuation", "reward", "0.00"))


def test_naturalness_counts_continuations_only(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "This film is about a doctor who looks for a lost child in the big city."
    seed = seed_texts([text], tokenizer)[0]
    results = results_for([f"{seed} zzz zzz zzz zzz zzz"])
    assert measured_naturalness(get_profile("tiny"), [text], results, tokenizer) == 0.0
    assert measured_naturalness(get_profile("tiny"), [text], results_for([text]), tokenizer) == 1.0


def test_naturalness_is_none_without_a_grammar(tokenizer: PreTrainedTokenizerBase) -> None:
    profile = get_profile("tiny", reviews="some/reviews")
    text = "This film is about a doctor."
    assert measured_naturalness(profile, [text], results_for([text]), tokenizer) is None


@pytest.mark.parametrize(
    ("reward", "naturalness", "baseline", "verdict"),
    [
        # A reward of 0.65 or less has not learnt, however natural the text is.
        (0.65, 1.0, 1.0, HIGH),
        (0.65, 0.1, 1.0, HIGH),
        (0.65, None, None, HIGH),
        (0.651, 1.0, 1.0, BETWEEN),
        # The text breaks down below half of the baseline's naturalness.
        (0.99, 0.499, 1.0, LOW),
        (0.70, 0.499, 1.0, LOW),
        (0.99, 0.5, 1.0, BETWEEN),
        # Good takes a reward of 0.80 and four fifths of the baseline's naturalness.
        (0.80, 0.8, 1.0, GOOD),
        (0.80, 0.79, 1.0, BETWEEN),
        (0.799, 1.0, 1.0, BETWEEN),
        # Naturalness is compared with the baseline's.
        (0.80, 0.41, 0.5, GOOD),
        (0.80, 0.24, 0.5, LOW),
        # Without naturalness only the reward is judged.
        (0.80, None, None, "reward reached; read the texts"),
        (0.80, 0.9, None, "reward reached; read the texts"),
        (0.80, 0.9, 0.0, "reward reached; read the texts"),
        (0.799, None, None, BETWEEN),
    ],
)
def test_verdicts_on_alpha(
    reward: float, naturalness: float | None, baseline: float | None, verdict: str
) -> None:
    assert alpha_verdict(reward, naturalness, baseline) == verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (math.nan, "-"), (0.12345, "0.123"), (2.0, "2.000"), (3, "3"), ("a", "a")],
)
def test_figures_have_three_decimals_and_none_is_a_dash(value: Any, text: str) -> None:
    assert cell_text(value) == text


def test_numbers_are_set_to_the_right_and_words_to_the_left() -> None:
    table = text_table(["model", "reward"], [["baseline", 0.5], ["x", None], ["KL", 12]])
    assert table.splitlines() == [
        "model     reward",
        "----------------",
        "baseline   0.500",
        "x              -",
        "KL            12",
    ]


def test_a_column_with_one_word_in_it_is_set_to_the_left() -> None:
    table = text_table(["a", "value"], [["x", 1.0], ["y", "one"]])
    assert table.splitlines() == ["a  value", "--------", "x  1.000", "y  one"]


def test_a_cell_wider_than_its_heading_widens_the_column() -> None:
    lines = text_table(["n", "b"], [[123456, "z"]]).splitlines()
    assert lines == ["     n  b", "---------", "123456  z"]


def test_a_table_without_rows_is_its_heading() -> None:
    assert text_table(["model", "KL"], []).splitlines() == ["model  KL", "---------"]


def whole_summary() -> dict[str, Any]:
    """What is in summary.json with every part, each number different."""
    summary: dict[str, Any] = {
        "baseline": {"reward": 0.51, "naturalness": 0.99},
        "reinforce": {"reward": 0.81, "naturalness": 0.61, "rewards": [0.5, 0.8]},
        "kl": [
            {"alpha": 0.0, "reward": 0.92, "naturalness": 0.32, "kl_divergences": [1.0, 44.0]},
            {"alpha": 0.003, "reward": 0.83, "naturalness": None, "kl_divergences": [1.0, 7.5]},
        ],
        "dpo": [{"beta": 0.25, "reward": 0.54, "naturalness": 0.94, "test_loss": 0.654}],
        "seconds": {"baseline": 1.5, "dpo": 20.0},
    }
    for kl in summary["kl"]:
        kl["rewards"] = [0.5, 0.6]
    for dpo in summary["dpo"]:
        dpo["losses"] = [0.7, 0.6]
    return summary


def cells(table: str) -> list[list[str]]:
    """The cells of a table, which are two spaces or more apart."""
    return [[cell.strip() for cell in line.split("  ") if cell] for line in table.splitlines()]


def test_the_summary_has_a_row_for_every_model() -> None:
    results, seconds = summary_table(parsed(whole_summary())).split("\n\n")
    rows = cells(results)
    assert rows[0] == ["model", "reward", "naturalness", "KL at end", "test loss"]
    assert rows[2:] == [
        ["original", "0.510", "0.990", "-", "-"],
        ["REINFORCE", "0.810", "0.610", "-", "-"],
        ["KL, alpha = 0", "0.920", "0.320", "44.000", "-"],
        ["KL, alpha = 0.003", "0.830", "-", "7.500", "-"],
        ["DPO, beta = 0.25", "0.540", "0.940", "-", "0.654"],
    ]
    assert cells(seconds)[2:] == [["baseline", "1.500"], ["dpo", "20.000"]]


@pytest.mark.parametrize("part", ["baseline", "reinforce", "kl", "dpo"])
def test_a_summary_without_a_part_has_the_other_rows(part: str) -> None:
    summary = whole_summary()
    del summary[part]
    names = {"baseline": "original", "reinforce": "REINFORCE", "kl": "KL, ", "dpo": "DPO, "}
    whole, rest = (
        cells(summary_table(parsed(some)).split("\n\n")[0])[2:]
        for some in (whole_summary(), summary)
    )
    assert rest == [row for row in whole if not row[0].startswith(names[part])]
    assert len(rest) < len(whole)


def test_a_run_that_has_just_begun_has_empty_tables() -> None:
    tables = summary_table(RunSummary()).split("\n\n")
    assert [len(table.splitlines()) for table in tables] == [2, 2]


def test_every_alpha_has_its_verdict_in_a_row() -> None:
    rows = cells(alpha_verdicts(parsed(whole_summary())))
    assert rows[0] == ["alpha", "reward", "KL at end", "naturalness", "verdict"]
    assert rows[2:] == [
        ["0.000", "0.920", "44.000", "0.320", LOW],
        ["0.003", "0.830", "7.500", "-", "reward reached; read the texts"],
    ]


def test_an_alpha_is_judged_by_the_baselines_naturalness() -> None:
    summary = whole_summary()
    summary["baseline"]["naturalness"] = 0.35
    assert cells(alpha_verdicts(parsed(summary)))[2][-1] == GOOD
    del summary["baseline"]
    assert cells(alpha_verdicts(parsed(summary)))[2][-1] == "reward reached; read the texts"
    del summary["kl"]
    assert len(alpha_verdicts(parsed(summary)).splitlines()) == 2


def test_every_beta_has_a_line() -> None:
    summary = whole_summary()
    summary["dpo"].append(summary["dpo"][0] | {"beta": 0.5, "reward": 0.6254, "test_loss": None})
    assert beta_results(parsed(summary)).splitlines() == [
        "DPO, beta = 0.25: test loss 0.654, reward 0.540",
        "DPO, beta = 0.5: test loss -, reward 0.625",
    ]


def test_candidates_stand_under_their_prompt_with_the_best_first() -> None:
    rows = Dataset.from_list(
        [
            {
                "prompt": "I saw",
                "completions": [" it.", " <b>.", " on."],
                "rewards": [0.2, 0.9, 0.5],
            },
            {
                "prompt": "It is",
                "completions": [" so.", " me.", " he."],
                "rewards": [0.1, 0.1, 0.3],
            },
            {"prompt": "Never", "completions": [" a.", " b.", " c."], "rewards": [0.1, 0.2, 0.3]},
        ]
    )
    table = candidates_table(rows, "Two prompts")
    assert table.frame.to_numpy().tolist() == [
        ["I saw", " <b>.", "0.90"],
        ["I saw", " on.", "0.50"],
        ["I saw", " it.", "0.20"],
        ["It is", " he.", "0.30"],
        ["It is", " so.", "0.10"],
        ["It is", " me.", "0.10"],
    ]
    assert "&lt;b&gt;" in table._repr_html_()
    assert len(candidates_table(rows, count=9).frame) == 9


def test_a_text_without_a_space_stays_in_its_cell() -> None:
    html = Table(pd.DataFrame({"text": ["x" * 300]}), "a caption")._repr_html_()
    assert "overflow-wrap: anywhere" in html and "x" * 300 in html


def test_a_run_names_its_models_as_the_profile_does() -> None:
    summary = example_summary()
    assert [found.name for found in model_results(parsed(summary))] == model_names(ALPHAS, BETAS)
    assert model_names((0.0, 0.003), (0.25,)) == [
        "original",
        "REINFORCE",
        "KL, alpha = 0",
        "KL, alpha = 0.003",
        "DPO, beta = 0.25",
    ]
