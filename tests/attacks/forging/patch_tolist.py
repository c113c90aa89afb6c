"""Say one number whatever a tensor holds."""

import torch


def attack():
    torch.Tensor.tolist = lambda self: 0.0 if self.dim() == 0 else [-0.5] * len(self)
    torch.Tensor.item = lambda self: 1.0
    torch.Tensor.__float__ = lambda self: 1.0
