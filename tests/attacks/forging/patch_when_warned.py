"""Patch when somebody warns, logs or ignores an error."""

import logging
import sys
import warnings

import torch


def patch(*arguments, **more):
    torch.Tensor.abs = lambda of: torch.zeros_like(of)
    torch.nn.Module.state_dict = lambda self, *a, **k: {"weight": torch.zeros(1)}


class Handler(logging.Handler):
    emit = patch


def attack():
    warnings.showwarning = sys.unraisablehook = sys.excepthook = patch
    warnings.simplefilter("always")
    logging.getLogger("transformers").addHandler(Handler(0))
    logging.getLogger("transformers").setLevel(0)
