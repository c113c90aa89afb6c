"""The list of checks: names, points, and hidden ones that differ from what students see."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.catalogue import EXERCISES, POINTS, public_checks, sampling_logits, tokens
from a3lib.kit.checks.probes.dispatch import PROBES

ALL = (*public_checks(), *hidden_checks())


def test_the_points_are_the_handouts() -> None:
    sums = {n: sum(check.points for check in ALL if check.exercise == n) for n in POINTS}
    assert sums == {1: 15, 2: 20, 3: 15, 4: 35, 5: 0}
    assert POINTS == {1: 15, 2: 20, 3: 15, 4: 35, 5: 15}
    assert all(check.points > 0 for check in ALL)


def test_names_are_unique_and_checks_of_known_functions() -> None:
    assert len({check.name for check in ALL}) == len(ALL)
    assert {check.function for check in public_checks()} == set(EXERCISES)
    assert {check.probe for check in ALL} == set(PROBES)


def test_an_exercise_is_that_of_the_function_unless_it_is_given() -> None:
    of = {check.name: check.exercise for check in ALL}
    assert of["train.history"] == 2 and of["train.penalty"] == of["train.penalty.hidden"] == 3
    assert all(c.exercise == EXERCISES[c.function] for c in ALL if c.function != "train")


def test_hidden_checks_are_public_ones_on_other_inputs() -> None:
    public = {check.name: check for check in public_checks()}
    for check in hidden_checks():
        shown = public[check.name.removesuffix(".hidden")]
        assert check.hidden and not shown.hidden
        assert check.inputs != shown.inputs
        assert only_rewards_differ(check.second_try, shown.second_try)
        same = replace(check, name="", title="", inputs={}, points=0, hidden=False)
        bare = replace(shown, name="", title="", inputs={}, points=0)
        assert same == replace(bare, second_try=check.second_try)


def only_rewards_differ(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Say whether second tries are the same but for rewards, which nobody may know by heart."""
    if one is None or other is None:
        return one is other
    known = "rewards" in one and one["rewards"] == other.get("rewards")
    return not known and one | {"rewards": 0} == other | {"rewards": 0}


def test_graded_checks_are_the_public_ones_on_other_inputs() -> None:
    for check, shown in zip(graded_checks(), public_checks(), strict=True):
        assert check.graded and not shown.graded
        assert check.inputs != shown.inputs and check.inputs.keys() >= shown.inputs.keys()
        assert only_rewards_differ(check.second_try, shown.second_try)
        plain = replace(check, inputs=shown.inputs, second_try=shown.second_try, graded=False)
        assert plain == shown


def test_inputs_are_plain_data() -> None:
    """They travel to a child as JSON."""
    for check in (*ALL, *graded_checks()):
        sent = [check.inputs, check.second_try]
        assert json.loads(json.dumps(sent)) == [
            json.loads(json.dumps(check.inputs)),
            check.second_try and json.loads(json.dumps(check.second_try)),
        ]
        assert check.second_try is None or not check.second_try.items() <= check.inputs.items()


def test_tokens_of_a_random_policy_have_no_end_token() -> None:
    rows = tokens(5, start=3)
    assert [len(row) for row in rows] == [30] * 5
    assert min(map(min, rows)) >= 1 and max(map(max, rows)) <= 30
    assert len({tuple(row) for row in rows}) == 5


def test_no_two_unlikely_tokens_are_equal_so_that_top_k_cuts() -> None:
    logits = [logit for _, logit in sampling_logits()]
    assert len(set(logits)) == len(logits) == 105
    assert abs(sum(2.718281828459045**logit for logit in logits) - 1) < 1e-6


def test_the_grader_reads_the_checks_without_torch() -> None:
    code = (
        "import sys, a3lib.kit.checks.catalogue, a3lib.kit.checks.judge;"
        "import a3lib.kit.checks.answers.hidden;"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
