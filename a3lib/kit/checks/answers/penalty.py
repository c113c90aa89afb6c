"""What is right for the KL penalty in `train`, and for its reference: the instructor's part."""

from collections.abc import Callable
from typing import Any

from a3lib.kit.checks.answers.loop_mistakes import (
    FOLLOWS,
    HELD,
    NONE,
    RATE,
    REFERENCE_IN_TRAINING,
    SOME,
    not_called,
    of_another_call,
    of_history,
)
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.training import steps_of
from a3lib.kit.checks.catalogue import Check

# With stand-ins a step's gradient has the norm 1 for the loss, and this one for the KL.
LOSS_SLOPE, KL_SLOPE = 1.0, 3.0
# What train's alpha is unless it is given.
DEFAULT_ALPHA = 0.001
# Mistakes of a step that a wrong penalty may look like.
LAST = (
    "no gradient",
    "gradients are thrown away",
    "gradient ascent",
    "gradient of something else",
)


def penalty(check: Check) -> Expected:
    """Return that alpha times the KL is added, with its gradient: handout, section 3."""
    alpha = check.inputs["arguments"]["alpha"]
    right, of_steps = steps_of(check)
    count = len(right["slopes"])
    weight = alpha * KL_SLOPE
    own, kept = of_another_call("kl_divergences")
    right |= own | {
        "penalty_shares": [weight / (LOSS_SLOPE + weight)] * count,
        "penalty_of_another": 0.0,
        "penalty_of_other_texts": 0.0,
        "kl_divergences_count": float(count),
        "kl_divergences_off": NONE,
        "rows_without_penalty": 0.0,
    }
    default = DEFAULT_ALPHA * KL_SLOPE
    shares = [
        (
            "the loss is weighed as well",
            "add alpha times the KL to the whole loss, and take nothing of that.",
            weight / (abs(1.0 - alpha) * LOSS_SLOPE + weight),
        ),
        (
            "penalty not added",
            "add alpha times the KL to the loss, as a tensor whose gradient reaches the policy.",
            0.0,
        ),
        ("alpha is missing", "multiply the KL by alpha.", KL_SLOPE / (LOSS_SLOPE + KL_SLOPE)),
        ("penalty subtracted", "a penalty is added to a loss.", -weight / (LOSS_SLOPE + weight)),
        ("only the penalty", "add it to the REINFORCE loss.", 1.0),
        ("alpha is ignored", "multiply by the given alpha.", default / (LOSS_SLOPE + default)),
    ]
    named = [
        not_called(
            "compute_kl_divergence",
            divergences_asked_for=0.0,
            penalty_shares={"other_than": [0.0] * count},
        ),
        mistake(
            "penalty without a gradient",
            "give compute_kl_divergence the log_probs that compute_reinforce_loss returned, "
            "not a detached copy.",
            penalty_detached={"from": 1},
        ),
        mistake(
            "KL of other texts",
            "give compute_kl_divergence the output_tokens that log_probs are of, all of them.",
            penalty_of_other_texts={"from": 1},
        ),
        mistake(
            "KL of another model",
            "give compute_kl_divergence the log_probs of the model that is trained.",
            penalty_of_another=1.0,
        ),
        mistake(
            "KL of a part of the batch",
            "give compute_kl_divergence all rows of log_probs and of output_tokens.",
            rows_without_penalty={"from": 1},
            steps=float(count),
        ),
        mistake(
            "penalty left out of some steps",
            "alpha times the KL is added in every step, whatever it is: no threshold, no clamp.",
            steps_without_penalty={"from": 1, "to": count - 1},
            steps_without_gradient=0.0,
            steps=float(count),
        ),
        *[mistake(name, hint, penalty_shares=[value] * count) for name, hint, value in shares],
        mistake(
            "kl_divergences is weighted",
            "keep the KL itself, not alpha times it.",
            kl_divergences_off=SOME,
            kl_divergences_off_weighted=NONE,
        ),
        *of_history("kl_divergences", "KL"),
        *kept,
    ]
    another = mistake(
        "another penalty is added",
        "what is added in each step is alpha times the KL.",
        penalty_shares={"other_than": right["penalty_shares"]},
        steps=float(count),
    )
    # A loop without steps of its own has no penalty either.
    first = [one for one in of_steps if one["name"] not in LAST]
    last = [one for one in of_steps if one["name"] in LAST]
    return {"right": right, "mistakes": [*first, *named, *last, another]}


def reference(check: Check) -> Expected:
    """Return that the original model is another one, in its mode, does not move, no gradient."""
    right: dict[str, Any] = {
        "reference_is_policy": 0.0,
        "reference_off": NONE,
        "reference_moved": NONE,
        "reference_gradient": {"from": -1e-9, "to": 1e-9},
        "reference_dropout": 0.0,
        "references": {"from": 1.0},
    }
    if "stand_ins" not in check.inputs:
        right |= {"kl_divergences_first": {"from": -1e-3, "to": 1e-3}}
        right |= {"kl_divergences_last": {"from": 1e-6}}
    own = "load the original model a second time."
    named = [
        not_called("compute_kl_divergence", divergences_asked_for=0.0),
        mistake("the policy is its own reference", own, reference_is_policy=1.0),
        *RATE,
        mistake(
            "the policy is its own reference",
            "the KL stays exactly 0: compare with the original model.",
            kl_divergences_most={"from": -1e-6, "to": 1e-6},
        ),
        FOLLOWS,
        *HELD[:-1],
        mistake(
            "reference not frozen",
            "the optimizer must not have it.",
            reference_moved={"from": 1e-6},
        ),
        mistake(
            "reference not frozen",
            "compute its log-probabilities under torch.no_grad().",
            reference_gradient={"from": 1e-9},
        ),
        REFERENCE_IN_TRAINING,
    ]
    return {"right": right, "mistakes": named}


PENALTY_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "train.penalty": penalty,
    "train.reference": reference,
}
