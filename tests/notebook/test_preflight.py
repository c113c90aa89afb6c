from typing import Any

import pytest
import torch

from a3lib.errors import InputError
from a3lib.models import load_policy
from a3lib.notebook import preflight as module
from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.notebook.preflight import duration, preflight
from a3lib.profiles import get_profile

TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=16)
WORDS = ("device", "free memory", "torch", "transformers", "tiny", "section 4 DPO", "about")


@pytest.fixture
def without_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "estimate_sections", lambda *arguments: {"1 baseline": 3.0})


def test_it_says_where_and_what_runs_and_returns_what_it_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs = preflight(TINY)
    table = capsys.readouterr().out
    assert all(word in table for word in WORDS)
    assert (len(inputs.train_texts), len(inputs.test_pairs)) == (64, 16)
    # What was timed is not what is handed on.
    untouched = load_policy(TINY.policy).state_dict()
    loaded = inputs.policy.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in untouched.items())


@pytest.mark.usefixtures("without_timing")
def test_blank_reviews_are_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_blanks(*arguments: Any) -> Inputs:
        inputs = load_inputs(*arguments)
        return inputs._replace(train_texts=["", " ", "a"], test_texts=["\n"])

    monkeypatch.setattr(module, "load_inputs", with_blanks)
    preflight(TINY)
    assert "2 train and 1 test reviews are blank and seeded with EOS." in capsys.readouterr().out


@pytest.mark.usefixtures("without_timing")
def test_a_reward_model_without_a_positive_class_is_refused_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unnamed(*arguments: Any) -> Inputs:
        inputs = load_inputs(*arguments)
        inputs.reward_model.config.id2label = {0: "calm", 1: "loud"}
        return inputs

    monkeypatch.setattr(module, "load_inputs", unnamed)
    with pytest.raises(InputError, match="has no label called positive"):
        preflight(TINY)


def test_durations_are_in_words() -> None:
    assert duration(59.6) == "60 s"
    assert duration(600) == "10 min"
