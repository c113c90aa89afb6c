"""What is right for log-probabilities: the instructor's part."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.probes.spies import gradients, numbers, projections
from a3lib.kit.checks.probes.tensors import ANOTHER

TEMPERATURES = (0.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.5, 2.0)


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
        *of_other_labels(label_rows, scores),
        (
            "softmax over another dimension",
            "the vocabulary is the last dimension: log_softmax(dim=-1).",
            total(logits.log_softmax(dim=1), 1),
        ),
        (
            "softmax over another dimension",
            "the vocabulary is the last dimension: log_softmax(dim=-1).",
            total(logits[:, :-1].log_softmax(dim=1), 1),
        ),
        (
            "softmax over another dimension",
            "the vocabulary is the last dimension: log_softmax(dim=-1).",
            total(logits.log_softmax(dim=0), 1),
        ),
        *[
            (
                "temperature",
                "the logits are divided by nothing: temperature 1.",
                total((logits / t).log_softmax(dim=-1), 1),
            )
            for t in TEMPERATURES
        ],
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
            (
                "divided by all rows' labels",
                "each row has its own number of labels.",
                sums / counts.sum(),
            ),
            ("mean of the batch", "one mean a row, (B,).", (sums / counts).mean()),
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
        # Whether the sums are right is another check's matter.
        "unchanged": {"depends_on_both": 1.0, "labels_changed": 0.0, "logits_changed": 0.0},
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


def of_other_labels(rows: list[list[int]], scores: Tensor) -> list[tuple[str, str, Tensor]]:
    """Return sums (B,) of log-probabilities (B, T, V) that leave some of the labels out."""

    def total(keep: Callable[[int, list[int]], bool]) -> Tensor:
        sums = []
        for b, row in enumerate(rows):
            columns = [t for t in range(1, len(row)) if row[t] >= 0 and keep(t, row)]
            terms = [scores[b, t - 1, row[t]] for t in columns]
            sums.append(torch.stack([scores.new_zeros(()), *terms]).sum())
        return torch.stack(sums)

    return [
        (
            "token 0 not scored",
            "a label of 0 is a token: only -100 is left out.",
            total(lambda t, row: row[t] != 0),
        ),
        (
            "last label not scored",
            "the label in the last column counts.",
            total(lambda t, row: t < len(row) - 1),
        ),
        (
            "first label not scored",
            "the first label of a row counts.",
            total(lambda t, row: any(label >= 0 for label in row[1:t])),
        ),
        (
            "only the last label",
            "sum over all labels of a row.",
            total(lambda t, row: t == len(row) - 1),
        ),
    ]


def model_log_probs(model: Any, ids: Tensor) -> Tensor:
    """Return log p of every next token (B, T, V) of texts without padding."""
    logits: Tensor = model(input_ids=ids).logits
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

    def scored(
        seen: Tensor | None, positions: bool, places: Tensor | None = None, by: Any = model
    ) -> Tensor:
        more = {} if seen is None else {"attention_mask": seen}
        if positions and seen is not None:
            places = seen.cumsum(dim=1) - 1
        if places is not None:
            more["position_ids"] = places.clamp(min=0)
        logits: Tensor = by(input_ids=ids, **more).logits
        return logits if stand_in else logits - logits.exp().sum(dim=-1, keepdim=True).log()

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
    padded += [
        mistake(
            "no attention mask",
            "the padding is read as text: give the model attention_mask.",
            log_probs=numbers(total(scored(None, False, mask.cumsum(dim=1) - 1), chosen)),
        ),
        mistake(
            "position ids begin with 1",
            "the first token of a text has position 0: cumsum(mask) - 1, not below 0.",
            log_probs=numbers(total(scored(mask, False, mask.cumsum(dim=1)), chosen)),
        ),
    ]
    other = fixtures.random_policy(check.inputs["model"] + ANOTHER).double()
    of_another = mistake(
        "another model is used",
        "run the model that the function was given, not a global one.",
        log_probs=numbers(total(scored(mask, True, by=other), chosen)),
    )
    whole = total(values, mask.double())
    others = [
        mistake("prompt is scored", "use the labels.", log_probs=numbers(whole)),
        mistake(
            "mean for sum", "sum over the tokens.", log_probs=numbers(right / chosen.sum(dim=1))
        ),
        mistake(
            "minus sign", "these are log-probabilities, not a loss.", log_probs=numbers(-right)
        ),
        *[
            mistake(
                "temperature",
                "the logits are divided by nothing: temperature 1.",
                log_probs=numbers(total((values / t).log_softmax(dim=-1), chosen)),
            )
            for t in TEMPERATURES
        ],
        mistake(
            "position ids begin with 1",
            "the first token of a text has position 0: cumsum(mask) - 1, not below 0.",
            log_probs=numbers(total(scored(mask, False, mask.cumsum(dim=1)), chosen)),
        ),
    ]
    mistakes = [of_another, *(padded if check.name == "log_probs.left_padding" else others)]
    return {"right": {"log_probs": numbers(right)}, "mistakes": mistakes}


LOG_PROB_ORACLES: dict[str, Callable[[Check], Expected]] = {
    **{
        f"batch_logps.{part}": batch_logps
        for part in ("values", "average", "gradient", "unchanged")
    },
    **{f"log_probs.{part}": log_probs for part in ("values", "gradient", "left_padding")},
}
