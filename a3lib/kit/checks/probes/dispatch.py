"""Call a student's function on known inputs and return its results as plain numbers.

Nothing here knows what is right: a probe is all of the checks that a student's code ever meets. In
the grader it runs in the same process as that code, and the numbers are judged in another one.
"""

import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from typing import Any

import torch

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes import integrity
from a3lib.kit.checks.probes.aliases import aliases_followed
from a3lib.kit.checks.probes.sampling import SAMPLING_PROBES
from a3lib.kit.checks.probes.spies import Answers, NotWritten, borrowed
from a3lib.kit.checks.probes.tensors import TENSOR_PROBES
from a3lib.kit.checks.probes.training import train
from a3lib.kit.checks.probes.training_dpo import train_dpo

# `torch.manual_seed` also asks the other devices, whose modules anybody may have changed.
SEED = torch.default_generator.manual_seed
PROBES = TENSOR_PROBES | SAMPLING_PROBES | {"train": train, "train_dpo": train_dpo}


def answer(namespace: dict[str, Any], probe: str, inputs: dict[str, Any]) -> Answers:
    """Run one probe on the functions in `namespace`, which is left as it was.

    Returns numbers and nested lists of numbers by name. Torch's random state is put back.

    Raises NotWritten where the function is missing or not written yet, and what it raises.
    """
    with (
        torch.random.fork_rng(devices=[]),
        borrowed(namespace, fixtures.interface()),
        # Tensors of a student's class do not answer for themselves when they are read.
        torch._C.DisableTorchFunctionSubclass(),
        without_compiler(),
        aliases_followed(namespace),
    ):
        SEED(inputs.get("seed", 0))
        try:
            return PROBES[probe](namespace, inputs)
        except NotImplementedError as error:
            raise NotWritten(str(error)) from error


def without_compiler() -> AbstractContextManager[Any]:
    """Let compiled functions run as they are written: probes differentiate in ways of their own."""
    # Where nothing is compiled yet, the compiler need not be loaded, which takes seconds. In the
    # sandbox it is switched off (see `sandbox.worker`), and a file may have changed it.
    if "torch._dynamo" not in sys.modules or integrity.put_back is not integrity.nothing:
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def prepare(namespace: dict[str, Any]) -> None:
    """Put the globals of the interface into a namespace; their first use loads the models."""
    settle_optimizers()
    namespace |= fixtures.interface()


@cache
def settle_optimizers() -> None:
    """Make one of each of torch's optimizers, which wraps its class's `step` for the hooks.

    What is remembered as torch's own (see `integrity`) is then the wrapped one: put back to the
    other in the middle of a loop, an optimizer would take steps that nobody sees.
    """
    kinds: list[Any] = [kind for kind in vars(torch.optim).values() if isinstance(kind, type)]
    for kind in kinds:
        with suppress(Exception):  # Some are no optimizers, or want more than parameters.
            kind([torch.nn.Parameter(torch.zeros(1, 1))])
