"""HTML from templates: everything that is put into one is escaped and safe to write as UTF-8."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.markers import MarkerStyle

from a3lib.plots import ModelStyle
from a3lib.util import numbers
from a3lib.util.text import allowed_in_html

# Lengths of dashes and gaps in pixels for matplotlib's names of line styles.
DASHES = {"-": "none", "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
# A disc as an SVG path is two arcs; matplotlib's own has dozens of corners.
DISC = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z"
# `numbers.decimals` with the dash that HTML has for a missing number.
DASH = "\N{EN DASH}"
decimals = partial(numbers.decimals, missing=DASH)
# Markers are drawn this much larger than matplotlib's, in a square from -6 to 6.
MARKER_SIZE = 9.5


def dashes(style: ModelStyle) -> str:
    """Return a style's line style as SVG's stroke-dasharray."""
    if isinstance(style.linestyle, str):
        return DASHES.get(style.linestyle, "none")
    return " ".join(f"{1.5 * length:g}" for length in style.linestyle[1])


@cache
def marker_path(style: ModelStyle) -> str:
    """Return a style's marker as the path of an SVG whose origin is the marker's middle."""
    if style.marker == "o":
        return DISC
    marker = MarkerStyle(style.marker)
    outline = marker.get_path().transformed(marker.get_transform())
    polygons = [MARKER_SIZE * np.asarray(corners)[:-1] for corners in outline.to_polygons()]
    # SVG counts downwards.
    return "".join(
        "M" + "L".join(f"{x:.1f} {-y:.1f}" for x, y in corners) + "Z" for corners in polygons
    )


def finished(value: Any) -> Any:
    """Return what a template prints for a value: markup as it is, other texts as HTML allows."""
    is_markup = hasattr(value, "__html__") or not isinstance(value, str)
    return value if is_markup else allowed_in_html(value)


def render(file: Path, context: Mapping[str, Any]) -> str:
    """Return a template's text; the templates beside it and a3lib's own can be included."""
    environment = Environment(
        loader=FileSystemLoader([file.parent, Path(__file__).parent]),
        autoescape=True,
        finalize=finished,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "decimals": decimals,
        "dashes": dashes,
        "marker_path": marker_path,
    }
    return environment.get_template(file.name).render(context)
