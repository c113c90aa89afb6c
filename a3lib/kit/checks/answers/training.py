"""What is right for the two training loops: the instructor's part."""

import math
from collections.abc import Callable
from typing import Any

from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check

# With stand-ins, a step's gradient is this in every parameter: the loss's slope and the KL's.
LOSS_SLOPE, KL_SLOPE = 1.0, 3.0
LN_2 = math.log(2)

REBUILT = mistake(
    "optimizer rebuilt each step",
    "make it once, before the loop: it remembers the steps before.",
    optimizers={"from": 2},
)
KEPT = mistake(
    "weights not reset",
    "begin with reset_model_optimizer(model_name, lr).",
    start_off_checkpoint={"from": 1e-3},
)
STILL = mistake(
    "nothing is learnt",
    "is backward called, and does the optimizer have this model's parameters?",
    preference={"from": -0.02, "to": 0.02},
)


def step_count(check: Check, rows: int) -> tuple[float, float]:
    """Return the number of batches, and that without a last partial one."""
    size = check.inputs["arguments"]["batch_size"]
    return float(math.ceil(rows / size)), float(rows // size)


def train(check: Check) -> Expected:
    """Return what one epoch of train does: handout, sections 2 and 3."""
    steps, whole = step_count(check, len(check.inputs["texts"]))
    alpha = check.inputs["arguments"].get("alpha", 0.0)
    dropped = mistake("last partial batch dropped", "all reviews are trained on.", steps=whole)
    part = check.name.split(".")[1]
    if part == "history":
        right = {
            "losses_count": steps,
            "rewards_count": steps,
            "rewards_first": {"from": 0.0, "to": 1.0},
            "has_evaluation": 1.0,
            "steps": steps,
            "start_off_checkpoint": 0.0,
        }
        return {"right": right, "mistakes": [KEPT, dropped]}
    if part == "learns":
        up = mistake(
            "gradient ascent", "a minus sign is missing or one too many.", preference={"to": -0.02}
        )
        return {"right": {"preference": {"from": 0.2}}, "mistakes": [up, STILL]}
    if part == "rollouts":
        on = mistake(
            "dropout on", "sample with model.eval(), whatever mode training uses.", dropout_on=1.0
        )
        return {"right": {"dropout_on": 0.0, "steps": steps}, "mistakes": [on]}
    if part == "reference":
        return reference(check)
    count = int(steps)
    piled = mistake(
        "gradients pile up",
        "call optimizer.zero_grad() each step.",
        slopes=[float(n + 1) for n in range(count)],
    )
    lost = mistake(
        "gradients are thrown away",
        "call optimizer.zero_grad() before backward, not between it and step.",
        slopes=[0.0] * count,
    )
    one: Expected = {"slopes": [1.0] * count, "optimizers": 1.0}
    if part == "optimizer":
        return {"right": one, "mistakes": [REBUILT, piled, lost, dropped]}
    weight = alpha * KL_SLOPE
    wrong = [
        ("penalty not added", "add alpha times the KL to the loss.", 0.0),
        ("alpha is missing", "multiply the KL by alpha.", KL_SLOPE / (LOSS_SLOPE + KL_SLOPE)),
        ("penalty subtracted", "a penalty is added to a loss.", -weight / (LOSS_SLOPE + weight)),
        ("only the penalty", "add it to the REINFORCE loss.", 1.0),
    ]
    named = [mistake(name, hint, penalty_shares=[value] * count) for name, hint, value in wrong]
    one |= {"penalty_shares": [weight / (LOSS_SLOPE + weight)] * count}
    one |= {"kl_divergences_count": steps}
    return {"right": one, "mistakes": [*named, piled, REBUILT]}


def reference(check: Check) -> Expected:
    """Return that the original model is another one, does not move and gets no gradient."""
    right: dict[str, Any] = {
        "reference_is_policy": 0.0,
        "reference_moved": 0.0,
        "reference_gradient": 0.0,
        "references": {"from": 1.0},
    }
    if "stand_ins" not in check.inputs:
        right |= {"kl_divergences_first": {"from": -1e-3, "to": 1e-3}}
        right |= {"kl_divergences_last": {"from": 1e-6}}
    same = mistake(
        "the policy is its own reference",
        "load the original model a second time.",
        reference_is_policy=1.0,
    )
    moved = mistake(
        "reference not frozen", "the optimizer must not have it.", reference_moved={"from": 1e-6}
    )
    attached = mistake(
        "reference not frozen",
        "compute its log-probabilities under torch.no_grad().",
        reference_gradient={"from": 1e-9},
    )
    never = mistake(
        "the policy is its own reference",
        "the KL stays exactly 0: compare with the original model.",
        kl_divergences_last={"from": -1e-6, "to": 1e-6},
    )
    return {"right": right, "mistakes": [same, never, moved, attached]}


def train_dpo(check: Check) -> Expected:
    """Return what two epochs of train_DPO do: handout, section 4."""
    rows = len(check.inputs["pairs"])
    size = check.inputs["arguments"]["batch_size"]
    per_epoch, whole = step_count(check, rows)
    part = check.name.split(".")[1]
    at_start = {"from": -1e-3 + LN_2, "to": 1e-3 + LN_2}
    if part == "history":
        right = {
            "losses_count": 2 * per_epoch,
            "steps": 2 * per_epoch,
            "has_evaluation": 1.0,
            "start_off_checkpoint": 0.0,
        }
        named = [
            mistake("one epoch", "train for two epochs.", steps=per_epoch),
            mistake("last partial batch dropped", "all pairs are trained on.", steps=2 * whole),
            KEPT,
        ]
        return {"right": right, "mistakes": named}
    if part == "start":
        own = mistake(
            "the policy is its own reference",
            "the loss stays at ln 2: the reference is a model of its own that never changes.",
            losses_first=at_start,
            losses_last=at_start,
        )
        limits: Expected = {"losses_first": at_start, "losses_last": {"to": LN_2 - 1e-3}}
        limits |= {"steps": 2 * per_epoch}
        return {"right": limits, "mistakes": [own]}
    if part == "learns":
        up = mistake(
            "chosen and rejected swapped",
            "the rejected word became likelier.",
            preference={"to": -0.02},
        )
        return {"right": {"preference": {"from": 0.2}}, "mistakes": [up, STILL]}
    if part == "reference":
        moved = mistake(
            "reference not frozen", "only the policy is trained.", reference_moved={"from": 1e-6}
        )
        right = {"optimizers": 1.0, "steps": 2 * per_epoch, "reference_moved": 0.0}
        return {"right": right, "mistakes": [REBUILT, moved]}
    sizes = [size] * (rows // size) + [rows % size] * bool(rows % size)
    wrong = [
        (
            "last partial batch weighted as a full one",
            "weigh each batch by its pairs.",
            sum(sizes) / len(sizes),
        ),
        (
            "divided by the floor of the batch count",
            "count the pairs, or take ceil.",
            sum(sizes) / (rows // size),
        ),
        ("last partial batch dropped", "all pairs count.", float(size)),
        ("sum, not mean", "divide by the number of pairs.", float(sum(sizes))),
    ]
    named = [mistake(name, hint, test_loss=value) for name, hint, value in wrong]
    right = {"test_loss": sum(n * n for n in sizes) / rows}
    return {"right": right, "mistakes": named}


TRAINING_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{
        f"train.{part}": train
        for part in ("history", "learns", "optimizer", "rollouts", "penalty", "reference")
    },
    **{
        f"train_dpo.{part}": train_dpo
        for part in ("history", "start", "learns", "test_loss", "reference")
    },
}
