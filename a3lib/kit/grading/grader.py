"""Grade one submission: read it, ask each exercise's checks in a child of its own, judge here.

Nothing of the submission runs in this process. What the child answers are plain numbers; what they
should be is known here only.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict, judge, not_judged
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.results import (
    ENDS,
    EXERCISES,
    Grading,
    Outcome,
    plain,
    shown_check,
)
from a3lib.kit.sandbox.installation import missing_files
from a3lib.kit.sandbox.machine import (
    PAUSES,
    MachineFailure,
    looks_like_shortage,
    shortage_of_threads,
)
from a3lib.kit.sandbox.worker import Child, Limits, Reply, Worker
from a3lib.kit.source.submission import Submission, SubmissionError, read_submission
from a3lib.util.text import described

# Once this many children have hung or died, an exercise's other checks would only cost time.
ENDS_ALLOWED = 2
SECOND_TRY_REMARK = (
    "Passed on the second try, with the course's own versions of the other functions it needs."
)


def all_checks() -> tuple[Check, ...]:
    """Return every check in the order of asking: by exercise, hidden ones after public ones."""
    checks = [*graded_checks(), *hidden_checks()]
    return tuple(sorted(checks, key=lambda check: check.exercise))


def verdict_of(check: Check, reply: Reply, positions: str) -> Verdict:
    """Return the verdict on what a child replied, whatever it is."""
    if reply.kind != "answers":
        return not_judged(check, reply.kind, plain(reply.text))
    try:
        return judge(check, reply.answers, positions)
    except Exception as error:
        # An answer that nobody foresaw costs its own check and not the whole grading.
        text = plain(f"the answer could not be judged ({described(error)})")
        return Verdict(check, passed=False, message=text, kind="unreadable")


def can_try_again(outcome: Outcome, reply: Reply, submission: Submission) -> bool:
    """Say whether stand-ins for other functions might let a check pass that did not."""
    check = outcome.verdict.check
    if outcome.verdict.passed or check.second_try is None:
        return False
    # A function that is not written cannot pass with stand-ins either, but one that calls an
    # unwritten function may.
    return reply.kind != "missing" or check.function in submission.functions


def try_again(
    outcome: Outcome, submission: Submission, worker: Worker, settings: Settings
) -> Outcome:
    """Ask a check once more in a new child, with stand-ins, and take that verdict if it passed."""
    check = outcome.verdict.check
    assert check.second_try is not None
    helped = replace(check, inputs=check.inputs | check.second_try)
    afresh = partial(ask_afresh, helped, submission, worker, settings)
    asked = settled(afresh(), afresh, worker)
    ends = (*outcome.ends, *ends_of(asked.reply))
    if not asked.verdict.passed:
        return replace(outcome, ends=ends)
    return Outcome(Verdict(check, passed=True), SECOND_TRY_REMARK, ends)


@dataclass(frozen=True)
class Asked:
    """A reply and the verdict on it, with what went wrong when the child loaded the file."""

    reply: Reply
    verdict: Verdict
    load_errors: list[str]


def ask(check: Check, child: Child, settings: Settings) -> Asked:
    """Ask a child one check."""
    reply = child.ask(check.probe, check.inputs)
    return Asked(reply, verdict_of(check, reply, settings.positions), child.load_errors)


def ask_afresh(check: Check, submission: Submission, worker: Worker, settings: Settings) -> Asked:
    """Ask a new child one check."""
    with worker.child(texts_of(submission)) as child:
        return ask(check, child, settings)


def settled(asked: Asked, again: Callable[[], Asked], worker: Worker) -> Asked:
    """Return what is the submission's own doing: `asked`, or where the machine spoiled it `again`.

    A new child's reply counts where trusted code can have all that is promised at the same time.
    Raises MachineFailure where that never is so.
    """
    if not is_doubtful(asked):
        return asked
    trouble = ""
    for pause in PAUSES:
        time.sleep(pause)
        trouble = worker.trouble() or missing_files(texts_about(asked))
        if trouble:
            continue
        asked = again()
        if asked.reply.from_outside:
            trouble = f"a process was killed from outside ({asked.reply.text})"
            continue
        # The same again, with the machine in order before and after, is its own doing.
        trouble = worker.trouble() if is_doubtful(asked) else ""
        if not trouble:
            return asked
    raise MachineFailure(trouble)


def is_doubtful(asked: Asked) -> bool:
    """Say whether a check may have failed because the machine was short of something."""
    if asked.verdict.passed:
        return False
    texts = texts_about(asked)
    if asked.reply.from_outside or any(map(looks_like_shortage, texts)):
        return True
    # Student code can hide an error from us, and even from itself.
    return bool(shortage_of_threads(Limits.processes) or missing_files(texts))


def texts_about(asked: Asked) -> list[str]:
    """Return all errors, in words, that a failed check may come from."""
    return [asked.reply.text, *asked.load_errors]


def texts_of(submission: Submission) -> list[str]:
    """Return the statements of a submission that are executed."""
    return [statement.text for statement in submission.kept]


def ends_of(reply: Reply) -> tuple[str, ...]:
    """Return how a child ended, where it did."""
    return (reply.kind,) if reply.kind in ENDS else ()


def grade_exercise(
    checks: Sequence[Check], submission: Submission, worker: Worker, settings: Settings
) -> Iterator[tuple[Outcome, list[str]]]:
    """Yield the outcome of each check of one exercise in order, with the child's load errors.

    A child that hung, died or sent nonsense is followed by a new one; but when two have hung or
    died, what is left is not asked.
    """
    waiting = deque(checks)
    ended: list[Outcome] = []
    while waiting and sum(len(outcome.ends) for outcome in ended) < ENDS_ALLOWED:
        with worker.child(texts_of(submission)) as child:
            for outcome in ask_in_turn(waiting, child, submission, worker, settings):
                if outcome.ends:
                    ended.append(outcome)
                yield outcome, child.load_errors
    if waiting:
        reason = not_run_reason(ended)
        for check in waiting:
            yield Outcome(Verdict(check, passed=False, message=reason, kind="not_run")), []


def ask_in_turn(
    waiting: deque[Check], child: Child, submission: Submission, worker: Worker, settings: Settings
) -> Iterator[Outcome]:
    """Ask one child the waiting checks until none is left, or it ends or sends nonsense."""
    while waiting:
        check = waiting.popleft()
        first = ask(check, child, settings)
        asked = settled(first, partial(ask_afresh, check, submission, worker, settings), worker)
        reply, child.load_errors = asked.reply, asked.load_errors
        # A reply that ended a child says what took too long: the call, or loading the file.
        remark = plain(reply.text) if reply.kind in ENDS else ""
        outcome = Outcome(asked.verdict, remark, ends_of(reply))
        if can_try_again(outcome, reply, submission):
            outcome = try_again(outcome, submission, worker, settings)
        yield outcome
        # What spoiled a reply may have spoiled the child that gave it.
        if asked is not first or reply.kind in (*ENDS, "unreadable"):
            return


def not_run_reason(ended: Sequence[Outcome]) -> str:
    """Return why an exercise's other checks were not asked, naming what stopped it."""
    parts = []
    for outcome in ended:
        check = outcome.verdict.check
        where = shown_check(check, hide=True)
        parts += [f"{check.function} {ENDS[end]} in {where}" for end in outcome.ends]
    exercise = ended[0].verdict.check.exercise
    return f"Not run: in exercise {exercise}, {', and '.join(dict.fromkeys(parts))}."


def grade_submission(
    file: Path,
    worker: Worker,
    checks: Sequence[Check],
    settings: Settings,
    identity: dict[str, Any],
    keep: Callable[[Grading], None],
    read: Callable[[Path], Submission] = read_submission,
) -> Grading:
    """Grade a submission; `keep` is called with the grading so far after each check.

    A file that cannot be read gets a finished grading with the reason and no points. Raises
    MachineFailure where the machine fails; what was kept is not finished then.
    """
    started = time.perf_counter()
    grading = Grading(
        identity,
        tuple(checks),
        protections=tuple(worker.protections),
        missing=tuple(worker.missing),
    )
    keep(grading)
    try:
        submission = read(file)
    except SubmissionError as error:
        grading = replace(grading, unreadable=str(error), finished=True)
        keep(grading)
        return grading
    grading = replace(grading, left_out=submission.left_out)
    for exercise in EXERCISES:
        of_exercise = [check for check in checks if check.exercise == exercise]
        for outcome, load_errors in grade_exercise(of_exercise, submission, worker, settings):
            grading = replace(
                grading,
                outcomes=(*grading.outcomes, outcome),
                load_errors=grading.load_errors or tuple(load_errors),
                seconds=time.perf_counter() - started,
            )
            keep(grading)
    grading = replace(grading, finished=True)
    keep(grading)
    return grading
