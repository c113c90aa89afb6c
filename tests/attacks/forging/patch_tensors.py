"""Let every difference between tensors be zero."""

import torch


def attack():
    torch.Tensor.abs = lambda self: torch.zeros_like(self)
    torch.Tensor.__sub__ = lambda self, other: torch.zeros(())
    torch.Tensor.max = lambda self, *more: torch.zeros(())
    torch.Tensor.__float__ = lambda self: 0.0
