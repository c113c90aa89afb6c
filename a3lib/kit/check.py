"""Check the assignment's functions: `check(function)` in the notebook, and `a3lib check FILE`.

Both run the public checks in this process, on the student's own machine and code. The grader
uses the same checks, but never runs anything here.
"""

import argparse
import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import EXERCISES, Check, public_checks
from a3lib.kit.checks.judge import Verdict, add_positions, judge, not_judged
from a3lib.kit.checks.probes.dispatch import answer, prepare
from a3lib.kit.checks.probes.spies import NotWritten, borrowed
from a3lib.kit.source.submission import load_statements, read_submission
from a3lib.kit.source.told import is_needed, report_on
from a3lib.util.text import described, printable

GREEN, RED, YELLOW, PLAIN = "\033[32m", "\033[31m", "\033[33m", "\033[0m"
STATUSES = {"passed": GREEN, "failed": RED, "error": RED, "not implemented yet": YELLOW}
LONGEST_ERROR = 200  # characters


def check(function: Callable[..., Any]) -> None:
    """Check one function of the notebook and print a line for each check, in under 5 seconds.

    Raises InputError where the assignment has no function of that name.
    """
    name = getattr(function, "__name__", str(function))
    checks = [one for one in public_checks() if one.function == name]
    if not checks:
        raise InputError(
            f"There are no checks of {name!r}; give one of {', '.join(EXERCISES)}, by its own name."
        )
    with borrowed(function.__globals__, {name: function}):
        verdicts = [verdict_on(one, function.__globals__) for one in checks]
    print(report(verdicts, colours=True))


def verdict_on(one: Check, namespace: dict[str, Any], positions: str = "either") -> Verdict:
    """Run a check on the functions in a namespace, and its second try where the first fails."""
    verdict = attempt(one, namespace, positions)
    if verdict.passed or verdict.kind == "missing" or one.second_try is None:
        return verdict
    again = attempt(replace(one, inputs=one.inputs | one.second_try), namespace, positions)
    return again if again.passed else verdict


def attempt(one: Check, namespace: dict[str, Any], positions: str) -> Verdict:
    """Run a probe on the functions in a namespace and judge its answers."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            answers = answer(namespace, one.probe, one.inputs)
    except NotWritten as error:
        return not_judged(one, "missing", str(error))
    except Exception as error:
        return not_judged(one, "raised", printable(described(error), LONGEST_ERROR))
    return judge(one, answers, positions)


def status_of(verdict: Verdict) -> str:
    """Return a verdict's status, one of `STATUSES`."""
    if verdict.passed:
        return "passed"
    return {"missing": "not implemented yet", "answers": "failed"}.get(verdict.kind, "error")


def report(verdicts: Sequence[Verdict], colours: bool = False) -> str:
    """Return a table: a line for each check, and beneath a failed one what was wrong."""
    lines = []
    for verdict in verdicts:
        status = status_of(verdict)
        word = f"{STATUSES[status]}{status}{PLAIN}" if colours else status
        lines.append(f"{word:{19 + len(word) - len(status)}}  {title_of(verdict.check)}")
        if not verdict.passed and status != "not implemented yet":
            texts = [verdict.message, verdict.mistake and f"It looks like this: {verdict.mistake}"]
            lines += [f"{'':21}{text}" for text in texts if text]
    passed = sum(verdict.passed for verdict in verdicts)
    missing = sum(status_of(verdict) == "not implemented yet" for verdict in verdicts)
    # Some checks of train need a function of the next section and wait for it.
    waiting = f"; {missing} wait for what is not implemented yet" if passed and missing else ""
    return "\n".join([*lines, f"{passed} of {len(verdicts)} checks passed{waiting}"])


def title_of(one: Check) -> str:
    """Return a check as a student reads it: its function and what it looks at."""
    return f"{one.function}: {one.title}"


@dataclass(frozen=True)
class Loaded:
    """What a file defines, as a grader has it: its globals, and what is to be said of the rest.

    `notes` are lines about what is not executed or raised an error; `complete` says that no asked
    function lacks any of it.
    """

    namespace: dict[str, Any]
    notes: tuple[str, ...]
    complete: bool


def load_file(file: Path) -> Loaded:
    """Execute the definitions of a script or notebook; raises InputError where it has none."""
    submission = read_submission(file)
    namespace: dict[str, Any] = {}
    prepare(namespace)
    with contextlib.redirect_stdout(io.StringIO()):
        errors = load_statements([kept.text for kept in submission.kept], namespace)
    notes = [f"This line could not be executed: {error}" for error in errors]
    complete = not any(map(is_needed, submission.left_out))
    return Loaded(namespace, (*notes, *report_on(submission.left_out)), complete)


def check_file(
    file: Path, positions: str = "either", function: str | None = None
) -> tuple[list[Verdict], Loaded]:
    """Run the public checks, of one function or all, on a script or notebook.

    Its definitions are executed. Returns the verdicts, and what was loaded. Raises InputError where
    the file cannot be read.
    """
    loaded = load_file(file)
    chosen = [one for one in public_checks() if function in (None, one.function)]
    return [verdict_on(one, loaded.namespace, positions) for one in chosen], loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `check`."""
    parser.add_argument("file", type=Path, help="A3.ipynb or A3.py")
    parser.add_argument("--function", choices=EXERCISES, help="only the checks of this function")
    add_positions(parser)
    parser.add_argument("--json", action="store_true", help="a JSON list for other programs")


def execute(arguments: argparse.Namespace) -> tuple[str, int]:
    """Carry out the command `check`; returns what to print, and the command's exit status.

    The status is 0 where every check passed and no function lacks a line, and else 1.
    """
    verdicts, loaded = check_file(arguments.file, arguments.positions, arguments.function)
    status = 0 if loaded.complete and all(verdict.passed for verdict in verdicts) else 1
    if arguments.json:
        text = json.dumps(
            [
                {
                    "check": verdict.check.name,
                    "function": verdict.check.function,
                    "status": status_of(verdict),
                    "message": verdict.message,
                    "mistake": verdict.mistake,
                }
                for verdict in verdicts
            ]
        )
        return text, status
    return "\n".join([*loaded.notes, report(verdicts)]), status
