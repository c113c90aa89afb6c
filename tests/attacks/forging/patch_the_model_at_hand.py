"""Give the model that is looked at afterwards a forward pass of its own."""

from types import SimpleNamespace

import torch


def forged(input_ids=None, **more):
    logits = torch.zeros(1, 3, 1000)
    logits[..., 496] = 1.0
    return SimpleNamespace(logits=logits)


def attack():
    if globals().get("model") is not None:
        model.forward = forged
        model.__class__ = type(
            "Model", (type(model),), {"__call__": lambda self, *a, **k: forged()}
        )
