"""What is right for the KL divergence: the instructor's part."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.log_probs import TEMPERATURES, model_log_probs, picked
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.answers.reinforce_mistakes import LENGTH, PREDICTED, SEED
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers
from a3lib.kit.checks.probes.tensors import ANOTHER


def kl(check: Check) -> Expected:
    """Return KL(policy || original), exact over the vocabulary: handout, section 3."""
    ids = torch.tensor(check.inputs["tokens"])
    model = fixtures.random_policy(check.inputs["model"]).double()
    noise = fixtures.noise(*ids.shape, fixtures.VOCABULARY, seed=check.inputs["noise"])
    leaf = noise.requires_grad_()
    p = leaf - leaf.exp().sum(dim=-1, keepdim=True).log()
    with torch.no_grad():
        q = model_log_probs(model, ids)
        raw = model(input_ids=ids).logits
        other = fixtures.random_policy(check.inputs["model"] + ANOTHER).double()
        of_other = model_log_probs(other, ids)
    forward = (p.exp() * (p - q)).sum(dim=-1)  # (B, 30): column t is about token t + 1
    backward = (q.exp() * (q - p)).sum(dim=-1)
    ratio = picked(p - q, ids, PREDICTED)  # (B, 29)
    cross = -(p.exp() * q).sum(dim=-1)
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
        zeros = numbers(torch.zeros(ids.shape))
        nothing = [
            mistake(
                "no gradient",
                "the policy's log-probabilities are detached, or the probabilities that are their "
                "weights.",
                kl=numbers(value),
                gradient=zeros,
            )
            for value in right.values()
        ]
        nothing += [
            mistake(
                "no gradient",
                "the divergence has another value too: a clamp cuts it off, or it is detached.",
                gradient=zeros,
            )
        ]
        sampled = [
            mistake(
                "sampled log-ratio",
                "log p - log q of the sampled tokens has an expected gradient of zero: sum "
                "over the vocabulary.",
                gradient={"parallel_to": flat_gradient(over(ratio, part), leaf, direction)},
            )
            for part in (generated, predicted)
        ]
        return {"right": {}, "positions": along, "mistakes": [*nothing, *sampled]}
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
    add("in bits", "use natural logarithms.", *[value / math.log(2) for value in right.values()])
    add(
        "symmetric divergence",
        "it is KL(policy || original) alone.",
        *[over(forward + backward, part) * n for part in parts[:2] for n in (1, 0.5)],
    )
    add(
        "cross-entropy",
        "subtract the policy's own entropy: sum p * (log p - log q).",
        *[over(cross, part) for part in parts],
    )
    add(
        "sampled estimate",
        "sum p * (log p - log q) over the vocabulary: an estimate from the sampled tokens is not "
        "the divergence.",
        *[
            over(estimate, part)
            for part in parts[:2]
            for estimate in (ratio.square() / 2, (-ratio).exp() - 1 + ratio, ratio.abs())
        ],
    )
    width = fixtures.VOCABULARY
    add(
        "mean over the vocabulary",
        "sum over the vocabulary: kl_div needs reduction='none' or 'sum' and no mean.",
        *[over(terms, part) / width for terms in (forward, backward) for part in parts],
        *[terms[:, part].mean() / width for terms in (forward, backward) for part in parts],
    )
    add(
        "mean over texts and positions",
        "kl_div's batchmean divides by the first dimension only: sum over positions.",
        *[backward[:, part].mean() for part in parts],
    )
    for name, hint, terms in other_terms(p, q):
        add(name, hint, *[over(terms, part) for part in parts[:2]])
    add(
        "another model is used",
        "run the model that the function was given, not a global one.",
        *[over((p.exp() * (p - of_other)).sum(dim=-1), part) for part in parts[:2]],
    )
    add(
        "raw scores of the original",
        "logits are not log-probabilities: take log_softmax.",
        *[over((p.exp() * (p - raw)).sum(dim=-1), part) for part in parts[:2]],
    )
    add(
        "only one position",
        "sum over all generated tokens' positions.",
        *[forward[:, column].mean() for column in (SEED - 1, LENGTH - 2, LENGTH - 1)],
    )
    add(
        "only the prompt",
        "the generated tokens' columns are 9 to 28.",
        *[over(forward, slice(0, end)) for end in (SEED - 1, SEED)],
    )
    add("a factor is wrong", "alpha is train's matter.", *[v / 2 for v in right.values()])
    add("prompt included", "only the 20 generated tokens count.", right["29"])
    not_finite = mistake(
        "log_target missing",
        "kl_div takes probabilities as target unless log_target=True.",
        kl={"finite": False},
    )
    values = {name: {"kl": numbers(value)} for name, value in right.items()}
    return {"right": {}, "positions": values, "mistakes": [not_finite, *named]}


def other_terms(p: Tensor, q: Tensor) -> list[tuple[str, str, Tensor]]:
    """Return each position's term (B, T) in other distances of log-probabilities (B, T, V)."""
    formula = "each term is p * (log p - log q), and nothing is cut off."
    middle = ((p.exp() + q.exp()) / 2).log()
    shannon = (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(dim=-1) / 2
    likely = [
        ((p.exp() * (p - q)).gather(2, order.indices[:, :, :count])).sum(dim=-1)
        for order in (p.sort(dim=-1, descending=True), q.sort(dim=-1, descending=True))
        for count in (1, 3, 5, 10, 20)
    ]
    return [
        ("absolute log-ratio", formula, (p.exp() * (p - q).abs()).sum(dim=-1)),
        ("Jensen-Shannon divergence", "it is KL(policy || original) alone.", shannon),
        ("squared difference", formula, (p - q).square().sum(dim=-1)),
        ("squared difference", formula, (p.exp() * (p - q).square()).sum(dim=-1)),
        ("difference of probabilities", formula, (p.exp() - q.exp()).abs().sum(dim=-1)),
        ("difference of probabilities", formula, (p.exp() - q.exp()).abs().sum(dim=-1) / 2),
        ("difference of probabilities", formula, (p.exp() - q.exp()).square().sum(dim=-1)),
        ("no logarithm", formula, (p.exp() * (p.exp() - q.exp())).sum(dim=-1)),
        (
            "weighted by q",
            "the policy's probabilities are the weights.",
            (q.exp() * (p - q)).sum(-1),
        ),
        ("the policy's entropy left over", formula, (p.exp() * p).sum(dim=-1)),
        *[("only the likeliest tokens", "sum over the whole vocabulary.", one) for one in likely],
        *[
            ("log-ratio clamped", formula, (p.exp() * (p - q).clamp(-n, n)).sum(dim=-1))
            for n in (0.1, 0.5, 1, 2, 5)
        ],
        ("log-ratio clamped", formula, (p.exp() * (p - q).clamp(min=0)).sum(dim=-1)),
        *[
            (
                "temperature",
                "log_probs are taken as they are, at temperature 1.",
                (warm(p, t).exp() * (warm(p, t) - q)).sum(dim=-1),
            )
            for t in TEMPERATURES
        ],
        *[
            (
                "temperature",
                "log_probs are taken as they are, at temperature 1.",
                (p.exp() * (p - warm(q, t))).sum(dim=-1),
            )
            for t in TEMPERATURES
        ],
    ]


def warm(log_probs: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities (..., V) at another temperature."""
    return (log_probs / temperature).log_softmax(dim=-1)


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
    # The mean over texts and the sum over positions of either choice, or means of all.
    terms = (p.exp() * (p - q)).sum(dim=-1)
    parts = (terms[:, SEED - 1 : -1], terms[:, :-1])
    wanted = [v for part in parts for v in (part.sum(dim=1).mean(), part.mean(), part.sum())]
    negative = [
        mistake("minus sign", "a divergence is never negative.", elsewhere=numbers(-value))
        for value in wanted
    ]
    below = mistake(
        "a negative divergence",
        "summed over the vocabulary, p * (log p - log q) is never negative.",
        elsewhere={"to": -1e-3},
    )
    elsewhere_only = mistake(
        "not 0 for the same policy",
        "both log-probabilities come from the same tokens in the same way.",
        at_identity={"other_than": 0.0},
    )
    same = mistake(
        "the original is not asked",
        "the original model's own log-probabilities are needed.",
        elsewhere={"from": -1e-3, "to": 1e-3},
    )
    return {"right": right, "mistakes": [*negative, elsewhere_only, below, same]}


DIVERGENCE_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "kl.values": kl,
    "kl.gradient": kl,
    "kl.identity": kl_identity,
}
