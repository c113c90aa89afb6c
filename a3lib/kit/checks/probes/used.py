"""Which of a loop's losses and penalties it differentiated: the others are only shown.

A loop may compute a loss once more to print it, or that of a few test texts, and forget to turn
gradients off for it.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.steps import Steps


class Used:
    """Whether a gradient came through the result of each call, in the order of the calls."""

    def __init__(self) -> None:
        self.marks: list[list[bool]] = []

    def next(self) -> list[bool]:
        """Return the mark of a call that begins."""
        self.marks.append([False])
        return self.marks[-1]

    def watch(self, result: Any, mark: list[bool]) -> None:
        """Set a call's mark as soon as its result's gradient is computed, if it can have one."""

        def note(gradient: Tensor) -> None:
            mark[0] = True

        if isinstance(result, Tensor) and result.requires_grad:
            result.register_hook(opaque(note))

    def among(self, calls: list[Any], otherwise: Callable[[Any], Any]) -> list[Any]:
        """Return those of all calls that are used; where none is, those that could have been."""
        return among(calls, self.marks, otherwise)


def among(calls: list[Any], marks: list[list[bool]], otherwise: Callable[[Any], Any]) -> list[Any]:
    """Return the calls whose marks are set; where none is, those that could have been used."""
    used = [call for call, mark in zip(calls, marks, strict=False) if mark[0]]
    return used or [call for call in calls if otherwise(call)]


def of_each_step(
    steps: Steps, calls: str, marks: str, otherwise: Callable[[Any], Any]
) -> list[list[Any]]:
    """Return for each step the calls that it used, of two lists that the steps follow."""
    pairs = zip(steps.calls_of_steps(calls), steps.calls_of_steps(marks), strict=True)
    return [among(of_step, marked, otherwise) for of_step, marked in pairs]
