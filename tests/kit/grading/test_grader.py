"""Grading one submission: what is asked in which child, second tries, what hung, what is kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.stand_in_worker import Script, StandInWorker, answers, check, other

from a3lib.kit.checks.catalogue import POINTS, Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading import grader
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.grader import SECOND_TRY_REMARK, all_checks, grade_submission
from a3lib.kit.grading.results import (
    EXERCISES,
    Grading,
    results_of,
)
from a3lib.kit.sandbox.worker import Reply

SOURCE = "import torch\n\n\ndef function_1():\n    return 1\n\n\ntrain('gpt2')\n"


@pytest.fixture(autouse=True)
def judge_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge that the answer is 1; another answer has a named mistake."""

    def judge(asked: Check, found: dict[str, Any], positions: str) -> Verdict:
        passed = found["value"] == 1
        return Verdict(asked, passed, f"got {found['value']} at {positions}", "" if passed else "m")

    monkeypatch.setattr(grader, "judge", judge)


def always(reply: Reply) -> Script:
    return lambda probe, inputs: reply


def by_probe(**replies: Reply) -> Script:
    """Reply 1 to every probe but those named."""
    return lambda probe, inputs: replies.get(probe, answers(1))


def grade(
    tmp_path: Path,
    script: Script,
    checks: list[Check],
    source: str = SOURCE,
    settings: Settings = Settings(),
    **worker: Any,
) -> tuple[Grading, StandInWorker, list[Grading]]:
    """Grade a file, and return the grading, the worker, and what was kept on the way."""
    file = tmp_path / "A3.py"
    file.write_text(source)
    stand_in, kept = StandInWorker(script, **worker), []
    identity = {"file_sha256": "abc"}
    found = grade_submission(file, stand_in, checks, settings, identity, kept.append)  # type: ignore[arg-type]
    assert stand_in.open_children == 0
    return found, stand_in, kept


def passed(found: Grading) -> list[str]:
    return [o.verdict.check.name for o in found.outcomes if o.verdict.passed]


def messages(found: Grading) -> list[str]:
    return [o.verdict.message for o in found.outcomes]


def test_the_points_of_each_exercise_are_the_handouts() -> None:
    for exercise in EXERCISES:
        points = sum(check.points for check in all_checks() if check.exercise == exercise)
        assert points == pytest.approx(POINTS[exercise])


def test_hidden_checks_come_after_public_ones_in_every_exercise() -> None:
    order = [(check.exercise, check.hidden) for check in all_checks()]
    assert order == sorted(order)
    assert {exercise for exercise, _ in order} == set(EXERCISES)
    assert any(hidden for _, hidden in order)
    assert len({check.name for check in all_checks()}) == len(order)


def test_each_exercise_has_a_child_of_its_own_with_what_is_kept(tmp_path: Path) -> None:
    checks = [check("a", 1), check("b", 1, hidden=True), check("c", 3)]
    found, worker, _ = grade(tmp_path, always(answers(1)), checks)
    assert worker.asked == [
        (1, "a", {"secret": "input of a"}),
        (1, "b", {"secret": "input of b"}),
        (2, "c", {"secret": "input of c"}),
    ]
    assert passed(found) == ["a", "b", "c"]
    assert found.finished
    assert len(worker.texts) == 2
    for texts in worker.texts:
        assert any("def function_1" in text for text in texts)
        assert not any("train" in text for text in texts)
    assert [item.text for item in found.left_out] == ["train('gpt2')"]
    assert found.protections == ("a wall",)
    assert found.missing == ("a moat",)


def test_the_positions_reach_the_judge(tmp_path: Path) -> None:
    settings = Settings(positions="29")
    found, _, _ = grade(tmp_path, always(answers(0)), [check("a")], settings=settings)
    assert messages(found) == ["got 0 at 29"]
    assert found.outcomes[0].verdict.mistake == "m"


@pytest.mark.parametrize("kind", ["missing", "raised", "unreadable", "timeout", "died"])
def test_a_check_without_an_answer_fails(tmp_path: Path, kind: str) -> None:
    found, _, _ = grade(tmp_path, by_probe(a=other(kind, "why")), [check("a"), check("b")])
    assert passed(found) == ["b"]
    assert messages(found)[0]


def test_the_text_of_an_error_is_made_plain(tmp_path: Path) -> None:
    reply = other("raised", "Error: \x1b[2J\nExercise 1: 15 <b>")
    found, _, _ = grade(tmp_path, always(reply), [check("a")])
    assert "Error: \\x1b[2J Exercise 1: 15 < b>" in messages(found)[0]
    assert "\n" not in messages(found)[0]


@pytest.mark.parametrize("kind", ["missing", "raised"])
def test_a_child_that_answered_is_asked_on(tmp_path: Path, kind: str) -> None:
    _, worker, _ = grade(tmp_path, by_probe(a=other(kind)), [check(n) for n in "abc"])
    assert worker.probes_asked() == [(1, "a"), (1, "b"), (1, "c")]


@pytest.mark.parametrize("kind", ["timeout", "died", "unreadable"])
def test_after_an_end_the_rest_is_asked_in_a_new_child(tmp_path: Path, kind: str) -> None:
    found, worker, _ = grade(tmp_path, by_probe(b=other(kind)), [check(n) for n in "abcd"])
    assert worker.probes_asked() == [(1, "a"), (1, "b"), (2, "c"), (2, "d")]
    assert passed(found) == ["a", "c", "d"]
    expected = () if kind == "unreadable" else (kind,)
    assert [outcome.ends for outcome in found.outcomes] == [(), expected, (), ()]


def test_what_took_too_long_is_said(tmp_path: Path) -> None:
    found, _, _ = grade(tmp_path, by_probe(a=other("timeout", "loading the file")), [check("a")])
    assert found.outcomes[0].remark == "loading the file"
    found, _, _ = grade(tmp_path, by_probe(a=other("raised", "loading the file")), [check("a")])
    assert found.outcomes[0].remark == ""


def test_after_two_ends_the_rest_is_not_run_and_says_why(tmp_path: Path) -> None:
    checks = [*(check(n, 2) for n in "abcd"), check("e", 2, hidden=True), check("f", 3)]
    script = by_probe(a=other("timeout"), c=other("died"))
    found, worker, _ = grade(tmp_path, script, checks)
    assert worker.probes_asked() == [(1, "a"), (2, "b"), (2, "c"), (3, "f")]
    assert passed(found) == ["b", "f"]
    reason = (
        "Not run: in exercise 2, function_2 hung until its time was over in the check “title of "
        "a”, and function_2 ended its process in the check “title of c”."
    )
    assert messages(found)[3:5] == [reason, reason]
    assert [o.verdict.kind for o in found.outcomes[2:5]] == ["died", "not_run", "not_run"]
    output = results_of(found)["output"]
    assert (
        "Exercise 2: function_2 hung until its time was over in the check “title of a”." in output
    )
    assert "Exercise 2: function_2 ended its process in the check “title of c”." in output


def test_nonsense_costs_no_time_so_all_is_asked(tmp_path: Path) -> None:
    checks = [check(n) for n in "abcd"]
    _, worker, _ = grade(tmp_path, always(other("unreadable")), checks)
    assert worker.probes_asked() == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_a_hidden_check_that_hung_is_not_named_in_what_is_shown(tmp_path: Path) -> None:
    checks = [check(n, 1, hidden=True) for n in ("x1", "x2", "x3")]
    found, _, _ = grade(tmp_path, always(other("timeout")), checks)
    assert "x2" not in messages(found)[2]
    assert "a check that is not shown" in messages(found)[2]
    assert "x1" not in results_of(found)["output"]


# Second tries


WITH_STAND_INS = {"loss": "ours"}


def needs_help(probe: str, inputs: dict[str, Any]) -> Reply:
    """Answer right only where there is a stand-in."""
    return answers(1 if "loss" in inputs else 0)


def test_a_check_passes_at_the_second_try_with_a_remark(tmp_path: Path) -> None:
    checks = [check("a", second_try=WITH_STAND_INS), check("b")]
    found, worker, _ = grade(tmp_path, needs_help, checks)
    assert worker.asked == [
        (1, "a", {"secret": "input of a"}),
        (2, "a", {"secret": "input of a", "loss": "ours"}),
        (1, "b", {"secret": "input of b"}),
    ]
    assert passed(found) == ["a"]
    assert found.outcomes[0].remark == SECOND_TRY_REMARK
    # The verdict is on the check as it is, and says nothing of the first try's failure.
    assert found.outcomes[0].verdict == Verdict(checks[0], True)


def test_the_judge_sees_the_inputs_of_the_second_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def judge(asked: Check, found: dict[str, Any], positions: str) -> Verdict:
        seen.append(asked.inputs)
        return Verdict(asked, False)

    monkeypatch.setattr(grader, "judge", judge)
    grade(tmp_path, always(answers(1)), [check("a", second_try={"secret": "other"})])
    assert seen == [{"secret": "input of a"}, {"secret": "other"}]


def test_a_second_try_that_fails_leaves_the_first_verdict(tmp_path: Path) -> None:
    checks = [check("a", second_try=WITH_STAND_INS)]
    script = lambda probe, inputs: answers(3 if inputs.get("loss") else 2)  # noqa: E731
    found, worker, _ = grade(tmp_path, script, checks)
    assert len(worker.asked) == 2
    assert messages(found) == ["got 2 at either"]
    assert found.outcomes[0].remark == ""


def test_what_passed_is_not_asked_again(tmp_path: Path) -> None:
    _, worker, _ = grade(tmp_path, always(answers(1)), [check("a", second_try=WITH_STAND_INS)])
    assert len(worker.asked) == 1


@pytest.mark.parametrize("kind", ["raised", "unreadable", "timeout", "died"])
def test_whatever_went_wrong_is_tried_again(tmp_path: Path, kind: str) -> None:
    script = lambda probe, inputs: answers(1) if "loss" in inputs else other(kind)  # noqa: E731
    found, _, _ = grade(tmp_path, script, [check("a", second_try=WITH_STAND_INS)])
    assert passed(found) == ["a"]
    assert found.outcomes[0].ends == ((kind,) if kind in ("timeout", "died") else ())


def test_only_what_is_written_is_tried_again_after_missing(tmp_path: Path) -> None:
    script = lambda probe, inputs: answers(1) if "loss" in inputs else other("missing")  # noqa: E731
    # function_1 is in the file, so what is missing is something that it calls.
    checks = [check("a", 1, second_try=WITH_STAND_INS), check("b", 2, second_try=WITH_STAND_INS)]
    found, worker, _ = grade(tmp_path, script, checks)
    assert passed(found) == ["a"]
    assert [probe for _, probe in worker.probes_asked()] == ["a", "a", "b"]


def test_second_tries_that_hang_count_as_ends(tmp_path: Path) -> None:
    checks = [check("a", second_try=WITH_STAND_INS), check("b")]
    found, worker, _ = grade(tmp_path, always(other("timeout")), checks)
    assert worker.probes_asked() == [(1, "a"), (2, "a")]
    assert found.outcomes[0].ends == ("timeout", "timeout")
    assert messages(found)[1].startswith("Not run: in exercise 1, function_1 hung")
    assert messages(found)[1].count("hung") == 1


# What is kept


def test_the_grading_is_kept_after_every_check(tmp_path: Path) -> None:
    checks = [check("a", 1), check("b", 1), check("c", 2)]
    found, _, kept = grade(tmp_path, always(answers(1)), checks, load_errors=["import x: ..."])
    assert [len(grader.outcomes) for grader in kept] == [0, 1, 2, 3, 3]
    assert [grader.finished for grader in kept] == [False] * 4 + [True]
    assert kept[-1] == found
    assert found.load_errors == ("import x: ...",)
    assert found.checks == tuple(checks)
    assert found.identity == {"file_sha256": "abc"}
    times = [grader.seconds for grader in kept]
    assert times == sorted(times) and times[-1] > 0


def test_checks_that_are_not_run_are_kept_as_well(tmp_path: Path) -> None:
    checks = [check(n) for n in "abcd"]
    found, _, kept = grade(tmp_path, always(other("died")), checks)
    assert len(found.outcomes) == 4
    assert [len(grader.outcomes) for grader in kept] == [0, 1, 2, 3, 4, 4]


def test_a_file_that_cannot_be_read_is_finished_with_the_reason(tmp_path: Path) -> None:
    found, worker, kept = grade(tmp_path, always(answers(1)), [check("a")], source=" ")
    assert "A3.py is empty" in found.unreadable
    assert found.finished and kept[-1] == found
    assert worker.asked == [] and found.outcomes == ()


def test_what_keeps_can_stop_a_grading(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text(SOURCE)
    worker = StandInWorker(always(answers(1)))
    kept: Iterator[bool] = iter([True, True])

    def keep(found: Grading) -> None:
        if next(kept, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_submission(file, worker, [check(n) for n in "abc"], Settings(), {}, keep)  # type: ignore[arg-type]
    assert worker.open_children == 0


def test_an_answer_that_cannot_be_judged_costs_its_own_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = by_probe(a=Reply("answers", {"other": 1}, ""))
    found, _, _ = grade(tmp_path, script, [check("a"), check("b")])
    assert passed(found) == ["b"]
    assert messages(found)[0] == "the answer could not be judged (KeyError: 'value')"


def test_the_verdict_of_the_second_try_is_for_the_real_check(tmp_path: Path) -> None:
    asked = check("a", second_try=WITH_STAND_INS)
    found, _, _ = grade(tmp_path, needs_help, [asked])
    assert found.outcomes[0].verdict.check is asked
    assert replace(asked, inputs={}) != asked


# What may be the machine's doing

SHORT = other("raised", "RuntimeError: can't start new thread")
KILLED = Reply("died", text="ended by SIGKILL", from_outside=True)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grader, "PAUSES", (0.0, 0.0, 0.0))


def in_turn(*replies: Reply) -> Script:
    """Give these replies to what is asked, and then the last one for ever."""
    left = iter(replies)
    return lambda probe, inputs: next(left, replies[-1])


@pytest.mark.parametrize("spoiled", [SHORT, KILLED, other("died", "ended by SIGABRT")])
@pytest.mark.usefixtures("no_pauses")
def test_what_the_machine_spoiled_is_asked_again_in_a_new_child(
    tmp_path: Path, spoiled: Reply
) -> None:
    script = in_turn(answers(1), spoiled, answers(1), answers(0))
    found, worker, _ = grade(tmp_path, script, [check(n) for n in "abc"])
    # The one that gave it is asked nothing more.
    assert worker.probes_asked() == [(1, "a"), (1, "b"), (2, "b"), (3, "c")]
    assert passed(found) == ["a", "b"]
    assert [outcome.ends for outcome in found.outcomes] == [(), (), ()]


@pytest.mark.usefixtures("no_pauses")
def test_while_trusted_code_fails_too_nothing_is_asked(tmp_path: Path) -> None:
    script = in_turn(SHORT, answers(1))
    found, worker, _ = grade(
        tmp_path, script, [check("a")], troubles=iter(["no threads", "no threads"])
    )
    assert worker.probes_asked() == [(1, "a"), (2, "a")]
    assert worker.controls == 3
    assert passed(found) == ["a"]


@pytest.mark.usefixtures("no_pauses")
def test_what_fails_again_while_the_machine_is_in_order_is_the_submissions_own(
    tmp_path: Path,
) -> None:
    found, worker, _ = grade(tmp_path, always(SHORT), [check("a"), check("b", 2)])
    assert worker.probes_asked() == [(1, "a"), (2, "a"), (3, "b"), (4, "b")]
    assert worker.controls == 4
    assert passed(found) == [] and found.finished
    assert "can't start new thread" in messages(found)[0]


@pytest.mark.parametrize(
    ("script", "troubles", "reason"),
    [
        (always(SHORT), ["full"] * 9, "full"),
        # In order before, and not afterwards: nobody knows what it was in between.
        (always(SHORT), ["", "full"] * 9, "full"),
        (always(KILLED), [], "killed from outside"),
    ],
)
@pytest.mark.usefixtures("no_pauses")
def test_where_the_machine_goes_on_failing_the_grading_stays_unfinished(
    tmp_path: Path, script: Script, troubles: list[str], reason: str
) -> None:
    file, kept = tmp_path / "A3.py", []
    file.write_text(SOURCE)
    worker = StandInWorker(script, troubles=iter(troubles))
    checks = [check("a"), check("b")]
    with pytest.raises(grader.MachineFailure, match=reason):
        grade_submission(file, worker, checks, Settings(), {}, kept.append)  # type: ignore[arg-type]
    assert worker.open_children == 0
    assert not any(found.finished or found.outcomes for found in kept)


@pytest.mark.usefixtures("no_pauses")
def test_a_file_that_could_not_be_loaded_for_want_of_threads_is_loaded_again(
    tmp_path: Path,
) -> None:
    errors = ["ready = Thread(): RuntimeError: can't start new thread"]
    script = in_turn(other("missing"), answers(1))
    found, worker, _ = grade(tmp_path, script, [check("a")], load_errors=errors)
    assert worker.probes_asked() == [(1, "a"), (2, "a")]
    assert passed(found) == ["a"]


@pytest.mark.usefixtures("no_pauses")
def test_second_tries_are_settled_as_well(tmp_path: Path) -> None:
    script = in_turn(answers(0), SHORT, answers(1))
    found, worker, _ = grade(tmp_path, script, [check("a", second_try=WITH_STAND_INS)])
    assert worker.probes_asked() == [(1, "a"), (2, "a"), (3, "a")]
    assert passed(found) == ["a"]


@pytest.mark.usefixtures("no_pauses")
def test_a_wrong_answer_on_a_machine_without_threads_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortages = iter(["no room"])
    monkeypatch.setattr(grader, "shortage_of_threads", lambda count: next(shortages, ""))
    found, worker, _ = grade(tmp_path, in_turn(answers(0), answers(1)), [check("a")])
    assert worker.probes_asked() == [(1, "a"), (2, "a")]
    assert passed(found) == ["a"]


@pytest.mark.usefixtures("no_pauses")
def test_a_library_that_is_gone_is_not_the_students(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grader, "missing_files", lambda texts: "x.py is missing" * ("x" in texts))
    file = tmp_path / "A3.py"
    file.write_text(SOURCE)
    worker = StandInWorker(always(other("raised", "x")))
    with pytest.raises(grader.MachineFailure, match=r"x\.py is missing"):
        grade_submission(file, worker, [check("a")], Settings(), {}, lambda found: None)  # type: ignore[arg-type]


def test_an_ordinary_failure_costs_no_control(tmp_path: Path) -> None:
    script = by_probe(a=answers(0), b=other("raised", "ValueError: x"), c=other("timeout", "slow"))
    found, worker, _ = grade(tmp_path, script, [check(n) for n in "abc"])
    assert worker.controls == 0
    assert len(worker.asked) == 3
    assert passed(found) == []
