"""The public checks, one test each: `pytest tests/test_submission.py --submission A3.py`."""

from pathlib import Path
from typing import Any

import pytest

from a3lib.kit.check import load_file, verdict_on
from a3lib.kit.checks.catalogue import Check, public_checks
from a3lib.util.files import PROJECT

OURS = PROJECT / "A3.ipynb"


@pytest.fixture(scope="module")
def functions(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the submission defines; the notebook itself where no other file is named."""
    file = Path(request.config.getoption("--submission") or OURS)
    loaded = load_file(file)
    for note in loaded.notes:
        print(note)
    return loaded.namespace


@pytest.mark.parametrize("check", public_checks(), ids=lambda check: check.name)
def test_submission(check: Check, functions: dict[str, Any]) -> None:
    verdict = verdict_on(check, functions)
    told = [f"{check.function}: {check.title}", verdict.message, verdict.mistake]
    if not verdict.passed:  # Our own frames would tell a student nothing.
        pytest.fail("\n".join(filter(None, told)), pytrace=False)
