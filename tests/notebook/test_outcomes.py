"""What the notebook's functions return becomes the summary; what they forgot is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.models import load_tokenizer
from a3lib.notebook.outcomes import Outcomes
from a3lib.profiles import get_profile
from a3lib.results.run import Run
from a3lib.results.summary import (
    DpoResult,
    Evaluation,
    KlResult,
    ReinforceResult,
    RunSummary,
    read_summary,
)
from a3lib.tinyworld import POLICY_FOLDER

REVIEW = "This film is about a doctor who looks for a lost child in the big city."


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(str(POLICY_FOLDER))


@pytest.fixture
def outcomes(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Outcomes:
    profile = get_profile("tiny")
    return Outcomes(Run(profile, tmp_path), profile, [REVIEW], tokenizer)


def evaluated(reward: Any = 0.75, text: str = REVIEW) -> dict[str, Any]:
    """What `evaluate` returns; the text is natural unless told."""
    return {"reward": reward, "generations": [text], "rewards": [reward]}


def trained(**others: Any) -> dict[str, Any]:
    """What `train` and `train_DPO` return together."""
    history = {"losses": [0.7, 0.5], "rewards": [0.25, 0.5], "kl_divergences": [0.0, 4.5]}
    return history | {"test_loss": 0.625, "eval_results": evaluated()} | others


def test_the_baseline_is_recorded_and_shown(outcomes: Outcomes) -> None:
    shown = outcomes.record_baseline(evaluated(0.5))
    assert shown == Evaluation(0.5, 1.0)
    assert read_summary(outcomes.run.folder, RunSummary).baseline == shown
    seed = REVIEW[: REVIEW.index(" for")]
    broken = outcomes.record_baseline(evaluated(0.5, f"{seed} zzz zzz zzz zzz zzz zzz"))
    assert broken.naturalness is not None and broken.naturalness < 0.5


def test_training_is_recorded_with_its_histories(outcomes: Outcomes) -> None:
    outcomes.record_reinforce(trained())
    outcomes.record_kl({0.0: trained(), 0.1: trained(kl_divergences=[1.0], rewards=[0.125])})
    outcomes.record_dpo({0.25: trained(losses=[0.1, 0.2, 0.3])})
    summary = read_summary(outcomes.run.folder, RunSummary)
    assert summary.reinforce == ReinforceResult(0.75, 1.0, (0.25, 0.5))
    assert summary.kl == (
        KlResult(0.0, 0.75, 1.0, (0.0, 4.5), (0.25, 0.5)),
        KlResult(0.1, 0.75, 1.0, (1.0,), (0.125,)),
    )
    assert summary.dpo == (DpoResult(0.25, 0.75, 1.0, (0.1, 0.2, 0.3), 0.625),)
    assert outcomes.run.summary.dpo == summary.dpo


def test_naturalness_is_none_without_a_grammar(outcomes: Outcomes) -> None:
    outcomes.profile = get_profile("tiny", reviews="some/reviews")
    assert outcomes.record_baseline(evaluated(0.5)) == Evaluation(0.5, None)


@pytest.mark.filterwarnings("error")
def test_tensors_are_numbers(outcomes: Outcomes) -> None:
    results = trained(
        losses=[torch.tensor(0.5, requires_grad=True)],
        test_loss=torch.tensor([0.25]),
        eval_results=evaluated(torch.tensor(0.75)),
    )
    outcomes.record_dpo({0.5: results})
    content = json.loads((outcomes.run.folder / "summary.json").read_text(encoding="utf-8"))
    assert content["dpo"] == [
        {"beta": 0.5, "reward": 0.75, "naturalness": 1.0, "losses": [0.5], "test_loss": 0.25}
    ]
    outcomes.record_reinforce(trained(rewards=torch.tensor([0.25, 0.5])))
    assert outcomes.run.summary.reinforce == ReinforceResult(0.75, 1.0, (0.25, 0.5))


def without(results: dict[str, Any], key: str) -> dict[str, Any]:
    """Results that lack an entry."""
    return {name: value for name, value in results.items() if name != key}


@pytest.mark.parametrize("key", ["reward", "generations"])
def test_an_evaluation_that_lacks_something_is_one_sentence(outcomes: Outcomes, key: str) -> None:
    results = without(evaluated(), key)
    sentence = rf"^evaluate returned no '{key}'; let it return a dict that has it\.$"
    for record, argument in (
        (outcomes.record_baseline, results),
        (outcomes.record_reinforce, trained(eval_results=results)),
        (outcomes.record_kl, {0.1: trained(eval_results=results)}),
        (outcomes.record_dpo, {0.1: trained(eval_results=results)}),
    ):
        with pytest.raises(InputError, match=sentence):
            record(argument)
    assert not (outcomes.run.folder / "summary.json").exists()


def test_training_that_lacks_something_is_one_sentence(outcomes: Outcomes) -> None:
    for record, function, keys in (
        (outcomes.record_reinforce, "train", ["rewards", "eval_results"]),
        (outcomes.record_kl, "train", ["rewards", "kl_divergences", "eval_results"]),
        (outcomes.record_dpo, "train_DPO", ["losses", "test_loss", "eval_results"]),
    ):
        for key in keys:
            results = without(trained(), key)
            argument = results if record == outcomes.record_reinforce else {0.1: results}
            with pytest.raises(InputError, match=rf"^{function} returned no '{key}'; let it"):
                record(argument)
    assert not (outcomes.run.folder / "summary.json").exists()


@pytest.mark.parametrize("results", [None, 0.5, ["reward"], "reward"])
def test_what_is_no_dict_is_one_sentence(outcomes: Outcomes, results: Any) -> None:
    with pytest.raises(InputError, match=r"^evaluate returned no 'reward'"):
        outcomes.record_baseline(results)
    with pytest.raises(InputError, match=r"^train returned no 'eval_results'"):
        outcomes.record_reinforce(results)


@pytest.mark.parametrize("value", ["high", None, [0.5], torch.tensor([0.5, 0.6])])
def test_what_is_no_number_is_one_sentence(outcomes: Outcomes, value: Any) -> None:
    with pytest.raises(InputError, match=r"^'reward' that evaluate returned is not a number; take"):
        outcomes.record_baseline(evaluated(value))
    with pytest.raises(InputError, match=r"^'test_loss' that train_DPO returned is not a number"):
        outcomes.record_dpo({0.1: trained(test_loss=value)})


@pytest.mark.parametrize("value", [0.5, None, ["a"], [None], torch.tensor(0.5)])
def test_what_is_no_list_of_numbers_is_one_sentence(outcomes: Outcomes, value: Any) -> None:
    with pytest.raises(
        InputError, match=r"^'rewards' that train returned is not a list of numbers"
    ):
        outcomes.record_reinforce(trained(rewards=value))
    with pytest.raises(InputError, match=r"^'kl_divergences' that train returned is not a list"):
        outcomes.record_kl({0.1: trained(kl_divergences=value)})


def test_a_penalty_without_a_step_is_one_sentence(outcomes: Outcomes) -> None:
    with pytest.raises(InputError, match=r"no kl_divergences at alpha = 0\.1; train for a step"):
        outcomes.record_kl({0.1: trained(kl_divergences=[])})
