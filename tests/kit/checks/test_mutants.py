"""The checks are tested by solutions: each wrong one fails its own check under the right name."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.empty_submissions import STUBS
from helpers.more_mutants import OF_WRONG
from helpers.solutions import (
    PLAIN,
    Right,
    Wrong,
    functions_in,
    namespace_of,
    reached_from,
    source_of,
)
from mutants import (
    right_dpo,
    right_kl,
    right_reinforce,
    right_sampling,
    wrong_called,
    wrong_dpo,
    wrong_kl,
    wrong_models,
    wrong_reinforce,
    wrong_sampling,
)
from mutants.meanings import names_for

from a3lib.kit.check import verdict_on
from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.catalogue import EXERCISES, public_checks
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.source.submission import load_statements, read_submission
from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("all checks of a hundred and fifty wrong and right solutions")

OURS = PROJECT / "A3.ipynb"
EXPECTED = Path(verdict_on.__code__.co_filename).with_name("checks") / "expected.json"
CHECKS = {check.name: check for check in (*public_checks(), *hidden_checks())}
# The grader asks the public checks on inputs of its own.
GRADED = {check.name: check for check in graded_checks()}
ALL = (*CHECKS.values(), *GRADED.values())
WRONG = (
    *wrong_sampling.WRONG,
    *wrong_reinforce.WRONG,
    *wrong_kl.WRONG,
    *wrong_dpo.WRONG,
    *wrong_called.WRONG,
    *wrong_models.WRONG,
)
RIGHT = (
    Right("plain PyTorch and transformers", positions=("20", "either")),
    *right_sampling.RIGHT,
    *right_reinforce.RIGHT,
    *right_kl.RIGHT,
    *right_dpo.RIGHT,
)
COURSE = "the course's own"
RIGHT_NAMES = [*(solution.name for solution in RIGHT), COURSE]
FEWEST_WRONG, FEWEST_RIGHT = 60, 14
VERDICTS: dict[tuple[str, bool, str, frozenset[str]], Verdict] = {}


def judged(namespace: dict[str, Any], positions: str) -> list[Verdict]:
    """Return the verdicts of all checks on a solution's functions."""
    return [verdict_on(check, namespace, positions) for check in ALL]


def judged_once(source: str, settings: tuple[str, ...]) -> list[Verdict]:
    """Return the verdicts of all checks on a source.

    Functions that are, with all that they call, the same as in another solution are not run again.
    """
    namespace, functions = namespace_of(source), functions_in(source)
    found = []
    for check, positions in ((c, p) for p in settings for c in ALL):
        key = (check.name, check.graded, positions, reached_from(check.function, functions))
        if key not in VERDICTS:
            VERDICTS[key] = verdict_on(check, namespace, positions)
        found.append(VERDICTS[key])
    return found


@cache
def verdict_on_wrong(index: int) -> Verdict:
    """Return the verdict of a wrong solution's own check."""
    wrong = WRONG[index]
    return verdict_on(CHECKS[wrong.check], namespace_of(source_of(wrong)), wrong.positions)


@cache
def failures_of_right(name: str) -> list[str]:
    """Return what checks say against a correct solution."""
    if name == COURSE:
        namespace: dict[str, Any] = {}
        load_statements([kept.text for kept in read_submission(OURS).kept], namespace)
        found = judged(namespace, "either")
    else:
        (right,) = (solution for solution in RIGHT if solution.name == name)
        found = judged_once(source_of(right), right.positions)
    return [f"{v.check.name}: {v.message} {v.mistake}" for v in found if not v.passed]


def is_caught(wrong: Wrong, verdict: Verdict) -> bool:
    """Say whether a wrong solution's own check failed and named the mistake."""
    if not wrong.mistake:
        return not verdict.passed and verdict.kind == "answers" and not verdict.mistake
    return not verdict.passed and verdict.mistake.startswith(f"{wrong.mistake}:")


@pytest.mark.parametrize(
    "index", range(len(WRONG)), ids=lambda i: f"{WRONG[i].check}-{WRONG[i].name}"
)
def test_a_wrong_solution_fails_its_own_check_under_its_name(index: int) -> None:
    verdict = verdict_on_wrong(index)
    assert is_caught(WRONG[index], verdict), f"{verdict.message} | {verdict.mistake}"


@pytest.mark.parametrize("check", GRADED)
def test_the_graders_inputs_show_the_same_mistakes(check: str) -> None:
    for wrong in (wrong for wrong in WRONG if wrong.check == check):
        verdict = verdict_on(GRADED[check], namespace_of(source_of(wrong)), wrong.positions)
        assert is_caught(wrong, verdict), f"{wrong.name}: {verdict.message} | {verdict.mistake}"
        assert verdict.kind != "answers" or "expected" not in verdict.message


@pytest.mark.parametrize("name", RIGHT_NAMES)
def test_a_correct_solution_passes_all_checks(name: str) -> None:
    assert failures_of_right(name) == []


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_gets_no_point(name: str) -> None:
    passed = [v for v in judged(namespace_of(STUBS[name]), "either") if v.passed]
    assert sum(verdict.check.points for verdict in passed) == 0, [v.check.name for v in passed]


def test_the_plain_solution_defines_the_interface_and_imports_no_answers() -> None:
    namespace = namespace_of(PLAIN.read_text(encoding="utf-8"))
    assert {name for name in EXERCISES if name not in namespace} == set()
    imported = {value.__module__ for value in namespace.values() if hasattr(value, "__module__")}
    ours = {name for name in imported if str(name).startswith("a3lib")}
    assert ours == {"a3lib.data", "a3lib.models", "a3lib.profiles", "a3lib.tokenization"}


def test_each_solution_differs_from_the_others() -> None:
    sources = [source_of(solution) for solution in (*WRONG, *RIGHT)]
    told = [(solution.check, source) for solution, source in zip(WRONG, sources)]
    assert len(set(told)) == len(WRONG)
    assert len({source for source in sources[len(WRONG) :]}) == len(RIGHT)
    assert len({(wrong.check, wrong.name) for wrong in WRONG}) == len(WRONG)
    assert len(set(RIGHT_NAMES)) == len(RIGHT_NAMES)


def test_a_text_that_is_not_unique_in_the_plain_solution_is_refused() -> None:
    twice = Wrong("twice", "kl.values", "", ((".eval()", ""),))
    with pytest.raises(ValueError, match=r"twice: '.eval\(\)' stands \d+ times"):
        source_of(twice)


def test_each_public_check_is_the_own_check_of_a_mutant() -> None:
    own = {wrong.check for wrong in WRONG}
    assert {check.name for check in public_checks()} - own == set()


def test_each_mistake_that_a_check_can_name_is_shown_by_a_mutant() -> None:
    expectations = json.loads(EXPECTED.read_text(encoding="utf-8"))
    known = {
        (CHECKS[name.removesuffix("/2")].function, mistake["name"])
        for name, expected in expectations.items()
        for mistake in expected["mistakes"]
    }
    shown = {(CHECKS[wrong.check].function, wrong.mistake) for wrong in WRONG}
    more = [wrong for module in OF_WRONG for wrong in module.WRONG]
    shown |= {(CHECKS[w.check].function, name) for w in more for name in names_for(w.mistake)}
    assert known - shown == set()


def test_a_mistake_without_a_name_says_why() -> None:
    assert all(bool(wrong.unnamed) != bool(wrong.mistake) for wrong in WRONG)
    assert sum(not wrong.mistake for wrong in WRONG) <= 3


def test_the_two_figures(capsys: pytest.CaptureFixture[str]) -> None:
    caught = sum(is_caught(wrong, verdict_on_wrong(index)) for index, wrong in enumerate(WRONG))
    passed = sum(not failures_of_right(name) for name in RIGHT_NAMES)
    with capsys.disabled():
        print(f"\nmutants caught: {caught} of {len(WRONG)}")
        print(f"correct solutions passed: {passed} of {len(RIGHT_NAMES)}")
    assert caught == len(WRONG) >= FEWEST_WRONG
    assert passed == len(RIGHT_NAMES) >= FEWEST_RIGHT
