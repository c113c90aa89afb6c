"""What is right for each check, and what each known mistake would give: the instructor's part.

Everything is computed in float64 and written out plainly, apart from the library that the course's
own solution calls, so the two check each other. `python -m a3lib.kit.checks.answers.write` writes
expected.json, which students get, and hidden.json, which they do not.
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from a3lib.kit.checks.answers.divergence import DIVERGENCE_ORACLES
from a3lib.kit.checks.answers.dpo_loss import DPO_LOSS_ORACLES
from a3lib.kit.checks.answers.dpo_test_loss import TEST_LOSS_ORACLES
from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.answers.labels import LABEL_ORACLES
from a3lib.kit.checks.answers.log_probs import LOG_PROB_ORACLES
from a3lib.kit.checks.answers.mistakes import Expected
from a3lib.kit.checks.answers.penalty import PENALTY_ORACLES
from a3lib.kit.checks.answers.reinforce import REINFORCE_ORACLES
from a3lib.kit.checks.answers.rewards import REWARD_ORACLES
from a3lib.kit.checks.answers.sampling import SAMPLING_ORACLES
from a3lib.kit.checks.answers.training import TRAINING_ORACLES
from a3lib.kit.checks.answers.training_dpo import DPO_TRAINING_ORACLES
from a3lib.kit.checks.catalogue import Check, public_checks
from a3lib.util.files import LIBRARY, write_at_once

ORACLES: dict[str, Callable[[Check], Expected]] = (
    REWARD_ORACLES
    | SAMPLING_ORACLES
    | REINFORCE_ORACLES
    | TRAINING_ORACLES
    | PENALTY_ORACLES
    | DIVERGENCE_ORACLES
    | DPO_LOSS_ORACLES
    | LABEL_ORACLES
    | LOG_PROB_ORACLES
    | DPO_TRAINING_ORACLES
    | TEST_LOSS_ORACLES
)


def expected_of(check: Check) -> Expected:
    """Return what is expected of a check, as data for `judge`."""
    return ORACLES[check.name.removesuffix(".hidden")](check)


def expectations(checks: tuple[Check, ...]) -> dict[str, Expected]:
    """Return what is expected of each check, and of its second try under "name/2".

    What is expected of a graded check stands under "name/graded".
    """
    expected = {}
    for check in checks:
        key = check.name + "/graded" * check.graded
        expected[key] = expected_of(check)
        if check.second_try:
            again = replace(check, inputs=check.inputs | check.second_try)
            expected[f"{key}/2"] = expected_of(again)
    return expected


def write(folder: Path) -> None:
    """Write expected.json and answers/hidden.json into the folder of the checks."""
    files = {
        "expected.json": public_checks(),
        "answers/hidden.json": (*graded_checks(), *hidden_checks()),
    }
    for name, checks in files.items():
        text = json.dumps(rounded(expectations(checks)), indent=None, separators=(",", ":"))
        write_at_once(folder / name, text.replace('},"', '},\n"') + "\n")


def rounded(values: Any) -> Any:
    """Return numbers with eight digits, so that the files are short and the same everywhere."""
    if isinstance(values, dict):
        return {key: rounded(value) for key, value in values.items()}
    if isinstance(values, list):
        return [rounded(value) for value in values]
    return float(f"{values:.8g}") if isinstance(values, float) and math.isfinite(values) else values


if __name__ == "__main__":
    write(LIBRARY / "kit" / "checks")
