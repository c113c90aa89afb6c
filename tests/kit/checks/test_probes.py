"""Probes: they leave no trace, say what is not written, and always run on the same fixtures."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.solutions import PLAIN, namespace_of
from torch.optim.optimizer import _global_optimizer_pre_hooks

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.catalogue import EXERCISES, Check, public_checks
from a3lib.kit.checks.probes import integrity, sampling
from a3lib.kit.checks.probes.dispatch import answer, prepare
from a3lib.kit.checks.probes.integrity import Changed
from a3lib.kit.checks.probes.spies import (
    NotWritten,
    WrongResult,
    borrowed,
    gradients,
    numbers,
    scalar,
    work_first,
)

CHECKS = {check.name: check for check in public_checks()}
# One check for each probe.
OF_PROBES = [*{check.probe: check for check in public_checks()}.values()]

WEIGHTS_SUM, WEIGHTS_SQUARES = 146.1293, 1562.0479
NOISE = [-1.6452644762, -1.0940397565, 1.6081511822, 1.6534635089]


@pytest.fixture
def plain() -> dict[str, Any]:
    return namespace_of(PLAIN.read_text(encoding="utf-8"))


def run(namespace: dict[str, Any], check: Check) -> dict[str, Any]:
    return answer(namespace, check.probe, check.inputs)


def in_second_try(check: Check) -> dict[str, Any]:
    return check.inputs | (check.second_try or {})


@pytest.mark.parametrize("check", OF_PROBES, ids=lambda check: check.probe)
def test_a_probe_leaves_no_trace(
    check: Check, plain: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    plain["model"] = plain["train_texts"] = mine = object()
    before, state = dict(plain), torch.random.get_rng_state()
    first = run(plain, check)
    assert plain == before and plain["model"] is mine
    assert torch.equal(torch.random.get_rng_state(), state)
    assert os.listdir(tmp_path) == []
    torch.rand(3)
    assert run(plain, check) == first
    assert all(is_plain(value) for value in first.values())


def is_plain(value: Any) -> bool:
    """Say whether a value is a float or nested lists of them."""
    return all(map(is_plain, value)) if isinstance(value, list) else isinstance(value, (int, float))


@pytest.mark.parametrize("check", OF_PROBES, ids=lambda check: check.probe)
def test_a_probe_leaves_no_trace_of_an_error(
    check: Check, plain: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **more: Any) -> None:
        raise KeyError("mine")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    plain[check.function] = broken
    before, state = dict(plain), torch.random.get_rng_state()
    with pytest.raises(KeyError, match="mine"):
        run(plain, check)
    assert plain == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert os.listdir(tmp_path) == []
    assert not any(part._forward_pre_hooks for part in fixtures.reward_tools()[0].modules())
    assert not any(p.requires_grad for p in fixtures.reward_tools()[0].parameters())
    assert not _global_optimizer_pre_hooks


@pytest.mark.parametrize("name", EXERCISES)
def test_a_missing_function_is_not_written(name: str, plain: dict[str, Any]) -> None:
    del plain[name]
    checks = [check for check in public_checks() if check.function == name]
    for check in checks:
        with pytest.raises(NotWritten, match=f"there is no function {name}"):
            run(plain, check)


@pytest.mark.parametrize("name", EXERCISES)
def test_a_function_that_raises_not_implemented_is_not_written(
    name: str, plain: dict[str, Any]
) -> None:
    def todo(*arguments: Any, **more: Any) -> None:
        raise NotImplementedError(f"TODO: {name}")

    plain[name] = todo
    for check in (check for check in public_checks() if check.function == name):
        with pytest.raises(NotWritten, match="TODO"):
            run(plain, check)


def test_something_else_under_a_functions_name_is_not_written(plain: dict[str, Any]) -> None:
    plain["compute_DPO_loss"] = 3
    with pytest.raises(NotWritten):
        run(plain, CHECKS["dpo_loss.values"])


def test_prepare_puts_the_interfaces_globals_in() -> None:
    namespace: dict[str, Any] = {"device": "mps", "mine": 1}
    prepare(namespace)
    assert namespace["mine"] == 1 and namespace["device"] == torch.device("cpu")
    tokenizer = namespace["tokenizer"]
    assert tokenizer.padding_side == "left" and tokenizer.pad_token == tokenizer.eos_token
    assert {"model", "optimizer", "reward_model", "reward_tokenizer"} <= set(namespace)
    assert {"train_texts", "test_texts", "test_texts_parallel", "model_name"} <= set(namespace)


def test_the_fixtures_are_the_same_everywhere() -> None:
    """A change of these sums changes all expected numbers."""
    weights = [p.detach().double() for p in fixtures.random_policy(3).parameters()]
    assert sum(float(p.sum()) for p in weights) == pytest.approx(WEIGHTS_SUM, abs=1e-3)
    assert sum(float(p.square().sum()) for p in weights) == pytest.approx(WEIGHTS_SQUARES, abs=1e-3)
    assert fixtures.noise(2, 2, seed=5).flatten().tolist() == pytest.approx(NOISE, abs=1e-9)
    again = fixtures.random_policy(3).parameters()
    assert all(torch.equal(a.double(), b) for a, b in zip(again, weights, strict=True))
    assert not torch.equal(weights[0], next(fixtures.random_policy(4).parameters()).double())


def test_noise_has_mean_0_and_variance_1() -> None:
    values = fixtures.noise(100_000, seed=2)
    assert values.dtype == torch.float64
    assert abs(values.mean()) < 0.02 and abs(values.var() - 1) < 0.02


def test_a_fixed_policy_gives_the_same_logits_whatever_the_text() -> None:
    policy = fixtures.fixed_policy({5: 0.0, 7: -1.5}, 31)
    with torch.no_grad():
        logits = policy.train()(torch.randint(31, (3, 9))).logits
    assert torch.equal(logits, logits[0, 0].expand_as(logits))
    assert logits[0, 0, 5] == 0 and logits[0, 0, 7] == -1.5 and logits[0, 0, 6] == fixtures.NEVER


def test_a_policy_costs_no_random_numbers() -> None:
    state = torch.random.get_rng_state()
    assert not fixtures.random_policy(1).training
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_is_watched() -> None:
    policy = fixtures.random_policy(1)
    ids = torch.ones(1, 3, dtype=torch.long)
    with sampling.watched(policy) as nothing:
        pass
    with sampling.watched(policy) as seen, torch.no_grad():
        policy(ids)
    with sampling.watched(policy) as with_gradients:
        policy.train()(ids)
    policy.train()(ids)
    assert nothing == {"ran": 0.0, "dropout_on": 0.0, "gradients_on": 0.0}
    assert seen == {"ran": 1.0, "dropout_on": 0.0, "gradients_on": 0.0}
    assert with_gradients == {"ran": 1.0, "dropout_on": 1.0, "gradients_on": 1.0}


class Silent(torch.nn.Dropout):
    """Dropout that is on and says that it is off."""

    training = property(lambda self: False, lambda self, value: None)  # type: ignore[assignment]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(values, self.p, True)


@pytest.mark.parametrize("how", ["no hooks", "another class"])
def test_whoever_changes_a_watched_model_is_told(how: str) -> None:
    policy = fixtures.random_policy(5)
    parts = [part for part in policy.modules() if isinstance(part, torch.nn.Dropout)]
    with pytest.raises(Changed, match="leave their hooks"), sampling.watched(policy):
        for part in parts:
            if how == "no hooks":
                part._forward_pre_hooks.clear()
            else:
                part.__class__ = Silent


def test_dropout_is_on_whatever_its_class_says() -> None:
    policy = fixtures.random_policy(5)
    for part in policy.modules():
        if isinstance(part, torch.nn.Dropout):
            part.__class__ = Silent
            vars(part).pop("training")
    with sampling.watched(policy) as seen, torch.no_grad():
        policy(torch.tensor([[3, 4]]))
    assert seen["dropout_on"] == 1


def test_tensors_of_a_students_class_do_not_answer_for_themselves(plain: dict[str, Any]) -> None:
    code = """
class Lying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, given=(), more=None):
        if function is torch.equal:
            return True
        return super().__torch_function__(function, types, given, more or {})

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    labels = own(tokenized_input, prompt_lengths)
    tokenized_input["input_ids"] = labels.clone().as_subclass(Lying)
    return labels
"""
    namespace = dict(plain)
    namespace["own"] = namespace["create_labels_from_attention_mask"]
    exec(code, namespace)
    (check,) = (check for check in public_checks() if check.name == "labels.unchanged")
    assert run(namespace, check)["input_ids_changed"] == 1


def test_a_backward_pass_of_a_students_own_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = []

    def guard(function: Any) -> Any:
        guarded.append(function)
        return function

    monkeypatch.setattr(integrity, "guarded", guard)
    leaf = torch.ones(2, requires_grad=True)
    assert gradients(leaf.sum(), [leaf])[0].tolist() == [1, 1]
    assert guarded == [torch.autograd.grad]


def test_globals_are_lent_and_given_back() -> None:
    namespace = {"a": 1, "b": 2}
    with borrowed(namespace, {"a": 3, "c": 4}):
        assert namespace == {"a": 3, "b": 2, "c": 4}
        namespace["d"] = 5
        del namespace["b"]
    assert namespace == {"a": 1, "b": 2}


def test_losses_in_any_form() -> None:
    pair = torch.tensor([1.0, 3.0])
    forms = (2.0, torch.tensor(2.0), pair, (torch.tensor(2.0), pair), (pair, 1.0))
    assert [float(scalar(loss)) for loss in forms] == [2.0] * 5
    assert numbers((torch.tensor([1, 2]), 3)) == [[1.0, 2.0], 3.0]


def test_a_stand_in_answers_whatever_the_students_function_does() -> None:
    called = []

    def theirs(value: int) -> None:
        called.append(value)
        raise ValueError

    assert work_first(theirs, lambda value: value + 1)(3) == 4 and called == [3]


# That of the constant reward is train, and that of a loop with its own forward pass its own scores.
OTHER_TRIES = {"through_train", "count"}
SECOND = [
    check
    for check in public_checks()
    if check.second_try and not OTHER_TRIES & {*check.second_try, check.second_try.get("stand_ins")}
]


@pytest.mark.parametrize("check", SECOND, ids=lambda check: check.name)
def test_a_second_try_needs_none_of_the_other_functions(
    check: Check, plain: dict[str, Any]
) -> None:
    """They are there, but of no use."""

    def broken(*arguments: Any, **more: Any) -> None:
        raise ValueError("another exercise's mistake")

    others = set(EXERCISES) - {check.function, "reset_model_optimizer"}
    plain |= dict.fromkeys(others, broken)
    with pytest.raises(ValueError, match="another"):
        run(plain, check)
    assert answer(plain, check.probe, in_second_try(check))


def test_prompt_lengths_may_be_a_list_or_a_tensor(plain: dict[str, Any]) -> None:
    theirs = plain["create_labels_from_attention_mask"]

    def only_lists(tokenized: Any, lengths: Any) -> Any:
        if not isinstance(lengths, list):
            raise TypeError("a list is wanted")
        return theirs(tokenized, lengths)

    check = CHECKS["labels.values"]
    as_tensor = run(plain, check)
    plain["create_labels_from_attention_mask"] = only_lists
    assert run(plain, check) == as_tensor


def test_hidden_checks_have_probes_that_answer(plain: dict[str, Any]) -> None:
    for check in hidden_checks():
        assert run(plain, check)


@pytest.mark.parametrize(
    "name",
    [
        "compute_reward_for_mini_batch",
        "evaluate",
        "compute_reinforce_loss",
        "train",
        "compute_kl_divergence",
        "compute_DPO_loss",
        "create_labels_from_attention_mask",
        "_get_batch_logps",
        "get_log_probs",
        "train_DPO",
    ],
)
def test_a_function_that_returns_nothing_is_told_what_is_needed(
    name: str, plain: dict[str, Any]
) -> None:
    plain[name] = lambda *arguments, **more: None
    for check in (check for check in public_checks() if check.function == name):
        with pytest.raises(WrongResult, match=rf"{name} returned None; needed .+"):
            run(plain, check)
