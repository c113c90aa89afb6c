"""The numbers that a training loop returns for its steps, beside what each step really had."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from a3lib.kit.checks.probes.spies import Answers, WrongResult, named, part_of


def history_of(results: dict[str, Any], key: str, function: str) -> list[float]:
    """Return the numbers that a loop returned under a key; raises WrongResult."""
    values = part_of(results, key, function)
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, RuntimeError) as error:
        text = f"{key!r} of what {function} returned is {named(values)}; needed a list of numbers"
        raise WrongResult(text) from error


def ends_of(values: list[float], key: str) -> Answers:
    """Return how many numbers there are, the first, the last and the largest of them."""
    first, last = (values[0], values[-1]) if values else (0.0, 0.0)
    most = max(values, default=0.0)
    ends = {f"{key}_first": first, f"{key}_last": last, f"{key}_most": most}
    return ends | {f"{key}_count": float(len(values))}


def farthest(values: Sequence[float], wanted: Sequence[float]) -> float:
    """Return by how much two lists differ at most, and 99 where one is longer."""
    if len(values) != len(wanted):
        return 99.0
    off = [abs(a - b) for a, b in zip(values, wanted, strict=True)]
    return max(off, default=0.0) if all(map(math.isfinite, off)) else 99.0


def of_history(values: list[float], wanted: list[float], key: str) -> Answers:
    """Return how far a history is from each step's own value, and from what else it may hold."""
    means = [total / (n + 1) for n, total in enumerate(accumulate(wanted))]
    return {
        f"{key}_off": farthest(values, wanted),
        f"{key}_off_running_mean": farthest(values, means),
    }
