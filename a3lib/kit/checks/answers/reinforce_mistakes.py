"""What known mistakes give for the REINFORCE loss: the instructor's part."""

from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.log_probs import TEMPERATURES, model_log_probs, picked
from a3lib.kit.checks.answers.mistakes import mistake
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import numbers
from a3lib.kit.checks.probes.tensors import ANOTHER

SEED, LENGTH = 10, 30


def reinforce_parts(check: Check, rows: slice = slice(None)) -> tuple[Any, Tensor, Tensor, Tensor]:
    """Return the model, the tokens, the rewards and log_probs (B, 30, V) of a check, in float64."""
    model = fixtures.random_policy(check.inputs["model"]).double()
    ids = torch.tensor(check.inputs["tokens"])[rows]
    rewards = torch.tensor(check.inputs["reward"], dtype=torch.float64)[rows]
    return model, ids, rewards, model_log_probs(model, ids)


DISCOUNTS = (0.9, 0.95, 0.99)
CLAMPS = (1, 2, 3, 5, 10)
GENERATED, PREDICTED = range(SEED, LENGTH), range(1, LENGTH)


def reinforce_value(ids: Tensor, rewards: Tensor, scores: Tensor, columns: range) -> Tensor:
    """Return the mean over texts of -reward times the sum of log p, a scalar.

    ids (B, T), rewards (B,), scores (B, T, V); `columns` are the completion's. Source: handout,
    section 2.
    """
    return -(rewards * picked(scores, ids, columns).sum(dim=1)).mean()


def reinforce_mistakes(check: Check) -> list[dict[str, Any]]:
    """Return what known mistakes give for the REINFORCE loss, for either choice of positions."""
    model, ids, rewards, scores = reinforce_parts(check)
    logits = model(input_ids=ids).logits
    other = fixtures.random_policy(check.inputs["model"] + ANOTHER).double()
    of_other = model_log_probs(other, ids)
    mistakes: list[dict[str, Any]] = []

    both = [reinforce_value(ids, rewards, scores, c) for c in (GENERATED, PREDICTED)]

    def add(name: str, hint: str, *values: Tensor) -> None:
        # What changes nothing here, as a clamp far out, is no mistake.
        wrong = [v for v in values if not any(torch.isclose(v, right) for right in both)]
        mistakes.extend(mistake(name, hint, loss=numbers(value)) for value in wrong)

    add(
        "minus sign missing", "a loss falls as rewarded text becomes likelier.", *[-v for v in both]
    )
    sizes = (len(GENERATED), len(PREDICTED))
    add(
        "mean over tokens",
        "sum the log-probabilities of a text's tokens; only texts are averaged.",
        *[v / n for v, n in zip(both, sizes, strict=True)],
        both[1] / LENGTH,
    )
    add("sum over texts", "average over the batch.", *[v * len(ids) for v in both])
    every = [picked(scores, ids, c) for c in (GENERATED, PREDICTED)]
    add(
        "reward ignored",
        "multiply each text's sum by its reward.",
        *[-v.sum(1).mean() for v in every],
    )
    add(
        "(B, 1) times (B,)",
        "the shapes broadcast to (B, B): every text gets every reward. Check them.",
        *[-rewards.mean() * v.sum(dim=1).mean() for v in every],
        *[-rewards.sum() * v.sum(dim=1).mean() for v in every],
        *[-rewards.mean() * v.sum(dim=1).sum() for v in every],
    )
    shifted = [
        picked(scores, ids, columns, shift=0)
        for columns in (GENERATED, PREDICTED, range(LENGTH), range(LENGTH - 1))
    ]
    add(
        "off by one",
        "log_probs[:, t] predicts token t + 1: pair log_probs[:, :-1] with tokens[:, 1:].",
        *[-(rewards * v.sum(dim=1)).mean() for v in shifted],
    )
    add(
        "prompt offset forgotten",
        "log_probs begin at the seed: the generated tokens' are log_probs[:, 9:29].",
        *[-(rewards * picked(scores, ids, GENERATED, shift=s).sum(dim=1)).mean() for s in (10, 11)],
    )
    add(
        "first generated token dropped",
        "token 10 is generated too: log_probs[:, 9] predicts it.",
        reinforce_value(ids, rewards, scores, range(SEED + 1, LENGTH)),
    )
    add(
        "last token dropped",
        "token 29 is generated too: log_probs[:, 28] predicts it.",
        reinforce_value(ids, rewards, scores, range(SEED, LENGTH - 1)),
        reinforce_value(ids, rewards, scores, range(1, LENGTH - 1)),
    )
    add(
        "raw scores",
        "logits are not log-probabilities: take log_softmax.",
        *[-(rewards * picked(logits, ids, c).sum(dim=1)).mean() for c in (GENERATED, PREDICTED)],
    )
    add(
        "a factor is wrong",
        "the formula has no other factor than the reward.",
        *[factor * v for v in both for factor in (2, 0.5)],
    )
    add(
        "another model is used",
        "run the model that the function was given, not a global one.",
        *[reinforce_value(ids, rewards, of_other, c) for c in (GENERATED, PREDICTED)],
    )
    for name, hint, weights in other_weights(rewards):
        add(name, hint, *[-(weights * v.sum(dim=1)).mean() for v in every])
    for name, hint, terms in other_terms(scores, logits, ids):
        add(name, hint, -(rewards * terms).mean())
    add(
        "the mean reward for all",
        "multiply each text's sum by its own reward.",
        *[-rewards.mean() * v.mean() * n for v in every for n in (1, len(ids))],
    )
    prompt = mistake(
        "prompt is in the loss",
        "only the 20 generated tokens were chosen by the policy.",
        loss=numbers(both[1]),
    )
    return [*mistakes, prompt]


def other_weights(rewards: Tensor) -> list[tuple[str, str, Tensor]]:
    """Return what stands for the rewards (N,) in known mistakes."""
    own = "the formula has each text's own reward"
    centred = rewards - rewards.mean()
    normalised = (
        centred / (rewards.std() + 1e-8),
        centred / (rewards.std(correction=0) + 1e-8),
        rewards / rewards.sum(),
        rewards / rewards.max(),
        (rewards - rewards.min()) / (rewards.max() - rewards.min()),
        rewards.softmax(dim=0),
        rewards.softmax(dim=0) * len(rewards),
    )
    probability = f"{own}, the probability itself."
    return [
        ("a baseline is taken off", f"{own}, from which nothing is taken off.", centred),
        ("a baseline is taken off", f"{own}, from which nothing is taken off.", rewards - 0.5),
        *[("rewards normalised", probability, weights) for weights in normalised],
        ("1 - reward", f"{own}, not what it lacks.", 1 - rewards),
        ("logarithm of the reward", probability, rewards.clamp(1e-8).log()),
        ("rewards rounded", probability, (rewards > 0.5).double()),
        ("rewards rounded", probability, 2 * (rewards > 0.5).double() - 1),
        ("rewards scaled", probability, 2 * rewards - 1),
        ("rewards squared", probability, rewards.square()),
        *[
            ("rewards of other texts", f"{own}.", weights)
            for weights in (rewards.flip(0), rewards.roll(1), rewards.roll(-1))
        ],
    ]


def other_terms(scores: Tensor, logits: Tensor, ids: Tensor) -> list[tuple[str, str, Tensor]]:
    """Return what stands for the sums (B,) of log-probabilities (B, T, V) in known mistakes."""
    found: list[tuple[str, str, Tensor]] = []

    def add(name: str, hint: str, *terms: Tensor) -> None:
        found.extend((name, hint, one) for one in terms)

    for columns in (GENERATED, PREDICTED):
        chosen = picked(scores, ids, columns)
        likeliest = scores.max(dim=-1).values[:, columns.start - 1 : columns.stop - 1]
        add(
            "temperature",
            "the logits are divided by nothing: temperature 1.",
            *[
                picked((logits / t).log_softmax(dim=-1), ids, columns).sum(dim=1)
                for t in TEMPERATURES
            ],
        )
        add(
            "the likeliest token is scored",
            "pick the log-probability of the token that was sampled: gather, not max.",
            likeliest.sum(dim=1),
        )
        powers = torch.arange(len(columns), dtype=torch.float64)
        add(
            "tokens discounted",
            "each token's log-probability counts the same.",
            *[(chosen * d**n).sum(dim=1) for d in DISCOUNTS for n in (powers, powers.flip(0))],
        )
        add(
            "log-probabilities clamped",
            "no token's log-probability is cut off.",
            *[chosen.clamp(min=-n).sum(dim=1) for n in CLAMPS],
        )
        add(
            "probabilities for log-probabilities",
            "take the logarithm: log_softmax.",
            chosen.exp().sum(dim=1),
            chosen.sum(dim=1).exp(),
        )
        add(
            "only one token is scored",
            "sum over all tokens that the policy chose.",
            chosen[:, 0],
            chosen[:, -1],
        )
    add(
        "only the prompt is scored",
        "the tokens that the policy chose are the last 20.",
        *[picked(scores, ids, range(1, end)).sum(dim=1) for end in (SEED, SEED + 1)],
    )
    return found
