"""What is right for sampling, rewards and evaluation: the instructor's part."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import LIKELY, UNLIKELY, Check
from a3lib.kit.checks.probes.sampling import seeds_of
from a3lib.kit.checks.probes.spies import numbers

EOS = 0
# Nothing is right of an evaluation that looked at no model's work.
WORKED = {"worked": 1.0}


def rollouts(check: Check) -> tuple[list[list[int]], list[list[int]]]:
    """Return each text's seed tokens and the tokens that the policy, which has no choice, adds."""
    token = int(check.inputs["logits"][0][0])
    seeds = seeds_of(check.inputs)
    count = check.inputs.get("sizes", {}).get("max_new_tokens", 20)
    return seeds, [[token] * count for _ in seeds]


def str_of(row: list[int]) -> str:
    """Return the text of a row of tokens."""
    return str(fixtures.policy_tokenizer().decode(row))


def padded(rows: list[list[int]], length: int) -> list[list[int]]:
    """Return rows of tokens with EOS before them, so that each has this length."""
    return [[EOS] * (length - len(row)) + row for row in rows]


@torch.no_grad()
def classify(texts: list[str], seen: bool = True) -> Tensor:
    """Return the classifier's logits (B, 2); without `seen`, padding has no attention mask."""
    model, tokenizer = fixtures.reward_tools()
    rows = tokenizer(texts, padding=True, return_tensors="pt")
    mask = rows["attention_mask"] if seen else torch.ones_like(rows["attention_mask"])
    return model(rows["input_ids"], mask).logits.double()


@cache
def rewards_of(texts: tuple[str, ...]) -> Tensor:
    """Return P(positive) of each text, (len(texts),)."""
    return classify([*texts]).softmax(dim=-1)[:, 1]


def reward_values(check: Check) -> Expected:
    """Return the rewards of known texts, and what other ways to score them give."""
    seeds, added = rollouts(check)
    length = check.inputs.get("sizes", {}).get("seed_token_length", 10)
    both = [a + b for a, b in zip(seeds, added, strict=True)]
    texts = [str_of(row) for row in both]
    with_padding = [
        str_of(row + more) for row, more in zip(padded(seeds, length), added, strict=True)
    ]
    logits = classify(texts)
    right = rewards_of(tuple(texts))
    wrong = [
        ("negative class", "the positive class is the second one, index 1.", 1 - right),
        ("sigmoid of one logit", "take softmax over both classes.", logits[:, 1].sigmoid()),
        ("sigmoid of one logit", "take softmax over both classes.", logits[:, 0].sigmoid()),
        ("logits", "turn them into probabilities with softmax.", logits[:, 1]),
        ("logarithm", "the reward is the probability itself.", right.log()),
        ("hard labels", "the reward is a probability, not the class.", (right > 0.5).double()),
        (
            "only the prompt is scored",
            "decode the prompt with its continuation.",
            rewards_of(tuple(str_of(row) for row in seeds)),
        ),
        (
            "only the continuation is scored",
            "decode the prompt with its continuation.",
            rewards_of(tuple(str_of(row) for row in added)),
        ),
        (
            "padding is scored",
            "decode with skip_special_tokens=True.",
            rewards_of(tuple(with_padding)),
        ),
        (
            "the whole review is scored",
            "score what the model wrote.",
            rewards_of(tuple(check.inputs["texts"])),
        ),
        (
            "no attention mask for the reward model",
            "pass attention_mask, or its padding is read as text.",
            classify(texts, seen=False).softmax(dim=-1)[:, 1],
        ),
        ("mean over the batch", "return one reward a text, (B,).", right.mean()),
    ]
    named = [mistake(name, hint, reward=numbers(values)) for name, hint, values in wrong]
    return {"right": {"reward": numbers(right)}, "mistakes": named}


def reward_shapes(check: Check) -> Expected:
    """Return the exact tokens of a policy that has no choice, and the number of texts."""
    seeds, added = rollouts(check)
    length = check.inputs.get("sizes", {}).get("seed_token_length", 10)
    tokens = [a + b for a, b in zip(padded(seeds, length), added, strict=True)]
    count = float(len(seeds))
    right = {
        "tokens": tokens,
        "text_count": count,
        "texts_begin_with_seed": count,
        "reward_is_tensor": 1.0,
    }
    whole = fixtures.policy_tokenizer()(list(check.inputs["texts"]))["input_ids"]
    ends = [row[-length:] for row in whole]
    after = [row + [EOS] * (length - len(row)) for row in seeds]
    wrong = [
        ("only the continuation is returned", "output_tokens hold the seed too.", added),
        (
            "seed from the end of the review",
            "the seed is the review's first tokens.",
            [a + b for a, b in zip(padded(ends, length), added, strict=True)],
        ),
        (
            "padding on the right",
            "pad on the left, so that the policy writes on where the text ends.",
            [a + b for a, b in zip(after, added, strict=True)],
        ),
    ]
    named = [mistake(name, hint, tokens=tokens_) for name, hint, tokens_ in wrong]
    as_list = mistake("a list is returned", "return the rewards as a tensor.", reward_is_tensor=0.0)
    seedless = mistake(
        "texts without their seed",
        "decode the whole of output_tokens.",
        texts_begin_with_seed={"to": count - 1},
    )
    return {"right": right, "mistakes": [as_list, *named, seedless]}


def reward_sampling(check: Check) -> Expected:
    """Return how often likely and unlikely tokens are drawn: within 4.5 standard deviations."""
    draws = len(check.inputs["texts"]) * check.inputs["new_tokens"]

    def share(p: float) -> dict[str, float]:
        off = 4.5 * (p * (1 - p) / draws) ** 0.5
        return {"from": p - off, "to": p + off}

    right = {
        "share_of_likeliest": share(LIKELY[0][1]),
        "share_of_unlikely": share(0.40),
        # One of the hundred is never drawn with probability 0.6 %.
        "different_unlikely": {"from": len(UNLIKELY) - 6},
        "dropout_on": 0.0,
    }
    dropout = mistake(
        "dropout on",
        "call model.eval() before sampling; generate does not do it.",
        dropout_on=1.0,
    )
    greedy = mistake(
        "greedy", "sample: do_sample=True, or multinomial.", share_of_likeliest={"from": 0.99}
    )
    top_k = mistake(
        "top-k",
        "nothing is cut off: top_k=0 (some versions of generate cut at 50 unless told).",
        different_unlikely={"to": 60},
    )
    hot = mistake(
        "temperature",
        "sample at temperature 1.",
        share_of_likeliest={"from": 0.38},
        share_of_unlikely={"to": 0.32},
        different_unlikely={"from": 61},
    )
    top_p = mistake(
        "top-p", "nothing is cut off: top_p=1.", different_unlikely={"from": 61, "to": 92}
    )
    flat = mistake(
        "temperature",
        "sample at temperature 1.",
        share_of_likeliest={"to": 0.24},
        share_of_unlikely={"from": 0.45},
    )
    return {"right": right, "mistakes": [dropout, greedy, hot, top_k, top_p, flat]}


@torch.no_grad()
def written(check: Check, masked: bool, positions: bool) -> list[list[int]]:
    """Return the likeliest tokens after padded seeds, for a policy that is almost certain."""
    vocabulary = len(fixtures.policy_tokenizer())
    policy = fixtures.random_policy(check.inputs["model"], vocabulary, check.inputs["sharpness"])
    seeds = seeds_of(check.inputs)
    ids = torch.tensor(padded(seeds, 10))
    mask = torch.tensor([[0] * (10 - len(row)) + [1] * len(row) for row in seeds])
    for _ in range(20):
        more: dict[str, Any] = {"attention_mask": mask} if masked else {}
        if masked and positions:
            more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
        probabilities = policy(input_ids=ids, **more).logits[:, -1].softmax(dim=-1)
        ids = torch.cat([ids, probabilities.argmax(dim=-1, keepdim=True)], dim=1)
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    return numbers(ids)


def reward_left_padding(check: Check) -> Expected:
    """Return what a policy that is almost certain writes after seeds of different lengths."""
    unseen = mistake(
        "no attention mask",
        "the padding is read as text: pass attention_mask to generate.",
        tokens=written(check, masked=False, positions=False),
    )
    shifted = mistake(
        "no position ids",
        "GPT-2 counts padding as positions: give it position_ids from the attention mask.",
        tokens=written(check, masked=True, positions=False),
    )
    right = {"tokens": written(check, masked=True, positions=True)}
    return {"right": right, "mistakes": [unseen, shifted]}


def reward_random(check: Check) -> Expected:
    """Return that two calls differ."""
    again = mistake(
        "every call gives the same texts",
        "do not set a seed, and sample, inside the function.",
        repeats_itself=1.0,
    )
    count = float(len(check.inputs["texts"]))
    right = {
        "repeats_itself": 0.0,
        "text_count": count,
        "tokens_begin_with_seed": count,
        "foreign_tokens": 0.0,
    }
    return {"right": right, "mistakes": [again]}


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
    ]
    lost = mistake(
        "texts are missing", "collect those of every batch.", text_count={"to": count - 1}
    )
    recorded = mistake(
        "evaluation with gradients on", "put it under torch.no_grad().", gradients_on=1.0
    )
    part = check.name.split(".")[1]
    if part == "generations":
        every = ("text_count", "texts_in_order", "texts_continued")
        return {"right": dict.fromkeys(every, float(count)) | WORKED, "mistakes": [lost]}
    if part == "no_gradients":
        right = {"gradients_on": 0.0, "text_count": float(count)} | WORKED
        return {"right": right, "mistakes": [recorded]}
    named = [mistake(name, hint, reward=numbers(value)) for name, hint, value in wrong]
    return {"right": {"reward": numbers(rewards.mean())} | WORKED, "mistakes": named}


def reset(check: Check) -> Expected:
    """Return that the weights are the checkpoint's and the optimizer is new."""
    kept = mistake(
        "weights not reset",
        "load the original weights again.",
        difference_to_checkpoint={"from": 1e-3},
    )
    other = mistake(
        "optimizer of another model",
        "make the optimizer after the model, with the new model's parameters.",
        parameters_in_optimizer=0.0,
    )
    slow = mistake("learning rate ignored", "pass lr to the optimizer.", lr={"from": 0.0})
    if check.name == "reset.weights":
        return {"right": {"difference_to_checkpoint": 0.0}, "mistakes": [kept]}
    right = {
        "parameters_in_optimizer": 1.0,
        "lr": check.inputs["lr"][0],
        "state_of_optimizer": 0.0,
    }
    return {"right": right, "mistakes": [other, slow]}


SAMPLING_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "reward.values": reward_values,
    "reward.shapes": reward_shapes,
    "reward.sampling": reward_sampling,
    "reward.left_padding": reward_left_padding,
    "reward.random": reward_random,
    **{f"evaluate.{part}": evaluate for part in ("mean", "generations", "no_gradients")},
    "reset.weights": reset,
    "reset.optimizer": reset,
}
