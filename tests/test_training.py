"""One optimizer step, against steps worked out by hand."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from a3lib.errors import TrainingDiverged
from a3lib.training import History, gradient_scaler, optimizer_step

CPU = torch.device("cpu")


def scalar() -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    parameter = torch.nn.Parameter(torch.tensor(4.0))
    return parameter, torch.optim.SGD([parameter], lr=0.25)


def train(
    optimizer: torch.optim.Optimizer,
    inputs: Sequence[float],
    loss_of: Callable[[float], Tensor],
    *,
    scaler: torch.amp.GradScaler | None = None,
    history: History | None = None,
    **options: float,
) -> History:
    """The loop as the module's docstring gives it, with the norms beside the losses."""
    history = {"losses": []} if history is None else history
    scaler = scaler or gradient_scaler(CPU)
    for value in inputs:
        loss = loss_of(value)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        norm = optimizer_step(loss, optimizer, scaler, history, name="REINFORCE", **options)
        history["losses"].append(loss.item())
        history.setdefault("gradient_norms", []).append(norm)
    return history


def test_a_step_goes_down_the_gradient() -> None:
    parameter, optimizer = scalar()
    history = train(optimizer, [0.0, 1.0], lambda target: (parameter - target) ** 2)
    # By hand: 4 - 0.25 * 2 * 4 = 2, then 2 - 0.25 * 2 * (2 - 1) = 1.5.
    assert parameter.item() == 1.5
    assert history == {"losses": [16.0, 1.0], "gradient_norms": [8.0, 2.0]}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(bad: float) -> None:
    parameter, optimizer = scalar()
    history: History = {"losses": [], "rewards": [0.5]}
    with pytest.raises(TrainingDiverged) as caught:
        train(optimizer, [1.0, bad, 1.0], lambda factor: parameter * factor, history=history)
    assert parameter.item() == 3.75  # the first step's only
    assert caught.value.history == {"losses": [4.0], "rewards": [0.5], "gradient_norms": [1.0]}
    message = str(caught.value)
    assert message.startswith(f"REINFORCE: the loss is {bad} at step 1 ")
    assert "(last good figures: losses 4, rewards 0.5, gradient_norms 1)" in message
    assert message.endswith("lower the learning rate or check the data of that step.")


def test_a_first_step_that_diverges_has_no_figures_to_name() -> None:
    parameter, optimizer = scalar()
    with pytest.raises(TrainingDiverged, match=r"at step 0 \(last good figures: none\)"):
        train(optimizer, [math.nan], lambda factor: parameter * factor)


def test_a_long_gradient_is_cut_and_its_norm_before_is_returned() -> None:
    parameters = [torch.nn.Parameter(torch.tensor(4.0)) for _ in range(2)]
    # The norm is over all groups together: 3 and 4 make 5.
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=0.25)
    history = train(
        optimizer,
        [1.0, 10.0, 0.1],
        lambda factor: factor * (3 * parameters[0] + 4 * parameters[1]),
        max_grad_norm=2.0,
    )
    assert history["gradient_norms"] == pytest.approx([5.0, 50.0, 0.5], rel=1e-6)
    # By hand: (3, 4) and (30, 40) become (1.2, 1.6), and (0.3, 0.4) is short enough.
    assert parameters[0].item() == pytest.approx(4 - 0.25 * (1.2 + 1.2 + 0.3), abs=1e-5)
    assert parameters[1].item() == pytest.approx(4 - 0.5 * (1.6 + 1.6 + 0.4), abs=1e-5)


def test_a_gradient_of_any_allowed_length_is_left_as_it_is() -> None:
    ends = []
    for options in ({}, {"max_grad_norm": 1e9}):
        parameter, optimizer = scalar()
        history = train(
            optimizer, [0.0, 1e6], lambda target, value=parameter: (value - target) ** 2, **options
        )
        ends.append((parameter.item(), history))
    # By hand: 4 - 0.25 * 2 * 4 = 2, then halfway from 2 to a million: nothing is cut.
    assert ends[0] == ends[1]
    assert ends[0][0] == 500001.0


def test_without_a_limit_a_step_is_the_optimizers_own_to_the_last_digit() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(40, generator=generator)
    targets = [torch.randn(40, generator=generator) for _ in range(5)]
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    our_optimizer, their_optimizer = torch.optim.AdamW([ours]), torch.optim.AdamW([theirs])
    train(our_optimizer, range(5), lambda n: ((ours - targets[int(n)]) ** 4).sum())
    for target in targets:
        their_optimizer.zero_grad()
        ((theirs - target) ** 4).sum().backward()
        their_optimizer.step()
    assert torch.equal(ours, theirs)


def plain_adamw(start: list[float], factors: list[float], longest: float) -> list[float]:
    """AdamW on factor * |x|^2 / 2 with torch's defaults and a step of 0.1, number by number."""
    first, second, values = [0.0] * len(start), [0.0] * len(start), [*start]
    for number, factor in enumerate(factors, start=1):
        gradient = [factor * x for x in values]
        norm = math.sqrt(sum(g * g for g in gradient))
        gradient = [g * min(1.0, longest / norm) for g in gradient]
        for i, g in enumerate(gradient):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g * g
            slope = first[i] / (1 - 0.9**number)
            scale = math.sqrt(second[i] / (1 - 0.999**number)) + 1e-8
            values[i] = values[i] * (1 - 0.1 * 0.01) - 0.1 * slope / scale
    return values


@pytest.mark.parametrize("longest", [0.5, 3.0, math.inf])
def test_adamw_takes_the_cut_gradient(longest: float) -> None:
    start, factors = [3.0, -4.0, 0.5], [1.0, 0.05, 20.0, 0.3]
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    train(
        optimizer, factors, lambda factor: factor * (parameter**2).sum() / 2, max_grad_norm=longest
    )
    assert parameter.tolist() == pytest.approx(plain_adamw(start, factors, longest), abs=1e-6)
    # AdamW forgets a gradient's scale, so the cut must show in how the steps compare.
    uncut = plain_adamw(start, factors, math.inf)
    assert (parameter.tolist() == pytest.approx(uncut, abs=1e-3)) == math.isinf(longest)


@pytest.mark.parametrize("options", [{}, {"max_grad_norm": 1.0}])
def test_an_infinite_gradient_of_a_finite_loss_ends_training_before_the_weights_change(
    options: dict[str, float],
) -> None:
    parameter, optimizer = scalar()
    # The slope of a square root at 0 is infinite.
    with pytest.raises(TrainingDiverged, match="the gradient norm is inf at step 0"):
        train(optimizer, [4.0], lambda x: (parameter - x).sqrt() + parameter, **options)
    assert parameter.item() == 4.0


def test_scaled_gradients_are_cut_as_plain_ones_are() -> None:
    # Mixed precision's scaling is at work on CUDA only, but can be on any device.
    ends = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        parameter, optimizer = scalar()
        history = train(
            optimizer,
            [0.0, 3.5],
            lambda target, value=parameter: (value - target) ** 2,
            scaler=scaler,
            max_grad_norm=2.0,
        )
        ends.append((parameter.item(), history))
    assert ends[0][1]["gradient_norms"] == [8.0, pytest.approx(0.0, abs=1e-5)]
    assert ends[0] == ends[1]


def test_a_scaler_at_work_skips_a_step_that_overflowed_and_scales_less() -> None:
    parameter, optimizer = scalar()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    train(optimizer, [1e3], lambda factor: parameter * factor, scaler=scaler)
    assert parameter.item() == 4.0
    assert scaler.get_scale() == 2.0**126


def test_gradients_are_scaled_on_cuda_alone() -> None:
    assert not gradient_scaler(CPU).is_enabled()
    loss = torch.tensor(3.0, requires_grad=True)
    assert gradient_scaler(CPU).scale(loss) is loss
