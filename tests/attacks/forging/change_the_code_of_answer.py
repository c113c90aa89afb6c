"""Leave the function that answers in its place, and give it other code."""

import sys


def forged(namespace, probe, inputs):
    return by_heart_of_all(probe, inputs)


def attack():
    dispatch = sys.modules["a3lib.kit.checks.probes.dispatch"]
    dispatch.by_heart_of_all = by_heart
    dispatch.answer.__code__ = forged.__code__
