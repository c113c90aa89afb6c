"""What is right for evaluation and for resetting: the instructor's part."""

import math
from collections.abc import Callable
from typing import Any

import torch

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.loop_mistakes import MOST_DECAY, NONE, SOME
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.rewards import rewards_of, rollouts, str_of
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import numbers, projections

# Nothing is right of an evaluation that looked at no model's work.
WORKED = {"worked": 1.0}


def evaluate(check: Check) -> Expected:
    """Return the mean reward over reviews, and what other averages give."""
    inputs = check.inputs
    if "rewards" in inputs:
        known = dict(zip(inputs["texts"], inputs["rewards"], strict=False))
        rewards = torch.tensor([known.get(t, 0.5) for t in inputs["texts"]], dtype=torch.float64)
    else:
        seeds, added = rollouts(check)
        both = [a + b for a, b in zip(seeds, added, strict=True)]
        rewards = rewards_of(tuple(str_of(row) for row in both))
    size, count = inputs["batch_size"], len(rewards)
    parts = rewards.split(size)
    means = torch.stack([part.mean() for part in parts])
    whole = rewards[: count // size * size]
    start = (count - 1) // size * size
    wrong = [
        (
            "last partial batch weighted as a full one",
            "divide by the number of reviews.",
            means.mean(),
        ),
        (
            "divided by i + batch_size",
            "the last batch is smaller: divide by the number of reviews seen.",
            rewards.sum() / (start + size),
        ),
        ("last partial batch dropped", "all reviews count.", whole.mean()),
        (
            "divided by the floor of the batch count",
            "count batches with ceil.",
            means.sum() / (count // size),
        ),
        ("only the last batch", "keep the rewards of all batches.", means[-1]),
        ("sum, not mean", "divide by the number of reviews.", rewards.sum()),
        ("sum, not mean", "divide by the number of reviews.", means.sum()),
        ("the median", "take the mean.", rewards.median()),
        (
            "the share of positive texts",
            "take the mean of the rewards themselves.",
            (rewards > 0.5).double().mean(),
        ),
        (
            "the first batch counts twice",
            "keep the rewards of each batch once.",
            torch.cat([parts[0], rewards]).mean(),
        ),
    ]
    recorded = mistake(
        "evaluation with gradients on", "put it under torch.no_grad().", gradients_on=1.0
    )
    part = check.name.split(".")[1]
    if part == "generations":
        every = dict.fromkeys(("text_count", "texts_in_order", "texts_continued"), float(count))
        given: Expected = {"models_off": {"from": -1e-6, "to": 1e-6}}
        given |= dict.fromkeys(
            ("evaluated_in_training_mode", "another_classifier", "lengths_off"), 0.0
        )
        given["sampled_again"] = {"to": 0.5}
        right = given | every | WORKED | of_many(check)
        return {"right": right, "mistakes": of_generations(check)}
    if part == "no_gradients":
        right = {"gradients_on": 0.0, "text_count": float(count)} | WORKED
        return {"right": right, "mistakes": [recorded]}
    named = [mistake(name, hint, reward=numbers(value)) for name, hint, value in wrong]
    return {"right": {"reward": numbers(rewards.mean())} | WORKED, "mistakes": named}


def of_generations(check: Check) -> list[dict[str, Any]]:
    """Return what may be wrong with the texts and rewards of an evaluation."""
    count, whole = len(check.inputs["texts"]), of_many(check)
    total = whole["reward_sum"]
    return [
        mistake(
            "the training reviews are evaluated",
            "go through test_texts.",
            texts_of_training={"from": 1},
        ),
        mistake(
            "dropout on",
            "evaluate calls train() on the model: leave it in evaluation mode.",
            evaluated_in_training_mode=1.0,
        ),
        mistake(
            "another classifier is used",
            "give on the reward_model that evaluate was given, not a global one.",
            another_classifier=1.0,
        ),
        mistake(
            "another number of tokens",
            "ask for a seed of 10 tokens and 20 more, which compute_reward_for_mini_batch has as "
            "defaults.",
            lengths_off={"from": 1},
        ),
        mistake(
            "reviews counted more than once",
            "each review has one text and one reward: look at the step between batches.",
            reward_count={"from": whole["reward_count"] + 1},
        ),
        mistake(
            "several samples of each review",
            "the reward of a review is that of one sample, not the best of some.",
            sampled_again={"from": 0.5},
        ),
        mistake(
            "equal texts are kept once",
            "two reviews may go on in the same way: each has a text and a reward.",
            text_count=float(len({*check.inputs["texts"]})),
            texts_in_order={"to": count - 1},
            reward_count=whole["reward_count"],
        ),
        mistake("texts are missing", "collect those of every batch.", text_count={"to": count - 1}),
        mistake(
            "another model is evaluated",
            "evaluate the model that evaluate was given, not a global one.",
            models_off={"from": 1e-6},
        ),
        mistake(
            "the texts are in another order",
            "keep the order of test_texts: no shuffling and no sorting.",
            texts_in_order={"to": count - 1},
        ),
        mistake(
            "reviews left out",
            "evaluate all of test_texts: look for a slice, a step or a break.",
            reviews_left_out={"from": 1},
        ),
        mistake(
            "rewards of the batches",
            "rewards has one number a review, in the order of test_texts.",
            reward_count={"to": whole["reward_count"] - 1},
        ),
        mistake(
            "the rewards are in another order",
            "keep the order of test_texts.",
            reward_sum={"from": total - 1e-3, "to": total + 1e-3},
            rewards={"other_than": whole["rewards"]},
        ),
    ]


def of_many(check: Check) -> Expected:
    """Return the rewards that evaluate keeps of many reviews."""
    count = check.inputs["count"]
    noise = fixtures.noise(count, seed=check.inputs["noise"])
    rewards = [float(0.05 + 0.9 * (0.5 + value / 12**0.5)) for value in noise]
    return {
        "rewards": rewards[:3],
        "reward_count": float(count),
        "reward_sum": math.fsum(rewards),
        "reviews_left_out": 0.0,
    }


def reset(check: Check) -> Expected:
    """Return that the weights are the checkpoint's and the optimizer is new."""
    original = list(fixtures.random_policy(check.inputs["model"]).parameters())
    weights = projections([parameter.detach() for parameter in original])
    kept = mistake(
        "weights not reset", "load the original weights again.", weights={"other_than": weights}
    )
    other = mistake(
        "optimizer of another model",
        "make the optimizer after the model, with the new model's parameters.",
        parameters_in_optimizer=0.0,
    )
    part = mistake(
        "optimizer of other parameters",
        "give it model.parameters(): all of them.",
        parameters_in_optimizer=0.0,
        parameters_held={"from": 1},
    )
    slow = mistake("learning rate ignored", "pass lr to the optimizer.", lr={"from": 0.0})
    if check.name == "reset.weights":
        right = {"weights": weights, "is_new": 1.0, "weights_off_second_time": NONE}
        trained = mistake(
            "the trained model comes back",
            "load the original weights each time: a model that is kept has been trained since.",
            weights_off_second_time=SOME,
        )
        return {"right": right, "mistakes": [kept, trained]}
    right = {
        "parameters_in_optimizer": 1.0,
        "lr": check.inputs["lr"][0],
        "state_of_optimizer": 0.0,
        "weight_decay": {"to": MOST_DECAY},
        # That of stochastic gradient descent would be a thousandth.
        "way_of_small_gradients": {"from": 0.1},
    }
    kind = mistake(
        "another optimizer than AdamW",
        "make torch.optim.AdamW(model.parameters(), lr=lr): small gradients hardly move others.",
        way_of_small_gradients={"to": 0.1},
    )
    decayed = mistake(
        "weight decay",
        "keep the optimizer's own: so much pulls all weights to 0.",
        weight_decay={"from": MOST_DECAY},
    )
    return {"right": right, "mistakes": [part, other, decayed, kind, slow]}


SAMPLING_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{f"evaluate.{part}": evaluate for part in ("mean", "generations", "no_gradients")},
    "reset.weights": reset,
    "reset.optimizer": reset,
}
