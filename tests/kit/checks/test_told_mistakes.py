"""A wrong loop is told nothing untrue: no check of it gives a name that tells something else."""

from typing import Any

import pytest
from helpers.solutions import PLAIN, functions_in, namespace_of, reached_from, source_of
from mutants import wrong_called, wrong_models, wrong_told
from mutants.meanings import names_for

from a3lib.kit.check import verdict_on
from a3lib.kit.checks.answers.graded import graded_checks

pytestmark = pytest.mark.slow("all checks of fifty wrong loops")

WRONG = (*wrong_told.WRONG, *wrong_called.WRONG, *wrong_models.WRONG)
CHECKS = graded_checks()
ORDINARY = functions_in(PLAIN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("index", range(len(WRONG)), ids=lambda index: WRONG[index].name)
def test_no_check_tells_a_wrong_loop_something_untrue(index: int) -> None:
    source = source_of(WRONG[index])
    functions = functions_in(source)
    namespace: dict[str, Any] = namespace_of(source)
    verdicts = [
        verdict_on(check, namespace)
        for check in CHECKS
        if reached_from(check.function, functions) != reached_from(check.function, ORDINARY)
    ]
    told = {verdict.mistake.partition(":")[0] for verdict in verdicts if verdict.mistake}
    assert told and told - names_for(WRONG[index].mistake) == set()
