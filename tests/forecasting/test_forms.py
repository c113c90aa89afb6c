"""Section 5's forms, filled in by code: what they keep, what they say, what they hide."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
from helpers.widget_tools import labelled, page, without_labels
from matplotlib.figure import Figure

from a3lib.errors import InputError
from a3lib.forecasting import forms
from a3lib.forecasting.figure import calibration
from a3lib.forecasting.forms import (
    keep_in,
    make_entry_form,
    make_quiz_form,
    show_entry,
    show_quiz,
)
from a3lib.forecasting.quiz import Quiz
from a3lib.forecasting.scores import Forecast, read_forecasts, write_forecasts
from a3lib.profiles import get_profile
from a3lib.results.run import Run

QUIZ = Quiz("REINFORCE", ("This film", "I <b>saw</b>"), (" <shines>", " bores"), (0.9, 0.2))


class Kept:
    """A callback that remembers what it was given."""

    def __init__(self) -> None:
        self.forecasts: list[list[Forecast]] = []
        self.figures: list[Figure] = []

    def __call__(self, forecasts: list[Forecast], figure: Figure) -> None:
        self.forecasts.append(forecasts)
        self.figures.append(figure)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "forecasts.csv"


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    assert plt.get_fignums() == []  # A figure left open would be shown under another cell.


@pytest.fixture
def widgets() -> Any:
    return pytest.importorskip("ipywidgets")


@pytest.fixture
def entry(widgets: Any, file: Path, kept: Kept) -> Any:
    return make_entry_form(widgets, file, kept)


def fill_in(form: Any, question: str, forecast: str, outcome: str) -> None:
    """Type an answer and press the button."""
    labelled(form, "Question").value = question
    labelled(form, "Your forecast").value = forecast
    labelled(form, "The model was").value = outcome
    labelled(form, "Keep this answer").click()


def test_every_answer_is_in_the_file_at_once(entry: Any, file: Path) -> None:
    assert "0 answers kept in" in page(entry) and not file.exists()
    fill_in(entry, " Can it spell? ", "70%", "right")
    assert read_forecasts(file) == [Forecast("Can it spell?", 0.7, True)]
    assert "1 answer kept in" in page(entry) and str(file) in page(entry)
    # The fields are empty for the next.
    assert [labelled(entry, name).value for name in ("Question", "Your", "The")] == [""] * 3
    fill_in(entry, "Can it count?", "0.2", "wrong")
    assert [f.outcome for f in read_forecasts(file)] == [True, False]
    assert "2 answers kept in" in page(entry)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (("", "0.5", "right"), "The question is empty; type a few words of it."),
        (("  ", "0.5", "right"), "The question is empty; type a few words of it."),
        (("a", "70", "right"), "The forecast is 70; give a number from 0 to 1"),
        (("a", "<i>", "right"), "The forecast is &#x27;&lt;i&gt;&#x27;; give a number"),
        (("a", "", "right"), "The forecast is missing; give a number"),
        (("a", "0.5", ""), "The outcome is missing; give 1"),
        (("old", "0.5", "right"), "The question &#x27;old&#x27; is in"),
    ],
)
def test_a_wrong_answer_is_a_sentence_and_nothing_is_lost(
    entry: Any, file: Path, answer: tuple[str, str, str], words: str
) -> None:
    fill_in(entry, "old", "0.5", "wrong")
    before = file.read_bytes()
    fill_in(entry, *answer)
    assert words in page(entry) and file.read_bytes() == before
    # What was typed stays, to be mended.
    assert labelled(entry, "Question").value == answer[0]
    fill_in(entry, "new", "0.5", "wrong")
    assert len(read_forecasts(file)) == 2 and "2 answers kept" in page(entry)


def test_answers_of_an_earlier_day_are_kept(widgets: Any, file: Path, kept: Kept) -> None:
    write_forecasts([Forecast(" old\n", 0.5, True)], file)
    form = make_entry_form(widgets, file, kept)
    assert "1 answer kept in" in page(form)
    fill_in(form, "old", "0.1", "right")
    assert "is in" in page(form) and "already; change it there" in page(form)
    fill_in(form, "new", "0.1", "right")
    assert [f.question for f in read_forecasts(file)] == [" old\n", "new"]


def test_a_damaged_file_is_said_and_left_as_it_is(widgets: Any, file: Path, kept: Kept) -> None:
    file.write_text("what,ever\n1,2\n", encoding="utf-8")
    form = make_entry_form(widgets, file, kept)
    assert "has not one column" in page(form)
    fill_in(form, "new", "0.5", "right")
    labelled(form, "Score").click()
    assert "has not one column" in page(form) and kept.forecasts == []
    assert file.read_text(encoding="utf-8") == "what,ever\n1,2\n"


def test_score_shows_scores_diagram_and_the_costliest(entry: Any, file: Path, kept: Kept) -> None:
    labelled(entry, "Score").click()
    assert "no forecasts to score; give at least one" in page(entry)
    fill_in(entry, "Can it <spell>?", "0.8", "wrong")
    labelled(entry, "Keep this answer").click()
    assert "The question is empty" in page(entry)
    labelled(entry, "Score").click()
    assert "The question is empty" not in page(entry) and "1 answer kept" in page(entry)
    # -ln 0.2 = 1.609
    for words in (
        "1.609",
        "data:image/png;base64,",
        "Can it &lt;spell&gt;?",
        "1.61",
        "1 question:",
    ):
        assert words in page(entry)
    assert kept.forecasts == [read_forecasts(file)] and len(kept.figures) == 1
    assert "no forecasts" not in page(entry)


def test_every_widget_has_a_label(entry: Any, widgets: Any, file: Path, kept: Kept) -> None:
    assert without_labels(entry) == []
    assert without_labels(make_quiz_form(widgets, QUIZ, file, kept)) == []


def test_the_quiz_hides_what_happened_until_it_is_scored(
    widgets: Any, file: Path, kept: Kept
) -> None:
    form = make_quiz_form(widgets, QUIZ, file, kept)
    fields = [labelled(form, f"{number}. Your forecast") for number in (1, 2)]
    assert [field.value for field in fields] == ["", ""]
    assert "This film" in page(form) and "I &lt;b&gt;saw&lt;/b&gt;" in page(form)
    assert "shines" not in page(form) and "0.90" not in page(form)

    wrong = {"": "The forecast is missing", "70": "The forecast is 70", "x": "The forecast is &"}
    for typed, words in wrong.items():
        fields[0].value, fields[1].value = "50%", typed
        labelled(form, "Score").click()
        assert f"Prompt 2: {words}" in page(form) and "; give a number from 0 to 1" in page(form)
        assert "shines" not in page(form) and kept.forecasts == [] and not file.exists()

    fields[1].value = "0.25"
    labelled(form, "Score").click()
    # (ln 2 - ln 0.75) / 2 = (0.69315 + 0.28768) / 2 = 0.490
    for words in ("&lt;shines&gt;", "0.90", "0.490", "data:image/png;base64,", str(file)):
        assert words in page(form)
    expected = [Forecast("This film", 0.5, True), Forecast("I <b>saw</b>", 0.25, False)]
    assert kept.forecasts == [expected] and read_forecasts(file) == expected
    assert all(field.disabled for field in fields) and labelled(form, "Score").disabled


def test_an_error_of_the_callback_is_named(widgets: Any, file: Path) -> None:
    def fail(*_: Any) -> None:
        plt.close("all")
        raise OSError("disk full")

    form = make_quiz_form(widgets, QUIZ, file, fail)
    labelled(form, "1. Your forecast").value = labelled(form, "2. Your forecast").value = "1"
    labelled(form, "Score").click()
    assert "That failed (OSError: disk full)." in page(form)
    assert "shines" not in page(form) and not labelled(form, "Score").disabled


@pytest.mark.parametrize("installed", [True, False])
def test_answers_in_the_cell_are_scored_at_once(
    installed: bool,
    file: Path,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    show_quiz(QUIZ, [0.5, 0.25], file, kept)
    shown = capsys.readouterr().out
    for words in ("log loss, nats      0.490", "Figure(", "What REINFORCE wrote", "<shines>"):
        assert words in shown
    assert "MY_FORECASTS" not in shown and len(kept.figures) == 1
    assert read_forecasts(file) == kept.forecasts[0]
    with pytest.raises(InputError, match="2 prompts and was given 1 forecasts"):
        show_quiz(QUIZ, [0.5], file, kept)


def test_without_ipywidgets_there_is_a_list_and_what_to_do(
    file: Path,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    show_quiz(QUIZ, [], file, kept)
    shown = capsys.readouterr().out
    assert "1. This film\n2. I <b>saw</b>\n" in shown and "shines" not in shown
    assert "Put your 2 forecasts into MY_FORECASTS" in shown
    show_entry(file, kept)
    shown = capsys.readouterr().out
    assert "Write your answers into a CSV file" in shown and "FORECASTS" in shown
    # The example that it gives is one that can be read.
    file.write_text(shown.partition(":\n")[2], encoding="utf-8")
    assert read_forecasts(file) == [Forecast("Can it ...?", 0.7, True)]
    assert kept.forecasts == []


def test_with_ipywidgets_the_forms_are_shown(
    widgets: Any, file: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(forms, "display", shown.append)
    show_entry(file, kept)
    show_quiz(QUIZ, [], file, kept)
    assert labelled(shown[0], "Question") and labelled(shown[1], "2. Your forecast")
    assert not file.exists() and kept.forecasts == []


def test_scores_and_their_diagram_are_kept_in_the_run(tmp_path: Path) -> None:
    run = Run(get_profile("tiny"), tmp_path)
    forecasts = [Forecast("a", 0.8, True), Forecast("b", 0.5, False)]
    figure = calibration(forecasts)
    keep_in(run, "forecast")(forecasts, figure)
    plt.close(figure)
    kept = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["forecast"]
    assert kept["count"] == 2
    assert kept["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 2)
    assert (tmp_path / "figures/forecast_calibration.pdf").is_file()
