"""Modes that hold for a whole process: what they are, and how to set them as they were.

A mode that a student's code leaves on would work on the probes as well: gradients off, another
default type, a hook on all modules, a mode that answers in the place of torch.
"""

import gc
import sys
from collections.abc import Callable
from typing import Any

# Dictionaries of hooks that torch calls for all modules and optimizers.
HOOKS = {
    "torch.nn.modules.module": (
        "_global_backward_pre_hooks",
        "_global_backward_hooks",
        "_global_forward_pre_hooks",
        "_global_forward_hooks",
        "_global_parameter_registration_hooks",
        "_global_module_registration_hooks",
        "_global_buffer_registration_hooks",
    ),
    "torch.optim.optimizer": ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"),
}


def asking_for_frames() -> Callable[[Any], Any]:
    """Return how to ask torch's compiler for frames that begin, with None for not at all."""
    torch = sys.modules.get("torch")
    if torch is None:
        return lambda callback: None
    asking: Callable[[Any], Any] = torch._C._dynamo.eval_frame.set_eval_frame
    return asking


def containers() -> list[Any]:
    """Return the lists and dictionaries whose entries are called by others' code."""
    found: list[Any] = [gc.callbacks, sys.meta_path, sys.path_hooks]
    for module, names in HOOKS.items():
        known = vars(sys.modules[module]) if module in sys.modules else {}
        found += [known[name] for name in names if name in known]
    return found


def modes() -> tuple[Any, ...]:
    """Return the modes as they are."""
    entries = [(container, container.copy()) for container in containers()]
    torch = sys.modules.get("torch")
    if torch is None:
        return entries, None
    inner = torch._C
    stack = [inner._get_function_stack_at(i) for i in range(inner._len_torch_function_stack())]
    return entries, (
        stack,
        inner._len_torch_dispatch_stack(),
        getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.is_autocast_enabled("cpu"),
        inner._is_torch_function_enabled(),
    )


def restore(state: tuple[Any, ...]) -> None:
    """Set the modes that `modes` returned; raises RuntimeError where one cannot be set again."""
    entries, of_torch = state
    for container, before in entries:
        if container != before:
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(before)
    if of_torch is None:
        return
    torch = sys.modules["torch"]
    inner = torch._C
    stack, depth, context, gradients, dtype, autocast, own_classes = of_torch
    for _ in range(inner._len_torch_function_stack()):
        inner._pop_torch_function_stack()
    for mode in stack:
        inner._push_on_torch_function_stack(mode)
    for _ in range(inner._len_torch_dispatch_stack() - depth):
        inner._pop_torch_dispatch_stack()
    torch._GLOBAL_DEVICE_CONTEXT.device_context = context
    torch.set_grad_enabled(gradients)
    torch.set_default_dtype(dtype)
    torch.set_autocast_enabled("cpu", autocast)
    if inner._is_torch_function_enabled() != own_classes:
        raise RuntimeError("__torch_function__ is left switched on or off: leave it as it is")
