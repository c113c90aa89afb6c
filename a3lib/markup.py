"""HTML from templates: everything that is put into one is escaped and safe to write as UTF-8."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from a3lib.plots import Look

# What HTML does not allow in a text: control characters, lone surrogates and noncharacters.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
NOT_ALLOWED = re.compile(
    "[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
# Unicode's pictures of the control characters: NUL is the first, DEL the last.
FIRST_PICTURE, PICTURE_OF_DELETE = 0x2400, "\u2421"

# Lengths of dashes and gaps in pixels for matplotlib's names of line styles.
DASHES = {"-": "none", "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
# Matplotlib's markers as paths in a square from -6 to 6.
MARKER_PATHS = {
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "8": "M-2-4H2L4-2V2L2 4H-2L-4 2V-2Z",
    "s": "M-4-4H4V4H-4Z",
    "D": "M0-5L5 0 0 5-5 0Z",
    "^": "M0-5L5 4H-5Z",
    "v": "M0 5L5-4H-5Z",
    "h": "M0-5L4.3-2.5V2.5L0 5-4.3 2.5V-2.5Z",
    "H": "M-5 0L-2.5-4.3H2.5L5 0 2.5 4.3H-2.5Z",
    "p": "M0-5L4.8-1.5 2.9 4H-2.9L-4.8-1.5Z",
    "P": "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z",
    "X": "M-5-3L-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z",
    "*": "M0-6L1.5-2H5.7L2.3.7 3.5 5 0 2.4-3.5 5-2.3.7-5.7-2H-1.5Z",
}


def clean(text: str) -> str:
    """Return a text that HTML may hold: control characters as pictures, the rest that is not
    allowed as U+FFFD.
    """

    def picture(found: re.Match[str]) -> str:
        code = ord(found[0])
        return PICTURE_OF_DELETE if code == 0x7F else chr(FIRST_PICTURE + code)

    return NOT_ALLOWED.sub("\ufffd", CONTROLS.sub(picture, text))


def number(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def decimals(value: Any, digits: int = 3) -> str:
    """Return a number with so many decimals, and a dash for what is none."""
    found = number(value)
    return "\N{EN DASH}" if found is None else f"{found:.{digits}f}"


def dashes(look: Look) -> str:
    """Return a look's line style as SVG's stroke-dasharray."""
    if isinstance(look.style, str):
        return DASHES.get(look.style, "none")
    return " ".join(f"{1.5 * length:g}" for length in look.style[1])


def marker_path(look: Look) -> str:
    """Return a look's marker as the path of an SVG whose origin is the marker's middle."""
    return MARKER_PATHS.get(look.marker, MARKER_PATHS["o"])


def finished(value: Any) -> Any:
    """Return what a template prints for a value: markup as it is, every other text cleaned."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else clean(value)


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
