"""The command `grade` with checks that need no torch: a program that tests interrupt.

`python -m tests.helpers.light_grader FILES... --out OUT`, with the options of the command.
"""

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from helpers.stand_in_worker import check

from a3lib.kit import grade
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading import grader, pool
from a3lib.kit.sandbox import worker
from a3lib.kit.sandbox.worker import Worker

SECONDS = 0.05
# Shorter than the command's, for tests in which the machine stays short of something.
PAUSES = (0.0, 0.2, 0.5, 1.0)
CHECKS = tuple(
    replace(check(f"{exercise}.{place}", exercise), inputs={"seconds": SECONDS, "function": "one"})
    for exercise in (1, 2, 3, 4)
    for place in (1, 2, 3)
)
LIGHT_WORKER = partial(
    Worker, probes="light_probes", preload=(), folders=(Path(__file__).resolve().parent,)
)


def judge(asked: Check, found: dict[str, Any], positions: str) -> Verdict:
    """Judge that the answer is 1."""
    return Verdict(asked, found["value"] == 1, f"got {found['value']}")


def main() -> None:
    """Grade as the command does."""
    pool.Worker = LIGHT_WORKER  # type: ignore[attr-defined]
    grade.all_checks = lambda: CHECKS  # type: ignore[attr-defined]
    grader.judge = judge  # type: ignore[attr-defined]
    for module in (pool, grader, worker):
        module.PAUSES = PAUSES  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser()
    grade.add_arguments(parser)
    print(grade.execute(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
