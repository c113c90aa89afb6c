"""Section 5's forms: the online quiz's answers one by one, and the quiz about one's own model.

They need ipywidgets; without it each says how to give the answers in another way.
"""

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from a3lib.errors import InputError
from a3lib.forecasting.figure import calibration
from a3lib.forecasting.quiz import Quiz
from a3lib.forecasting.scores import (
    COLUMNS,
    Forecast,
    parse_outcome,
    parse_probability,
    read_forecasts,
    score,
    write_forecasts,
)
from a3lib.forecasting.tables import costliest_table, plural, scores_table
from a3lib.notebook.widgets import errors_shown_in, full_width, load_widgets, message_html
from a3lib.results.run import Run
from a3lib.results.tables import Table

# Receives the forecasts and their calibration diagram when they are scored.
Keep = Callable[[list[Forecast], Figure], None]
# A saved page, or a notebook that does not run scripts, shows no form.
WITHOUT_FORM = "If you see no form: "
# All fields are text: in JupyterLab the arrow keys jump from a slider or list to the next cell, and
# a screen reader finds no name for a slider.
EXAMPLE = "0.7 or 70%"


def keep_nothing(forecasts: list[Forecast], figure: Figure) -> None:
    """Take forecasts and their diagram and do nothing with them."""


def keep_in(run: Run, key: str) -> Keep:
    """Return a function that keeps scores in a run's summary, by this key, and their diagram."""

    def keep(forecasts: list[Forecast], figure: Figure) -> None:
        run.record(**{key: score(forecasts)})
        run.figure(figure, f"{key}_calibration")

    return keep


def show_scores(forecasts: list[Forecast], table: Table, keep: Keep = keep_nothing) -> None:
    """Print the scores and show the calibration diagram and a table of answers.

    Raises InputError where there are no forecasts.
    """
    print(scores_table(forecasts))
    figure = calibration(forecasts)
    keep(forecasts, figure)
    display(figure, table)
    # Otherwise the notebook shows it a second time.
    plt.close(figure)


def scores_html(forecasts: list[Forecast], table: Table, keep: Keep) -> str:
    """Return what `show_scores` shows as HTML, for a form."""
    text = scores_table(forecasts)
    figure, picture = calibration(forecasts), io.BytesIO()
    keep(forecasts, figure)
    figure.savefig(picture, format="png", dpi=100)
    plt.close(figure)
    data = base64.b64encode(picture.getvalue()).decode()
    image = f'<img alt="calibration diagram" src="data:image/png;base64,{data}">'
    pre = f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'
    return f"{pre}{image}{table._repr_html_()}"


def kept_forecasts(file: Path) -> list[Forecast]:
    """Return the forecasts in a file, none where there is no file yet.

    Raises InputError where the file cannot be read.
    """
    return read_forecasts(file) if file.exists() else []


def kept_message(file: Path) -> str:
    """Say how many answers a file keeps; raises InputError where it cannot be read."""
    kept = plural(len(kept_forecasts(file)), "answer")
    return f"{kept} kept in {file}, where you can change them."


def add_forecast(file: Path, question: str, forecast: str, outcome: str) -> None:
    """Add an answer to those in the file, at once.

    Raises InputError for a wrong answer or a damaged file, and leaves the file as it was.
    """
    if not question.strip():
        raise InputError("The question is empty; type a few words of it.")
    answer = Forecast(question.strip(), parse_probability(forecast), parse_outcome(outcome))
    kept = kept_forecasts(file)
    if answer.question in [f.question.strip() for f in kept]:
        raise InputError(
            f"The question {answer.question!r} is in {str(file)!r} already; change it there, or "
            "type other words."
        )
    write_forecasts([*kept, answer], file)


def make_entry_form(widgets: ModuleType, file: Path, keep: Keep) -> Any:
    """Return the form for answers one by one; every answer is in the file before the next."""
    question = widgets.Text(description="Question:", **full_width(widgets))
    forecast = widgets.Text(
        description="Your forecast that the model is right:",
        placeholder=EXAMPLE,
        **full_width(widgets),
    )
    outcome = widgets.Text(
        description="The model was:", placeholder="right or wrong", **full_width(widgets)
    )
    add = widgets.Button(description="Keep this answer", tooltip="Add it to the file")
    finish = widgets.Button(description="Score", tooltip="Score all answers in the file")
    message, results = widgets.HTML(), widgets.HTML()

    def keep_answer(_: Any) -> None:
        with errors_shown_in(message):
            add_forecast(file, question.value, forecast.value, outcome.value)
            question.value = forecast.value = outcome.value = ""
            message.value = message_html(kept_message(file))

    def score_answers(_: Any) -> None:
        with errors_shown_in(message):
            forecasts = kept_forecasts(file)
            results.value = scores_html(forecasts, costliest_table(forecasts), keep)
            message.value = message_html(kept_message(file))

    add.on_click(keep_answer)
    finish.on_click(score_answers)
    with errors_shown_in(message):
        message.value = message_html(kept_message(file))
    return widgets.VBox([question, forecast, outcome, add, finish, message, results])


def show_entry(file: Path, keep: Keep) -> None:
    """Show the form for the online quiz's answers, or say how to write the file by hand.

    `keep` is called with the forecasts and their diagram whenever they are scored.
    """
    widgets = load_widgets()
    if widgets is not None:
        display(make_entry_form(widgets, file, keep))
    header = ",".join(COLUMNS)
    print(
        f"{WITHOUT_FORM if widgets else ''}Write your answers into a CSV file, put its name\n"
        f'into FORECASTS above, and run the cell again:\n{header}\n"Can it ...?",0.7,1'
    )


def typed_probability(number: int, text: str) -> float:
    """Return what was typed for a prompt; raises InputError that names the prompt."""
    try:
        return parse_probability(text)
    except InputError as error:
        raise InputError(f"Prompt {number}: {error}") from error


def make_quiz_form(widgets: ModuleType, quiz: Quiz, file: Path, keep: Keep) -> Any:
    """Return the form of a quiz: a field for each prompt, and a button that scores them once."""
    fields = [
        widgets.Text(
            description=f"{number}. Your forecast:", placeholder=EXAMPLE, **full_width(widgets)
        )
        for number in range(1, len(quiz.prompts) + 1)
    ]
    prompts = [
        widgets.HTML(f"<b>{number}.</b> {escape(prompt)} ...")
        for number, prompt in enumerate(quiz.prompts, start=1)
    ]
    rows = [widget for row in zip(prompts, fields, strict=True) for widget in row]
    finish = widgets.Button(description="Score", tooltip="Score the forecasts and show the texts")
    message, results = widgets.HTML(), widgets.HTML()

    def score_answers(_: Any) -> None:
        with errors_shown_in(message):
            answers = [typed_probability(n, field.value) for n, field in enumerate(fields, 1)]
            results.value = score_quiz(quiz, answers, file, keep, scores_html)
            # Nobody may forecast after seeing the texts.
            for widget in (*fields, finish):
                widget.disabled = True
            message.value = message_html(f"Your forecasts are kept in {file}.")

    finish.on_click(score_answers)
    task = widgets.HTML(f"<p>{escape(quiz.task)}</p>")
    return widgets.VBox([task, *rows, finish, message, results])


def score_quiz(
    quiz: Quiz, answers: Sequence[float], file: Path, keep: Keep, show: Callable[..., Any]
) -> Any:
    """Write a quiz's answers into a file and return what `show` makes of them.

    Raises InputError for answers that do not fit the quiz.
    """
    forecasts = quiz.answer(answers)
    write_forecasts(forecasts, file)
    return show(forecasts, quiz.answers_table(forecasts), keep)


def show_quiz(quiz: Quiz, answers: Sequence[float], file: Path, keep: Keep) -> None:
    """Score the answers to a quiz; without any, show its form, or its prompts as a list.

    `keep` is called with the forecasts and their diagram when they are scored. Raises InputError
    for answers that do not fit the quiz.
    """
    widgets = load_widgets()
    if len(answers) > 0:
        score_quiz(quiz, answers, file, keep, show_scores)
        return
    display(quiz if widgets is None else make_quiz_form(widgets, quiz, file, keep))
    print(
        f"{WITHOUT_FORM if widgets else ''}Put your {len(quiz.prompts)} forecasts into "
        "MY_FORECASTS\nabove, in the order of the prompts, and run the cell again."
    )
