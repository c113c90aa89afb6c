"""Studies: which one is taken, what replaces what, and what is refused by its name."""

import math
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
import torch
from helpers.refusals import refused

from a3lib.profiles import PROFILES, get_profile
from a3lib.study.config import STUDIES, Study, check_study, get_study, notebook_study
from a3lib.study.methods import METHODS

SIZES = (
    "prompts",
    "held_out_prompts",
    "candidates",
    "max_new_tokens",
    "rejection_candidates",
    "rejection_accepted",
    "steps",
    "batch_size",
    "held_out_every",
    "test_prompts",
    "unigram_tokens",
    "sft_max_length",
)
RATES = (
    "learning_rate",
    "sft_learning_rate",
    "max_grad_norm",
    "rejection_beta",
    "temperature",
)


@pytest.mark.parametrize(("cuda", "name"), [(False, "tiny"), (True, "t4")])
def test_auto_is_t4_only_with_cuda(monkeypatch: pytest.MonkeyPatch, cuda: bool, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert get_study() == get_study("auto") == STUDIES[name]


def test_every_study_makes_sense_and_has_every_method() -> None:
    for name in STUDIES:
        assert get_study(name) == STUDIES[name]
        assert get_study(name).methods == tuple(METHODS)


def test_tiny_takes_the_models_of_the_embedded_world() -> None:
    tiny, profile = get_study("tiny"), PROFILES["tiny"]
    assert (tiny.policy, tiny.reward_model) == (profile.policy, profile.reward_model)
    assert tiny.reviews == "tiny" and tiny.has_grammar
    assert not get_study("t4").has_grammar


def test_a_study_cannot_be_changed_and_can_be_told_apart() -> None:
    tiny = get_study("tiny")
    with pytest.raises(FrozenInstanceError):
        tiny.steps = 3  # type: ignore[misc]
    assert hash(tiny) == hash(get_study("tiny"))
    assert tiny != get_study("tiny", steps=3)


def test_fields_are_replaced_and_none_leaves_one_out() -> None:
    study = get_study("tiny", steps=7, betas=(0.5,), temperature=None)
    assert (study.steps, study.betas) == (7, (0.5,))
    assert study.temperature == STUDIES["tiny"].temperature
    assert replace(study, steps=120, betas=STUDIES["tiny"].betas) == STUDIES["tiny"]


def test_debug_makes_a_study_small_and_an_override_wins_over_it() -> None:
    plain, small = get_study("t4"), get_study("t4", debug=True)
    assert small == STUDIES["smoke"]
    assert small.steps < plain.steps and small.prompts < plain.prompts
    assert (small.policy, small.learning_rate) == (plain.policy, plain.learning_rate)
    assert get_study("tiny", debug=True, steps=77).steps == 77
    assert get_study("tiny", debug=True).methods == tuple(METHODS)


def test_an_unknown_study_or_field_is_refused_with_what_there_is() -> None:
    with refused("no study 'huge'", "auto", "tiny", "t4", "smoke"):
        get_study("huge")
    with refused("no field 'step'", "steps", "batch_size"):
        get_study("tiny", step=3)


def test_each_divergence_has_its_own_betas() -> None:
    study = get_study("tiny", betas=(0.1, 1.0), exponential_betas=(0.01,))
    for divergence in ("reverse_kl", "jensen_shannon"):
        assert study.betas_of(divergence) == (0.1, 1.0)
    for divergence in ("forward_kl", "alpha"):
        assert study.betas_of(divergence) == (0.01,)
    # All betas of every method's grid make sense for the divergence that it really has.
    for method in METHODS.values():
        exponential = "alpha" in method.name or "forward_kl" in method.name
        assert study.betas_of(method.divergence) == ((0.01,) if exponential else (0.1, 1.0))


def test_the_notebooks_study_takes_the_models_of_its_profile() -> None:
    profile = get_profile("tiny", policy="a/policy", reward_model="a/reward", reviews="r.csv")
    study = notebook_study(profile)
    assert (study.policy, study.reward_model, study.reviews) == ("a/policy", "a/reward", "r.csv")
    assert study.learning_rate == STUDIES["t4"].learning_rate
    own = notebook_study(get_profile("tiny"))
    assert own.learning_rate == STUDIES["tiny"].learning_rate
    assert own.has_grammar and not study.has_grammar


def test_the_notebooks_study_is_short_makes_sense_and_is_shorter_with_debug() -> None:
    study = notebook_study(get_profile("tiny"))
    check_study(study)
    assert set(study.methods) < set(METHODS)
    assert "sigmoid-reverse_kl" in study.methods and "sigmoid-forward_kl" in study.methods
    assert study.steps < STUDIES["tiny"].steps
    small = notebook_study(get_profile("tiny", debug=True))
    check_study(small)
    assert small.methods == study.methods
    assert (small.steps, small.prompts) == (STUDIES["smoke"].steps, STUDIES["smoke"].prompts)


@pytest.mark.parametrize("name", ["betas", "exponential_betas"])
@pytest.mark.parametrize("beta", [0.0, -0.1, math.inf, math.nan])
def test_a_beta_that_is_not_above_zero_is_refused(name: str, beta: float) -> None:
    with refused("betas", str(beta)):
        get_study("tiny", **{name: (0.1, beta)})


@pytest.mark.parametrize("name", ["methods", "seeds", "betas", "exponential_betas"])
def test_a_grid_without_values_or_with_one_twice_is_refused(name: str) -> None:
    twice = ("ipo", "ipo") if name == "methods" else (1, 1)
    for values in ((), twice):
        with refused(f"{name} is {values}", "none of them twice"):
            get_study("tiny", **{name: values})


@pytest.mark.parametrize("value", [0, -3])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_below_one_is_refused_by_its_name(name: str, value: int) -> None:
    with refused(f"{name} is {value}"):
        get_study("tiny", **{name: value})


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("name", RATES)
def test_a_rate_that_is_not_above_zero_is_refused_by_its_name(name: str, value: float) -> None:
    with refused(f"{name} is {value}"):
        get_study("tiny", **{name: value})


@pytest.mark.parametrize("name", ["sft_steps", "prompt_words"])
def test_some_numbers_may_be_zero_and_not_below(name: str) -> None:
    assert getattr(get_study("tiny", **{name: 0}), name) == 0
    with refused(f"{name} is -1"):
        get_study("tiny", **{name: -1})


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"candidates": 3}, "3 candidates"),
        ({"candidates": 1}, "1 candidates"),
        ({"rejection_accepted": 5}, "5 candidates"),
        ({"pairing": "league"}, "no pairing 'league'"),
        ({"pairing": "final", "candidates": 6}, "6 candidates"),
        ({"pairing": "final", "rejection_accepted": 12}, "12 candidates"),
        ({"rejection_accepted": 10, "rejection_candidates": 8}, "rejection_accepted is 10"),
        ({"methods": ("sigmoid-reverse_kl", "dpo")}, "no method 'dpo'"),
        ({"methods": ("ipo-forward_kl",)}, "no method 'ipo-forward_kl'"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: dict[str, Any], complaint: str) -> None:
    with refused(complaint):
        get_study("tiny", **overrides)


def test_a_final_of_a_power_of_two_is_let_through() -> None:
    study = get_study("tiny", pairing="final", candidates=8, rejection_accepted=64)
    assert (study.candidates, study.rejection_accepted) == (8, study.rejection_candidates)


def test_every_number_of_a_study_is_checked() -> None:
    numbers = {field.name for field in fields(Study) if field.type in (int, float)}
    assert numbers == {*SIZES, *RATES, "sft_steps", "prompt_words"}
