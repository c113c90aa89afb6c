"""What a figure shows: its level lines, legends and notes."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def horizontal_lines(axes: Axes) -> list[float]:
    """The heights of the lines that go from the left end of the axes to the right end."""
    lines = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    return [float(line.get_ydata()[0]) for line in lines]


def legend_texts(drawn: Axes | Figure) -> list[str]:
    """The entries of the legend of a panel, or of a whole figure."""
    legend = drawn.legends[0] if isinstance(drawn, Figure) else drawn.get_legend()
    return [text.get_text() for text in legend.get_texts()]


def notes(axes: Axes) -> list[str]:
    """What is written in or beside the axes."""
    return [text.get_text() for text in axes.texts if text.get_text()]
