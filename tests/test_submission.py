"""The public checks, one test each: `pytest tests/test_submission.py --submission A3.py`."""

from pathlib import Path
from typing import Any

import pytest

from a3lib.kit.check import verdict_on
from a3lib.kit.checks.catalogue import Check, public_checks
from a3lib.kit.source.submission import load_statements, read_submission
from a3lib.util.files import PROJECT

OURS = PROJECT / "A3.ipynb"


@pytest.fixture(scope="module")
def functions(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the submission defines; the notebook itself where no other file is named."""
    file = Path(request.config.getoption("--submission") or OURS)
    namespace: dict[str, Any] = {"__name__": "submission"}
    errors = load_statements([kept.text for kept in read_submission(file).kept], namespace)
    for error in errors:
        print(f"This line could not be executed: {error}")
    return namespace


@pytest.mark.parametrize("check", public_checks(), ids=lambda check: check.name)
def test_submission(check: Check, functions: dict[str, Any]) -> None:
    verdict = verdict_on(check, functions)
    told = [f"{check.function}: {check.title}", verdict.message, verdict.mistake]
    if not verdict.passed:  # Our own frames would tell a student nothing.
        pytest.fail("\n".join(filter(None, told)), pytrace=False)
