"""What is right for the test loss that `train_DPO` returns: the instructor's part."""

import math
from collections.abc import Callable

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.loop_mistakes import FOLLOWS, HELD, NONE, SOME
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.training_dpo import (
    CHANGED,
    MIXED_UP,
    NOT_CALLED,
    OTHER_ROWS,
    REFERENCES,
    SIDES,
    of_beta,
)
from a3lib.kit.checks.catalogue import Check

OWN = mistake(
    "the policy is its own reference",
    "the loss stays at ln 2: the reference is a model of its own that never changes.",
    policy_moved={"from": 1e-6},
    training_moved={"to": 1e-9},
)


def losses_of(check: Check, place: int) -> list[float]:
    """Return the loss that each pair has with stand-ins: 0 for the training pairs, 1 for others."""
    count = check.inputs["pairs"][place]
    noise = fixtures.noise(count, seed=check.inputs["noise"] + place)
    return [float(0.3 + 0.4 * (0.5 + value / 12**0.5)) for value in noise]


def mean(values: list[float]) -> float:
    """Return the mean of some numbers."""
    return math.fsum(values) / len(values)


def test_loss(check: Check) -> Expected:
    """Return the mean loss over the test pairs after training, and what other averages give."""
    losses, size = losses_of(check, 1), check.inputs["arguments"]["batch_size"]
    if check.inputs["stand_ins"] == "count":
        right = {"asked_for_scores": 0.0, "pairs_tested": len(losses), "test_loss_off": NONE}
        return {"right": right, "mistakes": []}
    batches = [losses[i : i + size] for i in range(0, len(losses), size)]
    means = [mean(batch) for batch in batches]
    whole = losses[: len(losses) // size * size]
    whole_mean = mean(losses)
    count, rest = float(len(losses)), float(len(losses) % size)
    none: Expected = {"test_pairs_left_out": 0.0}
    every: Expected = {"test_pairs_left_out": count}
    averages = [
        (
            "last partial batch weighted as a full one",
            "weigh each batch by its pairs.",
            mean(means),
            none,
        ),
        (
            "divided by the floor of the batch count",
            "count the pairs, or take ceil.",
            sum(means) / (len(losses) // size),
            none,
        ),
        (
            "last partial batch dropped",
            "all pairs count.",
            mean(whole),
            {"test_pairs_left_out": {"from": 0.0, "to": rest}},
        ),
        ("sum, not mean", "divide by the number of pairs.", sum(means), none),
        ("sum, not mean", "divide by the number of pairs.", sum(losses), none),
        ("only the last batch", "add up the losses of all batches.", means[-1], {}),
        (
            "test loss of the training pairs",
            "take it over test_texts_parallel.",
            mean(losses_of(check, 0)),
            every,
        ),
    ]
    left_out = "take the mean over all test pairs: look for a slice or a break."
    named = [
        NOT_CALLED,
        OTHER_ROWS,
        *HELD[:-1],
        MIXED_UP,
        CHANGED,
        *SIDES,
        *REFERENCES,
        FOLLOWS,
        *of_beta(check, "test loss"),
        OWN,
        mistake(
            "policy and reference are the same in the test loss",
            "the reference is the original, in the test loss as well.",
            test_loss=whole_mean,
            scores_after_training={"from": 1},
            **none,
        ),
        mistake(
            "test loss taken before training",
            "take it after the last step.",
            test_loss=whole_mean,
            scores_after_training=0.0,
            **none,
        ),
        mistake(
            "test loss taken before the last step",
            "take it with the weights that training ends with.",
            test_weights_off=SOME,
            reference_off=NONE,
            **none,
        ),
        *[
            mistake(name, hint, test_loss_of_pairs=value, **left)
            for name, hint, value, left in averages
        ],
        mistake(
            "the last training loss",
            "test_loss is the mean loss over the test pairs.",
            test_loss={"same_as": "losses_last"},
            **every,
        ),
        mistake(
            "test loss without compute_DPO_loss",
            "take the mean of compute_DPO_loss over the test pairs.",
            test_pairs_scored=count,
            **every,
        ),
        mistake("test pairs left out", left_out, test_pairs_left_out={"from": 1, "to": count - 1}),
        mistake(
            "test pairs left out",
            left_out,
            asked_for_scores=1.0,
            test_pairs_scored={"to": count - 1},
            **every,
        ),
        mistake("dropout on in the test loss", "call model.eval() before it.", test_dropout=1.0),
    ]
    expected = {"test_loss_of_pairs": whole_mean, "beta_off_in_test": NONE, "test_dropout": 0.0}
    return {"right": expected, "mistakes": named}


TEST_LOSS_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "train_dpo.test_loss": test_loss,
}
