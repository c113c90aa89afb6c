"""Which colour, line style and marker a model or method has: the same in every figure and table."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar
from zlib import crc32

import numpy as np

from a3lib.profiles import (
    DPO,
    KL,
    ORIGINAL,
    REINFORCE,
    SFT_NAME,
    RunModel,
    StudyMethod,
    model_of,
    study_method_of,
)

LineStyle = str | tuple[int, tuple[float, ...]]
Item = TypeVar("Item")

# For names that are no model's. Every colour here is dark enough for 3 : 1 on white, which WCAG 2.2
# (1.4.11) asks of a graph's lines; their test sees them as colour-blind readers do.
COLOURS = ("#0072B2", "#C8761A", "#2B8A3E", "#A0246E", "#858585", "#5B2A9D")
LINE_STYLES: tuple[LineStyle, ...] = (
    "-",
    (0, (7, 2)),
    "-.",
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (4, 1.5)),
    (0, (1.2, 1.2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P")


class ModelStyle(NamedTuple):
    """A colour (#RRGGBB), a line style and a marker, as matplotlib takes them."""

    colour: str
    linestyle: LineStyle
    marker: str


ORIGINAL_STYLE = ModelStyle("#3F3F3F", LINE_STYLES[4], "*")
REINFORCE_STYLE = ModelStyle("#0072B2", LINE_STYLES[0], "X")
# From the least held back (alpha 0, a small beta) to the most, which is nearly the original.
KL_COLOURS = ("#DD7800", "#E0254F", "#8C0A84", "#390220")
DPO_COLOURS = ("#00998C", "#3B7F03", "#263304")
KL_MARKERS = ("o", "^", "<", "v", "D", "P")
DPO_MARKERS = ("8", "s", "p", "D", "d", ">")
# The value in the middle of each scale and how steep the scale is there: the defaults are spread.
KL_MIDDLE, KL_POWER = 0.03, 0.5
DPO_MIDDLE, DPO_POWER = 0.22, 2.0

# Theory orders the divergences from reverse KL through the alphas to forward KL; Jensen-Shannon is
# not on that line.
ENDS = {"reverse_kl": 0.0, "forward_kl": 1.0}
DIVERGENCE_COLOURS = ("#1A0840", "#3B50D8", "#159A5E")
JENSEN_SHANNON, JENSEN_SHANNON_COLOUR = "jensen_shannon", "#C4321F"
# By how much a link's lines and markers are moved on, so that a divergence's differ between links.
LINK_SHIFTS = {"hinge": 2, "ipo": 4}
OTHER_STYLES = {
    name: ModelStyle(colour, LINE_STYLES[number], MARKERS[number])
    for number, (name, colour) in enumerate(
        (
            ("ipo", "#C8761A"),
            ("slic", "#A0246E"),
            ("rrhf", "#2B8A3E"),
            ("rso", "#858585"),
            ("curriculum", "#1FA0B8"),
        ),
        start=1,
    )
}

# The method that others are variants of, and the title of a group of such methods.
PLAIN_DPO = "sigmoid-reverse_kl"
OTHERS = "other methods"


def place(value: float, middle: float, power: float) -> float:
    """Return where a value from 0 on stands between 0 and 1, half-way at `middle`."""
    # Far beyond every middle, and far from overflowing.
    raised = min(value, 1e9) ** power
    return raised / (raised + middle**power)


def blend(colours: Sequence[str], where: float) -> str:
    """Return the colour (#RRGGBB) at a place from 0 to 1 along evenly spaced colours."""
    channels = [[int(colour[start : start + 2], 16) for colour in colours] for start in (1, 3, 5)]
    corners = np.linspace(0, 1, len(colours))
    mixed = [round(float(np.interp(where, corners, channel))) for channel in channels]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def family_style(colours: Sequence[str], markers: Sequence[str], where: float) -> ModelStyle:
    """Return the style of a family's member at a place from 0 to 1 in its scale."""
    number = min(int(where * len(LINE_STYLES)), len(LINE_STYLES) - 1)
    return ModelStyle(blend(colours, where), LINE_STYLES[number], markers[number])


def model_style(model: RunModel) -> ModelStyle:
    """Return the style of a run's model: by its alpha or beta along its family's scale."""
    if model.family == KL:
        return family_style(KL_COLOURS, KL_MARKERS, place(model.value, KL_MIDDLE, KL_POWER))
    if model.family == DPO:
        return family_style(DPO_COLOURS, DPO_MARKERS, place(model.value, DPO_MIDDLE, DPO_POWER))
    return {ORIGINAL: ORIGINAL_STYLE, REINFORCE: REINFORCE_STYLE}[model.family]


def palette_style(name: str) -> ModelStyle:
    """Return a style with one of `COLOURS` that depends on the name alone."""
    number = crc32(name.encode("utf-8", "surrogatepass"))
    return ModelStyle(COLOURS[number % 6], LINE_STYLES[number % 6], MARKERS[number % 6])


def style_of(name: str) -> ModelStyle:
    """Return the style of a run's model by its name, whatever stands beside it.

    A name that is no model's has one of the palette.
    """
    model = model_of(name)
    return model_style(model) if model else palette_style(name)


def first_free(wanted: Item, choices: Iterable[Item], taken: Collection[Item]) -> Item:
    """Return the wanted item, or where it is taken the first free choice, if there is one."""
    if wanted not in taken:
        return wanted
    return next((choice for choice in choices if choice not in taken), wanted)


def distinct_styles(styles: Mapping[str, ModelStyle]) -> dict[str, ModelStyle]:
    """Return styles that share a figure, no line style or marker twice while there are more."""
    distinct: dict[str, ModelStyle] = {}
    for name, (colour, linestyle, marker) in styles.items():
        linestyles = [other.linestyle for other in distinct.values()]
        markers = [other.marker for other in distinct.values()]
        distinct[name] = ModelStyle(
            colour,
            first_free(linestyle, LINE_STYLES, linestyles),
            first_free(marker, MARKERS, markers),
        )
    return distinct


def styles_for(names: Iterable[str]) -> dict[str, ModelStyle]:
    """Return the styles of names that share a figure, told apart as well as can be.

    A model keeps its colour; of the other names one whose colour is taken gets the next free one.
    """
    styles: dict[str, ModelStyle] = {}
    for name in names:
        style = style_of(name)
        if model_of(name) is None:
            taken = [other.colour for other in styles.values()]
            style = style._replace(colour=first_free(style.colour, COLOURS, taken))
        styles[name] = style
    return distinct_styles(styles)


def groups_of(methods: Sequence[str]) -> dict[str, list[str]]:
    """Sort methods into those that are compared: the divergences of a link, and all others.

    The others have plain DPO beside them, if it was run: rso and curriculum are variants of it.
    """
    by_link: dict[str, list[str]] = {}
    for method in methods:
        by_link.setdefault(method.partition("-")[0], []).append(method)
    groups = {link: members for link, members in by_link.items() if len(members) > 1}
    alone = [members[0] for members in by_link.values() if len(members) == 1]
    if alone:
        plain = [PLAIN_DPO] if PLAIN_DPO in methods and PLAIN_DPO not in alone else []
        groups[OTHERS] = [*plain, *alone]
    return groups


def divergence_place(divergence: str, alpha: float | None) -> float | None:
    """Return where a divergence is from reverse KL (0) to forward KL (1), or None if nowhere."""
    if divergence == "alpha" and alpha is not None and alpha >= 0:
        return min(1.0, alpha)
    return ENDS.get(divergence)


def divergence_style(method: StudyMethod) -> ModelStyle | None:
    """Return the style of a link with a divergence, or None where there is no such divergence.

    A divergence has one colour under every link; its line and marker differ between links.
    """
    where = divergence_place(method.divergence, method.alpha)
    if method.divergence == JENSEN_SHANNON:
        colour, number = JENSEN_SHANNON_COLOUR, 5
    elif where is not None:
        colour, number = blend(DIVERGENCE_COLOURS, where), round(4 * where)
    else:
        return None
    number = (number + LINK_SHIFTS.get(method.link, 0)) % len(LINE_STYLES)
    return ModelStyle(colour, LINE_STYLES[number], MARKERS[number])


def method_style(name: str) -> ModelStyle:
    """Return the style of a method of the study, or of a run's model, by its name.

    The policy before training, "SFT", looks like a run's original model.
    """
    style = OTHER_STYLES.get(name)
    with suppress(ValueError):
        style = style or divergence_style(study_method_of(name))
    return style or style_of(ORIGINAL if name == SFT_NAME else name)


def method_styles(names: Iterable[str]) -> dict[str, ModelStyle]:
    """Return the styles of methods that share a panel."""
    return distinct_styles({name: method_style(name) for name in names})


def short_name(name: str) -> str:
    """Return a model's name for a legend in which all models are of one family."""
    model = model_of(name)
    return model.short_name if model else name
