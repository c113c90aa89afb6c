"""What is right for the REINFORCE loss and the KL divergence: the instructor's part."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.tensors import model_log_probs, picked
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers, projections

SEED, LENGTH = 10, 30


def reinforce_parts(check: Check, rows: slice = slice(None)) -> tuple[Any, Tensor, Tensor, Tensor]:
    """Return the model, the tokens, the rewards and log_probs (B, 30, V) of a check, in float64."""
    model = fixtures.random_policy(check.inputs["model"]).double()
    ids = torch.tensor(check.inputs["tokens"])[rows]
    rewards = torch.tensor(check.inputs["reward"], dtype=torch.float64)[rows]
    return model, ids, rewards, model_log_probs(model, ids)


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
    mistakes: list[dict[str, Any]] = []

    def add(name: str, hint: str, *values: Tensor) -> None:
        mistakes.extend(mistake(name, hint, loss=numbers(value)) for value in values)

    both = [reinforce_value(ids, rewards, scores, c) for c in (GENERATED, PREDICTED)]
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
        "prompt is in the loss",
        "only the 20 generated tokens were chosen by the policy.",
        both[1],
    )
    return mistakes


def reinforce(check: Check) -> Expected:
    """Return what compute_reinforce_loss gives on a random policy: handout, section 2."""
    model, ids, rewards, scores = reinforce_parts(check)
    logits = model(input_ids=ids).logits
    values = {
        name: reinforce_value(ids, rewards, scores, columns)
        for name, columns in (("20", GENERATED), ("29", PREDICTED))
    }
    losses = {name: {"loss": numbers(value)} for name, value in values.items()}
    along = {
        name: {"gradient": {"parallel_to": projections(gradients(value, [*model.parameters()]))}}
        for name, value in values.items()
    }
    against = [
        mistake("minus sign missing", "the gradient points the other way.", gradient=opposite(part))
        for part in along.values()
    ]
    nothing = mistake("no gradient", "log_probs are under no_grad or detached.", gradient=[0.0] * 4)
    part = check.name.split(".")[1]
    if part == "log_probs":
        right = {
            "log_probs_shape": [len(ids), LENGTH, fixtures.VOCABULARY],
            "log_probs": numbers(scores[:, ::7, :4]),
        }
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
        return {"right": right, "mistakes": [raw, short, likely]}
    if part == "gradient":
        return {"right": {}, "positions": along, "mistakes": [nothing, *against]}
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
        right = {"reward_afterwards": reward_before, "tokens_changed": 0.0}
        return {"right": right, "positions": losses, "mistakes": [written]}
    return {"right": {}, "positions": losses, "mistakes": reinforce_mistakes(check)}


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
    wrong = mistake(
        "minus sign missing",
        "the step made the rewarded text less likely.",
        change_of_rewarded={"from": 1e-3},
    )
    still = mistake(
        "no gradient", "the step changed nothing.", change_of_rewarded={"from": -1e-6, "to": 1e-6}
    )
    return {"right": {"change_of_rewarded": {"to": -1e-3}}, "mistakes": [wrong, still]}


def kl(check: Check) -> Expected:
    """Return KL(policy || original), exact over the vocabulary: handout, section 3."""
    ids = torch.tensor(check.inputs["tokens"])
    model = fixtures.random_policy(check.inputs["model"]).double()
    noise = fixtures.noise(*ids.shape, fixtures.VOCABULARY, seed=check.inputs["noise"])
    leaf = noise.requires_grad_()
    p = leaf - leaf.exp().sum(dim=-1, keepdim=True).log()
    with torch.no_grad():
        q = model_log_probs(model, ids)
    forward = (p.exp() * (p - q)).sum(dim=-1)  # (B, 30): column t is about token t + 1
    backward = (q.exp() * (q - p)).sum(dim=-1)
    ratio = picked(p - q, ids, PREDICTED)  # (B, 29)
    generated, predicted = slice(SEED - 1, LENGTH - 1), slice(0, LENGTH - 1)

    def over(values: Tensor, columns: slice) -> Tensor:
        return values[:, columns].sum(dim=1).mean()

    right = {"20": over(forward, generated), "29": over(forward, predicted)}
    direction = fixtures.noise(fixtures.VOCABULARY, seed=5)
    along = {
        name: {"gradient": {"parallel_to": flat_gradient(value, leaf, direction)}}
        for name, value in right.items()
    }
    if check.name.startswith("kl.gradient"):
        nothing = mistake(
            "no gradient",
            "the policy's log-probabilities are detached.",
            gradient=numbers(torch.zeros(ids.shape)),
        )
        sampled = [
            mistake(
                "sampled log-ratio",
                "log p - log q of the sampled tokens has an expected gradient of zero: sum "
                "over the vocabulary.",
                gradient={"parallel_to": flat_gradient(over(ratio, part), leaf, direction)},
            )
            for part in (generated, predicted)
        ]
        return {"right": {}, "positions": along, "mistakes": [nothing, *sampled]}
    named: list[dict[str, Any]] = []

    def add(name: str, hint: str, *values: Tensor) -> None:
        named.extend(mistake(name, hint, kl=numbers(value)) for value in values)

    last, all_columns = slice(SEED, LENGTH), slice(0, LENGTH)
    parts = (generated, predicted, last, all_columns)
    add(
        "direction reversed",
        "it is KL(policy || original); kl_div(input, target) is KL(target || input).",
        *[over(backward, part) for part in parts],
    )
    add(
        "mean over positions",
        "sum over a text's positions; only texts are averaged.",
        *[forward[:, part].mean() for part in parts],
        *[forward[:, part].sum() / (LENGTH * len(ids)) for part in parts],
    )
    add("sum over texts", "average over the batch.", *[v * len(ids) for v in right.values()])
    add(
        "last position included",
        "the last column predicts a token that is not there; the generated tokens' are 9 to 28.",
        over(forward, last),
        over(forward, all_columns),
        over(forward, slice(SEED - 1, LENGTH)),
    )
    add(
        "sampled log-ratio",
        "sum p * (log p - log q) over the vocabulary, not log p - log q of the sampled tokens.",
        over(ratio, generated),
        over(ratio, predicted),
    )
    add("minus sign", "a divergence is never negative.", *[-value for value in right.values()])
    add(
        "not weighted by p",
        "each term is p * (log p - log q).",
        *[over((p - q).sum(dim=-1), part) for part in parts],
    )
    add("prompt included", "only the 20 generated tokens count.", right["29"])
    not_finite = mistake(
        "log_target missing",
        "kl_div takes probabilities as target unless log_target=True.",
        kl={"finite": False},
    )
    values = {name: {"kl": numbers(value)} for name, value in right.items()}
    return {"right": {}, "positions": values, "mistakes": [not_finite, *named]}


def flat_gradient(value: Tensor, leaf: Tensor, direction: Tensor) -> list[float]:
    """Return a gradient (B, 30, V) along one direction of the vocabulary, as one list."""
    (gradient,) = gradients(value, [leaf])
    return numbers((gradient @ direction).flatten())


def kl_identity(check: Check) -> Expected:
    """Return 0 between a policy and itself, and the divergence from another one."""
    ids = torch.tensor(check.inputs["tokens"])
    model, other = (
        fixtures.random_policy(check.inputs[key]).double() for key in ("model", "other")
    )
    p, q = model_log_probs(model, ids), model_log_probs(other, ids)
    elsewhere = (p.exp() * (p - q)).sum(dim=-1).sum(dim=1).mean()
    # How it is averaged and over which positions is another check's matter.
    right = {
        "at_identity": {"from": -1e-3, "to": 1e-3},
        "elsewhere": {"from": numbers(elsewhere) / 100},
    }
    negative = mistake("minus sign", "a divergence is never negative.", elsewhere={"to": -1e-3})
    same = mistake(
        "the original is not asked",
        "the original model's own log-probabilities are needed.",
        elsewhere={"from": -1e-3, "to": 1e-3},
    )
    return {"right": right, "mistakes": [negative, same]}


POLICY_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{
        f"reinforce_loss.{part}": reinforce
        for part in ("values", "log_probs", "gradient", "constant", "unchanged")
    },
    "reinforce_loss.batches": reinforce_batches,
    "reinforce_loss.direction": reinforce_direction,
    "kl.values": kl,
    "kl.gradient": kl,
    "kl.identity": kl_identity,
}
