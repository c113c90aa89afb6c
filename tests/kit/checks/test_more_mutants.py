"""More wrong and right programs, in the words of those who wrote them, on the grader's inputs.

They were written without a look at the checks. `meanings` says which names of mistakes tell what
each program does wrong; a name that tells something else is as bad as none.
"""

from typing import Any

import pytest
from helpers.more_mutants import OF_RIGHT, OF_WRONG
from helpers.solutions import (
    PLAIN,
    Right,
    Wrong,
    functions_in,
    namespace_of,
    reached_from,
    source_of,
)
from mutants import wrong_called, wrong_models, wrong_told
from mutants.meanings import MEANINGS, UNNAMED, names_for

from a3lib.kit.check import verdict_on
from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict

pytestmark = pytest.mark.slow("a check or more of four hundred wrong and right programs")

CHECKS = {check.name: check for check in graded_checks()}
WRONG = {
    f"{m.__name__.partition('wrong_')[2]}-{one.name}": one for m in OF_WRONG for one in m.WRONG
}
RIGHT = {
    f"{m.__name__.partition('right_')[2]}-{one.name}": one for m in OF_RIGHT for one in m.RIGHT
}
ORDINARY = functions_in(PLAIN.read_text(encoding="utf-8"))
MOST_UNNAMED = 0.05


def concerned(source: str) -> list[Check]:
    """Return the checks of functions that are not, with all that they call, the plain ones."""
    functions = functions_in(source)
    return [
        check
        for check in CHECKS.values()
        if reached_from(check.function, functions) != reached_from(check.function, ORDINARY)
        or "class " in source
    ]


def exercise_of(wrong: Wrong) -> int:
    """Return the exercise that a wrong program is a mistake in."""
    return CHECKS[wrong.check].exercise


def failures(name: str) -> list[Verdict]:
    """Return what checks of its exercise say against a wrong program, until one names it."""
    wrong, found = WRONG[name], list[Verdict]()
    source = source_of(wrong)
    namespace: dict[str, Any] = namespace_of(source)
    own = [check for check in concerned(source) if check.exercise == exercise_of(wrong)]
    for check in sorted(own, key=lambda check: check.name != wrong.check):
        verdict = verdict_on(check, namespace, wrong.positions)
        if not verdict.passed:
            found.append(verdict)
        if is_named(wrong, [verdict]):
            break
    return found


def is_named(wrong: Wrong, verdicts: list[Verdict]) -> bool:
    """Say whether a verdict has a name that tells what is wrong."""
    names = {verdict.mistake.partition(":")[0] for verdict in verdicts}
    return bool(names & names_for(wrong.mistake))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_loses_points_and_is_told_why(name: str) -> None:
    verdicts = failures(name)
    assert verdicts
    assert name in UNNAMED or is_named(WRONG[name], verdicts), [v.mistake for v in verdicts]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_loses_none(name: str) -> None:
    right: Right = RIGHT[name]
    source = source_of(right)
    namespace: dict[str, Any] = namespace_of(source)
    verdicts = [
        verdict_on(check, namespace, setting)
        for check in concerned(source)
        for setting in right.positions
    ]
    assert verdicts
    assert [f"{v.check.name}: {v.message} {v.mistake}" for v in verdicts if not v.passed] == []


def test_few_wrong_programs_are_not_told_why() -> None:
    assert set(WRONG) >= UNNAMED
    assert len(UNNAMED) <= MOST_UNNAMED * len(WRONG)


def test_each_meaning_is_of_a_program() -> None:
    of_others = (*wrong_called.WRONG, *wrong_models.WRONG, *wrong_told.WRONG)
    assert set(MEANINGS) <= {wrong.mistake for wrong in (*WRONG.values(), *of_others)}


def test_names_of_programs_are_told_apart() -> None:
    assert len(WRONG) == sum(len(module.WRONG) for module in OF_WRONG)
    assert len(RIGHT) == sum(len(module.RIGHT) for module in OF_RIGHT)
