"""The table of samples as a notebook shows it."""

import math

import pytest
from bs4 import BeautifulSoup

from a3lib.plots import method_style, style_of
from a3lib.profiles import model_names
from a3lib.results.sample_table import reward_colour
from a3lib.results.samples import ModelSamples, Samples
from a3lib.results.tables import samples_table

NAMES = model_names((0.1,), (0.5,))
SAMPLES = Samples(
    ("the film", "a <b>bold</b> start"),
    tuple(
        ModelSamples(name, (f" {name} one", ""), (0.125 * place, math.nan), (None, 2.5))
        for place, name in enumerate(NAMES)
    ),
)


@pytest.fixture
def page() -> BeautifulSoup:
    """The table's HTML."""
    return BeautifulSoup(samples_table(SAMPLES, "A caption")._repr_html_(), "html.parser")


def test_every_prompt_has_a_row_for_each_model(page: BeautifulSoup) -> None:
    assert [body.select_one(".text").text for body in page.select("tbody")] == [*SAMPLES.prompts]  # type: ignore[union-attr]
    for body in page.select("tbody"):
        assert [row["data-model"] for row in body.select("tr[data-model]")] == NAMES
    assert page.select_one("caption").text == "A caption"  # type: ignore[union-attr]
    texts = [cell.text for cell in page.select("tbody")[0].select(".completion bdi")]
    assert texts == [f" {name} one" for name in NAMES]
    assert page.select("tbody")[1].select_one(".completion").text == "(nothing)"  # type: ignore[union-attr]


def test_rewards_are_numbers_and_bars(page: BeautifulSoup) -> None:
    row = page.select("tr[data-model]")[2]
    assert [cell.text.strip() for cell in row.select(".number")] == ["0.25", "\N{EN DASH}"]
    bar = row.select_one(".bar span")
    assert bar is not None and bar["style"] == "width:25.0%" and bar["class"] == ["r1"]
    missing = page.select("tbody")[1].select("tr[data-model]")[0]
    assert missing["data-reward"] == "" and missing.select(".bar") == []
    assert missing["data-kl"] == "2.5"


def test_without_any_kl_there_is_no_column_for_it() -> None:
    unmeasured = Samples(("a",), (ModelSamples("original", (" b",), (0.5,), (None,)),))
    page = BeautifulSoup(samples_table(unmeasured)._repr_html_(), "html.parser")
    assert [cell.text for cell in page.select("thead th")] == ["Model", "Completion", "Reward"]
    assert page.select_one(".prompt th")["colspan"] == "3"  # type: ignore[index]
    assert len(page.select("tr[data-model] > *")) == 3


def test_a_study_s_methods_look_as_in_its_figures() -> None:
    names = ("sigmoid-forward_kl", "rso", "KL, alpha = 0.1", "SFT")
    models = tuple(ModelSamples(name, (" b",), (0.5,), (1.0,)) for name in names)
    page = BeautifulSoup(samples_table(Samples(("a",), models))._repr_html_(), "html.parser")
    colours = [line["stroke"] for line in page.select("path[stroke]")]
    assert colours == [
        *(method_style(name).colour for name in names[:2]),
        style_of("KL, alpha = 0.1").colour,
        style_of("original").colour,
    ]


def test_a_notebook_gets_no_script_no_ids_and_its_own_styles(page: BeautifulSoup) -> None:
    assert page.select("script, [id], button") == []
    assert "pre-wrap" in page.select_one("style").text  # type: ignore[union-attr]


def test_a_script_prints_the_same_as_text() -> None:
    text = repr(samples_table(SAMPLES, "A caption"))
    lines = text.splitlines()
    assert lines[0] == "A caption" and lines[2] == "1. the film"
    assert lines[3] == "   original         reward 0.00:  original one"
    assert lines[-1] == "   DPO, beta = 0.5  reward \N{EN DASH}  KL 2.50: "


def test_a_lone_surrogate_can_be_printed() -> None:
    model = ModelSamples("original", ("\ud800\x1b[31m",), (0.5,), (None,))
    text = repr(samples_table(Samples(("p",), (model,))))
    assert "\ufffd\u241b[31m" in text and text.encode("utf-8")


def test_colours_go_from_the_most_negative_to_the_most_positive() -> None:
    found = [reward_colour(reward) for reward in (-1, 0, 0.19, 0.2, 0.5, 0.79, 0.8, 1, 2)]
    assert found == [0, 0, 0, 1, 2, 3, 4, 4, 4]
