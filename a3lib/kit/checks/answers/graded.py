"""The public checks as the grader asks them: on inputs that students do not have.

A student's copy holds the public inputs and what is expected of them, so a file could answer those
by heart. Here are others, and a report does not show their numbers.
"""

from dataclasses import replace
from typing import Any

from a3lib.kit.checks.catalogue import (
    NEUTRAL,
    REVIEWS,
    UNLIKELY,
    WORDS,
    Check,
    public_checks,
    sampling_logits,
    tokens,
)

TEXTS = (
    "The story was good and my friends liked the music very much last night.",
    "Bad.",
    "This picture is about a singer who goes back home in a small town with her dog.",
    "We saw the film at the festival and every scene of it made us angry.",
    "I enjoyed it.",
)
LIKELIEST, SHIFT = 305, -120
ONLY_LIKELIEST = [[LIKELIEST, 0.0]]
ALPHA = 1.7
REWARDS = [0.33, 0.62, 0.87, 0.15, 0.74]


def graded_checks() -> tuple[Check, ...]:
    """Return the public checks on other inputs, under the same names and for the same points."""
    inputs = sampling_inputs() | loss_inputs() | label_inputs() | training_inputs()
    return tuple(
        replace(
            check,
            inputs=check.inputs | inputs.get(check.name, {}),
            second_try=other_rewards(check.second_try, REWARDS),
            graded=True,
        )
        for check in public_checks()
    )


def other_rewards(second_try: dict[str, Any] | None, rewards: list[float]) -> dict[str, Any] | None:
    """Return a second try with other rewards than the public ones, where it gives any."""
    if second_try is None or "rewards" not in second_try:
        return second_try
    return second_try | {"rewards": rewards}


def sampling_inputs() -> dict[str, dict[str, Any]]:
    """Return other texts, words and models for sampling and evaluation."""
    short = {"texts": [TEXTS[2], TEXTS[1], TEXTS[3]], "logits": ONLY_LIKELIEST}
    # The same shares, for other words: two likely ones change places, the unlikely ones are others.
    swapped = {NEUTRAL: LIKELIEST, LIKELIEST: NEUTRAL} | {t: t + SHIFT for t in UNLIKELY}
    shares = [[swapped.get(int(token), token), share] for token, share in sampling_logits()]
    unlikely = {
        "likeliest": LIKELIEST,
        "second": NEUTRAL,
        "unlikely": [token + SHIFT for token in UNLIKELY],
    }
    evaluated = {"texts": [*TEXTS], "logits": ONLY_LIKELIEST}
    return {
        "reward.shapes": short,
        "reward.values": short,
        "reward.sampling": unlikely | {"texts": [TEXTS[2]] * 64, "logits": shares},
        "reward.left_padding": {"model": 394},
        "reward.random": {"texts": [*TEXTS[2:4], TEXTS[0]], "logits": shares},
        **{f"evaluate.{part}": evaluated for part in ("mean", "no_gradients")},
        "evaluate.generations": evaluated
        | {"texts": [*TEXTS, *TEXTS[2:4]], "count": 1130, "noise": 56, "many_batch_size": 75},
        "reset.weights": {"model": 13},
        "reset.optimizer": {"model": 13, "lr": [0.02]},
    }


def loss_inputs() -> dict[str, dict[str, Any]]:
    """Return other models, tokens, rewards and sums for the losses."""
    reinforce = {"model": 5, "tokens": tokens(3, 7), "reward": [0.3, 0.8, 0.55]}
    parts = ("values", "log_probs", "gradient", "constant", "unchanged")
    kl = {"model": 11, "tokens": tokens(3, 4), "noise": 14}
    sums = {
        "chosen": [-17.0, -7.5, -16.25, -12.0],
        "rejected": [-18.5, -9.0, -17.0, -11.5],
        "reference_chosen": [-20.0, -9.5, -15.0, -12.25],
        "reference_rejected": [-19.0, -8.5, -18.5, -10.0],
    }
    far = {"chosen": [-7.0, -520.0], "rejected": [-610.0, -12.0], "beta": 0.9}
    return {
        **{f"reinforce_loss.{part}": reinforce for part in parts},
        "reinforce_loss.batches": {
            "model": 6,
            "tokens": tokens(5, 9),
            "reward": [0.15, 0.95, 0.5, 0.75, 0.35],
        },
        "reinforce_loss.direction": {"model": 10, "tokens": tokens(2, 15), "reward": [0.0, 1.0]},
        "kl.values": kl,
        "kl.gradient": kl,
        "kl.identity": {"model": 5, "other": 9, "tokens": tokens(2, 8)},
        "dpo_loss.values": sums | {"beta": 0.3},
        "dpo_loss.gradient": sums | {"beta": 0.3},
        "dpo_loss.default_beta": sums,
        "dpo_loss.extreme": far,
    }


def label_inputs() -> dict[str, dict[str, Any]]:
    """Return other rows and lengths for labels and log-probabilities."""
    rows = {
        "input_ids": [[0, 3, 11, 25, 6, 14, 2, 8], [0, 0, 0, 21, 9, 5, 13, 4]],
        "attention_mask": [[0, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1]],
        "prompt_lengths": [4, 3],
    }
    ended = {
        "input_ids": [[9, 4, 7, 0, 12, 6, 0], [0, 0, 0, 18, 3, 0, 27]],
        "attention_mask": [[1] * 7, [0, 0, 0, 1, 1, 1, 1]],
        "prompt_lengths": [2, 1],
    }
    logits = {
        "labels": [[-100, 4, 1, -100, 8, 0], [-100, -100, -100, 7, 7, 2]],
        "vocabulary": 9,
        "noise": 8,
    }
    ids = [[14, 2, 29, 6, 17, 3], [22, 7, 1, 30, 11, 9]]
    full = {
        "model": 14,
        "input_ids": ids,
        "labels": [[-100] * 4 + ids[0][4:], [-100, *ids[1][1:]]],
        "prompt_lengths": [4, 1],
    }
    ended_inside = [22, 7, 1, 0, 11, 9, 2]
    padded = {
        "model": 14,
        "input_ids": [ended_inside, [0, 0, *ids[0][:5]]],
        "attention_mask": [[1] * 7, [0, 0, 1, 1, 1, 1, 1]],
        "labels": [[-100, -100, *ended_inside[2:]], [-100] * 4 + ids[0][2:5]],
        "prompt_lengths": [2, 2],
    }
    return {
        "labels.values": rows,
        "labels.unchanged": rows,
        "labels.eos": ended,
        **{
            f"batch_logps.{part}": logits for part in ("values", "average", "gradient", "unchanged")
        },
        "log_probs.values": full,
        "log_probs.gradient": full,
        "log_probs.left_padding": padded,
    }


def training_inputs() -> dict[str, dict[str, Any]]:
    """Return other texts, rewards and rates for the training loops."""
    few = {"texts": [*REVIEWS[1:], *TEXTS[2:]], "noise": 51}
    plain = few | {"arguments": {"lr": 0.08, "batch_size": 3}}
    many = few | {"count": 2130, "arguments": {"lr": 0.008, "batch_size": 21}}
    some = {"texts": [*TEXTS[2:4], *REVIEWS[2:]], "noise": 52}
    some |= {"count": 65, "arguments": {"lr": 0.12, "batch_size": 7}}
    penalised = {"lr": 0.08, "batch_size": 3, "use_kl_divergence": True}
    pairs: dict[str, Any] = WORDS | {
        "pairs": [7, 4],
        "noise": 53,
        "arguments": {"beta": 0.4, "lr": 0.04, "batch_size": 2},
    }
    followed = pairs | {"pairs": [301, 113], "noise": 54}
    followed |= {"arguments": {"beta": 0.35, "lr": 0.04, "batch_size": 28}}
    return {
        "train.history": many,
        "train.learns": some,
        "train.optimizer": some,
        "train.rollouts": plain,
        "train.penalty": few | {"count": 29, "arguments": penalised | {"alpha": ALPHA}},
        "train.reference": few | {"count": 34, "arguments": penalised | {"alpha": 0.02}},
        **{f"train_dpo.{part}": pairs for part in ("start", "learns")},
        "train_dpo.reference": pairs
        | {"pairs": [25, 4], "long": 65, "arguments": pairs["arguments"] | {"max_length": 47}},
        **{f"train_dpo.{part}": followed for part in ("history", "test_loss")},
    }
