"""What optimizers do, watched on small models: steps, rates, gradients, weights moved by hand."""

import cmath

import pytest
import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.models import (
    distance,
    flat_weights,
    parts_of,
    pull,
)
from a3lib.kit.checks.probes.steps import Steps, leaves_of, of_gradients, of_steps, watched_steps


def model_and_optimizer(rate: float = 0.1) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = fixtures.random_policy(3)
    return model, torch.optim.SGD(model.parameters(), lr=rate)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, angle: float = 0.3) -> None:
    """Take a step along a gradient of this direction, on gradients that were cleared."""
    first, second, _ = (pull(part, 1.0) for part in parts_of(model))
    unit = cmath.rect(1.0, angle)
    optimizer.zero_grad()
    (unit.real * first + unit.imag * second).backward()
    optimizer.step()


def test_steps_are_counted_with_the_weights_before_and_after() -> None:
    model, optimizer = model_and_optimizer()
    start = flat_weights(model)
    with watched_steps() as steps:
        steps.know(model)
        step(model, optimizer)
        step(model, optimizer)
    seen = of_steps(steps, fixtures.random_policy(3), 0.1)
    assert (seen["steps"], seen["optimizers"], seen["start_off_checkpoint"]) == (2, 1, 0)
    assert distance(steps.before[0], start) == 0
    assert distance(steps.before[1], steps.after[0]) == 0
    assert distance(steps.after[1], flat_weights(model)) == 0 < distance(start, steps.after[0])
    assert seen["weights_moved_outside_steps"] == 0 and seen["rate_off"] == 0


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.NAdam, torch.optim.SGD])
@pytest.mark.parametrize("where", ["in a step", "between steps", "nowhere"])
def test_steps_that_no_hook_sees_are_counted(kind: type[torch.optim.Optimizer], where: str) -> None:
    hooks = (_global_optimizer_pre_hooks, _global_optimizer_post_hooks)
    model = fixtures.random_policy(3)
    optimizer = kind(model.parameters(), lr=0.1)

    def unseen(*call: object) -> None:
        kept = [table.copy() for table in (*hooks, optimizer._optimizer_step_post_hooks)]
        for table in (*hooks, optimizer._optimizer_step_post_hooks):
            table.clear()
        optimizer.step()
        for table, its in zip((*hooks, optimizer._optimizer_step_post_hooks), kept):
            table.update(its)

    step(model, optimizer)  # A step from before is nobody's.
    if where == "in a step":
        optimizer.register_step_post_hook(unseen)
    with watched_steps() as steps:
        for _ in range(3):
            step(model, optimizer)
            if where == "between steps":
                unseen()
        step(model, optimizer)
    keeps_count = kind is not torch.optim.SGD
    hidden = {"in a step": 4, "between steps": 3, "nowhere": 0}[where] * keeps_count
    assert of_steps(steps, model, 0.1)["steps"] == 4 + hidden
    assert len(of_gradients(steps, [1j] * 4)["slopes"]) == 4 + hidden


@pytest.mark.parametrize("when", ["between", "after"])
def test_weights_that_something_else_moves_are_seen(when: str) -> None:
    model, optimizer = model_and_optimizer()
    with watched_steps() as steps:
        step(model, optimizer)
        if when == "between":
            with torch.no_grad():
                next(model.parameters()).add_(0.25)
        step(model, optimizer)
        if when == "after":
            with torch.no_grad():
                next(model.parameters())[0, 0] += 0.5
    moved = of_steps(steps, model, 0.1)["weights_moved_outside_steps"]
    assert moved == pytest.approx(0.25 if when == "between" else 0.5)


def test_another_rate_and_a_second_optimizer_are_seen() -> None:
    model, optimizer = model_and_optimizer(0.2)
    with watched_steps() as steps:
        step(model, optimizer)
        step(model, torch.optim.SGD(model.parameters(), lr=0.1))
    seen = of_steps(steps, model, 0.1)
    assert seen["optimizers"] == 2 and seen["rate_off"] == pytest.approx(1.0)


def test_a_schedule_is_not_another_rate() -> None:
    model, optimizer = model_and_optimizer()
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1)
    with watched_steps() as steps:
        step(model, optimizer)
        schedule.step()
        step(model, optimizer)
    assert of_steps(steps, model, 0.1)["rate_off"] == 0


def test_gradients_are_the_losses_whatever_their_size() -> None:
    model, optimizer = model_and_optimizer()
    angles = [0.3, 1.1, 0.7]
    with watched_steps() as steps:
        steps.know(model)
        for angle in angles:
            step(model, optimizer, angle)
    wanted = [cmath.rect(1.0, angle) for angle in angles]
    seen = of_gradients(steps, wanted)
    assert seen["slopes"] == pytest.approx([1.0] * 3)
    assert seen["direction_off"] < 1e-4 and seen["not_piled_up"] > 1
    turned = [*wanted[:2], cmath.rect(1.0, 0.9)]
    assert of_gradients(steps, turned)["direction_off"] == pytest.approx(0.2, abs=1e-3)


def test_gradients_that_pile_up_are_seen() -> None:
    model, optimizer = model_and_optimizer()
    angles = [0.3, 1.1, 0.7]
    with watched_steps() as steps:
        steps.know(model)
        for angle in angles:
            first, second, _ = (pull(part, 1.0) for part in parts_of(model))
            unit = cmath.rect(1.0, angle)
            (unit.real * first + unit.imag * second).backward()
            optimizer.step()
    seen = of_gradients(steps, [cmath.rect(1.0, angle) for angle in angles])
    assert seen["not_piled_up"] < 1e-4 and seen["slopes"][2] > 2


def test_a_penalty_has_its_share_and_its_sign() -> None:
    model, optimizer = model_and_optimizer()
    with watched_steps() as steps:
        steps.know(model)
        for size in (3.0, -1.0, 0.0):
            first, _, vectors = (pull(part, 1.0) for part in parts_of(model))
            optimizer.zero_grad()
            (first + size * vectors).backward()
            optimizer.step()
    assert of_gradients(steps, [1.0 + 0j] * 3)["penalty_shares"] == pytest.approx([0.75, -0.5, 0.0])


def test_no_step_is_no_gradient() -> None:
    steps = Steps()
    seen = of_gradients(steps, [])
    assert seen["slopes"] == [] and seen["not_piled_up"] == 1.0
    assert of_steps(steps, fixtures.random_policy(3), 0.1)["start_off_checkpoint"] == 99.0


def test_the_policy_is_the_model_that_an_optimizer_has() -> None:
    (model, optimizer), other = model_and_optimizer(), fixtures.random_policy(3)
    with watched_steps() as steps:
        step(model, optimizer)
    assert steps.trained([other, model]) is model
    assert steps.trained([other]) is other


def test_a_step_is_along_its_loss_whatever_the_size_and_not_along_another() -> None:
    model, optimizer = model_and_optimizer()
    steps_with = {"its loss": 0, "a hundredth": 0, "the opposite": 0, "none": 0, "ones": 0}
    for kind in steps_with:
        loss = torch.stack([p.square().sum() for p in model.parameters()]).sum()
        with watched_steps() as steps:
            if kind != "ones":
                steps.expect(loss, 4)
            optimizer.zero_grad()
            factor = {"its loss": 1.0, "a hundredth": 0.01, "the opposite": -1.0}.get(kind)
            if factor is not None:
                (factor * loss).backward()
            for parameter in model.parameters() if kind == "ones" else ():
                parameter.grad = torch.ones_like(parameter)
            optimizer.step()
        steps_with[kind] = steps.along_losses
    assert [kind for kind, count in steps_with.items() if count] == ["its loss", "a hundredth"]


def test_a_losss_leaves_are_the_parameters_that_it_depends_on() -> None:
    model = fixtures.random_policy(3)
    loss = model(input_ids=torch.tensor([[3, 4, 5]])).logits.sum()
    assert {id(leaf) for leaf in leaves_of(loss)} == {id(p) for p in model.parameters()}
    part = next(iter(model.parameters()))
    assert [id(leaf) for leaf in leaves_of((part.sum() * 2).exp())] == [id(part)]
