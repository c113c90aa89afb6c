"""Let tensors be equal, or not, as it suits the probes."""

import torch


def attack():
    torch.equal = lambda *tensors: False
    torch.isin = lambda elements, others: torch.ones_like(elements, dtype=torch.bool)
    torch.Tensor.sum = lambda self, *more, **others: torch.zeros(())
    torch.cat = lambda tensors, *more, **others: torch.zeros(1)
