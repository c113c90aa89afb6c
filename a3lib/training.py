"""One optimizer step, as every training loop takes it: the loops themselves stand where they run.

On CUDA models run in float16 (see `forward`), whose small gradients would become 0; so the loss is
scaled up before `backward` and the gradients are scaled down again before the step. A loop reads:

    scaler = gradient_scaler(device)
    for batch in loop:
        loss = ...
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        optimizer_step(loss, optimizer, scaler, history, name="REINFORCE")
"""

import math

import torch
from torch import Tensor

from a3lib.errors import TrainingDiverged

History = dict[str, list[float]]


def gradient_scaler(device: torch.device) -> torch.amp.GradScaler:
    """Return the scaler of a loop's gradients: enabled on CUDA, and without effect elsewhere."""
    return torch.amp.GradScaler(device.type, enabled=device.type == "cuda")


def optimizer_step(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    history: History,
    *,
    name: str,
    max_grad_norm: float = math.inf,
) -> float:
    """Update the weights with the gradients that `scaler.scale(loss).backward()` left.

    `loss` is a scalar and `history` holds the steps before this one, for messages. Gradients with
    a norm above `max_grad_norm` are clipped to it. Returns the norm before that.

    Raises TrainingDiverged, before the weights are touched, where the loss or the gradients' norm
    is NaN or infinite.
    """
    check_finite(loss.item(), "loss", history, name)
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(parameters_of(optimizer), max_grad_norm).item()
    # An enabled scaler skips a step whose gradients overflowed, and scales less from then on.
    if not scaler.is_enabled():
        check_finite(norm, "gradient norm", history, name)
    scaler.step(optimizer)
    scaler.update()
    return norm


def parameters_of(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    """Return every parameter that an optimizer updates."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def check_finite(value: float, what: str, history: History, name: str) -> None:
    """Raise TrainingDiverged, naming the step and its last good figures, for NaN and infinity."""
    if math.isfinite(value):
        return
    step = len(history["losses"])
    last = ", ".join(f"{key} {values[-1]:.4g}" for key, values in history.items() if values)
    raise TrainingDiverged(
        f"{name}: the {what} is {value} at step {step} (last good figures: {last or 'none'}); "
        "lower the learning rate or check the data of that step.",
        history,
    )
