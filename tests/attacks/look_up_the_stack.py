"""Look for expected values in frames, and in all objects there are."""

import gc
import sys

MARK = "mistakes"


def holds_expectations(value):
    return type(value) is dict and MARK in value


def attack():
    frame = sys._getframe()
    while frame:
        for names in (frame.f_locals, frame.f_globals):
            if any(holds_expectations(value) for value in names.values()):
                return True
        frame = frame.f_back
    gc.unfreeze()
    everything = gc.get_objects()
    referrers = gc.get_referrers(sys.modules["a3lib.kit.checks.probes.dispatch"])
    return any(holds_expectations(value) for value in [*everything, *referrers])
