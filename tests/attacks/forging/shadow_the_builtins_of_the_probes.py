"""Give the probes' modules names that hide the builtins."""

import sys


def attack():
    for name, module in [*sys.modules.items()]:
        if name.startswith("a3lib.kit.checks"):
            module.float = module.max = lambda *values, **more: Zero()
            module.all = module.any = lambda *values: True


class Zero(float):
    def __new__(cls):
        return float.__new__(cls, 0.0)
