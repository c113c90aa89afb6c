"""What every probe needs: find a function, lend it globals, turn tensors into plain numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from a3lib.kit.checks import fixtures

Answers = dict[str, Any]
# A probe calls a function of the namespace on its inputs.
Probe = Callable[[dict[str, Any], dict[str, Any]], Answers]
DIRECTIONS = 4


class NotWritten(Exception):
    """The function is missing, or still raises NotImplementedError."""


@contextmanager
def borrowed(namespace: dict[str, Any], values: dict[str, Any]) -> Iterator[None]:
    """Set globals for a while; afterwards the namespace is exactly as it was."""
    before = dict(namespace)
    namespace |= values
    try:
        yield
    finally:
        for name in [*namespace]:
            if name not in before:
                del namespace[name]
        namespace |= before


def find(namespace: dict[str, Any], name: str) -> Callable[..., Any]:
    """Return the student's function of this name; raises NotWritten where there is none."""
    function = namespace.get(name)
    if not callable(function):
        raise NotWritten(f"there is no function {name}")
    return function


class Recorded:
    """A function of the assignment that works as usual and records its arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note the arguments and call the function."""
        self.calls.append((*arguments, *more.values()))
        return self.function(*arguments, **more)

    def models(self) -> list[Any]:
        """Return the models among the arguments, in the order of the calls."""
        return [value for call in self.calls for value in call if hasattr(value, "config")]


def work_first(function: Callable[..., Any], stand_in: Callable[..., Any]) -> Callable[..., Any]:
    """Return a stand-in that first runs the student's function, whatever comes of it.

    So what is watched, such as dropout, shows even where the function's result is wrong.
    """

    def both(*arguments: Any, **more: Any) -> Any:
        with suppress(Exception):
            function(*arguments, **more)
        return stand_in(*arguments, **more)

    return both


def numbers(values: Any) -> Any:
    """Return a tensor, number or list of them as numbers and nested lists."""
    if isinstance(values, Tensor):
        return values.detach().to(torch.float64).tolist()
    if isinstance(values, (list, tuple)):
        return [numbers(value) for value in values]
    return float(values)


def scalar(loss: Any) -> Tensor:
    """Return a loss as a scalar tensor: of a tuple the first, of one a row the mean."""
    loss = loss[0] if isinstance(loss, tuple) else loss
    loss = loss if isinstance(loss, Tensor) else torch.as_tensor(loss)
    return loss.mean() if loss.dim() else loss


def gradients(loss: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Return each leaf's gradient, zeros where the scalar loss does not depend on it."""
    if not loss.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    leaf_gradients = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
    return [
        torch.zeros_like(x) if g is None else g for g, x in zip(leaf_gradients, leaves, strict=True)
    ]


def projections(parts: list[Tensor]) -> list[float]:
    """Return a long vector, given in parts of any shape, along a few fixed directions."""
    whole = torch.cat([part.detach().flatten().double() for part in parts])
    directions = fixtures.noise(DIRECTIONS, len(whole), seed=7)
    return numbers(directions @ whole)


def parameter_gradients(loss: Tensor, model: PreTrainedModel) -> list[float]:
    """Return a scalar loss's gradient in the model's parameters, along a few fixed directions."""
    return projections(gradients(loss, list(model.parameters())))
