"""Profiles: which one is taken, what wins over what, and what is refused."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.refusals import refused

from a3lib import profiles
from a3lib.profiles import (
    DEBUG_ROWS,
    PROFILES,
    SETTINGS_VARIABLE,
    Profile,
    RunModel,
    SamplingConfig,
    StudyMethod,
    get_profile,
    model_of,
    study_method_of,
)

LIMITS = ("limit_train", "limit_test", "limit_train_pairs", "limit_test_pairs")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests begin without settings from a command line."""
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)


def put_settings(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Put settings where `python -m a3lib run` puts them."""
    monkeypatch.setenv(SETTINGS_VARIABLE, json.dumps(settings))


def limits_of(profile: Profile) -> list[int | None]:
    return [getattr(profile, name) for name in LIMITS]


@pytest.mark.parametrize(("cuda", "name"), [(False, "tiny"), (True, "t4")])
def test_auto_is_t4_only_with_cuda(monkeypatch: pytest.MonkeyPatch, cuda: bool, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert get_profile() == get_profile("auto") == PROFILES[name]


def test_a_named_profile_does_not_depend_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert get_profile("tiny").name == "tiny"


def test_t4_keeps_the_numbers_of_the_handout() -> None:
    t4 = get_profile("t4")
    assert (t4.batch_size, t4.learning_rate) == (32, 1e-4)
    assert (t4.dpo_batch_size, t4.dpo_learning_rate, t4.max_length) == (16, 5e-7, 128)
    assert all(0.1 <= beta <= 0.5 for beta in t4.betas)
    assert {0.1, 0.5} <= set(t4.betas)
    assert limits_of(t4) == [None] * 4
    assert not t4.debug


def test_t4_keeps_the_models_and_data_of_the_handout() -> None:
    t4 = get_profile("t4")
    assert (t4.policy, t4.reward_model, t4.reviews, t4.pairs) == (
        "distilbert/distilgpt2",
        "omidroshani/imdb-sentiment-analysis",
        "stanfordnlp/imdb",
        "hallisky/synthetic-imdb-movie-reviews-parallel",
    )


def test_the_task_is_10_tokens_in_and_20_out_for_two_epochs_of_dpo() -> None:
    assert (profiles.SEED_TOKEN_LENGTH, profiles.MAX_NEW_TOKENS) == (10, 20)
    assert profiles.DPO_EPOCHS == 2


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_low_a_good_and_a_high_alpha(name: str) -> None:
    alphas = get_profile(name).alphas
    assert alphas[0] == 0
    assert len(alphas) >= 3
    assert list(alphas) == sorted(set(alphas))


def test_smoke_is_t4_with_64_rows() -> None:
    smoke = get_profile("smoke")
    assert limits_of(smoke) == [64] * 4
    whole = replace(smoke, name="t4", **dict.fromkeys(LIMITS))
    assert whole == get_profile("t4")


def test_tiny_uses_only_what_is_in_the_package() -> None:
    tiny = get_profile("tiny")
    assert (tiny.reviews, tiny.pairs) == ("tiny", "tiny")
    for folder in (tiny.policy, tiny.reward_model):
        assert Path(folder).is_relative_to(Path(profiles.__file__).parent)
        assert Path(folder, "config.json").is_file()


def test_only_reviews_of_the_tiny_world_have_a_grammar() -> None:
    assert get_profile("tiny").has_grammar
    assert get_profile("t4", reviews="tiny").has_grammar
    assert not get_profile("tiny", reviews="stanfordnlp/imdb").has_grammar
    assert not get_profile("t4").has_grammar


def test_overrides_replace_fields_and_none_keeps_them() -> None:
    profile = get_profile("tiny", policy="some/where", limit_test=7, learning_rate=None)
    assert profile == replace(PROFILES["tiny"], policy="some/where", limit_test=7)


def test_false_and_zero_are_overrides_too() -> None:
    assert get_profile("tiny", debug=False, alphas=[0]) == replace(PROFILES["tiny"], alphas=(0,))


def test_overriding_leaves_the_named_profile_as_it_was() -> None:
    before = dict(PROFILES)
    get_profile("tiny", policy="some/where", debug=True)
    assert before == PROFILES


def test_lists_become_tuples_so_that_a_profile_can_be_hashed() -> None:
    profile = get_profile("tiny", alphas=[0.0, 0.5], betas=[0.2])
    assert (profile.alphas, profile.betas) == ((0.0, 0.5), (0.2,))
    hash(profile)


def test_settings_of_the_command_line_win_over_the_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_settings(monkeypatch, profile="smoke", policy="from/settings", alphas=[0.5])
    profile = get_profile("tiny", policy="from/notebook", reviews="from/notebook")
    assert profile == replace(
        PROFILES["smoke"], policy="from/settings", reviews="from/notebook", alphas=(0.5,)
    )


def test_settings_that_name_no_profile_keep_the_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    put_settings(monkeypatch, limit_train=3)
    assert get_profile("smoke") == replace(PROFILES["smoke"], limit_train=3)


def test_settings_are_checked_like_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    put_settings(monkeypatch, limit_train=0)
    with refused("limit_train is 0"):
        get_profile("tiny")


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    with refused("'huge'", f"take one of auto, {', '.join(PROFILES)}"):
        get_profile("huge")


def test_unknown_field_is_refused_with_the_known_ones() -> None:
    with refused("'policy_model'", "policy", "reward_model", "dpo_learning_rate"):
        get_profile("tiny", policy_model="x")


def test_the_name_of_a_profile_is_no_field_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    put_settings(monkeypatch, name="mine")
    with refused("no field 'name'"):
        get_profile("tiny")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [0, -5])
def test_limits_below_one_are_refused(limit: str, value: int) -> None:
    with refused(f"{limit} is {value}", "give a whole number from 1 on"):
        get_profile("tiny", **{limit: value})


def test_a_limit_of_one_is_accepted() -> None:
    assert limits_of(get_profile("tiny", **dict.fromkeys(LIMITS, 1))) == [1] * 4


@pytest.mark.parametrize(
    "wrong", [{"alphas": (0.0, -0.1)}, {"betas": (0.1, 0.0)}, {"betas": (-0.1,)}]
)
def test_negative_alphas_and_betas_of_zero_are_refused(wrong: dict[str, Any]) -> None:
    with refused("alphas must be at least 0 and betas above 0", "mend"):
        get_profile("tiny", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alphas": ()},
        {"betas": ()},
        {"alphas": (float("nan"),)},
        {"limit_train": "many"},
        {"batch_size": 0},
        {"dpo_batch_size": -1},
        {"learning_rate": -1e-4},
        {"max_length": 0},
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with refused(next(iter(wrong))):
        get_profile("tiny", **wrong)


def test_debug_cuts_every_split_to_a_few_batches() -> None:
    assert limits_of(get_profile("t4", debug=True)) == [DEBUG_ROWS] * 4
    assert 16 <= DEBUG_ROWS <= 64


def test_debug_keeps_smaller_limits() -> None:
    profile = get_profile("t4", debug=True, limit_train=5, limit_test_pairs=DEBUG_ROWS + 1)
    assert limits_of(profile) == [5, DEBUG_ROWS, DEBUG_ROWS, DEBUG_ROWS]


def test_debug_changes_nothing_but_the_limits() -> None:
    profile = get_profile("tiny", debug=True)
    assert replace(profile, debug=False, **dict.fromkeys(LIMITS)) == PROFILES["tiny"]


def test_the_limits_are_what_this_file_calls_limits() -> None:
    names = {field.name for field in fields(Profile) if field.name.startswith("limit_")}
    assert names == set(LIMITS)


def test_profiles_and_sampling_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        get_profile("tiny").policy = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        SamplingConfig().temperature = 0.5  # type: ignore[misc]


def test_sampling_is_pure_unless_told() -> None:
    assert SamplingConfig().temperature == 1.0
    assert SamplingConfig(0.7).temperature == 0.7


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature: float) -> None:
    with refused(f"temperature is {temperature}", "give a number above 0"):
        SamplingConfig(temperature)


@pytest.mark.parametrize(
    ("family", "value", "short_name", "name"),
    [
        ("original", 0.0, "original", "original"),
        ("REINFORCE", 0.0, "REINFORCE", "REINFORCE"),
        ("KL", 0.0, "alpha = 0", "KL, alpha = 0"),
        ("KL", 0.003, "alpha = 0.003", "KL, alpha = 0.003"),
        ("DPO", 0.25, "beta = 0.25", "DPO, beta = 0.25"),
        ("DPO", 1e12, "beta = 1e+12", "DPO, beta = 1e+12"),
    ],
)
def test_a_model_is_known_by_its_name(
    family: str, value: float, short_name: str, name: str
) -> None:
    model = RunModel(family, value)
    assert (model.short_name, model.name) == (short_name, name)
    assert model_of(name) == model


@pytest.mark.parametrize(
    "name",
    [
        "",
        "KL",
        "DPO",
        "SFT",
        "alpha = 0.1",
        "original, alpha = 0.1",
        "REINFORCE, 1",
        "KL, alpha = x",
        "KL, alpha = ",
        "KL, 0.1",
        "KL, beta = 0.1",
        "DPO, alpha = 0.1",
        "KL, alpha = 0.10",
        "KL, alpha = .1",
        "KL, alpha = 1e12",
        "KL, alpha = 0.1 ",
        "DPO, beta = -1",
        "KL, alpha = inf",
        "KL, alpha = nan",
        "kl, alpha = 0.1",
        "x, 5",
    ],
)
def test_what_is_no_models_name_is_no_model(name: str) -> None:
    assert model_of(name) is None


def test_a_methods_name_spells_its_link_its_divergence_and_its_alpha() -> None:
    assert study_method_of("sigmoid-reverse_kl") == StudyMethod("sigmoid", "reverse_kl", None)
    assert study_method_of("hinge-alpha_0.25") == StudyMethod("hinge", "alpha", 0.25)
    assert study_method_of("rso") == StudyMethod("rso", "", None)
    with pytest.raises(ValueError, match="half"):
        study_method_of("sigmoid-alpha_half")
