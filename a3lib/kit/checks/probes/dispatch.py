"""Call a student's function on known inputs and return its results as plain numbers.

Nothing here knows what is right: a probe is all of the checks that a student's code ever meets. In
the grader it runs in the same process as that code, and the numbers are judged in another one.
"""

from typing import Any

import torch

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.sampling import SAMPLING_PROBES
from a3lib.kit.checks.probes.spies import Answers, NotWritten, borrowed
from a3lib.kit.checks.probes.tensors import TENSOR_PROBES
from a3lib.kit.checks.probes.training import TRAINING_PROBES

PROBES = TENSOR_PROBES | SAMPLING_PROBES | TRAINING_PROBES


def answer(namespace: dict[str, Any], probe: str, inputs: dict[str, Any]) -> Answers:
    """Run one probe on the functions in `namespace`, which is left as it was.

    Returns numbers and nested lists of numbers by name. Torch's random state is put back.

    Raises NotWritten where the function is missing or not written yet, and what it raises.
    """
    with torch.random.fork_rng(devices=[]), borrowed(namespace, fixtures.interface()):
        torch.manual_seed(inputs.get("seed", 0))
        try:
            return PROBES[probe](namespace, inputs)
        except NotImplementedError as error:
            raise NotWritten(str(error)) from error


def prepare(namespace: dict[str, Any]) -> None:
    """Put the globals of the interface into a namespace; their first use loads the models."""
    namespace |= fixtures.interface()
