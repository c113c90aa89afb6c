"""A chart of training curves as lines of an SVG that stretches, with its ticks and its values."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from a3lib.plots import SMOOTHING_STEPS, ModelStyle, moving_average
from a3lib.util.numbers import finite

# The SVG's own width and height; the page stretches both to the room that there is.
SIZE = 1000
TICKS, MARKERS, TABLE_ROWS = 5, 6, 40


class Line(NamedTuple):
    """A model's values, one a step of its chart; None where there is none."""

    name: str
    style: ModelStyle
    values: tuple[float | None, ...]


class Chart(NamedTuple):
    """Lines over training steps.

    `marks` are labelled levels; the axis reaches from `bottom` to `top` at least. On a symlog
    axis values above 1 go by their logarithm. A smoothed chart draws the raw values faintly.
    """

    key: str
    title: str
    text: str
    unit: str
    steps: tuple[int, ...]
    lines: tuple[Line, ...]
    marks: tuple[tuple[float, str], ...] = ()
    bottom: float = 0.0
    top: float = 0.0
    symlog: bool = False
    smoothed: bool = True


class Tick(NamedTuple):
    """A label, and where it stands: percent from the left or from the top."""

    label: str
    place: float


def as_values(values: Any, length: int) -> tuple[float | None, ...]:
    """Return finite numbers and None for the rest, as many as the chart has steps."""
    numbers = [finite(value) for value in values]
    return (*numbers, *[None] * (length - len(numbers)))


def smooth(values: Sequence[float | None]) -> list[float | None]:
    """Return the mean of the last steps' values at each step, leaving out those that are None."""
    present = [value for value in values if value is not None]
    means = iter(moving_average(present).tolist() if present else [])
    return [None if value is None else next(means) for value in values]


def scaled(value: float, symlog: bool) -> float:
    """Return where a value stands on its axis; symlog is linear up to 1 and has decades above."""
    if not symlog or abs(value) <= 1:
        return value
    return math.copysign(1 + math.log10(abs(value)), value)


class Axes(NamedTuple):
    """The ranges of a chart; `low` and `high` as `scaled` gives them."""

    first: float
    last: float
    low: float
    high: float
    symlog: bool

    def x(self, step: float) -> float:
        """Return how far right a step stands, in percent."""
        return 100 * (step - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        """Return how far down a value stands, in percent."""
        return 100 * (self.high - scaled(value, self.symlog)) / (self.high - self.low)


def axes_of(chart: Chart) -> Axes:
    """Return the ranges that hold every value, mark and requested end of a chart."""
    values = [v for line in chart.lines for v in line.values if v is not None]
    values += [chart.bottom, chart.top, *(height for height, _ in chart.marks)]
    low, high = (scaled(end(values), chart.symlog) for end in (min, max))
    first, last = chart.steps[0], chart.steps[-1]
    # Room for half a line above the highest, and for what has one value or one step only.
    high = max(high + 0.02 * (high - low), low + 1e-6)
    return Axes(first, max(last, first + 1), low, high, chart.symlog)


def x_ticks(axes: Axes) -> list[Tick]:
    """Return ticks at round steps."""
    places = MaxNLocator(TICKS, integer=True).tick_values(axes.first, axes.last)
    inside = [place for place in places if axes.first <= place <= axes.last]
    return [Tick(f"{place:g}", axes.x(place)) for place in inside]


def y_ticks(axes: Axes) -> list[Tick]:
    """Return ticks at round values, or on a symlog axis of more than one decade at its powers."""
    if axes.symlog and axes.high > 2:
        places = [0.0, *(10.0**power for power in range(math.ceil(axes.high)))]
    else:
        places = [float(v) for v in MaxNLocator(TICKS).tick_values(axes.low, axes.high)]
    inside = [place for place in places if axes.low - 1e-9 <= scaled(place, axes.symlog)]
    inside = [place for place in inside if scaled(place, axes.symlog) <= axes.high + 1e-9]
    return [Tick(f"{place:g}" if abs(place) > 1e-12 else "0", axes.y(place)) for place in inside]


def path_of(chart: Chart, axes: Axes, values: Sequence[float | None]) -> str:
    """Return a line as an SVG path; it is broken where a value is missing."""
    parts, drawing = [], False
    for step, value in zip(chart.steps, values, strict=True):
        if value is not None:
            x, y = (SIZE * percent / 100 for percent in (axes.x(step), axes.y(value)))
            parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
            # A lone point is a line of no length with round ends.
            parts += [] if drawing else ["h0"]
        drawing = value is not None
    return "".join(parts)


def markers_of(chart: Chart, axes: Axes, values: Sequence[float | None], shift: int) -> list[Any]:
    """Return a few of a line's points as pairs of percent; `shift` moves them off other lines'."""
    present = [(s, v) for s, v in zip(chart.steps, values, strict=True) if v is not None]
    if not present:
        return []
    share = (shift % 4) / 4
    wanted = (np.arange(MARKERS) + 0.2 + 0.6 * share) * len(present) / MARKERS
    chosen = sorted({min(int(place), len(present) - 1) for place in wanted})
    return [(axes.x(present[i][0]), axes.y(present[i][1])) for i in chosen]


def short(values: Sequence[float | None]) -> list[float | None]:
    """Return values with four significant digits, which a page can show."""
    return [None if value is None else float(f"{value:.4g}") for value in values]


def drawn(chart: Chart) -> dict[str, Any]:
    """Return what the page's template needs to draw a chart, show its values and read them off."""
    axes = axes_of(chart)
    lines, data = [], []
    for place, line in enumerate(chart.lines):
        strong = smooth(line.values) if chart.smoothed else list(line.values)
        lines.append(
            {
                "name": line.name,
                "style": line.style,
                "raw": path_of(chart, axes, line.values) if chart.smoothed else "",
                "path": path_of(chart, axes, strong),
                "markers": markers_of(chart, axes, strong, place),
                "strong": strong,
            }
        )
        means = short(strong) if chart.smoothed else None
        data.append({"name": line.name, "values": short(line.values), "means": means})
    every = max(1, math.ceil(len(chart.steps) / TABLE_ROWS))
    # From the end, so that the last step is among them.
    chosen = sorted(range(len(chart.steps) - 1, -1, -every))
    return {
        "chart": chart,
        "lines": lines,
        "x_ticks": x_ticks(axes),
        "y_ticks": y_ticks(axes),
        "marks": [Tick(label, axes.y(height)) for height, label in chart.marks],
        "rows": [(chart.steps[i], [line["strong"][i] for line in lines]) for i in chosen],
        "every": every,
        "smoothing": SMOOTHING_STEPS,
        "data": {"steps": chart.steps, "lines": data, "first": axes.first, "last": axes.last},
    }
