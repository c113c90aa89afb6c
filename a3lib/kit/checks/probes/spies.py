"""What every probe needs: find a function, lend it globals, turn tensors into plain numbers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes import integrity
from a3lib.kit.checks.probes.models import models_among
from a3lib.kit.checks.probes.opaque import opaque

Answers = dict[str, Any]
# A probe calls a function of the namespace on its inputs.
Probe = Callable[[dict[str, Any], dict[str, Any]], Answers]
DIRECTIONS = 4


class NotWritten(Exception):
    """The function is missing, or still raises NotImplementedError."""


class WrongResult(Exception):
    """A function returned something of another form than the assignment asks for."""


@contextmanager
def borrowed(namespace: dict[str, Any], values: dict[str, Any]) -> Iterator[None]:
    """Set globals for a while; afterwards the namespace is exactly as it was.

    Of functions a student's code gets what leads to nothing else, and puts back what that code
    has changed before it called.
    """
    before = dict(namespace)
    namespace |= {
        name: opaque(value, integrity.entered) if is_function(value) else value
        for name, value in values.items()
    }
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
    return integrity.guarded(function)


def part_of(results: Any, key: str, function: str) -> Any:
    """Return what a function's dict has under a key.

    Raises WrongResult where the function returned no dict, or one without that key.
    """
    if not isinstance(results, Mapping):
        raise WrongResult(f"{function} returned {named(results)}; needed a dict with {key!r}")
    if key not in results:
        keys = ", ".join(repr(name) for name in results)
        raise WrongResult(f"{function} returned a dict without {key!r}: it has {keys or 'no keys'}")
    return results[key]


def number_of(results: Any, key: str, function: str) -> float:
    """Return the number that a function's dict has under a key; raises WrongResult."""
    value = part_of(results, key, function)
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        text = f"{key!r} of what {function} returned is {named(value)}; needed one number"
        raise WrongResult(text) from error


def values_of(results: Any, names: tuple[str, ...], function: str) -> tuple[Any, ...]:
    """Return the values of a tuple that a function returned.

    Raises WrongResult where it returned another number of values than there are names.
    """
    needed = f"needed {', '.join(names)}"
    if not isinstance(results, (tuple, list)):
        raise WrongResult(f"{function} returned {named(results)}; {needed}")
    if len(results) != len(names):
        raise WrongResult(f"{function} returned {values_named(results)}; {needed}")
    return tuple(results)


def tensor_from(result: Any, what: str, function: str) -> Tensor:
    """Return the tensor (...) that a function returned; raises WrongResult where it is none."""
    if not isinstance(result, Tensor):
        raise WrongResult(f"{function} returned {named(result)}; needed {what}")
    return result


def values_named(results: Any) -> str:
    """Return how many values there are, in words; a dict is one thing."""
    if isinstance(results, Mapping):
        return "a dict"
    return f"{len(results)} value{'s' * (len(results) != 1)}"


def named(value: Any) -> str:
    """Return what kind of thing a value is, in words."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return f"one tensor of shape {tuple(value.shape)}"
    return f"one {type(value).__name__}"


class Recorded:
    """A function of the assignment that works as usual and records its arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[tuple[Any, ...]] = []
        # The models among the arguments, in the order of the calls.
        self.models: list[Any] = []

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note the arguments and call the function."""
        self.calls.append((*arguments, *more.values()))
        self.models += models_among(arguments, more)
        return self.function(*arguments, **more)


def argument(call: tuple[Any, ...], more: dict[str, Any], place: int, name: str) -> Any:
    """Return one argument of a call, given by its name or its place; None where it is missing."""
    return more.get(name, call[place] if place < len(call) else None)


def is_function(value: Any) -> bool:
    """Say whether a value stands in for a function; models and tokenizers can be called as well."""
    return callable(value) and not isinstance(value, (nn.Module, PreTrainedTokenizerBase))


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
    # A student's code may be at work there, in a function with a backward pass of its own.
    differentiate = integrity.guarded(torch.autograd.grad)
    leaf_gradients = differentiate(loss, leaves, allow_unused=True, retain_graph=True)
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
