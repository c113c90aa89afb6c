"""Which colour, line style and marker a model has: the same in every figure, table and report."""

import re
from typing import NamedTuple
from zlib import crc32

import numpy as np

from a3lib.profiles import ORIGINAL, REINFORCE, dpo_name, kl_name

# Okabe and Ito's palette, which colour-blind readers can tell apart; line styles tell as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")


class Look(NamedTuple):
    """A colour (#RRGGBB), a line style and a marker, as matplotlib takes them."""

    colour: str
    style: str | tuple[int, tuple[float, ...]]
    marker: str


ORIGINAL_LOOK, REINFORCE_LOOK = Look("#4D4D4D", "-", "*"), Look("#0072B2", "-", "X")
# From the least held back (alpha 0, a small beta) to the most; every colour is dark enough for
# 3 : 1 on white, which WCAG 2.2 (1.4.11) asks of the lines of a graph.
KL_COLOURS = ("#E0640C", "#C0334D", "#7A1F6E", "#35104F")
DPO_COLOURS = ("#0E9488", "#0A6B4A", "#0B3B22")
# The value in the middle of each scale and how steep the scale is there.
KL_MIDDLE, KL_POWER = 0.03, 0.5
DPO_MIDDLE, DPO_POWER = 0.22, 2.0
FAMILY_STYLES = ("-", (0, (6, 1.5)), "-.", (0, (3, 1, 1, 1, 1, 1)), ":")
KL_MARKERS = ("o", "h", "8", "p", "H")
DPO_MARKERS = ("s", "^", "D", "v", "P")


def place(value: float, middle: float, power: float) -> float:
    """Return where a value from 0 on stands between 0 and 1, half-way at `middle`."""
    raised = value**power
    return 1.0 if np.isinf(raised) else raised / (raised + middle**power)


def blend(colours: tuple[str, ...], where: float) -> str:
    """Return the colour (#RRGGBB) at a place from 0 to 1 along evenly spaced colours."""
    channels = [[int(colour[i : i + 2], 16) for colour in colours] for i in (1, 3, 5)]
    corners = np.linspace(0, 1, len(colours))
    mixed = [round(float(np.interp(where, corners, channel))) for channel in channels]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def family_look(colours: tuple[str, ...], markers: tuple[str, ...], where: float) -> Look:
    """Return the look of a family's member at a place from 0 to 1 in its scale."""
    number = min(int(where * len(FAMILY_STYLES)), len(FAMILY_STYLES) - 1)
    return Look(blend(colours, where), FAMILY_STYLES[number], markers[number])


def number_in(name: str) -> float | None:
    """Return the number at the end of a model's name, or None where there is none."""
    found = re.search(r"= (\S+)$", name)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def look_of(name: str) -> Look:
    """Return the look of a model by its name in `profiles.model_names`, whatever stands beside it.

    KL policies go by alpha and DPO policies by beta along a scale of their own. A name that is no
    model's has one of `COLOURS` that depends on the name alone.
    """
    fixed = {ORIGINAL: ORIGINAL_LOOK, REINFORCE: REINFORCE_LOOK}
    if name in fixed:
        return fixed[name]
    value = number_in(name)
    if value is not None and value >= 0:
        if name == kl_name(value):
            return family_look(KL_COLOURS, KL_MARKERS, place(value, KL_MIDDLE, KL_POWER))
        if name == dpo_name(value):
            return family_look(DPO_COLOURS, DPO_MARKERS, place(value, DPO_MIDDLE, DPO_POWER))
    number = crc32(name.encode("utf-8", "surrogatepass"))
    return Look(
        COLOURS[number % len(COLOURS)],
        STYLES[number % len(STYLES)],
        MARKERS[number % len(MARKERS)],
    )
