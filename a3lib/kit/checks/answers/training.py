"""What is right for the training loop of `train`: the instructor's part."""

from collections.abc import Callable
from typing import Any

from a3lib.kit.checks.answers.loop_mistakes import (
    BY_HAND,
    CUT_OFF,
    DECAYED,
    ELSEWHERE,
    EVALUATED,
    HELD,
    KEPT,
    LEFT_UNTRAINED,
    MOST_DECAY,
    NONE,
    NOT_DIFFERENTIATED,
    OF_ADAMW,
    OTHER_LENGTHS,
    OTHER_OPTIMIZER,
    PILED,
    RATE,
    REBUILT,
    SOME,
    SOME_WITHOUT,
    STILL,
    TURNED,
    last_batch_dropped,
    not_called,
    of_another_call,
    of_history,
    of_step_count,
    receipt,
    step_count,
    too_little,
)
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check

NOT_CALLED = [
    not_called("compute_reward_for_mini_batch", samples_asked_for=0.0),
    not_called("compute_reinforce_loss", losses_asked_for=0.0),
]
LEFT_OUT = mistake(
    "reviews left out",
    "one epoch goes over all of train_texts: look for a slice, a step or a break.",
    rows_never_trained={"from": 1},
)


def used_again(rows: int) -> dict[str, Any]:
    """Return the mistake that some of so many reviews are trained on more than once."""
    return mistake(
        "reviews used more than once",
        "one epoch uses each review once.",
        receipt={"from": receipt(rows) + 0.01},
    )


def history(check: Check) -> Expected:
    """Return that one epoch goes over all training reviews and is recorded: handout, section 2."""
    rows = check.inputs["count"]
    steps, _ = step_count(check, rows)
    right = {
        "losses_count": steps,
        "rewards_count": steps,
        "has_evaluation": 1.0,
        "steps": steps,
        "start_off_checkpoint": NONE,
        "rows_of_test": 0.0,
        "rows_unknown": 0.0,
        "rows_never_trained": 0.0,
        "receipt": receipt(rows),
        "rewards_off": NONE,
        "losses_off": NONE,
        "evaluation_off": NONE,
        "evaluation_cut": 0.0,
        "weights_moved_outside_steps": NONE,
        "global_model_off": NONE,
        "sampled_again": {"to": 0.5},
    }
    named = [
        *NOT_CALLED,
        *HELD,
        KEPT,
        mistake(
            "a penalty that was not asked for",
            "the KL is for use_kl_divergence=True only.",
            steps_without_penalty={"to": steps - 1},
            steps={"from": steps},
        ),
        *REBUILT,
        mistake(
            "trained on the test reviews",
            "train on train_texts; test_texts are for evaluate.",
            rows_of_test={"from": 1},
        ),
        mistake(
            "the same batch every step",
            "take the next reviews each step.",
            batches_repeated=1.0,
        ),
        last_batch_dropped(check, rows, "reviews"),
        *of_step_count(check, steps),
        mistake(
            "other texts than the reviews",
            "give the reviews of train_texts as they are.",
            rows_unknown={"from": 1},
        ),
        LEFT_OUT,
        used_again(rows),
        mistake(
            "several samples of each review",
            "sample each batch once, and learn from that sample.",
            sampled_again={"from": 0.5},
        ),
        *EVALUATED,
        mistake(
            "rewards is the maximum",
            "keep the mean reward of each batch.",
            rewards_off=SOME,
            rewards_off_maximum=NONE,
        ),
        *of_history("rewards", "mean reward"),
        *of_history("losses", "loss"),
        BY_HAND,
        LEFT_UNTRAINED,
    ]
    return {"right": right, "mistakes": named}


def learns(check: Check) -> Expected:
    """Return that the rewarded word becomes likelier, by the rewards of the texts."""
    steps, _ = step_count(check, check.inputs["count"])
    right = {
        "steps_along_losses": steps,
        "preference": {"from": 0.2},
        "rewards_changed": 0.0,
        "weights_moved_outside_steps": NONE,
    }
    if "stand_ins" in check.inputs:
        right |= {"rewards_as_columns": 0.0}
    same = "give compute_reinforce_loss the rewards that came with these texts."
    named = [
        *NOT_CALLED,
        mistake(
            "rewards as columns",
            "give compute_reinforce_loss one reward a text, of shape (B,).",
            rewards_as_columns={"from": 1},
        ),
        # A share, because a first batch may be an exception.
        mistake("rewards negated", same, rewards_negated={"from": 0.5}),
        mistake("the same reward for all", same, rewards_constant={"from": 0.5}),
        mistake("rewards of other texts", same, rewards_shuffled={"from": 0.5}),
        mistake("rewards changed", same, rewards_changed={"from": 0.01}),
        BY_HAND,
        *HELD,
        *RATE,
        *of_step_count(check, steps),
        mistake(
            "reviews left out",
            "one epoch goes over all of train_texts: look for a slice, a step or a break.",
            rows_never_trained={"from": 1},
            steps={"from": 1},
        ),
        CUT_OFF,
        mistake(
            "gradient ascent", "a minus sign is missing or one too many.", preference={"to": -0.02}
        ),
        too_little(steps),
        STILL,
        ELSEWHERE,
    ]
    return {"right": right, "mistakes": named}


def rollouts(check: Check) -> Expected:
    """Return that texts are sampled from the policy as it is, without dropout."""
    count = check.inputs.get("count", len(check.inputs["texts"]))
    steps, _ = step_count(check, count)
    right = {"dropout_on": 0.0, "sampled_off_policy": NONE, "steps": steps}
    right |= {"receipt": receipt(count), "lengths_off": 0.0, "reward_dropout": 0.0}
    named = [
        *NOT_CALLED,
        mistake(
            "dropout in the reward model",
            "the reward model is in evaluation mode: leave it there.",
            reward_dropout=1.0,
        ),
        mistake(
            "dropout on", "sample with model.eval(), whatever mode training uses.", dropout_on=1.0
        ),
        OTHER_LENGTHS,
        *HELD,
        *of_step_count(check, steps),
        mistake(
            "sampled from another model",
            "sample each batch from the model that is trained, as it is then.",
            sampled_off_policy=SOME,
        ),
    ]
    return {"right": right, "mistakes": named}


def steps_of(check: Check) -> tuple[Expected, list[dict[str, Any]]]:
    """Return that each step has its own gradient and one optimizer takes them, and mistakes."""
    rows = check.inputs.get("count", len(check.inputs["texts"]))
    steps, whole = step_count(check, rows)
    right: Expected = {
        "slopes": [1.0] * int(steps),
        "optimizers": 1.0,
        "direction_off": NONE,
        "rate_off": {"from": -1e-6, "to": 1e-6},
    }
    named = [
        *NOT_CALLED,
        *HELD,
        *REBUILT,
        *RATE,
        *of_step_count(check, steps),
        LEFT_OUT,
        used_again(rows),
        NOT_DIFFERENTIATED,
        CUT_OFF,
        PILED,
        mistake(
            "gradients are thrown away",
            "call optimizer.zero_grad() before backward, not between it and step.",
            slopes=[0.0] * int(steps),
        ),
        SOME_WITHOUT,
        *TURNED,
    ]
    if whole != steps:
        named.insert(0, last_batch_dropped(check, rows, "reviews"))
    return right, named


def optimizer(check: Check) -> Expected:
    """Return what a step is: one gradient, one optimizer, the learning rate that was given."""
    right, named = steps_of(check)
    own, kept = of_another_call("losses", "rewards")
    right |= {"weight_decay": {"to": MOST_DECAY}, "first_step": OF_ADAMW} | own
    return {"right": right, "mistakes": [*named, DECAYED, OTHER_OPTIMIZER, *kept]}


TRAINING_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "train.history": history,
    "train.learns": learns,
    "train.optimizer": optimizer,
    "train.rollouts": rollouts,
}
