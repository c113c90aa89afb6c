"""What optimizers do while a training loop runs: which weights they move, when and along what."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from a3lib.kit.checks.probes.models import (
    FIRST,
    SECOND,
    VECTORS,
    distance,
    flat,
    flat_weights,
    parameters_in,
    parts_of,
    unordered,
)
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.spies import Answers

# A gradient's norm that is only rounding.
NOTHING = 1e-9
LEAST_GRADIENT = 1e-5  # a thousand times AdamW's epsilon
# Gradients that pile up, or are clipped, still have such a cosine with their loss's.
LEAST_COSINE = 0.1
# A gradient for each parameter, or None.
Gradients = list[Tensor | None]


def leaves_of(loss: Tensor) -> list[Tensor]:
    """Return the tensors (...) that a scalar loss's gradient ends in, as a model's parameters."""
    leaves: dict[int, Tensor] = {}
    seen: set[Any] = set()
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves[id(leaf)] = leaf
        waiting += [parent for parent, _ in node.next_functions]
    return [*leaves.values()]


class Steps:
    """The steps that optimizers took: the weights (N,) before and after each, and the gradients.

    `gradients` are signed norms, one for each of the three parts that stand-ins pull at.
    """

    def __init__(self) -> None:
        self.optimizers: list[torch.optim.Optimizer] = []
        self.before: list[Tensor] = []
        self.after: list[Tensor] = []
        self.gradients: list[tuple[float, float, float]] = []
        # The largest learning rate of each step.
        self.rates: list[float] = []
        # The largest weight decay of each step, and the most parameters that were frozen in one.
        self.decays: list[float] = []
        self.frozen = 0
        # The largest part of the first step's gradient.
        self.first_gradient = 0.0
        # Each optimizer's first step.
        self.firsts: list[int] = []
        self.moved_outside = 0.0
        # Losses that no parameter of a known model has a gradient of.
        self.cut_off = 0
        self.part_of: dict[int, int] = {}
        # Steps whose gradients are those of the losses since the step before.
        self.along_losses = 0
        # How often a loss was differentiated here, and not by the loop.
        self.own_looks = 0
        self._wanted: list[tuple[Sequence[bool], dict[int, Tensor]]] = []
        self._last: list[nn.Parameter] = []
        self._at_begin: Gradients = []
        # How many steps each optimizer has counted itself, and those that no hook saw.
        self._counts: dict[int, float] = {}
        self.unseen = 0.0
        self._followed: dict[str, list[Any]] = {}
        self._ends: dict[str, list[int]] = {}

    def follow(self, name: str, calls: list[Any]) -> None:
        """Remember how long a list of calls is at each step, for `calls_of_steps`."""
        self._followed[name], self._ends[name] = calls, []

    def calls_of_steps(self, name: str) -> list[list[Any]]:
        """Return, for each step, the calls since the step before: a batch may come in pieces."""
        ends = self._ends[name]
        return [
            self._followed[name][begin:end] for begin, end in zip([0, *ends], ends, strict=False)
        ]

    def calls_since(self, name: str) -> int:
        """Return how many calls there were after the last step."""
        return len(self._followed[name]) - max(self._ends[name], default=0)

    def know(self, model: nn.Module) -> None:
        """Remember in which of the three parts each parameter of a model is."""
        for part, parameters in enumerate(parts_of(model)):
            self.part_of |= {id(parameter): part for parameter in parameters}

    def expect(self, loss: Any, rows: int, used: Sequence[bool] = (False,)) -> None:
        """Remember what a loss of so many rows has as its gradient, for the next step.

        `used` says at the step whether the loop differentiated it; where no loss is, all count. A
        loss that cannot be differentiated twice is taken as it is.
        """
        if not isinstance(loss, Tensor) or loss.grad_fn is None:
            return
        leaves = leaves_of(loss)
        self.cut_off += not any(id(leaf) in self.part_of for leaf in leaves)
        with suppress(RuntimeError):
            gradients = torch.autograd.grad(loss.sum(), leaves, retain_graph=True)
            self.own_looks += 1
            pairs = zip(leaves, gradients, strict=True)
            self._wanted.append((used, {id(p): rows * g for p, g in pairs}))

    def _is_along_losses(self, held: list[nn.Parameter], gradients: Gradients) -> bool:
        """Say whether the gradients are those that were expected, whatever their size."""
        along = own = wanted = 0.0
        losses = [one for used, one in self._wanted if used[0]] or [one for _, one in self._wanted]
        for parameter, gradient in zip(held, gradients, strict=True):
            parts = [one[id(parameter)] for one in losses if id(parameter) in one]
            expected = sum(parts, torch.zeros_like(parameter)).double()
            given = torch.zeros_like(expected) if gradient is None else gradient
            along += float((given * expected).sum())
            own += float(given.double().square().sum())
            wanted += float(expected.square().sum())
        self._wanted.clear()
        return along > LEAST_COSINE * (own * wanted) ** 0.5

    def begin(self, optimizer: torch.optim.Optimizer, *call: Any) -> None:
        """Record a step that an optimizer is about to take."""
        if not any(optimizer is seen for seen in self.optimizers):
            self.optimizers.append(optimizer)
            self.firsts.append(len(self.before))
        held = parameters_of(optimizer)
        self._counts.setdefault(id(optimizer), count_of(optimizer))
        self.close(held)
        self._last = held
        self.before.append(flat(held))
        self._at_begin = [None if p.grad is None else p.grad.clone() for p in held]
        self.rates.append(max(float(group["lr"]) for group in optimizer.param_groups))
        decays = (float(group.get("weight_decay", 0.0)) for group in optimizer.param_groups)
        self.decays.append(max(decays))
        self.frozen = max(self.frozen, sum(not parameter.requires_grad for parameter in held))

    def end(self, optimizer: torch.optim.Optimizer, *call: Any) -> None:
        """Record what a step left, and its gradients.

        A closure makes them within the step; a hook of the loop's own may throw them away after it.
        """
        held = parameters_of(optimizer)
        counted = count_of(optimizer)
        self.unseen += max(counted - self._counts.get(id(optimizer), counted) - 1, 0.0)
        self._counts[id(optimizer)] = counted
        gradients = [p.grad for p in held]
        if not any(g is not None and bool(g.any()) for g in gradients):
            gradients = self._at_begin
        for name, calls in self._followed.items():
            self._ends[name].append(len(calls))
        if not self.after:
            largest = [float(g.abs().max()) for g in gradients if g is not None and g.numel()]
            self.first_gradient = max(largest, default=0.0)
        self.gradients.append(self._gradients(held, gradients))
        self.along_losses += self._is_along_losses(held, gradients)
        self.after.append(flat(held))

    def close(self, held: list[nn.Parameter] | None = None) -> None:
        """Note whether the same weights were moved since the last step, by something else."""
        held = self._last if held is None else held
        same = len(held) == len(self._last) and all(map(lambda a, b: a is b, held, self._last))
        if self.after and same:
            self.moved_outside = max(self.moved_outside, distance(flat(held), self.after[-1]))

    def _gradients(
        self, held: list[nn.Parameter], gradients: Gradients
    ) -> tuple[float, float, float]:
        sums, counts = [0.0] * 3, [0] * 3
        for parameter, gradient in zip(held, gradients, strict=True):
            part = self.part_of.get(id(parameter))
            if part is not None:
                sums[part] += 0.0 if gradient is None else float(gradient.double().sum())
                counts[part] += parameter.numel()
        norms = [total / count**0.5 if count else 0.0 for total, count in zip(sums, counts)]
        return norms[FIRST], norms[SECOND], norms[VECTORS]

    def trained(self, models: list[Any]) -> Any:
        """Return the first of the models that an optimizer has, or the first of all."""
        held = {id(p) for optimizer in self.optimizers for p in parameters_of(optimizer)}
        mine = [m for m in models if any(id(p) in held for p in parameters_in(m))]
        return [*mine, models[0]][0]

    def hold_one_of(self, models: list[Any]) -> bool:
        """Say whether some optimizer has parameters of one of the models."""
        held = {id(p) for optimizer in self.optimizers for p in parameters_of(optimizer)}
        return any(id(p) in held for model in models for p in parameters_in(model))

    def distance_of(self, model: Any) -> float:
        """Return how far a model's weights are from those that the last step left, else 99."""
        if not self.after or not isinstance(model, nn.Module):
            return 99.0
        return unordered(flat_weights(model), self.after[-1])


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Return the parameters that an optimizer has, in its order."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def count_of(optimizer: torch.optim.Optimizer) -> float:
    """Return how many steps an optimizer has counted itself; 0 where it keeps no count."""
    states = [state for state in optimizer.state.values() if isinstance(state, dict)]
    return max((float(state.get("step", 0)) for state in states), default=0.0)


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Watch every optimizer for a while."""
    steps = Steps()
    hooks = [
        register_optimizer_step_pre_hook(opaque(steps.begin)),
        register_optimizer_step_post_hook(opaque(steps.end)),
    ]
    try:
        yield steps
        steps.close()
    finally:
        for hook in hooks:
            hook.remove()


def of_steps(steps: Steps, original: nn.Module, rate: float) -> Answers:
    """Return what optimizers did, as numbers: how many, how often, from which weights, how fast."""
    # An optimizer may hold the weights in any order.
    start = flat_weights(original)
    off = unordered(steps.before[0] if steps.before else torch.zeros(0), start)
    return {
        "optimizers": float(len(steps.optimizers)),
        "steps": len(steps.before) + steps.unseen,
        "started_again": float(
            sum(unordered(steps.before[first], start) < 1e-7 for first in steps.firsts[1:])
        ),
        "weights_frozen": float(steps.frozen),
        "weight_decay": max(steps.decays, default=0.0),
        "first_step": first_step(steps),
        "losses_cut_off": float(steps.cut_off),
        "start_off_checkpoint": off,
        "weights_moved_outside_steps": steps.moved_outside,
        "steps_along_losses": steps.along_losses + steps.unseen,
        "first_rate_off": abs(steps.rates[0] - rate) / rate if steps.rates else 0.0,
        # A schedule may lower it, at the beginning or at the end.
        "rate_off": rate_off(steps, rate),
    }


def first_step(steps: Steps) -> float:
    """Return how far the first step moves most of the weights that it moves, in learning rates.

    AdamW's first step is one for each weight, whatever the size of its gradient. One that is cut to
    nothing tells nothing of the optimizer.
    """
    if not steps.after or not steps.rates[0] or steps.first_gradient < LEAST_GRADIENT:
        return 1.0
    sizes = (steps.after[0] - steps.before[0]).abs() / steps.rates[0]
    moved = sizes[sizes > sizes.max() / 100]
    return float(moved.median()) if len(moved) else 0.0


def rate_off(steps: Steps, rate: float) -> float:
    """Return how far the largest learning rate is from the given one, as a share of it.

    A schedule that begins below the rate that its optimizer was made with may never come to it.
    """
    highest = max(steps.rates, default=rate)
    made_with = [float(one.defaults.get("lr", 0.0)) for one in steps.optimizers]
    if highest < rate and made_with and all(abs(one - rate) < 1e-6 * rate for one in made_with):
        return 0.0
    return abs(highest - rate) / rate


def of_gradients(steps: Steps, wanted: list[complex]) -> Answers:
    """Return each step's gradient beside the first one's, its direction, and the penalty in it.

    `wanted` are the gradients that the losses had, of a norm that tells nothing: gradients may be
    clipped, so only shares and directions count.
    """
    pairs = [*zip(steps.gradients, wanted, strict=False)]
    losses = [complex(first, second) / (abs(unit) or 1.0) for (first, second, _), unit in pairs]
    penalties = [penalty for (_, _, penalty), _ in pairs]
    sizes = [abs(loss) + abs(penalty) for loss, penalty in zip(losses, penalties, strict=True)]
    first = next((size for size in sizes if size), 1.0)
    units = [unit / (abs(unit) or 1.0) for unit in wanted]
    sums = [*itertools.accumulate(wanted)]
    raw = [abs(complex(one, other)) for (one, other, _), _ in pairs]
    begun = (raw[0] / (abs(sums[0]) or 1.0)) or 1.0 if raw else 1.0
    piled = [abs(size / begun - abs(s)) for size, s in zip(raw, sums, strict=False)]
    turned = [abs(g / abs(g) - unit) for g, unit in zip(losses, units, strict=False) if g]
    halves = [(abs(g.real) > NOTHING, abs(g.imag) > NOTHING) for g in losses]
    shares = [p / size if size else 0.0 for p, size in zip(penalties, sizes, strict=True)]
    unseen = [0.0] * int(steps.unseen)
    return {
        "slopes": [size / first for size in sizes] + unseen,
        "penalty_shares": shares + unseen,
        "direction_off": max(turned, default=0.0),
        "least_direction_off": min(turned, default=0.0),
        "steps_with_one_half": float(sum(one != other for one, other in halves)),
        "steps_without_gradient": float(sum(not size for size in sizes)),
        "steps_without_penalty": float(sum(abs(penalty) <= NOTHING for penalty in penalties)),
        "not_piled_up": max(piled, default=0.0) if len(piled) > 1 else 1.0,
    }


def weighted(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return the mean of what the pieces of a batch gave, by their rows; 0 of no pieces."""
    parts = zip(values, sizes, strict=True)
    return sum((value * size for value, size in parts), 0.0) / (sum(sizes) or 1)
