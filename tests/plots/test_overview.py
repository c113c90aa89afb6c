"""The picture of a run's results: every model, each with its name, none on top of another."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from a3lib.plots import results_overview, style_of
from a3lib.profiles import ORIGINAL, REINFORCE, dpo_name, kl_name
from a3lib.results.tables import ModelResult

# As a run of the tiny profile gave them.
RESULTS = [
    ModelResult(ORIGINAL, 0.487, 0.997),
    ModelResult(REINFORCE, 0.963, 0.030),
    ModelResult(kl_name(0.0), 0.963, 0.030, 180.0),
    ModelResult(kl_name(0.003), 0.959, 0.369, 60.0),
    ModelResult(kl_name(0.1), 0.931, 0.988, 9.0),
    ModelResult(kl_name(3.0), 0.526, 0.995, 0.05),
    ModelResult(dpo_name(0.1), 0.873, 0.570),
    ModelResult(dpo_name(0.25), 0.882, 0.752),
    ModelResult(dpo_name(0.5), 0.910, 0.898),
]


def labels(figure: Figure) -> dict[str, Text]:
    """The names beside points, by what they say."""
    names = {result.name for result in RESULTS}
    return {
        text.get_text(): text
        for text in figure.axes[0].texts
        if set(text.get_text().split("\n")) <= names
    }


def extent(text: Text) -> Bbox:
    """The pixels of a label without its line."""
    return Bbox(Text.get_window_extent(text))


def test_every_model_is_drawn_where_it_is_with_its_look() -> None:
    axes = results_overview(RESULTS).axes[0]
    drawn = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert len(drawn) == len(RESULTS)
    found = {(line.get_color(), line.get_marker()): line.get_xydata()[0] for line in drawn}
    for result in RESULTS:
        style = style_of(result.name)
        assert found[(style.colour, style.marker)].tolist() == [result.naturalness, result.reward]


def test_models_at_one_place_are_a_marker_and_a_ring_with_both_names() -> None:
    figure = results_overview(RESULTS)
    under, over = (
        next(line for line in figure.axes[0].lines if line.get_marker() == style_of(name).marker)
        for name in (REINFORCE, kl_name(0.0))
    )
    assert over.get_markerfacecolor() == "none" and under.get_markerfacecolor() != "none"
    assert over.get_markersize() > under.get_markersize() + 3
    assert "REINFORCE\nKL, alpha = 0" in labels(figure)


def test_labels_hide_neither_each_other_nor_a_marker_and_are_inside() -> None:
    figure = results_overview(RESULTS)
    figure.canvas.draw()
    axes = figure.axes[0]
    frame = axes.get_window_extent()
    found = labels(figure)
    assert len(found) == 8
    boxes = [extent(text) for text in found.values()]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    pixels = figure.dpi / 72
    for box in boxes:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1
        for result in RESULTS:
            x, y = axes.transData.transform((result.naturalness, result.reward))
            reach = 4 * pixels
            assert not box.overlaps(Bbox([(x - reach, y - reach), (x + reach, y + reach)]))
        # Nor the lines that join a method's models, nor the levels.
        for line in axes.lines:
            if len(line.get_xdata()) > 1:
                corners = line.get_transform().transform(line.get_xydata())
                for start, end in pairwise(corners):
                    along = np.linspace(start, end, 200)
                    assert not any(box.contains(x, y) for x, y in along)


def test_a_label_without_a_line_is_nearest_to_its_own_point() -> None:
    figure = results_overview(RESULTS)
    figure.canvas.draw()
    axes = figure.axes[0]
    for name, text in labels(figure).items():
        if text.arrow_patch.get_visible():
            continue
        box = extent(text)
        gaps = {}
        for result in RESULTS:
            x, y = axes.transData.transform((result.naturalness, result.reward))
            inside = (min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1))
            gaps[result.name] = math.dist((x, y), inside)
        assert min(gaps, key=lambda key: gaps[key]) in name.split("\n")


def test_the_overview_names_its_axes_and_both_ends() -> None:
    figure = results_overview(RESULTS)
    axes = figure.axes[0]
    assert axes.get_xlabel().startswith("naturalness")
    assert axes.get_ylabel() == "reward, P(positive)"
    assert axes.get_title("left") == "reward up, language lost"
    assert axes.get_title("right") == "reward up, language kept"
    levels = [text.get_text()[:5] for text in axes.texts if text.get_text()[:2] == "0."]
    assert levels == ["0.65:", "0.75:", "0.80:"]
    figure.canvas.draw()
    assert max(text.get_window_extent().x1 for text in axes.texts) <= figure.bbox.x1


def test_without_naturalness_there_is_a_row_a_model() -> None:
    results = [result._replace(naturalness=None) for result in RESULTS]
    axes = results_overview(results).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [r.name for r in results]
    points = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [
        (result.reward, row) for row, result in enumerate(results)
    ]
    assert [text.get_text() for text in axes.texts][:3] == ["0.487", "0.963", "0.963, KL 180 nats"]
    low, high = axes.get_ylim()
    assert low > len(results) - 1 and high < 0  # the first is on top


@pytest.mark.filterwarnings("error")
def test_few_equal_and_broken_results_are_drawn() -> None:
    equal = [result._replace(reward=0.6, naturalness=1.0) for result in RESULTS]
    (names,) = labels(results_overview(equal))
    assert names.split("\n") == [result.name for result in RESULTS]
    for results in ([], RESULTS[:1], [RESULTS[0]._replace(naturalness=None)]):
        results_overview(results).canvas.draw()
    broken = [*RESULTS[:2], RESULTS[3]._replace(reward=math.nan), RESULTS[4]._replace(kl=math.nan)]
    assert len(labels(results_overview(broken))) == 3
    rows = [result._replace(naturalness=None) for result in broken]
    assert "nan" not in "".join(t.get_text() for t in results_overview(rows).axes[0].texts)
    assert results_overview([]).axes[0].get_title() == "no results yet"
    low = results_overview([RESULTS[0]._replace(reward=0.1)]).axes[0]
    assert low.get_ylim()[0] < 0.1
