"""How models look: the same everywhere, told apart by every reader, dark enough on white."""

from itertools import pairwise

import pytest
from helpers.seen_colours import SIGHTS, contrast_on_white, least_difference
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib.plots import COLOURS, style_of
from a3lib.plots.styles import (
    DPO_COLOURS,
    KL_COLOURS,
    KL_MARKERS,
    model_style,
    short_name,
    styles_for,
)
from a3lib.profiles import (
    DPO,
    KL,
    ORIGINAL,
    PROFILES,
    REINFORCE,
    RunModel,
    dpo_name,
    kl_name,
    model_names,
)

DEFAULTS = {(profile.alphas, profile.betas) for profile in PROFILES.values()}
NUMBERS = st.floats(0, allow_nan=False, allow_infinity=False)


@given(NUMBERS.map(kl_name) | NUMBERS.map(dpo_name) | st.text(), st.lists(st.text(), max_size=3))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_every_name_has_a_look_that_is_seen_on_white(name: str, others: list[str]) -> None:
    style = style_of(name)
    assert contrast_on_white(style.colour) >= 3
    if name.startswith(("KL, ", "DPO, ")):
        assert styles_for([*others, name])[name].colour == style.colour


@pytest.mark.parametrize("sight", SIGHTS)
def test_models_that_share_a_figure_are_told_apart(sight: str) -> None:
    for alphas, betas in DEFAULTS:
        for names, least in (
            ([kl_name(alpha) for alpha in alphas], 16),
            ([dpo_name(beta) for beta in betas], 14),
            ([ORIGINAL, REINFORCE], 16),
            # All nine share the overview alone, where each has its name beside it.
            (model_names(alphas, betas), 8),
        ):
            colours = [style_of(name).colour for name in names]
            assert least_difference(colours, sight) > least, (names, sight)


def test_models_that_share_a_figure_differ_in_line_and_marker_too() -> None:
    for alphas, betas in DEFAULTS:
        for names in (map(kl_name, alphas), map(dpo_name, betas), (ORIGINAL, REINFORCE)):
            styles = [style_of(name) for name in names]
            assert len({style.linestyle for style in styles}) == len(styles)
            assert len({style.marker for style in styles}) == len(styles)
        styles = [style_of(name) for name in model_names(alphas, betas)]
        assert len({style.marker for style in styles}) == len(styles)


def test_colours_get_darker_with_alpha_and_with_beta() -> None:
    for name in (kl_name, dpo_name):
        values = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 1.0, 3.0, 30.0, 1e300)
        shades = [contrast_on_white(style_of(name(value)).colour) for value in values]
        # Red is nearly as dark as orange, so the order is that of whole steps.
        assert all(one <= other + 0.05 for one, other in pairwise(shades))
        assert shades[-1] > 2.5 * shades[0]


def test_what_is_no_models_name_has_a_colour_of_the_palette() -> None:
    names = [
        "",
        "alpha = 0.1",
        "KL, alpha = x",
        "KL, alpha = 0.10",
        "DPO, beta = -1",
        "KL, alpha = e",
    ]
    for name in names:
        assert style_of(name).colour in COLOURS
        assert style_of(name) == style_of(name)
    assert len({style_of(name) for name in "abcdefgh"}) > 3


def test_a_models_style_comes_from_its_family_and_its_value() -> None:
    for family, name_of in ((KL, kl_name), (DPO, dpo_name)):
        for value in (0.0, 0.1, 0.25, 1e9):
            assert model_style(RunModel(family, value)) == style_of(name_of(value))
    first, second = (model_style(RunModel(KL, value)) for value in (0.0, 3.0))
    assert (first.colour, first.marker) == (KL_COLOURS[0], KL_MARKERS[0])
    assert second.marker == KL_MARKERS[-1]
    assert model_style(RunModel(DPO, 0.0)).colour == DPO_COLOURS[0]
    assert model_style(RunModel(REINFORCE)) == style_of("REINFORCE") != style_of("original")


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_palette_is_told_apart(sight: str) -> None:
    assert least_difference(COLOURS, sight) > 9


def test_six_other_names_share_a_figure_without_sharing_a_look() -> None:
    styles = styles_for([f"run {number}" for number in range(6)]).values()
    for part in zip(*styles, strict=True):
        assert len(set(part)) == 6
    many = styles_for([f"run {number}" for number in range(20)])
    assert len(many) == 20


def test_alphas_that_lie_close_keep_their_colours_and_differ_in_line_and_marker() -> None:
    names = [kl_name(alpha) for alpha in (0.08, 0.09, 0.1, 0.11)]
    styles = styles_for(names)
    assert [styles[name].colour for name in names] == [style_of(name).colour for name in names]
    same = [kl_name(1e12), kl_name(1e13)]
    assert {styles_for(same)[name].colour for name in same} == {style_of(same[0]).colour}
    assert len({style.linestyle for style in styles.values()}) == 4
    assert len({style.marker for style in styles.values()}) == 4


def test_a_legend_leaves_the_method_out() -> None:
    assert short_name(kl_name(0.1)) == "alpha = 0.1"
    assert short_name(dpo_name(0.5)) == "beta = 0.5"
    assert short_name(REINFORCE) == REINFORCE
