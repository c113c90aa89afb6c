"""Leave a hook that changes what every module returns."""

import torch
from torch.nn.modules.module import register_module_forward_hook


def forged(module, arguments, output):
    if hasattr(output, "logits"):
        with torch.no_grad():
            output.logits[..., 496] += 1.0
    return output


def attack():
    register_module_forward_hook(forged)
