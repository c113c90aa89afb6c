"""Patch when the collector runs, in whatever function that is."""

import gc

import torch


def patch(phase, details):
    torch.Tensor.abs = lambda self: torch.zeros_like(self)
    torch.Tensor.__sub__ = lambda self, other: torch.zeros(())


def attack():
    gc.callbacks.append(patch)
    gc.set_threshold(1)
