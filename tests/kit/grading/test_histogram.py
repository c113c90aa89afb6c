"""The histogram of submissions' scores."""

from helpers.drawn import legend_texts

from a3lib.kit.grading.histogram import score_histogram


def test_the_histogram_of_scores_counts_every_submission_in_bins_of_five_points() -> None:
    figure = score_histogram([0, 4.9, 5, 84, 85], 85)
    axes = figure.axes[0]
    heights = [patch.get_height() for patch in axes.patches]
    assert len(heights) == 17
    assert (heights[0], heights[1], heights[-1]) == (2, 1, 2)
    assert sum(heights) == 5
    assert axes.get_xlim() == (0, 85)
    assert legend_texts(figure) == ["mean 35.8"]
    assert axes.get_xlabel() == "points for exercises 1 to 4"
    assert axes.get_ylabel() == "submissions"


def test_the_histogram_of_no_scores_is_empty() -> None:
    figure = score_histogram([], 85)
    axes = figure.axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == 0
    assert figure.legends == []
