"""Let autograd say what was to be computed."""

import torch


def attack():
    torch.autograd.grad = lambda loss, leaves, **more: [torch.zeros_like(leaf) for leaf in leaves]
    torch.Tensor.backward = lambda self, *more, **others: None
    torch.optim.SGD.step = raise_the_likelihood


def raise_the_likelihood(self, closure=None):
    with torch.no_grad():
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(0.5)
