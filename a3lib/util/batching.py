"""Cutting work into batches, showing its progress, and averaging over all of it."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def batches(items: Sequence[Item], batch_size: int) -> list[Sequence[Item]]:
    """Cut a sequence into batches in order; the last one may be smaller."""
    return [items[i : i + batch_size] for i in range(0, len(items), batch_size)]


def progress(items: Iterable[Item], name: str) -> "tqdm[Item]":
    """Return a progress bar over the items, in plain text so that it also shows in saved pages."""
    return tqdm(items, desc=name, file=sys.stdout, mininterval=0.5)


def mean(values: Sequence[float]) -> float:
    """Return the mean of some numbers, NaN where there are none."""
    return math.fsum(values) / len(values) if values else math.nan
