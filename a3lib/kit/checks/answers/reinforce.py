"""What is right for the REINFORCE loss: the instructor's part."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.log_probs import TEMPERATURES
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.reinforce_mistakes import (
    GENERATED,
    LENGTH,
    PREDICTED,
    SEED,
    reinforce_mistakes,
    reinforce_parts,
    reinforce_value,
)
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers, projections


def reinforce(check: Check) -> Expected:
    """Return what compute_reinforce_loss gives on a random policy: handout, section 2."""
    model, ids, rewards, scores = reinforce_parts(check)
    logits = model(input_ids=ids).logits
    values = {
        name: reinforce_value(ids, rewards, scores, columns)
        for name, columns in (("20", GENERATED), ("29", PREDICTED))
    }

    def along_of(value: Tensor) -> list[float]:
        return projections(gradients(value, [*model.parameters()]))

    losses = {name: {"loss": numbers(value)} for name, value in values.items()}
    along = {name: {"gradient": {"parallel_to": along_of(value)}} for name, value in values.items()}
    against = [
        mistake("minus sign missing", "the gradient points the other way.", gradient=opposite(part))
        for part in along.values()
    ]
    nothing = mistake("no gradient", "log_probs are under no_grad or detached.", gradient=[0.0] * 4)
    in_part = [
        mistake(
            "gradient of some tokens only",
            "every token that the policy chose has its part in the gradient.",
            gradient={"parallel_to": along_of(value)},
        )
        for value in parts_of_loss(ids, rewards, scores)
    ]
    dropout = mistake(
        "dropout on",
        "the loss is that of the policy that sampled: leave it in evaluation mode.",
        dropout_on=1.0,
    )
    part = check.name.split(".")[1]
    if part == "log_probs":
        right = {
            "log_probs_shape": [len(ids), LENGTH, fixtures.VOCABULARY],
            "log_probs": numbers(scores[:, ::7, :4]),
            "log_probs_need_gradient": 1.0,
        }
        cut_off = mistake(
            "log_probs detached",
            "the KL penalty needs the gradient of the log_probs that are returned.",
            log_probs_need_gradient=0.0,
        )
        scaled = [
            mistake(
                "temperature",
                "the logits are divided by nothing: temperature 1.",
                log_probs=numbers((logits / t).log_softmax(dim=-1)[:, ::7, :4]),
            )
            for t in TEMPERATURES
        ]
        raw = mistake(
            "raw scores",
            "logits are not log-probabilities: take log_softmax.",
            log_probs=numbers(logits[:, ::7, :4]),
        )
        short = mistake(
            "a column is missing",
            "log_probs has one column a token: (B, 30, V).",
            log_probs_shape=[len(ids), LENGTH - 1, fixtures.VOCABULARY],
        )
        likely = mistake(
            "probabilities",
            "take the logarithm of the softmax.",
            log_probs=numbers(scores.exp()[:, ::7, :4]),
        )
        return {"right": right, "mistakes": [cut_off, raw, short, likely, *scaled]}
    if part == "gradient":
        return {"right": {}, "positions": along, "mistakes": [nothing, *against, *in_part]}
    if part == "constant":
        attached = mistake(
            "reward not detached",
            "the reward is a number that no gradient goes through.",
            reward_gradient={"from": 1e-6},
        )
        return {"right": {"reward_gradient": 0.0}, "positions": along, "mistakes": [attached]}
    if part == "unchanged":
        reward_before = numbers(rewards)
        written = mistake(
            "rewards changed in place",
            "compute a new tensor, do not write into this one.",
            reward_afterwards={"other_than": reward_before},
        )
        # Whether the loss is right is another check's matter.
        right = {"reward_afterwards": reward_before, "tokens_changed": 0.0, "worked": 1.0}
        return {"right": right, "mistakes": [written]}
    return {"right": {}, "positions": losses, "mistakes": [dropout, *reinforce_mistakes(check)]}


def parts_of_loss(ids: Tensor, rewards: Tensor, scores: Tensor) -> list[Tensor]:
    """Return scalar losses of some of the tokens (B, T): each half of them, each end."""
    middle = (SEED + LENGTH) // 2
    ranges = (
        range(SEED, middle),
        range(middle, LENGTH),
        range(SEED, SEED + 1),
        range(LENGTH - 1, LENGTH),
        range(1, SEED),
    )
    return [reinforce_value(ids, rewards, scores, columns) for columns in ranges]


def opposite(part: dict[str, Any]) -> dict[str, Any]:
    """Return the condition of a gradient that points the other way."""
    return {"parallel_to": [-x for x in part["gradient"]["parallel_to"]]}


def reinforce_batches(check: Check) -> Expected:
    """Return the loss of a batch in one piece, and that of its pieces weighted by their texts."""
    _, ids, rewards, scores = reinforce_parts(check)
    expected: Expected = {"right": {"cut": {"same_as": "whole"}}, "positions": {}, "mistakes": []}
    for name, columns in (("20", GENERATED), ("29", PREDICTED)):
        value = numbers(reinforce_value(ids, rewards, scores, columns))
        expected["positions"][name] = {"whole": value}
        expected["mistakes"].append(
            mistake("sum over texts", "average over the batch.", whole=value * len(ids))
        )
    return expected


def reinforce_direction(check: Check) -> Expected:
    """Return in which direction a step goes."""
    _, ids, rewards, scores = reinforce_parts(check)
    values = [reinforce_value(ids, rewards, scores, c) for c in (GENERATED, PREDICTED)]
    wrong = [
        mistake(
            "minus sign missing",
            "the step made the rewarded text less likely.",
            change_of_rewarded={"from": 1e-3},
            loss=numbers(-value),
        )
        for value in values
    ]
    away = mistake(
        "the wrong direction",
        "the step made the rewarded text less likely.",
        change_of_rewarded={"from": 1e-3},
    )
    still = mistake(
        "no gradient", "the step changed nothing.", change_of_rewarded={"from": -1e-6, "to": 1e-6}
    )
    return {"right": {"change_of_rewarded": {"to": -1e-3}}, "mistakes": [*wrong, away, still]}


REINFORCE_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{
        f"reinforce_loss.{part}": reinforce
        for part in ("values", "log_probs", "gradient", "constant", "unchanged")
    },
    "reinforce_loss.batches": reinforce_batches,
    "reinforce_loss.direction": reinforce_direction,
}
