"""Models: the one behind what a function is given for one, and the weights of one as numbers."""

import copy
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import PreTrainedTokenizerBase

from a3lib.kit.checks.probes.opaque import opaque

# Stand-ins pull at a model's parameters in three parts: two halves of its matrices, for the loss,
# and its vectors, for the penalty.
FIRST, SECOND, VECTORS = range(3)


def models_among(arguments: tuple[Any, ...], more: dict[str, Any]) -> list[Any]:
    """Return the language models among, or behind, a call's arguments."""
    found = map(language_model, (*arguments, *more.values()))
    return [model for model in found if model is not None]


def given_model(value: Any) -> Any:
    """Return the language model that a function was given; raises TypeError for something else."""
    model = language_model(value)
    if model is None:
        raise TypeError(f"one {type(value).__name__} is given where a language model is needed")
    return model


def language_model(value: Any) -> Any:
    """Return the language model that a value is, holds or calls; None where there is none."""
    if not isinstance(value, nn.Module):
        is_other = not callable(value) or isinstance(value, (type, PreTrainedTokenizerBase))
        return None if is_other else model_at_work(value)
    waiting = [value]
    while waiting:
        part = waiting.pop(0)
        if hasattr(part, "get_output_embeddings"):
            return part
        waiting += [inner for inner in vars(part)["_modules"].values() if inner is not None]
    return None


def model_at_work(function: Any) -> Any:
    """Return the language model that a function calls; a copy where it lends it other weights."""
    reached: list[tuple[Any, list[nn.Parameter]]] = []

    def note(module: nn.Module, arguments: Any) -> None:
        if not reached and hasattr(module, "get_output_embeddings"):
            reached.append((module, parameters_in(module)))

    hook = register_module_forward_pre_hook(opaque(note))
    ids = torch.ones(1, 3, dtype=torch.long)
    try:
        # Whatever is not called as models are is none.
        with suppress(Exception), torch.no_grad(), torch.random.fork_rng(devices=[]):
            function(input_ids=ids, attention_mask=ids)
    finally:
        hook.remove()
    if not reached:
        return None
    model, weights = reached[0]
    own = parameters_in(model)
    if all(one is other for one, other in zip(own, weights, strict=True)):
        return model
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for ours, lent in zip(parameters_in(copied), weights, strict=True):
            ours.copy_(lent)
    return copied


def parameters_in(model: nn.Module) -> list[nn.Parameter]:
    """Return a model's parameters in order, each once.

    They are read from where torch keeps them, whatever a student's class says of itself.
    """
    found: dict[int, nn.Parameter] = {}
    waiting = [model]
    while waiting:
        own = vars(waiting.pop())
        found |= {id(p): p for p in own["_parameters"].values() if p is not None}
        waiting += [part for part in reversed(own["_modules"].values()) if part is not None]
    return [*found.values()]


def parts_of(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Return a model's parameters in the three parts that stand-ins pull at."""
    matrices = [parameter for parameter in parameters_in(model) if parameter.dim() != 1]
    vectors = [parameter for parameter in parameters_in(model) if parameter.dim() == 1]
    half = len(matrices) // 2
    return matrices[:half], matrices[half:], vectors


def pull(parameters: Sequence[nn.Parameter], size: float) -> Tensor:
    """Return a scalar of value 0 whose gradient has the norm `size`, the same everywhere."""
    total = torch.stack([parameter.sum() for parameter in parameters]).sum()
    return (
        size / sum(parameter.numel() for parameter in parameters) ** 0.5 * (total - total.detach())
    )


def flat(parameters: Sequence[Tensor]) -> Tensor:
    """Return all N numbers of some parameters as one vector, (N,)."""
    return torch.cat([p.detach().flatten() for p in parameters]) if parameters else torch.zeros(0)


def flat_weights(model: nn.Module) -> Tensor:
    """Return all N parameters of a model as one vector, (N,)."""
    return flat(parameters_in(model))


def distance(a: Tensor, b: Tensor) -> float:
    """Return by how much two vectors (N,) differ at most, and 99 where their sizes do."""
    if a.shape != b.shape:
        return 99.0
    return float((a - b).abs().max()) if len(a) else 0.0


def unordered(a: Tensor, b: Tensor) -> float:
    """Return the distance of two vectors (N,) of weights that may be in any order."""
    same = a.shape == b.shape and torch.equal(a, b)
    return 0.0 if same else distance(a.sort().values, b.sort().values)
