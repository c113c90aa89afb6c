"""The scores as people read them: the numbers, what was held back, and the verdict."""

import math
from dataclasses import replace

import pytest

from a3lib.errors import InputError
from a3lib.forecasting.scores import Forecast, ForecastScores, score
from a3lib.forecasting.tables import costliest_table, scores_table, verdict

ANSWERS = [
    Forecast("reverse a word", 0.8, True),
    Forecast("play <chess>", 0.25, False),
    Forecast("count letters", 1.0, False),
]


def scores_with(gain: float, error: float | None, count: int) -> ForecastScores:
    """Scores whose log loss is this much less than that of always answering one half."""
    log_loss = math.log(2) - gain
    return replace(score(ANSWERS), log_loss=log_loss, log_loss_error=error, count=count)


@pytest.mark.parametrize(
    ("gain", "error", "count", "words"),
    [
        (0.2, 0.05, 30, "Better than always answering 50 %: 0.200 nats a question less, give or "
         "take 0.100."),
        (0.2, 0.05, 29, "Better than always answering 50 %: 0.200 nats a question less, give or "
         "take 0.100. 29 questions are few: it may be chance."),
        (-0.3, 0.1, 40, "Worse than always answering 50 %: 0.300 nats a question more, give or "
         "take 0.200."),
        (-0.1, 0.1, 40, "No difference to always answering 50 % that 40 questions could show: "
         "0.100 nats a question more, give or take 0.200."),
        (0.0, 0.0, 5, "No difference to always answering 50 %: the log loss is the same."),
        (0.3, None, 1, "Better than always answering 50 % (0.300 nats a question less), but one "
         "question tells nothing."),
    ],
)  # fmt: skip
def test_the_verdict_says_better_worse_or_no_difference(
    gain: float, error: float | None, count: int, words: str
) -> None:
    assert verdict(scores_with(gain, error, count)) == words


def test_the_table_has_the_scores_and_says_what_was_held_back() -> None:
    text = scores_table(ANSWERS)
    # -ln 0.8 = 0.223, -ln 0.75 = 0.288, -ln 0.001 = 6.908: 7.419 / 3 = 2.473.
    rows = [line.split() for line in text.splitlines()]
    assert ["log", "loss,", "nats", "2.473", "0.693"] in rows
    # (0.04 + 0.0625 + 1) / 3
    assert ["Brier", "score", "0.367", "0.250"] in rows
    assert ["accuracy", "0.667", "0.500"] in rows
    assert "3 questions: 33% happened, and the mean forecast was 68%." in text
    assert "1 answer of exactly 0 or 1, 1 wrong." in text
    assert "within 0.001 and 0.999\n(1 held back)" in text
    assert "50 % is half right" in text
    assert text.endswith(verdict(score(ANSWERS)))
    assert max(map(len, text.splitlines()[:-1])) <= 100


def test_there_is_no_table_without_forecasts() -> None:
    with pytest.raises(InputError, match="no forecasts"):
        scores_table([])


def test_the_costliest_answers_with_their_cost() -> None:
    table = costliest_table(ANSWERS, 2)
    assert table.frame.to_dict("records") == [
        {"question": "count letters", "forecast": "1.00", "happened": "no", "cost in nats": "6.91"},
        {"question": "play <chess>", "forecast": "0.25", "happened": "no", "cost in nats": "0.29"},
    ]
    assert "play &lt;chess&gt;" in table._repr_html_()
