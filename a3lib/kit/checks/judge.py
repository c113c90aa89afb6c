"""Compare a probe's numbers with what is expected, and name the mistake that gives such numbers.

An expectation is data (see `answers`): `right` has for each answer a number or nested list, or a
condition; `positions` has what depends on the positions that the loss runs over; `mistakes` are
tried in order once a check has failed, so a mistake's name never replaces the strict comparison.
"""

import argparse
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.words import in_words

POSITIONS = ("20", "29", "either")
RELATIVE, ABSOLUTE = 1e-3, 1e-4
# What of that float32 needs.
ROUNDING = 0.03
MOST_NUMBERS = 100_000
# A gradient counts as parallel to the right one from this cosine on.
PARALLEL = 0.999
EXPECTED, NOT_SHOWN = ": expected", "is not what it should be; `a3lib check` shows numbers"
SHAPE = f"{EXPECTED} shape "
# Answers that are a function's own results, so that their shape is what it returned.
SHAPED = tuple(map(in_words, ("reward", "tokens", "loss", "kl", "log_probs", "labels")))
# No probe's answer has more dimensions.
DEEPEST = 4
FILES = ("expected.json", "answers/hidden.json")

KINDS = {
    "missing": "not implemented yet",
    "raised": "it raised an error: {text}",
    "timeout": "it took too long and was stopped",
    "died": "its process ended before it answered",
    "unreadable": "it answered with something else than numbers",
}
# How the error of a probe begins that got a result of another form.
WRONG_RESULT = "WrongResult: "
# What an error's text says about the mistake that caused it.
ERRORS = {
    "does not require grad": (
        "no gradient",
        "the loss does not depend on weights that are trained: look for no_grad, detach, .item() "
        "or frozen weights.",
    ),
    "leaf Variable that requires grad is being used in an in-place": (
        "rewards changed in place",
        "compute a new tensor, do not write into the one that you were given.",
    ),
    "Expected all tensors to be on the same device": (
        "a device of its own",
        "the checks run on the CPU: use the global device, or that of the model or tensor given.",
    ),
    "grad can be implicitly created only for scalar outputs": (
        "the loss is not one number",
        "backward needs a scalar: take the mean over the batch.",
    ),
    "modified by an inplace operation": (
        "changed in place",
        "a tensor that the gradient needs was written into: compute a new one.",
    ),
}


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed; what was expected and got; the mistake's name and a hint, or ""."""

    check: Check
    passed: bool
    message: str = ""
    mistake: str = ""
    kind: str = "answers"


def judge(check: Check, answers: dict[str, Any], positions: str = "either") -> Verdict:
    """Judge a probe's answers; `positions` says over which the REINFORCE loss and the KL may run.

    "20" are the generated tokens, "29" all that have a prediction, "either" takes both.
    """
    expected = expectation(check)
    settings = ("20", "29") if positions == "either" else (positions,)
    differences = [difference(right_for(expected, setting), answers) for setting in settings]
    if any(text is None for text in differences):
        return Verdict(check, True)
    # A reply of millions of numbers is none that a known mistake gives.
    few = sum(map(size_of, answers.values())) <= MOST_NUMBERS
    mistake = named_mistake(expected["mistakes"], answers) if few else ""
    message = str(differences[0])
    if not mistake and SHAPE in message and message.startswith(SHAPED):
        mistake = f"wrong shape: {message.partition(SHAPE)[2].replace(', got', ' is needed, not')}."
    if check.graded:  # Seen numbers could be hard-coded the next time.
        message = f"{message.partition(EXPECTED)[0]} {NOT_SHOWN}"
    return Verdict(check, False, message, mistake)


def named_mistake(mistakes: list[dict[str, Any]], answers: dict[str, Any]) -> str:
    """Return the name and the hint of the first mistake that gives such answers, or "".

    Two mistakes can give nearly the same number, so one that gives it exactly comes first.
    """
    for share in (ROUNDING, 1.0):
        for one in mistakes:
            if fits(one["when"], answers, share):
                return f"{one['name']}: {one['hint']}"
    return ""


def not_judged(check: Check, kind: str, text: str) -> Verdict:
    """Return the verdict on a check that got no answer: see `KINDS`."""
    if kind == "raised" and text.startswith(WRONG_RESULT):
        text = text.removeprefix(WRONG_RESULT)
        return Verdict(check, False, text, f"returned values: {text}.", kind)
    message = KINDS[kind].format(text=text)
    named = (f"{name}: {hint}" for part, (name, hint) in ERRORS.items() if part in text)
    return Verdict(check, False, message, next(named, ""), kind)


def add_positions(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which positions are right, for the commands that judge."""
    parser.add_argument(
        "--positions",
        choices=POSITIONS,
        default="either",
        help="tokens that the REINFORCE loss and the KL may run over (default: either)",
    )


@cache
def expectations() -> dict[str, Any]:
    """Read the expected numbers of all checks; the hidden ones are not in a student's copy."""
    files = [Path(__file__).parent / name for name in FILES]
    read = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    return {name: expected for part in read for name, expected in part.items()}


def expectation(check: Check) -> dict[str, Any]:
    """Return what is expected of a check, or of its second try where its inputs are that one's."""
    tried_again = check.second_try and check.second_try.items() <= check.inputs.items()
    key = check.name + "/graded" * check.graded + "/2" * bool(tried_again)
    return expectations()[key]


def right_for(expected: dict[str, Any], positions: str) -> dict[str, Any]:
    """Return the right answers for one setting of the positions."""
    return expected["right"] | expected.get("positions", {}).get(positions, {})


def fits(when: dict[str, Any], answers: dict[str, Any], share: float = 1.0) -> bool:
    """Say whether answers are those of a mistake: every condition is met."""
    return difference(when, answers, share) is None


def difference(right: dict[str, Any], answers: dict[str, Any], share: float = 1.0) -> str | None:
    """Return the first difference in words, or None where there is none; see `close`."""
    for key, wanted in right.items():
        if key not in answers:
            return f"{in_words(key)}{EXPECTED} something, got nothing"
        text = compare(key, wanted, answers[key], answers, share)
        if text is not None:
            return text
    return None


def compare(
    key: str, wanted: Any, got: Any, answers: dict[str, Any], share: float = 1.0
) -> str | None:
    """Compare one answer with a number, a nested list or a condition."""
    if not is_numeric(got):
        return f"{in_words(key)}{EXPECTED} numbers"
    if isinstance(wanted, dict):
        return meets(key, wanted, got, answers)
    if shape_of(wanted) != shape_of(got):
        shapes = f"shape {shown_shape(wanted)}, got {shown_shape(got)}"
        return f"{in_words(key)}{EXPECTED} {shapes}"
    if len(flat(wanted)) != len(flat(got)):
        return f"{in_words(key)}{EXPECTED} {len(flat(wanted))} numbers, got {len(flat(got))}"
    for index, (a, b) in enumerate(zip(flat(wanted), flat(got), strict=True)):
        if not close(a, b, share):
            place = shown_index(index, shape_of(wanted))
            return f"{in_words(key)}{place and f' at {place}'}{EXPECTED} {a:.6g}, got {b:.6g}"
    return None


def meets(key: str, wanted: dict[str, Any], got: Any, answers: dict[str, Any]) -> str | None:
    """Compare one answer with a condition: a range, a direction, another answer, not finite."""
    values = [*flat(got)]
    if wanted.get("finite") is False:
        unlike = not any(math.isfinite(value) for value in values)
        return None if unlike else f"{in_words(key)}{EXPECTED} no finite number"
    if "parallel_to" in wanted:
        cosine = cosine_of(wanted["parallel_to"], values)
        good = cosine >= PARALLEL
        text = f"{in_words(key)}{EXPECTED} the direction of the right one, got a cosine of "
        return None if good else f"{text}{cosine:.3f}"
    if "some_of" in wanted:
        return None if is_in_some(wanted, values) else f"{in_words(key)}{EXPECTED} other numbers"
    if "reordered" in wanted:
        if shape_of(wanted["reordered"]) != shape_of(got):
            return f"{in_words(key)}{EXPECTED} another shape"
        ordered = compare(key, sorted(flat(wanted["reordered"])), sorted(values), answers)
        same = compare(key, wanted["reordered"], got, answers) is None
        return f"{in_words(key)}{EXPECTED} another order" if same else ordered
    if "other_than" in wanted:
        changed = compare(key, wanted["other_than"], got, answers) is not None
        return None if changed else f"{in_words(key)}{EXPECTED} other numbers"
    if "same_as" in wanted:
        return compare(key, answers.get(wanted["same_as"], math.nan), got, answers)
    low, high = wanted.get("from", -math.inf), wanted.get("to", math.inf)
    if len(values) == 1 and low <= values[0] <= high:
        return None
    got_text = f"{values[0]:.6g}" if len(values) == 1 else f"{len(values)} numbers"
    return f"{in_words(key)}{EXPECTED} {limits(low, high)}, got {got_text}"


def is_in_some(wanted: dict[str, Any], values: list[float]) -> bool:
    """Say whether some of the places in `some_of` hold the number `equal`, or not `unlike`."""
    picked = [values[place] for place in wanted["some_of"] if place < len(values)]
    if "equal" in wanted:
        return any(value == wanted["equal"] for value in picked)
    return any(value != wanted["unlike"] for value in picked)


def limits(low: float, high: float) -> str:
    """Return in words between which numbers one should be."""
    if low == -high:
        return "0"
    if math.isinf(high):
        return f"{low:.6g} or more"
    if math.isinf(low):
        return f"{high:.6g} or less"
    return f"about {(low + high) / 2:.4g}"


def cosine_of(a: list[float], b: list[float]) -> float:
    """Return the cosine between two vectors, and 0 where one of them is zero or not finite."""
    if len(a) != len(b) or not all(map(math.isfinite, b)):
        return 0.0
    norms = math.hypot(*a) * math.hypot(*b)
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / norms if norms > 1e-12 else 0.0


def close(wanted: float, got: float, share: float = 1.0) -> bool:
    """Say whether a number is what was expected, up to a share of what is allowed."""
    return abs(got - wanted) <= share * (ABSOLUTE + RELATIVE * abs(wanted))


def shape_of(values: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, by their first entries."""
    return (len(values), *shape_of(values[0])) if isinstance(values, list) and values else ()


def is_numeric(values: Any, depth: int = DEEPEST) -> bool:
    """Say whether values are a number or nested lists of numbers; a child may answer anything."""
    if isinstance(values, list):
        return depth > 0 and all(is_numeric(value, depth - 1) for value in values)
    return isinstance(values, (int, float)) and not isinstance(values, bool)


def size_of(values: Any, depth: int = DEEPEST) -> int:
    """Return how many numbers nested lists hold; what is nested deeper counts as one."""
    if isinstance(values, list) and depth > 0:
        return sum(size_of(value, depth - 1) for value in values)
    return 1


def flat(values: Any) -> list[float]:
    """Return the numbers in nested lists, in order."""
    return [x for part in values for x in flat(part)] if isinstance(values, list) else [values]


def shown_shape(values: Any) -> str:
    """Return a shape as a reader of torch writes it."""
    return f"({', '.join(map(str, shape_of(values)))})"


def shown_index(index: int, shape: tuple[int, ...]) -> str:
    """Return the place of the `index`-th number of an array, as in `[0, 2]`."""
    places = []
    for size in reversed(shape):
        places.append(index % size)
        index //= size
    return f"[{', '.join(map(str, reversed(places)))}]" if places else ""
