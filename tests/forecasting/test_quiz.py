"""The quiz about one's own model: nothing is told before the forecasts, and then everything is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from a3lib.errors import InputError
from a3lib.forecasting.quiz import Quiz, own_model_quiz
from a3lib.forecasting.scores import Forecast, read_forecasts, score, write_forecasts
from a3lib.results.samples import ModelSamples, Samples

REWARDS = (0.9, 0.5, 0.51, 0.1)
SAMPLES = Samples(
    ("This film", "I <b>saw</b>", "Best", "The end"),
    (
        ModelSamples("original", ("x",) * 4, (0.0,) * 4, (None,) * 4),
        ModelSamples("REINFORCE", (" shines", " it", " ever", " bores"), REWARDS, (1.0,) * 4),
    ),
)


@pytest.fixture
def quiz() -> Quiz:
    return own_model_quiz(SAMPLES, "REINFORCE")


def test_what_happened_is_a_reward_above_one_half(quiz: Quiz) -> None:
    assert quiz.answer([0.9, 0.2, 1, 0]) == [
        Forecast("This film", 0.9, True),
        Forecast("I <b>saw</b>", 0.2, False),
        Forecast("Best", 1.0, True),
        Forecast("The end", 0.0, False),
    ]


def test_completions_and_rewards_are_hidden_until_the_forecasts_are_given(quiz: Quiz) -> None:
    for shown in (repr(quiz), str(quiz), quiz._repr_html_()):
        assert "This film" in shown and "REINFORCE" in shown
        assert not any(hidden in shown for hidden in ("shines", "bores", "0.9", "0.51"))
    assert "1. This film\n2. I <b>saw</b>\n" in repr(quiz)
    assert "<li>I &lt;b&gt;saw&lt;/b&gt;</li>" in quiz._repr_html_()


def test_the_table_tells_everything_after_the_forecasts(quiz: Quiz) -> None:
    table = quiz.answers_table(quiz.answer([0.9, 0.2, 1, 0.5])).frame
    assert table["completion"].tolist() == [" shines", " it", " ever", " bores"]
    assert table["reward"].tolist() == ["0.90", "0.50", "0.51", "0.10"]
    assert table["forecast"].tolist() == ["0.90", "0.20", "1.00", "0.50"]
    # -ln 0.9, -ln 0.8, -ln 0.999 and -ln 0.5.
    assert table["cost in nats"].tolist() == ["0.11", "0.22", "0.00", "0.69"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([0.5] * 3, "has 4 prompts and was given 3 forecasts; give one for each"),
        ([0.5] * 5, "has 4 prompts and was given 5 forecasts"),
        ([0.5, 1.2, 0, 0], "The forecast of prompt 2 is 1.2; give a number from 0 to 1"),
        ([0.5, 0.5, float("nan"), 0], "The forecast of prompt 3 is nan"),
        (["a", 0.5, 0.5, 0.5], "The forecast of prompt 1 is 'a'"),
        ([0.5, 0.5, 0.5, None], "The forecast of prompt 4 is None"),
    ],
)
def test_wrong_answers_are_refused(quiz: Quiz, answers: Sequence[float], words: str) -> None:
    with pytest.raises(InputError) as caught:
        quiz.answer(answers)
    assert words in str(caught.value)


def test_a_quiz_is_kept_in_the_same_file_as_the_other(quiz: Quiz, tmp_path: Path) -> None:
    forecasts = quiz.answer([0.9, 0.2, 1, 0])
    assert read_forecasts(write_forecasts(forecasts, tmp_path / "own.csv")) == forecasts
    assert score(forecasts).accuracy == 1.0


def test_the_quiz_has_as_many_prompts_as_asked_for() -> None:
    assert own_model_quiz(SAMPLES, "REINFORCE", count=2).prompts == ("This film", "I <b>saw</b>")
    assert own_model_quiz(SAMPLES, "REINFORCE", count=9).prompts == SAMPLES.prompts


def test_an_unknown_model_and_unusable_samples_are_refused() -> None:
    with pytest.raises(InputError, match="'DPO'; take one of: original, REINFORCE"):
        own_model_quiz(SAMPLES, "DPO")
    with pytest.raises(InputError, match="no prompts or a reward that is no number"):
        own_model_quiz(SAMPLES, "REINFORCE", count=0)
    broken = Samples(("a",), (ModelSamples("m", ("b",), (float("nan"),), (None,)),))
    with pytest.raises(InputError, match="no prompts or a reward that is no number"):
        own_model_quiz(broken, "m")
