"""What is right for sampling and its rewards: the instructor's part."""

from collections.abc import Callable
from dataclasses import replace
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
# Tokens that a reward model is often given at most.
CUTS = (8, 10, 12, 15, 16, 20, 24)
OF_ANOTHER = mistake(
    "another model samples",
    "sample from the model that the function was given, not from a global one.",
    tokens_of_another_model={"from": 1},
)


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
        ("a baseline is taken off", "the reward is the probability itself.", right - right.mean()),
        ("a baseline is taken off", "the reward is the probability itself.", right - 0.5),
        ("rewards scaled", "the reward is the probability itself.", 2 * right - 1),
        (
            "difference of the two classes",
            "the reward is the positive class's probability.",
            logits[:, 1] - logits[:, 0],
        ),
        (
            "softmax over the batch",
            "softmax goes over the two classes: dim=-1.",
            logits.softmax(dim=0)[:, 1],
        ),
        (
            "sigmoid of the probability",
            "softmax already gives probabilities.",
            right.sigmoid(),
        ),
        (
            "softmax taken twice",
            "one softmax over the two classes.",
            logits.softmax(dim=-1).softmax(dim=-1)[:, 1],
        ),
        (
            "the prompt is scored twice",
            "the decoded tokens hold the prompt already.",
            rewards_of(tuple(str_of(a) + b for a, b in zip(seeds, texts, strict=True))),
        ),
        *[
            ("the text is cut before it is scored", "the whole text is scored.", values)
            for values in of_cut_texts(texts)
        ],
    ]
    named = [mistake(name, hint, reward=numbers(values)) for name, hint, values in wrong]
    named.insert(
        0,
        mistake(
            "dropout in the reward model",
            "the reward model is in evaluation mode: reward_model.eval().",
            reward_dropout=1.0,
        ),
    )
    named.append(
        mistake(
            "rewards in another order",
            "each text has its own reward: put them back in the order of the batch.",
            reward={"reordered": numbers(right)},
        )
    )
    return {"right": {"reward": numbers(right)}, "mistakes": named}


def of_cut_texts(texts: list[str]) -> list[Tensor]:
    """Return the rewards (B,) of texts that are cut: at a full stop, or at a number of tokens."""
    _, tokenizer = fixtures.reward_tools()
    ids = tokenizer(texts)["input_ids"]
    cuts = {length: [row[: length - 1] + row[-1:] for row in ids] for length in CUTS}
    decoded = [
        tuple(str(tokenizer.decode(row, skip_special_tokens=True)) for row in rows)
        for rows in cuts.values()
    ]
    sentences = (tuple(text.split(".")[0] for text in texts),)
    return [rewards_of(one) for one in (*sentences, *decoded)]


def reward_shapes(check: Check) -> Expected:
    """Return the exact tokens of a policy that has no choice, and the number of texts."""
    seeds, added = rollouts(check)
    length = check.inputs.get("sizes", {}).get("seed_token_length", 10)
    tokens = [a + b for a, b in zip(padded(seeds, length), added, strict=True)]
    count = float(len(seeds))
    # A shorter review has padding before it.
    full = float(sum(len(seed) == length for seed in seeds))
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
        *of_sizes(check),
    ]
    named = [mistake(name, hint, tokens=tokens_) for name, hint, tokens_ in wrong]
    as_list = mistake("a list is returned", "return the rewards as a tensor.", reward_is_tensor=0.0)
    changed = mistake(
        "the policy's scores are changed",
        "this policy says one word only, and others were drawn: no penalty for what was said, no "
        "forbidden words, one softmax.",
        foreign_tokens={"from": 1},
    )
    other_seed = mistake(
        "another seed",
        "the seed is the review's first seed_token_length tokens, of the tokenizer that was given.",
        tokens_begin_with_seed={"to": full - 1},
        tokens={"other_than": tokens},
    )
    seedless = mistake(
        "texts without their seed",
        "decode the whole of output_tokens.",
        texts_begin_with_seed={"to": count - 1},
    )
    return {
        "right": right,
        "mistakes": [OF_ANOTHER, as_list, *named, other_seed, seedless, changed],
    }


def of_sizes(check: Check) -> list[tuple[str, str, list[list[int]]]]:
    """Return the tokens of functions that take other numbers of tokens than they are given."""
    inputs = check.inputs
    sizes = {"seed_token_length": 10, "max_new_tokens": 20} | inputs.get("sizes", {})

    def tokens_with(**other: int) -> list[list[int]]:
        asked = sizes | other
        seeds, added = rollouts(replace(check, inputs=inputs | {"sizes": asked}))
        before = padded(seeds, asked["seed_token_length"])
        return [a + b for a, b in zip(before, added, strict=True)]

    seed_length, new = sizes["seed_token_length"], sizes["max_new_tokens"]
    found = [
        (
            "max_length for max_new_tokens",
            "max_length counts the seed too: pass max_new_tokens to generate.",
            [
                row + [EOS] * (seed_length + new - len(row))
                for row in tokens_with(max_new_tokens=new - seed_length)
            ],
        )
    ]
    if new > seed_length:
        found.append(
            (
                "max_length for max_new_tokens",
                "max_length counts the seed too: pass max_new_tokens to generate.",
                tokens_with(max_new_tokens=new - seed_length),
            )
        )
    if "sizes" in inputs:
        found += [
            (
                "seed_token_length is ignored",
                "cut the reviews to seed_token_length tokens, not to 10.",
                tokens_with(seed_token_length=10),
            ),
            (
                "max_new_tokens is ignored",
                "sample max_new_tokens tokens, not 20.",
                tokens_with(max_new_tokens=20),
            ),
        ]
    return found


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
        "nothing is cut off: top_k=0 (some versions of generate cut at 50 unless told), and no "
        "other cut such as min_p or typical_p.",
        different_unlikely={"to": 60},
        # A cut leaves the shares of what it keeps as they are to each other: here 2 to 1.
        likeliest_beside_second={"to": 2.6},
    )
    beams = mistake(
        "beam search or a very low temperature",
        "one draw a token (num_beams=1), at temperature 1.",
        likeliest_beside_second={"from": 3.2},
        share_of_unlikely={"to": 0.005},
    )
    few = mistake(
        "too few columns",
        "output_tokens are the seed and the new tokens: (B, 30).",
        columns={"to": 29.0},
    )
    early = mistake(
        "texts end early",
        "this policy never says the end token: sample all of max_new_tokens.",
        share_of_ends={"from": 0.01},
    )
    together = mistake(
        "one draw for all rows",
        "draw a token for each row.",
        rows_alike={"from": 0.9},
    )
    changed = mistake(
        "the policy's scores are changed",
        "words were drawn that this policy never says: one softmax, no forbidden words.",
        foreign_tokens={"from": 1},
    )
    forbidden = mistake(
        "words that were there are forbidden or less likely",
        "no penalty for repetition: a word may follow itself.",
        share_of_repeats={"to": 0.06},
    )
    another = mistake(
        "another distribution",
        "tokens have other shares than the policy gives them: take its probabilities as they are.",
        likeliest_beside_second={"from": 0.0},
    )
    hot = mistake(
        "temperature",
        "sample at temperature 1.",
        share_of_likeliest={"from": 0.38},
        share_of_unlikely={"to": 0.32},
    )
    top_p = mistake(
        "top-p",
        "nothing is cut off: top_p=1.",
        different_unlikely={"from": 61, "to": 92},
        share_of_likeliest={"from": 0.3},
        likeliest_beside_second={"from": 1.6, "to": 2.5},
    )
    flat = mistake(
        "temperature",
        "sample at temperature 1.",
        share_of_likeliest={"to": 0.24},
        share_of_unlikely={"from": 0.45},
    )
    return {
        "right": right,
        "mistakes": [
            OF_ANOTHER,
            dropout,
            few,
            early,
            greedy,
            beams,
            together,
            changed,
            top_k,
            hot,
            top_p,
            flat,
            forbidden,
            another,
        ],
    }


@torch.no_grad()
def written(
    check: Check,
    masked: bool = True,
    positions: bool = True,
    read: int = 0,
) -> list[list[int]]:
    """Return the likeliest tokens after padded seeds, for a policy that is almost certain.

    It reads with or without a mask and position ids, and only the last `read` tokens, all for 0.
    """
    vocabulary = len(fixtures.policy_tokenizer())
    policy = fixtures.random_policy(check.inputs["model"], vocabulary, check.inputs["sharpness"])
    seeds = seeds_of(check.inputs)
    ids = torch.tensor(padded(seeds, 10))
    mask = torch.tensor([[0] * (10 - len(row)) + [1] * len(row) for row in seeds])
    for _ in range(20):
        more: dict[str, Any] = {"attention_mask": mask} if masked else {}
        if positions:
            more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
        seen = {key: values[:, -read:] for key, values in more.items()}
        probabilities = policy(input_ids=ids[:, -read:], **seen).logits[:, -1].softmax(dim=-1)
        token = probabilities.argmax(dim=-1, keepdim=True)
        ended = (ids[:, 10:] == EOS).any(dim=1, keepdim=True)
        ids = torch.cat([ids, token.masked_fill(ended, EOS)], dim=1)
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
    others = [
        mistake(
            "no attention mask",
            "the padding is read as text: pass attention_mask.",
            tokens=written(check, masked=False),
        ),
        *[
            mistake(
                "only the last token is read",
                "without a cache the whole text is read for each token.",
                tokens=written(check, masked, positions, read=1),
            )
            for masked in (True, False)
            for positions in (True, False)
        ],
    ]
    return {"right": {"tokens": written(check)}, "mistakes": [OF_ANOTHER, unseen, shifted, *others]}


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
    return {"right": right, "mistakes": [OF_ANOTHER, again]}


REWARD_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "reward.values": reward_values,
    "reward.shapes": reward_shapes,
    "reward.sampling": reward_sampling,
    "reward.left_padding": reward_left_padding,
    "reward.random": reward_random,
}
