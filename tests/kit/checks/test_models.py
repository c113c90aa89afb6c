"""The model behind what a function is given, and the weights of one as numbers."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.models import (
    distance,
    flat_weights,
    given_model,
    language_model,
    models_among,
    parameters_in,
    parts_of,
    pull,
    unordered,
)


class Wrapper(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.held = nn.ModuleDict({"inner": inner})

    def forward(self, **inputs: Any) -> Any:
        return self.held["inner"](**inputs)


class Delegate:
    def __init__(self, inner: nn.Module) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, **inputs: Any) -> Any:
        return self.inner(**inputs)


@pytest.fixture
def model() -> Any:
    return fixtures.random_policy(3)


def test_a_model_is_itself_and_is_found_in_and_behind_what_holds_it(model: Any) -> None:
    assert language_model(model) is model
    assert language_model(Wrapper(Wrapper(model))) is model
    assert language_model(Delegate(model)) is model
    assert language_model(Delegate(Wrapper(model))) is model
    assert language_model(lambda **inputs: model(**inputs).logits) is model
    assert language_model(functools.partial(model, use_cache=False)) is model


def test_what_leads_to_no_model_is_none(model: Any) -> None:
    others = [
        None,
        3,
        "model",
        [model],
        torch.ones(2),
        nn.Linear(2, 2),
        Wrapper(nn.Linear(2, 2)),
        type(model),
        fixtures.policy_tokenizer(),
        lambda text: text,
        print,
    ]
    assert models_among((*others, model), {"reference": Wrapper(model)}) == [model, model]
    for other in others:
        with pytest.raises(TypeError, match="is given where a language model is needed"):
            given_model(other)
    assert given_model(Wrapper(model)) is model


def test_of_several_models_behind_a_function_the_first_one_counts(model: Any) -> None:
    another = fixtures.random_policy(4)
    assert language_model(lambda **inputs: (model(**inputs), another(**inputs))) is model


def test_weights_that_are_lent_for_a_call_are_a_copys(model: Any) -> None:
    frozen = {name: p.detach().clone() for name, p in model.named_parameters()}
    before = flat_weights(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    moved = flat_weights(model)
    found = language_model(lambda **inputs: functional_call(model, frozen, (), inputs))
    assert found is not model
    assert distance(flat_weights(found), before) == 0
    assert distance(flat_weights(model), moved) == 0 < distance(moved, before)


def test_looking_for_a_model_draws_no_random_numbers_and_needs_no_gradient(model: Any) -> None:
    model.train()
    seen: list[bool] = []

    def function(**inputs: Any) -> Tensor:
        seen.append(torch.is_grad_enabled())
        return model(**inputs).logits + torch.rand(1)

    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    assert language_model(function) is model
    assert torch.equal(torch.rand(3), wanted) and seen == [False]
    assert not model._forward_pre_hooks


def test_a_function_that_fails_after_its_model_ran_has_shown_it(model: Any) -> None:
    def function(**inputs: Any) -> None:
        model(**inputs)
        raise ValueError

    assert language_model(function) is model


def test_each_parameter_is_in_one_of_three_parts() -> None:
    model = fixtures.random_policy(3)
    parts = parts_of(model)
    assert all(parts) and sum(map(len, parts)) == len(list(model.parameters()))
    assert all(parameter.dim() == 1 for parameter in parts[2])
    assert not any(parameter.dim() == 1 for part in parts[:2] for parameter in part)


def test_a_pull_has_the_value_0_and_a_gradient_of_its_norm() -> None:
    model = fixtures.random_policy(3)
    part = parts_of(model)[1]
    total = pull(part, 2.5)
    total.backward()
    assert float(total) == 0
    norm = torch.stack([p.grad.square().sum() for p in part if p.grad is not None]).sum().sqrt()
    assert float(norm) == pytest.approx(2.5, rel=1e-5)


def test_weights_in_another_order_are_the_same_weights() -> None:
    a = torch.tensor([3.0, 1.0, 2.0])
    assert unordered(a, torch.tensor([1.0, 2.0, 3.0])) == 0
    assert distance(a, torch.tensor([1.0, 2.0, 3.0])) == 2.0
    assert distance(a, a[:2]) == 99.0


def test_parameters_are_those_that_torch_has_in_its_order() -> None:
    for model in (fixtures.random_policy(3), fixtures.fixed_policy({5: 0.0}, 31)):
        ours, theirs = parameters_in(model), list(model.parameters())
        assert len(ours) == len(theirs) and all(map(lambda a, b: a is b, ours, theirs))


def test_a_class_that_hides_its_parameters_hides_nothing() -> None:
    model = fixtures.random_policy(3)
    start = flat_weights(model)
    model.__class__ = type("Model", (type(model),), {"parameters": lambda self: iter(())})
    assert distance(flat_weights(model), start) == 0 and not list(model.parameters())
