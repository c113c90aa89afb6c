"""The colours of the report's styles reach the contrast of WCAG 2.2 AA, in light and in dark."""

import re
from pathlib import Path

import pytest

from a3lib import report
from a3lib.plots import style_of
from a3lib.profiles import model_names
from a3lib.results import sample_table

STYLES = Path(report.__file__).with_name("report.css").read_text(encoding="utf-8")
TABLE = Path(sample_table.__file__).with_name("sample_table.css").read_text(encoding="utf-8")
PAIRS = dict(
    (name, (light, dark))
    for name, light, dark in re.findall(
        r"--(\w+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", STYLES
    )
)
# Texts need 4.5 : 1 on their ground, edges of controls and what marks the focus 3 : 1.
TEXTS = [
    *(("ink", ground) for ground in ("ground", "raised", "notice")),
    *(("muted", ground) for ground in ("ground", "raised")),
    ("link", "ground"),
]
EDGES = [("edge", "ground"), ("focus", "ground"), ("focus", "raised"), ("link", "raised")]


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("pair", "least"), [*((p, 4.5) for p in TEXTS), *((p, 3.0) for p in EDGES)], ids=str
)
def test_a_pair_of_colours_is_far_enough_apart(
    pair: tuple[str, str], least: float, mode: int
) -> None:
    front, ground = (PAIRS[name][mode] for name in pair)
    assert contrast(front, ground) >= least


def test_every_colour_is_measured() -> None:
    used = set(re.findall(r"var\(--(\w+)\)", STYLES))
    # Rules between rows say nothing that the rows do not.
    assert used == set(PAIRS) and used - {name for p in TEXTS + EDGES for name in p} == {"rule"}


def test_bars_of_rewards_are_seen_in_both_modes() -> None:
    bars = re.findall(r"\.r(\d) \{ background: (#[0-9a-f]{6}); \}", TABLE)
    assert [int(number) for number, _ in bars] == [*range(sample_table.REWARD_COLOURS)]
    for _, colour in bars:
        assert all(contrast(colour, ground) >= 3 for ground in PAIRS["ground"])


def test_lines_are_seen_on_paper() -> None:
    for name in model_names((0.0, 0.003, 0.01, 0.1, 1.0, 3.0), (0.1, 0.25, 0.5)):
        assert contrast(style_of(name).colour, "#ffffff") >= 2.9, name
    assert re.search(r"\.paper \{ color-scheme: light; \}", STYLES)
