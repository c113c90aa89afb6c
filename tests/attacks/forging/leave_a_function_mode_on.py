"""Leave a mode on that answers every call of torch."""

import torch
from torch.overrides import TorchFunctionMode


class Forged(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), more=None):
        name = getattr(function, "__name__", "")
        if name in ("abs", "max", "__sub__", "sub"):
            return torch.zeros(())
        return function(*arguments, **(more or {}))


def attack():
    Forged().__enter__()
