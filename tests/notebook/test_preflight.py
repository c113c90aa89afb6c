from typing import Any

import pytest
import torch

from a3lib.errors import InputError
from a3lib.models import load_policy
from a3lib.notebook import preflight as module
from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.notebook.preflight import duration, preflight
from a3lib.profiles import get_profile

TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=8)
WORDS = ("device", "free memory", "torch", "transformers", "tiny", "section 4 DPO", "about")


@pytest.fixture
def without_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = {"1 baseline": 3.0, "2 REINFORCE": 4.0}
    monkeypatch.setattr(module, "estimate_sections", lambda *arguments: sections)


def test_it_says_where_and_what_runs_and_returns_what_it_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs = preflight(TINY)
    table = capsys.readouterr().out
    assert all(word in table for word in WORDS)
    assert "blank" not in table
    assert [len(rows) for rows in inputs[:4]] == [64, 32, 16, 8]
    # What was timed is not what is handed on.
    untouched = load_policy(TINY.policy).state_dict()
    loaded = inputs.policy.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in untouched.items())


@pytest.mark.usefixtures("without_timing")
@pytest.mark.parametrize(
    ("train", "test", "counts"),
    [
        (["", " ", "a"], ["\n"], "2 train and 1 test"),
        (["", " ", "a"], ["b"], "2 train and 0 test"),
        (["a"], ["b", ""], "0 train and 1 test"),
    ],
)
def test_blank_reviews_are_counted(
    train: list[str],
    test: list[str],
    counts: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_blanks(*arguments: Any) -> Inputs:
        return load_inputs(*arguments)._replace(train_texts=train, test_texts=test)

    monkeypatch.setattr(module, "load_inputs", with_blanks)
    preflight(TINY)
    assert f"{counts} reviews are blank and seeded with EOS." in capsys.readouterr().out


@pytest.mark.usefixtures("without_timing")
def test_the_time_of_all_sections_is_their_sum(capsys: pytest.CaptureFixture[str]) -> None:
    preflight(TINY)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[-3:] == [
        "section 1 baseline about 3 s",
        "section 2 REINFORCE about 4 s",
        "all sections about 7 s",
    ]


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
    assert duration(119) == "119 s"
    assert duration(600) == "10 min"
