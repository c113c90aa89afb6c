"""What people read about their forecasts: the scores, a verdict, and the answers that cost most."""

from collections.abc import Sequence

import pandas as pd

from a3lib.forecasting.scores import (
    NEAREST_TO_CERTAIN,
    Forecast,
    ForecastScores,
    cost,
    costliest,
    score,
)
from a3lib.results.tables import Table, text_table

# With fewer questions, chance alone moves the log loss by a tenth of a nat or more.
FEW_QUESTIONS = 30


def costliest_table(forecasts: Sequence[Forecast], count: int = 5) -> Table:
    """Return a table of the answers that cost most: question, forecast, outcome, cost in nats."""
    rows = [
        {
            "question": f.question,
            "forecast": f"{f.probability:.2f}",
            "happened": "yes" if f.outcome else "no",
            "cost in nats": f"{cost(f):.2f}",
        }
        for f in costliest(forecasts, count)
    ]
    return Table(pd.DataFrame(rows), "The answers that cost most")


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 answer" or "2 answers"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def verdict(scores: ForecastScores) -> str:
    """Say in a sentence or two how the log loss compares with always answering 50 %."""
    gain = scores.always_half_log_loss - scores.log_loss
    error = scores.log_loss_error
    if abs(gain) < 0.0005:
        return "No difference to always answering 50 %: the log loss is the same."
    word = "Better" if gain > 0 else "Worse"
    size = f"{abs(gain):.3f} nats a question {'less' if gain > 0 else 'more'}"
    if error is None:
        return f"{word} than always answering 50 % ({size}), but one question tells nothing."
    if abs(gain) <= 2 * error:
        return (
            f"No difference to always answering 50 % that {scores.count} questions could show: "
            f"{size}, give or take {2 * error:.3f}."
        )
    few = scores.count < FEW_QUESTIONS
    caveat = f" {scores.count} questions are few: it may be chance." if few else ""
    return f"{word} than always answering 50 %: {size}, give or take {2 * error:.3f}.{caveat}"


def scores_table(forecasts: Sequence[Forecast]) -> str:
    """Return the scores beside those of always answering 50 %, with notes and a verdict.

    Raises InputError where there are no forecasts.
    """
    s = score(forecasts)
    rows = [
        ["accuracy", s.accuracy, s.always_half_accuracy],
        ["log loss, nats", s.log_loss, s.always_half_log_loss],
        ["Brier score", s.brier, s.always_half_brier],
    ]
    table = text_table(["", "forecasts", "always 50 %"], rows)
    notes = [
        f"{plural(s.count, 'question')}: {s.base_rate:.0%} happened, and the mean forecast was "
        f"{s.mean_forecast:.0%}.",
        "For accuracy a forecast of 50 % is half right.",
        f"{plural(s.certain, 'answer')} of exactly 0 or 1, {s.certain_and_wrong} wrong. The log "
        f"loss holds every answer within {NEAREST_TO_CERTAIN} and {1 - NEAREST_TO_CERTAIN}",
        f"({s.held_back} held back): certain and wrong costs 6.9 nats, where it would be infinite.",
        verdict(s),
    ]
    return "\n".join([table, "", *notes])
