"""The public checks: which function, which probe, on which inputs, for how many points.

What is expected is in expected.json, which `python -m a3lib.kit.checks.answers.write` writes. Long,
because it is a list of cases, function by function.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

# Points of the handout, per exercise; a person marks the fifth, the write-up.
POINTS = {1: 15, 2: 20, 3: 15, 4: 35, 5: 15}
EXERCISES = {
    "compute_reward_for_mini_batch": 1,
    "evaluate": 1,
    "compute_reinforce_loss": 2,
    "reset_model_optimizer": 2,
    "train": 2,
    "compute_kl_divergence": 3,
    "compute_DPO_loss": 4,
    "create_labels_from_attention_mask": 4,
    "_get_batch_logps": 4,
    "get_log_probs": 4,
    "train_DPO": 4,
}

REVIEWS = (
    "I saw this movie at the cinema with my sister last night. I liked every minute of it.",
    "This film is about a teacher who wants to leave the army. The ending was dull.",
    "We went to the festival with some friends and saw this picture last weekend.",
    "The script and the camera work are really bad. It was a waste of my time.",
    "This movie is about a pilot who goes back home in a cold winter. It made me smile.",
)
# Tokens of the tiny world: " the", " great" and " bad".
NEUTRAL, POSITIVE, NEGATIVE = 264, 496, 610
ONLY_NEUTRAL = [[NEUTRAL, 0.0]]
# A few likely words and a hundred unlikely ones, which a cut such as top-k loses.
SECOND = 305
LIKELY = [[NEUTRAL, 0.30], [SECOND, 0.15], [348, 0.08], [287, 0.05], [316, 0.02]]
UNLIKELY = list(range(600, 700))
WORDS = {"positive": POSITIVE, "negative": NEGATIVE}
MANY_REVIEWS, MANY_PAIRS = 2090, 290


@dataclass(frozen=True)
class Check:
    """One behaviour of one function; `second_try` is the same with stand-ins for the others.

    A `hidden` check is not shown to students; of a `graded` one they see all but its numbers.
    """

    name: str
    function: str
    title: str
    probe: str
    inputs: dict[str, Any]
    points: float
    hidden: bool = False
    exercise: int = 0
    second_try: dict[str, Any] | None = None
    graded: bool = False

    def __post_init__(self) -> None:
        if not self.exercise:
            object.__setattr__(self, "exercise", EXERCISES[self.function])


def tokens(rows: int, start: int = 0) -> list[list[int]]:
    """Return token ids (rows, 30) of a random policy; none is the end token."""
    return [
        [(7 * b + 5 * t + t * t) % 30 + 1 for t in range(30)] for b in range(start, start + rows)
    ]


def sampling_logits() -> list[list[float]]:
    """Return the log-probabilities of the likely words and of the hundred unlikely ones.

    No two of the unlikely ones are equal: top-k keeps all that are as likely as the k-th.
    """
    likely = [[token, math.log(share)] for token, share in LIKELY]
    count = len(UNLIKELY)
    weights = [1.1 - 0.2 * index / (count - 1) for index in range(count)]
    unlikely = zip(UNLIKELY, weights, strict=True)
    return likely + [[token, math.log(0.40 * weight / count)] for token, weight in unlikely]


def public_checks() -> tuple[Check, ...]:
    """Return all public checks, in the order of the assignment."""
    return (
        *reward_checks(),
        *evaluate_checks(),
        *reinforce_checks(),
        *train_checks(),
        *kl_checks(),
        *dpo_checks(),
        *label_checks(),
        *log_prob_checks(),
        *train_dpo_checks(),
    )


def reward_checks() -> list[Check]:
    """Return the checks of compute_reward_for_mini_batch."""
    # In no order of their lengths, so that sorting shows.
    short = {"texts": [REVIEWS[0], "Fine film.", REVIEWS[1]], "logits": ONLY_NEUTRAL}
    sampling = {
        "texts": [REVIEWS[0]] * 64,
        "logits": sampling_logits(),
        "likeliest": NEUTRAL,
        "second": SECOND,
        "unlikely": UNLIKELY,
        "new_tokens": 20,
    }
    padding = {"texts": ["Fine film.", REVIEWS[1], "The script"], "model": 48, "sharpness": 400.0}
    random = {"texts": [*REVIEWS[:3]], "logits": sampling_logits(), "again": 1, "seed": 1}
    check = partial(Check, function="compute_reward_for_mini_batch", probe="reward")
    return [
        check(
            name="reward.shapes",
            title="shapes, and the seed at the beginning",
            inputs=short,
            points=2,
        ),
        check(name="reward.values", title="rewards of known texts", inputs=short, points=2),
        check(
            name="reward.sampling",
            title="tokens are drawn from the policy",
            inputs=sampling,
            points=2,
        ),
        check(
            name="reward.left_padding",
            title="padding on the left is not seen",
            inputs=padding,
            points=1,
        ),
        check(name="reward.random", title="each call draws anew", inputs=random, points=1),
    ]


def evaluate_checks() -> list[Check]:
    """Return the checks of evaluate."""
    inputs = {"texts": [*REVIEWS], "logits": ONLY_NEUTRAL, "batch_size": 2}
    # Some reviews are equal, as some of IMDB's are.
    many = {"texts": [*REVIEWS, *REVIEWS[1:3]], "count": 1090, "noise": 45, "many_batch_size": 80}
    second = {"rewards": [0.1, 0.6, 0.9, 0.65, 0.7], "stand_in": 1}
    titles = {
        "mean": ("the mean is over reviews, not batches", 2),
        "generations": ("one text and one reward a review, in order", 1),
        "no_gradients": ("no gradients are recorded", 1),
    }
    return [
        Check(
            name=f"evaluate.{name}",
            function="evaluate",
            title=title,
            probe="evaluate",
            inputs=inputs | many if name == "generations" else inputs,
            points=points,
            second_try=second,
        )
        for name, (title, points) in titles.items()
    ]


def reinforce_checks() -> list[Check]:
    """Return the checks of compute_reinforce_loss."""
    inputs = {"model": 2, "tokens": tokens(3), "reward": [0.9, 0.15, 0.4]}
    five = {"model": 2, "tokens": tokens(5), "reward": [0.9, 0.1, 0.4, 0.3, 0.7]}
    two = {"model": 3, "tokens": tokens(2), "reward": [1.0, 0.0], "lr": 0.001}
    constant = inputs | {"reward_requires_grad": 1}
    check = partial(Check, function="compute_reinforce_loss", probe="reinforce_loss")
    return [
        check(
            name="reinforce_loss.values",
            title="the loss of known tokens and rewards",
            inputs=inputs,
            points=4,
        ),
        check(
            name="reinforce_loss.log_probs", title="log_probs (B, 30, V)", inputs=inputs, points=2
        ),
        check(
            name="reinforce_loss.gradient",
            title="the policy gets its gradient",
            inputs=inputs,
            points=2,
        ),
        check(
            name="reinforce_loss.constant",
            title="the reward is not differentiated",
            inputs=constant,
            points=1,
            # Or train detaches it, and the loss gets a constant.
            second_try=WORDS
            | {
                "through_train": 1,
                "stand_ins": "followed",
                "texts": [*REVIEWS],
                "noise": 46,
                "arguments": {"lr": 0.1, "batch_size": 2},
            },
        ),
        check(
            name="reinforce_loss.unchanged",
            title="the rewards stay as they were",
            inputs=inputs,
            points=1,
        ),
        check(
            name="reinforce_loss.batches",
            title="5 texts weigh as 2 + 2 + 1",
            probe="reinforce_batches",
            inputs=five | {"sizes": [2, 2, 1]},
            points=1,
        ),
        check(
            name="reinforce_loss.direction",
            title="a step makes the rewarded text likelier",
            probe="reinforce_direction",
            inputs=two,
            points=1,
        ),
    ]


def train_checks() -> list[Check]:
    """Return the checks of reset_model_optimizer, and of train without a penalty."""
    few = WORDS | {"texts": [*REVIEWS], "noise": 41, "arguments": {"lr": 0.1, "batch_size": 2}}
    # A slice, or a last step, that was left in from debugging shows only where there is more.
    many = few | {"count": MANY_REVIEWS, "arguments": {"lr": 0.01, "batch_size": 20}}
    some = few | {"count": 62, "arguments": {"lr": 0.1, "batch_size": 6}}
    followed, word = {"stand_ins": "followed"}, {"stand_ins": "word"}
    reset = partial(Check, function="reset_model_optimizer", probe="reset")
    train = partial(Check, function="train", probe="train")
    return [
        reset(
            name="reset.weights",
            title="the original weights are back",
            inputs={"model": 3},
            points=0.5,
        ),
        reset(
            name="reset.optimizer",
            title="a new optimizer of the new model",
            inputs={"model": 3, "lr": [0.01]},
            points=0.5,
        ),
        train(
            name="train.history",
            title="one epoch of all reviews, from the original weights",
            inputs=many | followed,
            points=1,
        ),
        train(
            name="train.learns",
            title="the rewarded word becomes likelier",
            inputs=some,
            points=1,
            second_try=word,
        ),
        train(
            name="train.optimizer",
            title="one optimizer, one gradient a step",
            inputs=some | followed | {"another_call": 1},
            points=1,
        ),
        train(
            name="train.rollouts",
            title="dropout is off while sampling",
            inputs=few,
            points=1,
            second_try=followed | {"work_first": 1},
        ),
    ]


def kl_checks() -> list[Check]:
    """Return the checks of compute_kl_divergence, and of train with a penalty."""
    inputs = {"model": 2, "tokens": tokens(3), "noise": 16}
    identity = {"model": 2, "tokens": tokens(2), "other": 6}
    penalty = {
        "stand_ins": "followed",
        "another_call": 1,
        "count": 26,
        "arguments": {"lr": 0.1, "batch_size": 4, "alpha": 1.6, "use_kl_divergence": True},
    }
    reference = WORDS | {
        "texts": [*REVIEWS],
        "noise": 42,
        # A reference that is put to the policy's weights now and then moves late.
        "count": 25,
        "arguments": {"lr": 0.1, "batch_size": 2, "alpha": 0.01, "use_kl_divergence": True},
    }
    kl = partial(Check, function="compute_kl_divergence", probe="kl_divergence")
    train = partial(Check, function="train", probe="train", exercise=3)
    return [
        kl(
            name="kl.values", title="the divergence of known distributions", inputs=inputs, points=4
        ),
        kl(name="kl.gradient", title="the policy gets its gradient", inputs=inputs, points=2),
        kl(
            name="kl.identity",
            title="0 for equal policies, above 0 else",
            probe="kl_identity",
            inputs=identity,
            points=2,
        ),
        train(
            name="train.penalty",
            title="alpha times the KL is added",
            inputs=reference | penalty,
            points=2,
        ),
        train(
            name="train.reference",
            title="the original model stays as it is",
            inputs=reference,
            points=2,
            second_try={"stand_ins": "followed", "work_first": 1},
        ),
    ]


def dpo_checks() -> list[Check]:
    """Return the checks of compute_DPO_loss."""
    sums = {
        "chosen": [-10.0, -12.5, -9.0],
        "rejected": [-11.0, -10.0, -14.0],
        "reference_chosen": [-10.5, -11.0, -9.5],
        "reference_rejected": [-10.0, -10.5, -12.0],
    }
    far = {
        "chosen": [-400.0, -5.0],
        "rejected": [-10.0, -390.0],
        "reference_chosen": [-10.0, -10.0],
        "reference_rejected": [-10.0, -10.0],
        "beta": 1.0,
    }
    with_beta = sums | {"beta": 0.4}
    check = partial(Check, function="compute_DPO_loss", probe="dpo_loss")
    return [
        check(name="dpo_loss.values", title="the loss of known sums", inputs=with_beta, points=4),
        check(
            name="dpo_loss.default_beta", title="beta is 0.1 unless given", inputs=sums, points=1
        ),
        check(
            name="dpo_loss.gradient",
            title="both sides get their gradient",
            inputs=with_beta,
            points=2,
        ),
        check(
            name="dpo_loss.extreme", title="finite where pairs are far apart", inputs=far, points=1
        ),
    ]


def label_checks() -> list[Check]:
    """Return the checks of create_labels_from_attention_mask."""
    inputs = {
        "input_ids": [[0, 0, 17, 23, 5, 9, 12], [4, 8, 15, 16, 23, 28, 30], [0, 0, 0, 0, 2, 7, 1]],
        "attention_mask": [[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1]],
        "prompt_lengths": [2, 3, 1],
    }
    with_end = {
        "input_ids": [[0, 0, 17, 23, 5, 9, 0], [4, 8, 15, 0, 23, 28, 0]],
        "attention_mask": [[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]],
        "prompt_lengths": [2, 3],
    }
    check = partial(Check, function="create_labels_from_attention_mask", probe="labels")
    return [
        check(name="labels.values", title="prompt and padding are -100", inputs=inputs, points=3),
        check(
            name="labels.eos", title="an EOS in the completion counts", inputs=with_end, points=2
        ),
        check(
            name="labels.unchanged", title="input_ids stay as they were", inputs=inputs, points=1
        ),
    ]


def log_prob_checks() -> list[Check]:
    """Return the checks of _get_batch_logps and get_log_probs."""
    inputs = {
        "labels": [
            [-100, -100, 3, 4, 0, 6],
            [-100, 2, 5, -100, 1, 3],
            [-100, -100, -100, -100, 2, 2],
        ],
        "vocabulary": 7,
        "noise": 3,
    }
    ids = [[3, 9, 27, 21, 4, 12], [8, 1, 30, 2, 19, 5]]
    full = {
        "model": 4,
        "input_ids": ids,
        "attention_mask": [[1] * 6] * 2,
        "labels": [[-100, -100, *ids[0][2:]], [-100, -100, -100, *ids[1][3:]]],
        "prompt_lengths": [2, 3],
    }
    # An end token inside the second text is text.
    ended = [8, 8, 1, 30, 0, 19, 5]
    padded = full | {
        "input_ids": [[0, 0, 0, *ids[0][:4]], ended],
        "attention_mask": [[0, 0, 0, 1, 1, 1, 1], [1] * 7],
        "labels": [[-100] * 4 + ids[0][1:4], [-100] * 4 + ended[4:]],
        "prompt_lengths": [1, 4],
    }
    second = {"stand_in": 1}
    sums = partial(Check, function="_get_batch_logps", probe="batch_logps")
    scored = partial(Check, function="get_log_probs", probe="log_probs")
    return [
        sums(
            name="batch_logps.values",
            title="sums of the labels' log-probs",
            inputs=inputs,
            points=3,
        ),
        sums(
            name="batch_logps.average",
            title="means where they are asked for",
            inputs=inputs | {"average": 1},
            points=1,
        ),
        sums(
            name="batch_logps.gradient",
            title="the logits get their gradient",
            inputs=inputs,
            points=1,
        ),
        sums(
            name="batch_logps.unchanged", title="labels stay as they were", inputs=inputs, points=1
        ),
        scored(
            name="log_probs.values",
            title="log-probs of completions",
            inputs=full,
            points=2,
            second_try=second,
        ),
        scored(
            name="log_probs.gradient",
            title="the policy gets its gradient",
            inputs=full,
            points=2,
            second_try=second,
        ),
        scored(
            name="log_probs.left_padding",
            title="padding on the left changes nothing",
            inputs=padded,
            points=1,
            second_try=second,
        ),
    ]


def train_dpo_checks() -> list[Check]:
    """Return the checks of train_DPO."""
    few: dict[str, Any] = WORDS | {
        "texts": [*REVIEWS[:2]],
        "pairs": [5, 3],
        "noise": 43,
        "arguments": {"beta": 0.5, "lr": 0.05, "batch_size": 2},
    }
    followed = few | {
        "pairs": [MANY_PAIRS, 107],
        "arguments": {"beta": 0.5, "lr": 0.05, "batch_size": 30},
        "stand_ins": "followed",
    }
    # Some texts are longer than the model may read.
    long = few | {"pairs": [23, 3], "long": 60, "arguments": few["arguments"] | {"max_length": 44}}
    # A loop may have a forward pass of its own, where get_log_probs is not asked.
    second: dict[str, dict[str, Any]]
    second = {name: {"stand_ins": "word"} for name in ("start", "learns", "reference")}
    second |= {name: {"stand_ins": "count"} for name in ("history", "test_loss")}
    second["reference"] |= {"work_first": 1}
    parts = {
        "history": (
            "two epochs of all pairs, from the original weights",
            followed,
            1,
        ),
        "start": ("the loss begins at ln 2", few | {"another_call": 1}, 1),
        "learns": ("the chosen word becomes likelier", few, 1),
        "test_loss": ("the test loss is a mean over pairs", followed | {"work_first": 1}, 1),
        "reference": ("one optimizer, a reference that stays, and max_length", long, 1),
    }
    return [
        Check(
            name=f"train_dpo.{name}",
            function="train_DPO",
            title=title,
            probe="train_dpo",
            inputs=part_inputs,
            points=points,
            second_try=second[name],
        )
        for name, (title, part_inputs, points) in parts.items()
    ]
