"""What is right for the DPO loss: the instructor's part."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers

# A mistake's name, its hint, and the loss that it gives.
Wrong = tuple[str, str, Tensor]
SMOOTHING = (0.01, 0.05, 0.1, 0.2, 0.25, 0.3)
CLAMPS = (1, 2, 3, 5, 10)


def dpo(check: Check) -> Expected:
    """Return the loss of given sums: Rafailov et al. 2023, equation 7."""
    keys = ("chosen", "rejected", "reference_chosen", "reference_rejected")
    a, b, c, d = (torch.tensor(check.inputs[key], dtype=torch.float64) for key in keys)
    beta = check.inputs.get("beta", 0.1)
    leaves = [a.requires_grad_(), b.requires_grad_()]
    margin = (a - b) - (c - d)

    def loss(value: Tensor) -> Tensor:
        return (1 + (-value.abs()).exp()).log() + value.clamp(max=0).abs()

    right = loss(beta * margin).mean()
    of_chosen, of_rejected = map(numbers, gradients(right, leaves))
    zeros = [0.0] * len(a)
    of = partial(mistake, loss=None)
    wrong = [
        (
            "chosen and rejected swapped",
            "it is (policy chosen - policy rejected) - (reference chosen - reference rejected)",
            loss(-beta * margin).mean(),
        ),
        ("no reference", "subtract the reference's log-probabilities", loss(beta * (a - b)).mean()),
        ("beta is missing", "multiply the difference by beta", loss(margin).mean()),
        ("beta on one side", "beta multiplies all four terms", loss(beta * (a - b) - c + d).mean()),
        ("no logarithm", "it is -log(sigmoid(x))", -torch.sigmoid(beta * margin).mean()),
        ("no sigmoid", "it is -log(sigmoid(x))", -(beta * margin).mean()),
        ("minus sign missing", "a loss is -log(...)", -right),
        ("sum over pairs", "take the mean over the pairs", right * len(a)),
        (
            "hinge loss",
            "the DPO loss is -log(sigmoid(x))",
            (1 - beta * margin).clamp(min=0).mean(),
        ),
        (
            "squared loss (IPO)",
            "the DPO loss is -log(sigmoid(x))",
            (margin - 1 / (2 * beta)).square().mean(),
        ),
        (
            "sigmoid taken twice",
            "logsigmoid already has the sigmoid in it",
            loss(torch.sigmoid(beta * margin)).mean(),
        ),
        *of_margin(margin, lambda value: loss(beta * value).mean()),
        *[
            (
                "labels smoothed",
                "the DPO loss is -log(sigmoid(x)) alone, with no share of -log(sigmoid(-x))",
                ((1 - share) * loss(beta * margin) + share * loss(-beta * margin)).mean(),
            )
            for share in SMOOTHING
        ],
    ]
    if "beta" not in check.inputs:
        wrong.append(("another default beta", "it is 0.1", loss(0.5 * margin).mean()))
    if check.name != "dpo_loss.extreme":
        # Far out the loss is linear, so that factors cannot be told apart.
        wrong += [
            *of_beta(beta, margin, loss),
            *of_terms(a, b, c, d, lambda value: loss(beta * value).mean()),
            ("a factor is wrong", "the formula has no factor but beta", right / 2),
            ("a factor is wrong", "the formula has no factor but beta", 2 * right),
        ]
    distinct = [
        (name, hint, v) for name, hint, v in wrong if not torch.isclose(v, right, rtol=1e-2)
    ]
    named = [of(name, f"{hint}.") | {"when": {"loss": numbers(v)}} for name, hint, v in distinct]
    unbounded = mistake(
        "log of sigmoid",
        "sigmoid becomes exactly 0 far out and its logarithm -inf: take logsigmoid.",
        loss={"finite": False},
    )
    no_gradient = mistake(
        "no gradient",
        "the policy's log-probabilities are detached or computed under no_grad.",
        gradient_chosen=zeros,
        gradient_rejected=zeros,
    )
    one_sided = [
        mistake(
            "gradient of one side only",
            "both the chosen and the rejected text's log-probabilities are the policy's.",
            **{f"gradient_{side}": zeros},
        )
        for side in ("chosen", "rejected")
    ]
    by_part = {
        "gradient": {"gradient_chosen": of_chosen, "gradient_rejected": of_rejected},
        "values": {"loss": numbers(right)},
        "default_beta": {"loss": numbers(right)},
        "extreme": {
            "loss": numbers(right),
            "gradient_chosen": of_chosen,
            "gradient_rejected": of_rejected,
        },
    }
    part = check.name.split(".")[1]
    named = [unbounded, *named] if part == "extreme" else named
    return {
        "right": by_part[part],
        "mistakes": [no_gradient, *one_sided] if part == "gradient" else named,
    }


def of_beta(beta: float, margin: Tensor, loss: Callable[[Tensor], Tensor]) -> list[Wrong]:
    """Return losses with beta in another place, or with another one, for margins (B,)."""
    once = "beta multiplies the difference of the log-ratios, once"
    return [
        ("beta is ignored", "use the argument beta, not a number", loss(0.1 * margin).mean()),
        ("beta used twice", once, beta * loss(beta * margin).mean()),
        ("beta used twice", once, loss(beta**2 * margin).mean()),
        ("beta outside the sigmoid", once, beta * loss(margin).mean()),
        ("divided by beta", once, loss(margin / beta).mean()),
        ("divided by beta", once, loss(beta * margin).mean() / beta),
    ]


def of_terms(
    a: Tensor, b: Tensor, c: Tensor, d: Tensor, mean_loss: Callable[[Tensor], Tensor]
) -> list[Wrong]:
    """Return losses of other combinations of the four sums (B,)."""
    formula = "it is (policy chosen - policy rejected) - (reference chosen - reference rejected)"
    return [
        ("reference added", formula, mean_loss((a - b) + (c - d))),
        ("chosen texts only", formula, mean_loss(a - c)),
        ("rejected texts only", formula, mean_loss(d - b)),
        ("policy left out", formula, mean_loss(d - c)),
        ("policy left out", formula, mean_loss(c - d)),
        ("terms added", formula, mean_loss(a + b - c - d)),
        (
            "ratios for log-ratios",
            "subtract the log-probabilities as they are, without exp",
            mean_loss((a - c).exp() - (b - d).exp()),
        ),
        (
            "(B, 1) minus (B,)",
            "the shapes broadcast to (B, B): every pair meets every reference; check them",
            mean_loss((a - b).unsqueeze(1) - (c - d)),
        ),
    ]


def of_margin(margin: Tensor, mean_loss: Callable[[Tensor], Tensor]) -> list[Wrong]:
    """Return losses of margins (B,) that something was done to first."""
    scaled = "the difference is multiplied by beta and by nothing else"
    return [
        (
            "mean before the sigmoid",
            "take -log(sigmoid(x)) of each pair, and then the mean",
            mean_loss(margin.mean()),
        ),
        ("margins scaled", scaled, mean_loss(margin / margin.std())),
        ("margins scaled", scaled, mean_loss((margin - margin.mean()) / margin.std())),
        ("margins scaled", scaled, mean_loss(margin / len(margin))),
        *[
            ("margins clamped", "no pair's difference is cut off", mean_loss(margin.clamp(-n, n)))
            for n in CLAMPS
        ],
        ("margins clamped", "no pair's difference is cut off", mean_loss(margin.clamp(min=0))),
    ]


DPO_LOSS_ORACLES: dict[str, Callable[[Check], Expected]] = {
    f"dpo_loss.{part}": dpo for part in ("values", "default_beta", "gradient", "extreme")
}
