"""Forecasts of whether a model will solve a task: kept in a CSV file, and scored.

A forecast is the probability, stated beforehand, that something happens. Scores are means over
questions: the log loss (natural logarithm, so in nats) and the Brier score are least for a
forecaster who says what they believe (https://doi.org/10.1198/016214506000001437).
"""

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from a3lib.errors import InputError
from a3lib.results.summary import ForecastScores
from a3lib.util.csv_files import read_csv
from a3lib.util.files import write_at_once

COLUMNS = ("question", "forecast", "outcome")
OUTCOMES = dict.fromkeys(("1", "1.0", "true", "yes", "right", "correct"), True)
OUTCOMES |= dict.fromkeys(("0", "0.0", "false", "no", "wrong", "incorrect"), False)

# A forecaster who is certain and wrong has an infinite log loss, which would hide all other
# answers. So the log loss takes no probability nearer to 0 or 1 than this: nobody can tell one in a
# thousand from never, and the costliest answer still costs 6.9 nats, as much as ten of 50 %.
NEAREST_TO_CERTAIN = 0.001
# The normal distribution's two-sided 95 % point.
Z = 1.96
FEW_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MANY_BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Forecast:
    """A question, the probability that was forecast, and whether it happened.

    Raises InputError for a probability that is not from 0 to 1.
    """

    question: str
    probability: float
    outcome: bool

    def __post_init__(self) -> None:
        # NaN is in no range.
        if not 0 <= self.probability <= 1:
            raise InputError(
                f"The forecast is {self.probability:g}; give a number from 0 to 1, or a percentage "
                "such as 70%."
            )


def parse_probability(text: str) -> float:
    """Return the probability that a text such as 0.7 or 70% says.

    Raises InputError where it says none.
    """
    number = text.strip().removesuffix("%")
    try:
        if "_" in number:  # Python groups digits so, but nobody who writes 0_7 means 7.
            raise ValueError
        value = float(number)
    except ValueError as error:
        problem = f"is {text.strip()!r}" if text.strip() else "is missing"
        raise InputError(
            f"The forecast {problem}; give a number from 0 to 1, or a percentage such as 70%."
        ) from error
    probability = value / 100 if text.strip().endswith("%") else value
    return Forecast("", probability, False).probability


def parse_outcome(text: str) -> bool:
    """Return the outcome that a text such as 1, yes or wrong says; raises InputError otherwise."""
    outcome = OUTCOMES.get(text.strip().casefold())
    if outcome is None:
        problem = f"is {text.strip()!r}" if text.strip() else "is missing"
        raise InputError(f"The outcome {problem}; give 1 where it happened and 0 where it did not.")
    return outcome


def read_forecasts(file: str | Path) -> list[Forecast]:
    """Return the forecasts of a CSV file with the columns question, forecast and outcome.

    Raises InputError, naming file and row, for whatever cannot be read. Blank rows are left out.
    """
    name, remedy = repr(str(file)), f"give a CSV file with the columns {', '.join(COLUMNS)}"
    try:
        # A blank line counts where a row is named by its number.
        frame = read_csv(Path(file).expanduser(), skip_blank_lines=False)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {name}; {remedy}.") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{name} is empty; {remedy}.") from error
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{name} cannot be read as CSV ({reason}); {remedy}, and texts with a comma in quotes."
        ) from error
    frame.columns = pd.Index([str(column).strip().casefold() for column in frame.columns])
    for column in COLUMNS:
        if list(frame.columns).count(column) != 1:
            columns = ", ".join(map(repr, frame.columns[:6]))
            raise InputError(f"{name} has not one column {column!r} (it has {columns}); {remedy}.")
    rows = frame[list(COLUMNS)].itertuples(index=False)
    # Row 1 is the header, as in a spreadsheet.
    forecasts = [
        forecast_of_row(name, number, *row)
        for number, row in enumerate(rows, start=2)
        if any(cell.strip() for cell in row)
    ]
    if not forecasts:
        raise InputError(f"{name} has no rows below its header; add a row for each question.")
    return forecasts


def forecast_of_row(file: str, number: int, question: str, forecast: str, outcome: str) -> Forecast:
    """Return a row's forecast; raises InputError that names the file and the row."""
    try:
        return Forecast(question, parse_probability(forecast), parse_outcome(outcome))
    except InputError as error:
        raise InputError(f"In row {number} of {file}: {error}") from error


def write_forecasts(forecasts: Sequence[Forecast], file: str | Path) -> Path:
    """Write forecasts as a CSV file that `read_forecasts` reads, and return the file.

    The file is replaced at once, so that a crash leaves the old one whole. Raises InputError where
    it cannot be written.
    """
    path = Path(file)
    rows = [(f.question, float(f.probability), int(f.outcome)) for f in forecasts]
    # Texts always in quotes: a lone carriage return in one would otherwise end its row.
    text = pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(
        index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
    )
    write_at_once(path, text.encode(), "give a file in a folder of yours")
    return path


def cost(forecast: Forecast) -> float:
    """Return what an answer adds to the log loss, in nats: -ln p(outcome)."""
    probability = forecast.probability if forecast.outcome else 1 - forecast.probability
    return -math.log(min(max(probability, NEAREST_TO_CERTAIN), 1 - NEAREST_TO_CERTAIN))


def correctness(forecast: Forecast) -> float:
    """Return 1 for a forecast on the right side of one half, 0 on the wrong one, 0.5 for a half."""
    if forecast.probability == 0.5:
        return 0.5
    return float((forecast.probability > 0.5) == forecast.outcome)


def score(forecasts: Sequence[Forecast]) -> ForecastScores:
    """Return the scores of some forecasts; raises InputError where there are none."""
    if not forecasts:
        raise InputError("There are no forecasts to score; give at least one.")
    costs = [cost(f) for f in forecasts]
    count, certain = len(forecasts), [f for f in forecasts if f.probability in (0, 1)]
    low, high = NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN
    return ForecastScores(
        count=count,
        accuracy=math.fsum(map(correctness, forecasts)) / count,
        log_loss=math.fsum(costs) / count,
        log_loss_error=statistics.stdev(costs) / math.sqrt(count) if count > 1 else None,
        brier=math.fsum((f.probability - f.outcome) ** 2 for f in forecasts) / count,
        base_rate=sum(f.outcome for f in forecasts) / count,
        mean_forecast=math.fsum(f.probability for f in forecasts) / count,
        certain=len(certain),
        certain_and_wrong=sum(f.probability != f.outcome for f in certain),
        held_back=sum(not low <= f.probability <= high for f in forecasts),
    )


def costliest(forecasts: Sequence[Forecast], count: int = 5) -> list[Forecast]:
    """Return the answers that cost most, the costliest first."""
    # The distance orders them as the cost does, and also among those that are held back.
    return sorted(forecasts, key=lambda f: -abs(f.probability - f.outcome))[:count]


@dataclass(frozen=True)
class CalibrationBin:
    """Forecasts of about the same probability: how many there are, and what share happened.

    `low` and `high` are the 95 % Wilson interval of the share.
    """

    count: int
    mean_forecast: float
    share: float
    low: float
    high: float


def wilson_interval(happened: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    centre = (happened + Z**2 / 2) / (count + Z**2)
    reach = Z * math.sqrt(happened * (count - happened) / count + Z**2 / 4) / (count + Z**2)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def calibration_bins(
    forecasts: Sequence[Forecast], edges: Sequence[float] = FEW_BINS
) -> list[CalibrationBin]:
    """Return the bins between neighbouring edges that hold forecasts, in order.

    A forecast on an edge is in the bin above it, and 1 is in the last. Raises ValueError for edges
    that do not rise from 0 to 1.
    """
    if edges[0] != 0 or edges[-1] != 1 or sorted(set(edges)) != list(edges):
        raise ValueError(f"The edges {list(edges)} do not rise from 0 to 1.")
    bins = []
    for low, high in pairwise(edges):
        inside = [f for f in forecasts if low <= f.probability < high or f.probability == high == 1]
        if inside:
            count, happened = len(inside), sum(f.outcome for f in inside)
            mean = math.fsum(f.probability for f in inside) / count
            interval = wilson_interval(happened, count)
            bins.append(CalibrationBin(count, mean, happened / count, *interval))
    return bins
