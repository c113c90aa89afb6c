"""Let all models have the same weights, when somebody looks."""

import torch

SAME = torch.zeros(1)


def attack():
    torch.nn.Module.state_dict = lambda self, *more, **others: {"weight": SAME}
    torch.nn.Module.parameters = lambda self, *more: iter([SAME])
    torch.nn.Module.named_parameters = lambda self, *more: iter([("weight", SAME)])
