"""What is right for the DPO loss, labels and log-probabilities: the instructor's part."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers, projections


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
        ("another default beta", "it is 0.1", loss(0.5 * margin).mean()),
        ("no logarithm", "it is -log(sigmoid(x))", -torch.sigmoid(beta * margin).mean()),
        ("no sigmoid", "it is -log(sigmoid(x))", -(beta * margin).mean()),
        ("minus sign missing", "a loss is -log(...)", -right),
        ("sum over pairs", "take the mean over the pairs", right * len(a)),
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


def labels(check: Check) -> Expected:
    """Return labels: the ids of the completion's tokens and -100 elsewhere."""
    ids, masks = check.inputs["input_ids"], check.inputs["attention_mask"]
    lengths = check.inputs["prompt_lengths"]

    def labels_where(keep: Callable[[int, int, int, int], bool]) -> list[list[int]]:
        """Keep a token by its column, its number among real tokens, whether real, prompt length."""
        return [
            [
                token if keep(t, sum(mask[: t + 1]), mask[t], n) else -100
                for t, token in enumerate(row)
            ]
            for row, mask, n in zip(ids, masks, lengths, strict=True)
        ]

    right = labels_where(lambda t, number, real, n: bool(real) and number > n)

    def place(values: list[list[int]]) -> str:
        """Say of the first label that differs from the right one what it should be."""
        rows = enumerate(zip(values, right, strict=True))
        pairs = ((b, t, x, y) for b, (u, v) in rows for t, (x, y) in enumerate(zip(u, v)))
        return next(f"labels[{b}, {t}] should be {y}" for b, t, x, y in pairs if x != y)

    ended = [[-100 if x == 0 else x for x in row] for row in right]
    wrong = [
        ("prompt not masked", "{where}.", labels_where(lambda t, number, real, n: bool(real))),
        (
            "padding side ignored",
            "the padding is on the left, so the prompt does not begin in column 0: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and t >= n),
        ),
        (
            "padding side ignored",
            "the padding is on the left, so the prompt does not begin in column 0: {where}.",
            labels_where(lambda t, number, real, n: t >= n),
        ),
        (
            "padding not masked",
            "padding has no part in the loss: {where}.",
            labels_where(lambda t, number, real, n: not real or number > n),
        ),
        (
            "nothing masked",
            "the prompt and the padding have no part in the loss: {where}.",
            labels_where(lambda t, number, real, n: True),
        ),
        (
            "EOS masked because pad = EOS",
            "padding is where attention_mask is 0, not where the id is the pad token's: {where}.",
            ended,
        ),
        (
            "prompt boundary off by one",
            "the prompt has as many tokens as prompt_lengths says: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and number >= n),
        ),
        (
            "prompt boundary off by one",
            "the completion's first token counts: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and number > n + 1),
        ),
        (
            "everything masked",
            "the completion's tokens stay: {where}.",
            labels_where(lambda *token: False),
        ),
    ]
    changed = mistake(
        "input_ids changed in place", "make the labels from a clone.", input_ids_changed=1.0
    )
    right_answers = {"labels": right, "is_tensor": 1.0}
    unchanged = {"labels": right, "input_ids_changed": 0.0, "attention_mask_changed": 0.0}
    as_list = mistake("a list is returned", "return a tensor.", is_tensor=0.0)
    named = [
        mistake(name, hint.format(where=place(values)), labels=values)
        for name, hint, values in wrong
        if values != right
    ]
    in_place = check.name == "labels.unchanged"
    return {
        "right": unchanged if in_place else right_answers,
        "mistakes": [changed] if in_place else [as_list, *named],
    }


def batch_logps(check: Check) -> Expected:
    """Return the log-probabilities of the labels that are not -100, token by token."""
    label_rows = check.inputs["labels"]
    shape = (len(label_rows), len(label_rows[0]), check.inputs["vocabulary"])
    logits = (fixtures.noise(*shape, seed=check.inputs["noise"]) * 2).requires_grad_()
    scores = logits - logits.exp().sum(dim=-1, keepdim=True).log()

    def total(values: Tensor, shift: int, masked: bool = True) -> Tensor:
        """Sum the values at the labels, each taken `shift` columns before its label."""
        rows = []
        for b, row in enumerate(label_rows):
            terms = [
                values[b, t - shift, max(label, 0)]
                for t, label in enumerate(row)
                if (label >= 0 or not masked) and (t >= 1 or shift < 1) and t - shift < len(row)
            ]
            rows.append(torch.stack([values.new_zeros(()), *terms]).sum())
        return torch.stack(rows)

    counts = torch.tensor([sum(label >= 0 for label in row[1:]) for row in label_rows])
    sums = total(scores, 1)
    right = sums / counts if "average" in check.inputs else sums
    weights = torch.arange(1.0, len(label_rows) + 1, dtype=torch.float64)
    (gradient,) = gradients((sums * weights).sum(), [logits])
    wrong = [
        (
            "off by one",
            "the logits at column t predict the token at t + 1: shift one of the two.",
            total(scores, 0),
        ),
        ("shifted the wrong way", "logits[:, :-1] belong to labels[:, 1:].", total(scores, -1)),
        (
            "masked labels are scored",
            "labels of -100 have no part in the sum.",
            total(scores, 1, masked=False),
        ),
        ("raw scores", "logits are not log-probabilities: take log_softmax.", total(logits, 1)),
        ("probabilities", "take the logarithm of the softmax.", total(scores.exp(), 1)),
        ("minus sign", "these are log-probabilities, not a loss.", -right),
    ]
    means, columns = sums / counts, sums / (len(label_rows[0]) - 1)
    wrong += (
        [
            ("sum for mean", "with average_log_prob divide by the number of labels.", sums),
            (
                "divided by all columns",
                "divide by the number of labels that are not -100.",
                columns,
            ),
        ]
        if "average" in check.inputs
        else [("mean for sum", "without average_log_prob it is the sum.", means)]
    )
    named = [mistake(name, hint, log_probs=numbers(v)) for name, hint, v in wrong]
    named.append(
        mistake("shape (B, 1)", "one number a row, (B,).", log_probs=[[v] for v in numbers(right)])
    )
    values = {"log_probs": numbers(right)}
    by_part = {
        "gradient": {"gradient": numbers(gradient.abs().sum(dim=-1))},
        "unchanged": values | {"labels_changed": 0.0, "logits_changed": 0.0},
    }
    zeros = numbers(torch.zeros(shape[:2]))
    by_mistake = {
        "gradient": [mistake("no gradient", "the values are detached.", gradient=zeros)],
        "unchanged": [
            mistake("labels changed in place", "work on a clone.", labels_changed=1.0),
            mistake("logits changed in place", "work on a clone.", logits_changed=1.0),
        ],
    }
    part = check.name.split(".")[1]
    return {"right": by_part.get(part, values), "mistakes": by_mistake.get(part, named)}


def model_log_probs(
    model: Any, ids: Tensor, mask: Tensor | None = None, positions: bool = True
) -> Tensor:
    """Return log p of every next token (B, T, V) with or without a mask and position ids."""
    more = {} if mask is None else {"attention_mask": mask}
    if mask is not None and positions:
        more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
    logits = model(input_ids=ids, **more).logits
    return logits - logits.exp().sum(dim=-1, keepdim=True).log()


def picked(log_probs: Tensor, ids: Tensor, columns: range, shift: int = 1) -> Tensor:
    """Return log p of the tokens in some columns (B, len(columns)), read `shift` columns before."""
    return torch.stack(
        [
            torch.stack([log_probs[b, t - shift, ids[b, t]] for t in columns])
            for b in range(len(ids))
        ]
    )


def log_probs(check: Check) -> Expected:
    """Return the log-probabilities of completions under a random policy."""
    keys = ("input_ids", "attention_mask", "labels")
    ids, mask, wanted = (torch.tensor(check.inputs[key]) for key in keys)
    model = fixtures.random_policy(check.inputs["model"]).double()
    stand_in = "stand_in" in check.inputs

    def total(values: Tensor, chosen: Tensor) -> Tensor:
        if stand_in:
            return (values[:, :-1, 0] * chosen[:, 1:]).sum(dim=1)
        return (picked(values, ids, range(1, ids.shape[1])) * chosen[:, 1:]).sum(dim=1)

    def scored(seen: Tensor | None, positions: bool) -> Tensor:
        if not stand_in:
            return model_log_probs(model, ids, seen, positions)
        more = {} if seen is None else {"attention_mask": seen}
        if positions and seen is not None:
            more["position_ids"] = (seen.cumsum(dim=1) - 1).clamp(min=0)
        return model(input_ids=ids, **more).logits

    chosen = (wanted != -100).double()
    rebuilt = (ids != 0).long()
    values = scored(mask, True)
    right = total(values, chosen)
    weights = torch.arange(1.0, len(ids) + 1, dtype=torch.float64)
    along = projections(gradients((right * weights).sum(), [*model.parameters()]))
    if check.name == "log_probs.gradient":
        named = mistake(
            "no gradient",
            "the policy's log-probabilities are under no_grad or detached.",
            gradient=[0.0] * len(along),
        )
        return {"right": {"gradient": {"parallel_to": along}}, "mistakes": [named]}
    padded = [
        mistake(
            "no attention mask",
            "the padding is read as text: give the model attention_mask.",
            log_probs=numbers(total(scored(None, False), chosen)),
        ),
        mistake(
            "no position ids",
            "GPT-2 counts padding as positions: give it position_ids from the attention mask.",
            log_probs=numbers(total(scored(mask, False), chosen)),
        ),
    ]
    padded += [
        mistake(
            "mask rebuilt as ids != pad",
            "an end token inside a text is text: give the model the batch's attention_mask.",
            log_probs=numbers(total(scored(rebuilt, positions), chosen)),
        )
        for positions in (True, False)
    ]
    whole = total(values, mask.double())
    others = [
        mistake("prompt is scored", "use the labels.", log_probs=numbers(whole)),
        mistake(
            "mean for sum", "sum over the tokens.", log_probs=numbers(right / chosen.sum(dim=1))
        ),
        mistake(
            "minus sign", "these are log-probabilities, not a loss.", log_probs=numbers(-right)
        ),
    ]
    mistakes = padded if check.name == "log_probs.left_padding" else others
    return {"right": {"log_probs": numbers(right)}, "mistakes": mistakes}


TENSOR_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{f"dpo_loss.{part}": dpo for part in ("values", "default_beta", "gradient", "extreme")},
    **{f"labels.{part}": labels for part in ("values", "eos", "unchanged")},
    **{
        f"batch_logps.{part}": batch_logps
        for part in ("values", "average", "gradient", "unchanged")
    },
    **{f"log_probs.{part}": log_probs for part in ("values", "gradient", "left_padding")},
}
