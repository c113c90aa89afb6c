"""Probe of `train_DPO`: a few steps on a policy that knows two words, and many pairs to follow."""

import cmath
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.asked import of_evaluation, of_models
from a3lib.kit.checks.probes.examples import (
    HELD_OUT,
    UNKNOWN,
    numbered_pairs,
    numbered_reviews,
)
from a3lib.kit.checks.probes.histories import ends_of, history_of, of_history
from a3lib.kit.checks.probes.models import distance, flat_weights, models_among
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.sampling import watched
from a3lib.kit.checks.probes.spies import Answers, Recorded, borrowed, find, number_of, part_of
from a3lib.kit.checks.probes.steps import Steps, of_gradients, of_steps, watched_steps, weighted
from a3lib.kit.checks.probes.stubs_dpo import (
    CHOSEN,
    LABELLED,
    REJECTED,
    Call,
    DpoStandIns,
    Pairs,
    rows_of_batch,
    share_of,
)
from a3lib.kit.checks.probes.training import (
    gradients_on,
    largest_difference,
    of_another_call,
    of_rows,
    preference,
    setting,
)
from a3lib.kit.checks.probes.used import Used, of_each_step


@dataclass
class Scores(Recorded):
    """get_log_probs at work: its rows, its labels, and each model's mode and weights."""

    function: Callable[..., Any]
    pairs: Pairs
    steps: Steps
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    models: list[Any] = field(default_factory=list)
    modes: list[tuple[Any, float, bool]] = field(default_factory=list)
    places: set[tuple[int, int]] = field(default_factory=set)
    unknown: int = 0
    longest: int = 0
    rows_read: int = 0
    labels_off: int = 0
    padding_read: int = 0
    weights: list[tuple[Any, Tensor]] = field(default_factory=list)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note what the batch holds."""
        models = models_among(arguments, more)
        batch = more.get("batch", arguments[-1] if arguments else {})
        for model in models:
            self.steps.know(model)
            self.weights.append((model, flat_weights(model)))
        with suppress(KeyError, IndexError, TypeError, AttributeError, ValueError):
            rows, labelled = rows_of_batch(batch)
            places = self.pairs.find(rows)
            self.rows_read += len(rows)
            self.places.update(places)
            self.longest = max(self.longest, *map(len, rows))
            self.unknown += sum(number == UNKNOWN for number, _ in places)
            wanted = [self.pairs.labels.get(place) for place in places]
            # Labels may end with an end token of the student's own, or be the stand-in's.
            end = fixtures.policy_tokenizer().eos_token_id
            self.padding_read += sum(row[0] == end for row in rows)
            self.labels_off += sum(
                given not in (right, [*right, end], row[-LABELLED:])
                for row, given, right in zip(rows, labelled, wanted, strict=True)
                if right is not None
            )
        with watched(*models) as seen:
            result = super().__call__(*arguments, **more)
        gradients_on = torch.is_grad_enabled()
        self.modes += [(model, seen["dropout_on"], gradients_on) for model in models]
        return result


@dataclass
class Losses(Recorded):
    """compute_DPO_loss at work: which gradients the steps should have."""

    function: Callable[..., Any]
    steps: Steps
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    models: list[Any] = field(default_factory=list)
    # How often the reference had a gradient, and the policy had none.
    mixed_up: int = 0
    used: Used = field(default_factory=Used)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also the gradients."""
        mark = self.used.next()
        result = super().__call__(*arguments, **more)
        values = [value for value in self.calls[-1] if isinstance(value, Tensor)]
        attached = [value.requires_grad for value in values[:4]]
        self.mixed_up += attached == [False, False, True, True]
        loss = result[0] if isinstance(result, tuple) and result else result
        rows = len(values[0]) if values and values[0].dim() else 1
        self.steps.expect(loss, rows, mark)
        # After the look at its gradient, which is not the loop's.
        self.used.watch(loss, mark)
        return result


@dataclass
class Labels(Recorded):
    """create_labels_from_attention_mask at work: rows with a wrong prompt length or mask."""

    function: Callable[..., Any]
    pairs: Pairs
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    models: list[Any] = field(default_factory=list)
    lengths_off: int = 0

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also the lengths."""
        with suppress(KeyError, IndexError, TypeError, AttributeError, ValueError):
            given = dict(zip(("tokenized_input", "prompt_lengths"), arguments, strict=False)) | more
            rows, _ = rows_of_batch(given["tokenized_input"])
            lengths = torch.as_tensor(given["prompt_lengths"]).reshape(-1).tolist()
            wanted = [self.pairs.prompt_lengths.get(place) for place in self.pairs.find(rows)]
            padding = fixtures.policy_tokenizer().pad_token_id
            self.lengths_off += sum(
                length != right or row[0] == padding
                for row, length, right in zip(rows, lengths, wanted, strict=False)
                if right is not None
            )
        return super().__call__(*arguments, **more)


def train_dpo(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe train_DPO: its pairs, its history, its steps, what became of policy and reference."""
    function = find(namespace, "train_DPO")
    own = {name: find(namespace, name) for name in ("compute_DPO_loss", "get_log_probs")}
    find(namespace, "evaluate")
    train_pairs, test_pairs = numbered_pairs(inputs)
    namespace |= {
        "train_texts_parallel": list(train_pairs),
        "test_texts_parallel": list(test_pairs),
    }
    namespace["test_texts"] = numbered_reviews(inputs)[1]
    pairs = Pairs(train_pairs, test_pairs)
    own_tools = inputs, pairs, own["compute_DPO_loss"], own["get_log_probs"]
    with setting(namespace, inputs) as (folder, original), watched_steps() as steps:
        start = flat_weights(original)
        stand_ins = DpoStandIns(*own_tools, start) if "stand_ins" in inputs else None
        replaced = stand_ins.functions if stand_ins else {}
        scores = Scores((namespace | replaced)["get_log_probs"], pairs, steps)
        steps.follow("scores", scores.calls)
        if stand_ins:
            steps.follow("losses", stand_ins.calls)
            steps.follow("counted", stand_ins.counted)
        create_labels = (namespace | replaced).get("create_labels_from_attention_mask")
        labels = Labels(create_labels, pairs) if callable(create_labels) else None
        losses_of = Losses((namespace | replaced)["compute_DPO_loss"], steps)
        steps.follow("used losses", losses_of.used.marks)
        watching: dict[str, Recorded] = {"get_log_probs": scores, "compute_DPO_loss": losses_of}
        if labels:
            watching["create_labels_from_attention_mask"] = labels
        before = dict(namespace)
        with borrowed(namespace, replaced | watching), watched_rows() as rows:
            results = function(folder, **inputs["arguments"])
            policy = steps.trained([namespace["model"], *scores.models])
            scored = [model for model, _, trains in scores.modes if trains] or scores.models
            models = of_models(steps, scored, namespace, before)
    losses = history_of(results, "losses", "train_DPO")
    test_loss = number_of(results, "test_loss", "train_DPO")
    evaluation = part_of(results, "eval_results", "train_DPO")
    others = [model for model in scores.models if model is not policy]
    answers: Answers = {
        **ends_of(losses, "losses"),
        "test_loss": test_loss,
        **models,
        **of_evaluation(evaluation, policy, original, stand_ins.evaluations if stand_ins else None),
        **of_steps(steps, original, inputs["arguments"]["lr"]),
        "preference": preference(policy, inputs),
        "policy_moved": largest_difference(policy, original),
        "rows_of_other_texts": float(scores.unknown),
        "texts_read": float(
            len({*pairs.find([row for row, _ in rows]), *scores.places} & {*pairs.labels})
        ),
        "rows_read": float(len(rows) + scores.rows_read),
        "asked_for_scores": float(bool(scores.calls)),
        "losses_asked_for": float(len(losses_of.used.marks)),
        "scores_after_training": float(steps.calls_since("scores")),
        "test_pairs_scored": float(len({n for n, _ in scores.places if n >= HELD_OUT})),
        "rejected_read": float(sum(side == REJECTED for _, side in scores.places)),
        "longest_row": float(max([scores.longest, *(len(row) for row, _ in rows)], default=0)),
        "other_models": float(len({id(model) for model in others})),
        "models_mixed_up": float(losses_of.mixed_up),
        "asked_for_scores_in_training": float(any(trains for *_, trains in scores.modes)),
        "padding_read": float(scores.padding_read),
        "labels_off": float(scores.labels_off),
        "prompt_lengths_off": float(labels.lengths_off if labels else 0),
        "reference_moved": largest_difference(others[-1], original) if others else 0.0,
        "reference_off": max(
            (distance(w, flat_weights(original)) for m, w in scores.weights if m is not policy),
            default=0.0,
        ),
        "reference_dropout": max((on for m, on, _ in scores.modes if m is not policy), default=0.0),
        "test_dropout": max(
            (on for m, on, trains in scores.modes if m is policy and not trains), default=0.0
        ),
    }
    if stand_ins and inputs["stand_ins"] == "count":
        # A mean over pairs, where each call's loss is the number of its pairs.
        counts = stand_ins.counted[sum(map(len, steps.calls_of_steps("counted"))) :]
        mean = sum(n * n for n in counts) / (sum(counts) or 1)
        answers |= {"pairs_tested": float(sum(counts)), "test_loss_off": abs(test_loss - mean)}
        found = pairs.find([row for row, trains in rows if trains])
        seen = [number for number, side in found if side == CHOSEN]
        answers |= of_rows([seen], len(train_pairs))
    if stand_ins and stand_ins.calls:
        of_test, of_each = of_calls(stand_ins.calls, inputs, steps, losses)
        answers |= of_each
        moved = share_of(policy, start) - share_of(original, start)
        looks = steps.own_looks
        answers["losses_differentiated"] = float(stand_ins.differentiated - looks)
        answers["test_loss_of_pairs"] = test_loss / (1.0 + moved)
        answers["test_weights_off"] = max((abs(c.moved - moved) for c in of_test), default=0.0)
        tested = {number - HELD_OUT for call in of_test for number in call.ids}
        answers["test_pairs_left_out"] = float(len(set(range(len(test_pairs))) - tested))
    if "another_call" in inputs:
        histories = {"losses": losses}
        answers |= of_another_call(function, namespace, inputs, replaced, histories)
    return answers


@contextmanager
def watched_rows() -> Iterator[list[tuple[list[int], bool]]]:
    """Watch which rows models read, without their padding, and whether gradients were on."""
    rows: list[tuple[list[int], bool]] = []
    tokenizer = fixtures.policy_tokenizer()
    vocabulary, padding = len(tokenizer), tokenizer.pad_token_id

    def note(module: nn.Module, arguments: Any) -> None:
        if not isinstance(module, nn.Embedding) or module.num_embeddings != vocabulary:
            return
        if arguments and arguments[0].dim() == 2:
            trains, of_batch = torch.is_grad_enabled(), arguments[0].tolist()
            texts = [[token for token in row if token != padding] for row in of_batch]
            rows.extend((text, trains) for text in texts)

    hook = register_module_forward_pre_hook(opaque(note))
    try:
        yield rows
    finally:
        hook.remove()


def of_calls(
    calls: list[Call], inputs: dict[str, Any], steps: Steps, losses: list[float]
) -> tuple[list[Call], Answers]:
    """Return the calls that were no training, and which pairs and betas the losses were asked for.

    A test loss may be taken at any time; training is what is differentiated.
    """
    beta, count = inputs["arguments"]["beta"], inputs["pairs"][0]
    of_steps = of_each_step(steps, "losses", "used losses", gradients_on)
    of_training = [call for of_step in of_steps for call in of_step]
    of_test = [call for call in calls if not any(call is other for other in of_training)]
    sizes = [[len(call.ids) for call in of_step] for of_step in of_steps]
    pieces = [*zip(of_steps, sizes, strict=True)]
    wanted = [weighted([cmath.rect(1.0, call.angle) for call in one], n) for one, n in pieces]
    values = [weighted([call.value for call in one], n) for one, n in pieces]
    counts = Counter(i for call in of_training for i in call.ids)
    return of_test, {
        **of_rows([call.ids for call in of_training], count, times=2),
        **of_gradients(steps, wanted),
        **of_history(losses, values, "losses"),
        "rows_not_twice": float(sum(counts[n] != 2 for n in range(count))),
        "beta_off_in_training": max((abs(c.beta - beta) for c in of_training), default=0.0),
        "beta_off_in_test": max((abs(c.beta - beta) for c in of_test), default=0.0),
        "pairs_mixed": float(sum(call.mixed for call in calls)),
        "sides_same": float(sum(call.same for call in calls)),
        "sides_swapped": float(sum(call.swapped for call in calls)),
        "references_strange": float(sum(call.strange for call in calls)),
        "scores_changed": float(sum(call.scaled for call in calls)),
        "without_reference": float(sum(call.alone for call in calls)),
        "training_moved": max((abs(call.moved) for call in of_training), default=0.0),
        "references_mixed": float(sum(call.others for call in calls)),
    }
