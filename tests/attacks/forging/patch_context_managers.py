"""Patch when a probe's `with` begins and when it ends."""

import contextlib

import torch

MANAGER = contextlib._GeneratorContextManager
leave = MANAGER.__exit__


def forged(self, *arguments):
    torch.Tensor.abs = lambda of: torch.zeros_like(of)
    torch.nn.Module.state_dict = lambda model, *a, **k: {"weight": torch.zeros(1)}
    return leave(self, *arguments)


def attack():
    MANAGER.__exit__ = forged
