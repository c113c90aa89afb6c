"""Names beside points, placed so that none hides another, a point or a line."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

Point = tuple[float, float]

# Where a label is tried, in points from its marker's edge: near first,
# beside before above and below.
DISTANCES = (3.0, 12.0, 22.0, 34.0, 49.0, 69.0, 94.0, 124.0)
DIRECTIONS = (
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
    (0.5, 1),
    (-0.5, 1),
    (0.5, -1),
    (-0.5, -1),
)
# How far a line reaches to its sides, in points.
LINE_REACH = 1.0


def put(note: Annotation, offset: Point, near: bool, renderer: RendererAgg) -> np.ndarray:
    """Move a label to an offset from its point, in points, and return its box in pixels.

    Boxes are rows (left, bottom, right, top).
    """
    right, up = offset
    note.set_position(offset)
    note.set_horizontalalignment("center" if right == 0 else "left" if right > 0 else "right")
    note.set_verticalalignment("center" if up == 0 else "bottom" if up > 0 else "top")
    if note.arrow_patch is not None:
        note.arrow_patch.set_visible(not near)
    note.update_positions(renderer)
    # The annotation's own extent would have its line in it.
    return np.asarray(Text.get_window_extent(note, renderer).extents)


def shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the areas that a box, (4,), has in common with others, (N, 4), as (N,)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    return np.maximum(high - low, 0).prod(axis=1)


def boxes_around(places: np.ndarray, reach: np.ndarray | float) -> np.ndarray:
    """Return boxes, (N, 4), that reach so many pixels to each side of places, (N, 2)."""
    return np.concatenate([places - reach, places + reach], axis=1)


def nearest(box: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the place in a box, (4,), that is nearest to a place, (2,)."""
    return np.clip(place, box[:2], box[2:])


def label_points(
    figure: Figure,
    axes: Axes,
    names: Sequence[str],
    points: Sequence[Point],
    colours: Sequence[str],
    reaches: Sequence[float],
    lines: Sequence[tuple[Point, Point]] = (),
) -> list[Annotation]:
    """Write each name beside its point and return the labels.

    A name stands where it hides no point, line or other name, if there is such a place, and is
    nearer to its own point than to another; a name that stands farther away has a thin line to it.
    The axes' place and limits must be final. `reaches` say how far each point's marker reaches
    from its middle, in typographic points (1/72 inch).
    """
    renderer = FigureCanvasAgg(figure).get_renderer()
    pixels = figure.dpi / 72
    frame = np.asarray(axes.get_window_extent().extents)[None]
    places = axes.transData.transform(np.reshape(points, (-1, 2)))
    taken = boxes_around(places, pixels * np.asarray(reaches)[:, None])
    for line in lines:
        start, end = axes.transData.transform(line)
        along = boxes_around(np.linspace(start, end, 100), pixels * LINE_REACH)
        taken = np.concatenate([taken, along])
    written = np.zeros((0, 4))
    notes = []
    for name, point, own, colour, reach in zip(
        names, points, places, colours, reaches, strict=True
    ):
        note = axes.annotate(
            name,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=9,
            color=colour,
            parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkB": reach},
        )
        tried: list[tuple[float, int, Point, bool]] = []
        for distance, (right, up) in product(DISTANCES, DIRECTIONS):
            offset = ((reach + distance) * right, (reach + distance) * up)
            near = distance == DISTANCES[0]
            box = put(note, offset, near, renderer)
            area = float((box[2:] - box[:2]).prod())
            hidden = area - shared(box, frame).sum() + shared(box, taken).sum()
            gaps = [math.dist(place, nearest(box, place)) for place in places]
            astray = near and min(gaps) < math.dist(own, nearest(box, own))
            leader = np.linspace(own, nearest(box, own), 100)
            crosses = any(shared(part, written).any() for part in boxes_around(leader, pixels))
            tried.append((hidden + (astray + crosses) * area, len(tried), offset, near))
            if tried[-1][0] == 0:
                break
        _, _, offset, near = min(tried)
        box = put(note, offset, near, renderer)
        written = np.concatenate([written, box[None]])
        leader = np.linspace(own, nearest(box, own), 100)
        taken = np.concatenate([taken, box[None], boxes_around(leader, pixels * LINE_REACH)])
        notes.append(note)
    return notes
