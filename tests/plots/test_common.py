"""What all figures share: smoothing, levels, files."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.drawn import horizontal_lines, notes
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib import plots
from a3lib.plots import moving_average, reward_over_time, save_figure

RUNS = {f"run {name}": [0.1 * name + 0.01 * step for step in range(15)] for name in range(4)}


@given(st.lists(st.floats(-100, 100), max_size=30), st.integers(1, 12))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_moving_average_is_the_mean_of_the_last_values(values: list[float], width: int) -> None:
    expected = []
    for step in range(len(values)):
        last = values[max(0, step + 1 - width) : step + 1]
        expected.append(math.fsum(last) / len(last))
    assert moving_average(values, width).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_bold_line_is_a_mean_over_ten_steps() -> None:
    assert plots.SMOOTHING_STEPS == 10
    assert moving_average(range(20))[-1] == 14.5


def test_values_that_are_not_finite_are_left_out_of_the_mean() -> None:
    found = moving_average([math.nan, 1.0, math.inf, 3.0, -math.inf, 5.0], 3)
    assert math.isnan(found[0])
    assert found[1:].tolist() == [1.0, 1.0, 2.0, 3.0, 4.0]
    assert moving_average([]).tolist() == []


def test_the_three_rewards_of_the_handout_are_marked_and_labelled() -> None:
    axes = reward_over_time(RUNS).axes[0]
    assert horizontal_lines(axes) == [0.65, 0.75, 0.80]
    assert notes(axes) == [
        "0.65: a high alpha stays below (Q3.2)",
        "0.75: goal of REINFORCE (Q2.1)",
        "0.80: goal with a KL penalty (Q3.2)",
    ]


def test_labels_of_levels_are_outside_the_axes_and_apart() -> None:
    figure = reward_over_time(RUNS)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert min(box.x0 for box in boxes) >= figure.axes[0].get_window_extent().x1
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    for one, other in pairwise(boxes):
        assert not one.overlaps(other)


def test_the_legend_is_below_the_axes() -> None:
    figure = reward_over_time(RUNS)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.y1 <= figure.axes[0].get_tightbbox().y0 and box.y0 >= 0


def test_figures_are_saved_as_png_and_pdf(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    files = save_figure(reward_over_time(RUNS), folder, "rewards")
    assert files == [folder / "rewards.png", folder / "rewards.pdf"]
    assert files[0].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert files[1].read_bytes().startswith(b"%PDF-")
    assert sorted(folder.iterdir()) == sorted(files)


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [file.read_bytes() for file in save_figure(reward_over_time(RUNS), tmp_path, "a")]
    again = [file.read_bytes() for file in save_figure(reward_over_time(RUNS), tmp_path, "b")]
    assert first == again
    assert b"CreationDate" not in first[1]


def test_a_pdf_has_truetype_fonts_in_it_and_a_png_150_dots_an_inch(tmp_path: Path) -> None:
    figure = reward_over_time(RUNS)
    picture, vector = (file.read_bytes() for file in save_figure(figure, tmp_path, "rewards"))
    assert b"/FontFile2" in vector and b"/Type3" not in vector
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == tuple(150 * figure.get_size_inches())
