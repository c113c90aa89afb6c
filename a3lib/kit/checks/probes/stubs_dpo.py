"""Stand-ins for all that train_DPO calls, and the pairs that their rows are found among.

They compute nothing that the assignment asks for. Scores tell pairs, sides and weights apart, so
what a loop hands to the loss can be followed.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.examples import HELD_OUT, UNKNOWN, loss_of_pairs
from a3lib.kit.checks.probes.models import (
    FIRST,
    SECOND,
    distance,
    flat_weights,
    given_model,
    parts_of,
    pull,
)
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.stubs import (
    LEAST_ANGLE,
    LN_2,
    MOST_ANGLE,
    Evaluations,
    code_of,
)
from a3lib.tokenization import PreferencePair, tokenize_completions

CHOSEN, REJECTED = range(2)
# Last tokens that are labels with stand-ins: those of the two sides differ.
LABELLED = 2
# How much of a score a model's weights make; a pair's number makes the whole numbers.
SHARE_OF_WEIGHTS = 0.2


def share_of(model: Any, original: Tensor) -> float:
    """Return the fraction that a model's weights add to its scores.

    No other weights come near that of the original's, (N,): by chance an untrained policy's loss
    would be a trained one's.
    """
    is_original = distance(flat_weights(model), original) < 1e-6
    return SHARE_OF_WEIGHTS * (0.1 if is_original else 0.3 + 0.65 * code_of(model))


def side_of_batch(batch: Any, end: str) -> list[Tensor]:
    """Return the tensors (B, T) of a batch under a key, or of both sides under longer keys."""
    if end in batch:
        return [batch[end]]
    return [batch[key] for key in batch if str(key).endswith(end)]


def rows_of_batch(batch: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Return the token ids that each row of a batch holds, without padding, and its labels'."""
    ids = side_of_batch(batch, "input_ids")
    masks = side_of_batch(batch, "attention_mask")
    labels = side_of_batch(batch, "labels")
    rows: list[list[int]] = []
    labelled: list[list[int]] = []
    for part, mask in zip(ids, masks, strict=False):
        rows += [row[seen.bool()].tolist() for row, seen in zip(part, mask, strict=True)]
    for part in labels:
        labelled += [row[row >= 0].tolist() for row in part]
    return rows, labelled


class Pairs:
    """The texts of all pairs, to find a row's pair and side by its text; `labels` by both."""

    def __init__(self, train: list[PreferencePair], test: list[PreferencePair]) -> None:
        self.places: dict[str, tuple[int, int]] = {}
        self.labels: dict[tuple[int, int], list[int]] = {}
        self.prompt_lengths: dict[tuple[int, int], int] = {}
        self._found: dict[tuple[int, ...], tuple[int, int]] = {}
        tokenizer = fixtures.policy_tokenizer()
        for first, pairs in ((0, train), (HELD_OUT, test)):
            for side in (CHOSEN, REJECTED):
                prompts, texts = [pair.prompt for pair in pairs], [pair[1 + side] for pair in pairs]
                made = tokenize_completions(prompts, texts, tokenizer, 128)
                for n, (text, row, mask, length) in enumerate(
                    zip(texts, *(made[key] for key in made), strict=True)
                ):
                    self.places[text] = (first + n, side)
                    self.labels[first + n, side] = row[mask.bool()][int(length) :].tolist()
                    self.prompt_lengths[first + n, side] = int(length)

    def find(self, rows: list[list[int]]) -> list[tuple[int, int]]:
        """Return the number and the side of each row, by its text."""
        return [self._place_of(tuple(row)) for row in rows]

    def _place_of(self, row: tuple[int, ...]) -> tuple[int, int]:
        # A row is looked for many times: by both models, in both epochs, by each watcher.
        if row not in self._found:
            text = fixtures.policy_tokenizer().decode([*row], skip_special_tokens=True)
            self._found[row] = self.places.get(str(text).strip(), (UNKNOWN, CHOSEN))
        return self._found[row]


@dataclass(frozen=True)
class Call:
    """A call of compute_DPO_loss: the pairs, the beta, how far the policy had come.

    `mixed` counts rows with the sides of two pairs, `same` those with one side twice, `swapped`
    those with the rejected text first, `others` those with another pair's reference, `strange`
    those whose reference is no score at all, `scaled` those whose policy's is none; `alone` says
    that the reference's is 0.
    """

    ids: list[int]
    beta: float
    value: float
    angle: float
    moved: float
    mixed: int
    same: int
    swapped: int
    others: int
    strange: int
    scaled: int
    alone: bool
    gradients_on: bool


class DpoStandIns:
    """Stand-ins for all that train_DPO calls: scores that tell pairs apart, losses known.

    With "word" the loss falls as the positive word's score rises. With "count" scores are the
    student's own, for a loop that has its own forward pass, and the loss is the number of pairs.
    """

    def __init__(
        self,
        inputs: dict[str, Any],
        pairs: Pairs,
        own_loss: Callable[..., Any],
        own_scores: Callable[..., Any],
        original: Tensor,
    ) -> None:
        self.calls: list[Call] = []
        # Where pairs are only counted: how many each call had.
        self.counted: list[int] = []
        self.differentiated = 0
        self._inputs, self._pairs = inputs, pairs
        self._own_loss, self._own_scores, self._original = own_loss, own_scores, original
        train, test = loss_of_pairs(inputs)
        self._losses = {n: float(x) for n, x in enumerate(train)}
        self._losses |= {HELD_OUT + n: float(x) for n, x in enumerate(test)}
        self.functions: dict[str, Callable[..., Any]]
        self.evaluations = Evaluations()
        self.functions = {"compute_DPO_loss": self.compute_DPO_loss, "evaluate": self.evaluations}
        if inputs["stand_ins"] != "count":
            self.functions |= {
                "get_log_probs": self.get_log_probs,
                "create_labels_from_attention_mask": create_labels_from_attention_mask,
            }

    def get_log_probs(self, model: Any, batch: Any) -> Any:
        """Return each row's number, with a fraction that tells the model's weights, (B,)."""
        rows, _ = rows_of_batch(batch)
        places = self._pairs.find(rows)
        given, model = model, given_model(model)
        if self._inputs.get("work_first"):
            with suppress(Exception):
                self._own_scores(given, batch)
        if self._inputs["stand_ins"] == "word":
            head = model.get_output_embeddings().weight[:, 0]
            word = {CHOSEN: self._inputs["positive"], REJECTED: self._inputs["negative"]}
            scores = torch.stack([head[word[side]] for _, side in places])
            return self._in_parts(scores, given, batch)
        carriers = [pull(parts_of(model)[part], 1.0) for part in (FIRST, SECOND)]
        share = share_of(model, self._original)
        # float64, because a number of five digits is to keep a fraction of five.
        numbers = torch.tensor([-(number + 2) - side / 2 for number, side in places]).double()
        scores = numbers + share + torch.stack([carriers[side] for _, side in places])
        return self._in_parts(scores, given, batch)

    def _in_parts(self, scores: Tensor, model: Any, batch: Any) -> Any:
        """Return scores as the student's function does where a batch has both sides apart."""
        own = None
        if "input_ids" not in batch:
            with suppress(Exception), torch.no_grad():
                own = self._own_scores(model, batch)
        return scores.chunk(len(own)) if isinstance(own, (tuple, list)) else scores

    def compute_DPO_loss(
        self,
        policy_chosen_logps: Tensor,
        policy_rejected_logps: Tensor,
        reference_chosen_logps: Tensor,
        reference_rejected_logps: Tensor,
        beta: float = 0.1,
    ) -> Any:
        """Return the scalar mean of the known losses of sums (B,), times how far it has come."""
        sums = (
            policy_chosen_logps,
            policy_rejected_logps,
            reference_chosen_logps,
            reference_rejected_logps,
        )
        own = None
        with suppress(Exception):
            own = self._own_loss(*sums, beta=beta)
        if self._inputs["stand_ins"] == "word":
            loss = LN_2 - 0.01 * (sums[0] - sums[2] - sums[1] + sums[3]).mean()
            return in_the_form_of(own, loss, len(sums[0]))
        if self._inputs["stand_ins"] == "count":
            self.counted.append(len(sums[0]))
            gap = (sums[0] - sums[2] - sums[1] + sums[3]).mean()
            return in_the_form_of(own, len(sums[0]) + 0.0 * gap, len(sums[0]))
        chosen, rejected, before_chosen, before_rejected = map(numbers_in, sums)
        ids = [number for number, _ in chosen]
        mixed = sum(a[0] != b for a, b in zip(rejected, ids, strict=False))
        same = sum(a[1] == b[1] for a, b in zip(chosen, rejected, strict=False))
        swapped = sum(a[1] > b[1] for a, b in zip(chosen, rejected, strict=False))
        strange = sum(map(no_scores_in, sums[2:]))
        scaled = sum(map(no_scores_in, sums[:2]))
        alone = not any(part.detach().abs().sum() for part in sums[2:])
        others = sum(a != b for a, b in zip(chosen, before_chosen, strict=False))
        others += sum(a != b for a, b in zip(rejected, before_rejected, strict=False))
        values = [self._losses.get(i, 0.9) for i in ids]
        share = sum(v - 0.3 for v in values) / (0.4 * len(values))
        angle = LEAST_ANGLE + (MOST_ANGLE - LEAST_ANGLE) * share
        moved = float((sums[0] - sums[2]).detach().mean())
        # A factor, so that it comes out of every average of the batches' values.
        value = sum(values) / len(values) * (1.0 + moved)
        trains = torch.is_grad_enabled()
        if trains and max(ids) < HELD_OUT and len(self.calls) % 5 == 3:
            value += 4.0  # A loop must not stop or cut where a loss is high.
        counts = (mixed, same, swapped, others, strange, scaled, alone)
        self.calls.append(Call(ids, float(beta), value, angle, moved, *counts, trains))
        first, second = sums[0].mean(), sums[1].mean()
        loss = value + math.cos(angle) * (first - first.detach())
        loss = loss + math.sin(angle) * (second - second.detach())
        if trains and not loss.requires_grad:
            # Policy and reference may be mixed up, which is to be told and not to end the loop.
            loss = loss + 0.0 * (sums[2].mean() + sums[3].mean())
        if loss.requires_grad:
            loss.register_hook(opaque(self._note))
        return in_the_form_of(own, loss, len(sums[0]))

    def _note(self, gradient: Tensor) -> None:
        self.differentiated += 1


def numbers_in(scores: Tensor) -> list[tuple[int, int]]:
    """Return the pairs and sides that scores (B,) of `DpoStandIns.get_log_probs` are of."""
    doubles = (2 * (-scores.detach() + SHARE_OF_WEIGHTS / 2)).reshape(-1).tolist()
    return [(math.floor(x + 0.5) // 2 - 2, math.floor(x + 0.5) % 2) for x in doubles]


def no_scores_in(scores: Tensor) -> int:
    """Return how many of scores (B,) are none that `DpoStandIns.get_log_probs` gives."""
    doubles = 2 * (-scores.detach().double() + SHARE_OF_WEIGHTS / 2)
    return int(((doubles - doubles.round()).abs() > 0.85 * SHARE_OF_WEIGHTS).sum())


def create_labels_from_attention_mask(tokenized_input: Any, prompt_lengths: Any) -> Tensor:
    """Take the place of the student's: labels (B, T) are the last tokens of each row."""
    labels = torch.full_like(tokenized_input["input_ids"], -100)
    labels[:, -LABELLED:] = tokenized_input["input_ids"][:, -LABELLED:]
    return labels


def in_the_form_of(own: Any, loss: Tensor, rows: int) -> Any:
    """Return a scalar loss as the student's function does: a number, one a pair, or a tuple."""
    if isinstance(own, tuple) and own:
        return (in_the_form_of(own[0], loss, rows), *own[1:])
    return loss.expand(rows) if isinstance(own, Tensor) and own.shape == (rows,) else loss
