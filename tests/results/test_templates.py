"""Texts and styles as they stand in HTML."""

import math
from pathlib import Path

from a3lib.plots import ModelStyle, style_of
from a3lib.profiles import model_names
from a3lib.results.templates import DASHES, dashes, decimals, marker_path, render


def test_what_is_no_number_is_a_dash() -> None:
    assert decimals(0.12345) == "0.123" and decimals(2, 1) == "2.0"
    assert decimals(math.nan) == "\N{EN DASH}"


def test_a_template_escapes_and_cleans_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text("{{ a }}|{{ b | tojson }}|{{ n }}", encoding="utf-8")
    found = render(tmp_path / "t.html", {"a": "<\x00'", "b": "</script>\ud800", "n": 3})
    assert found == '&lt;\u2400&#39;|"\\u003c/script\\u003e\\ud800"|3'


def test_line_styles_are_lengths_of_dashes() -> None:
    assert dashes(ModelStyle("#000000", "-", "o")) == "none"
    assert dashes(ModelStyle("#000000", "--", "o")) == DASHES["--"]
    assert dashes(ModelStyle("#000000", (0, (6, 1.5)), "o")) == "9 2.25"


def test_markers_are_paths_around_the_origin() -> None:
    square = marker_path(ModelStyle("#000000", "-", "s"))
    corners = [tuple(map(float, pair.split())) for pair in square.strip("MZ").split("L")]
    assert sorted(corners) == [(-4.8, -4.8), (-4.8, 4.8), (4.8, -4.8), (4.8, 4.8)]
    up, down = (marker_path(ModelStyle("#000000", "-", marker)) for marker in "^v")
    tops = [tuple(map(float, pair.split())) for pair in up.strip("MZ").split("L")]
    assert min(tops, key=lambda corner: corner[1])[0] == 0 and up != down
    styles = [style_of(name) for name in model_names((0.0, 0.003, 0.1, 3.0), (0.1, 0.25, 0.5))]
    paths = {marker_path(style) for style in styles}
    assert len(paths) == len({style.marker for style in styles})
    assert all(path.startswith("M") and path.endswith("Z") for path in paths)
