"""Probes without torch, for tests of the grader with real workers: what a function returns."""

import time
from typing import Any


class NotWritten(Exception):
    """The function is missing."""


def prepare(namespace: dict[str, Any]) -> None:
    """Nothing is needed."""


def answer(namespace: dict[str, Any], probe: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Call the function after a moment that is long enough to be interrupted in."""
    time.sleep(inputs["seconds"])
    if inputs["function"] not in namespace:
        raise NotWritten
    return {"value": namespace[inputs["function"]]()}
