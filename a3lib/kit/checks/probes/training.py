"""Probe of `train`: a few steps on a policy that knows two words.

The policy says one of two words everywhere, a positive one or a negative one, so what training did
is a single number. Which texts, rewards and weights the loop used is followed call by call.
"""

import cmath
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.asked import of_evaluation, of_models, share_sampled_again
from a3lib.kit.checks.probes.examples import (
    HELD_OUT,
    UNKNOWN,
    numbered_reviews,
    places_of,
    rewards_of_reviews,
    shares,
)
from a3lib.kit.checks.probes.histories import ends_of, farthest, history_of, of_history
from a3lib.kit.checks.probes.models import distance, flat_weights, parameters_in, unordered
from a3lib.kit.checks.probes.rollouts import Divergences, Losses, Rollouts, Sample, of_rewards
from a3lib.kit.checks.probes.spies import Answers, borrowed, find, part_of
from a3lib.kit.checks.probes.steps import Steps, of_gradients, of_steps, watched_steps, weighted
from a3lib.kit.checks.probes.stubs import LossCall, TrainStandIns, not_asked
from a3lib.kit.checks.probes.used import Used, among, of_each_step

CALLED = ("compute_reward_for_mini_batch", "compute_reinforce_loss", "evaluate")
RECEIPT_SEED = 31
# Whether a loss, or a penalty, could have been differentiated.
gradients_on, attached = attrgetter("gradients_on"), attrgetter("attached")


def two_word_policy(inputs: dict[str, Any]) -> Any:
    """Return a policy that says the positive and the negative word equally often, and no other."""
    words = {inputs["positive"]: 0.0, inputs["negative"]: 0.0}
    return fixtures.fixed_policy(words, len(fixtures.policy_tokenizer()))


def preference(policy: Any, inputs: dict[str, Any]) -> float:
    """Return how much higher the positive word's score is than the negative one's, in nats.

    A model of ours with the policy's weights is asked, because the policy may be of a student's
    class. One of another build has no preference.
    """
    asked = two_word_policy(inputs)
    pairs = [*zip(parameters_in(asked), parameters_in(policy), strict=False)]
    if any(ours.shape != theirs.shape for ours, theirs in pairs):
        return 0.0
    ids = torch.ones(1, 3, dtype=torch.long)
    with torch.no_grad():
        for ours, theirs in pairs:
            ours.copy_(theirs)
        scores = asked(input_ids=ids, attention_mask=ids).logits[0, -1]
    return float(scores[inputs["positive"]] - scores[inputs["negative"]])


@contextmanager
def setting(namespace: dict[str, Any], inputs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Put a spoilt model and its optimizer into a namespace; yield checkpoint and policy."""
    original = two_word_policy(inputs)
    spoilt = namespace["model"] = copy.deepcopy(original)
    with torch.no_grad():
        spoilt.get_output_embeddings().weight.add_(0.5)
    namespace["optimizer"] = torch.optim.AdamW(spoilt.parameters(), lr=1e-4)
    with fixtures.checkpoint(original) as folder:
        namespace["model_name"] = folder
        yield folder, original


def of_rows(trained: list[list[int]], count: int, times: int = 1) -> Answers:
    """Return which rows a loop trained on: how many never, too often, of other data.

    `receipt` is a sum over all rows that depends on each of them.
    """
    rows = [number for batch in trained for number in batch]
    counts = Counter(rows)
    shared = shares(HELD_OUT, RECEIPT_SEED)
    known = [number for number in rows if 0 <= number < count]
    return {
        "rows_never_trained": float(sum(n not in counts for n in range(count))),
        "rows_of_test": float(sum(number >= HELD_OUT for number in rows)),
        "rows_unknown": float(counts[UNKNOWN]),
        "batches_repeated": float(
            len(trained) > times and len(set(map(frozenset, trained))) == 1 and UNKNOWN not in rows
        ),
        "receipt": float(shared[torch.tensor(known, dtype=torch.long)].sum()),
        "largest_batch": float(max(map(len, trained), default=0)),
    }


def train(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe train: its data, its history, its steps, what became of policy and reference."""
    function = find(namespace, "train")
    for name in CALLED:
        find(namespace, name)
    texts, test_texts = numbered_reviews(inputs)
    namespace |= {"train_texts": list(texts), "test_texts": list(test_texts)}
    penalised = inputs["arguments"].get("use_kl_divergence", False)
    # Section 2 comes before section 3, so the function may not be written yet.
    own = {"compute_kl_divergence": find(namespace, "compute_kl_divergence")} if penalised else {}
    rewards = dict(zip(texts, rewards_of_reviews(inputs).tolist(), strict=True))
    places = places_of(texts, test_texts)
    stand_ins = (
        TrainStandIns(namespace, inputs, rewards, places) if inputs.get("stand_ins") else None
    )
    replaced = stand_ins.functions if stand_ins else {}
    functions = namespace | {"compute_kl_divergence": not_asked} | own | replaced
    with setting(namespace, inputs) as (folder, original), watched_steps() as steps:
        rollouts = Rollouts(functions["compute_reward_for_mini_batch"])
        losses = Losses(functions["compute_reinforce_loss"], rollouts, steps)
        divergences = Divergences(functions["compute_kl_divergence"])
        steps.follow("rollouts", rollouts.samples)
        steps.follow("trained", losses.trained)
        steps.follow("attached", divergences.attached)
        steps.follow("used losses", losses.used.marks)
        steps.follow("used divergences", divergences.used.marks)
        if stand_ins:
            steps.follow("losses", stand_ins.calls)
            steps.follow("divergences", stand_ins.divergences)
        watching = {
            "compute_kl_divergence": divergences,
            "compute_reinforce_loss": losses,
            "compute_reward_for_mini_batch": rollouts,
        }
        before = dict(namespace)
        with borrowed(namespace, replaced | watching):
            results = function(folder, **inputs["arguments"])
            policy = steps.trained([namespace["model"], *losses.models])
            models = of_models(steps, losses.models, namespace, before)
    keys = ("losses", "rewards", "kl_divergences") if penalised else ("losses", "rewards")
    histories = {key: history_of(results, key, "train") for key in keys}
    evaluation = part_of(results, "eval_results", "train")
    of_each_step = samples_of_steps(steps)
    sampled = [
        [places.get(text, UNKNOWN) for text in one.texts]
        for samples in of_each_step
        for one in samples
    ]
    trained = (
        [call.ids for call in calls_in_training(steps, losses.used, stand_ins.calls)]
        if stand_ins
        else sampled
    )
    answers: Answers = {
        **of_steps(steps, original, inputs["arguments"]["lr"]),
        **of_rows(trained, len(texts)),
        **of_rewards(losses),
        **models,
        **of_evaluation(evaluation, policy, original, stand_ins.evaluations if stand_ins else None),
        # An evaluation after the last step samples as well.
        "samples_asked_for": float(sum(map(len, steps.calls_of_steps("rollouts")))),
        "losses_asked_for": float(len(losses.given)),
        "divergences_asked_for": float(len(divergences.used.marks)),
        "lengths_off": float(rollouts.of_other_lengths),
        "sampled_again": share_sampled_again(steps),
        "preference": preference(policy, inputs),
        "dropout_on": rollouts.dropout_on,
        "reward_dropout": rollouts.reward_dropout,
        "sampled_off_policy": max(
            (
                unordered(sample.weights, before)
                for samples, before in zip(of_each_step, steps.before, strict=True)
                for sample in samples
            ),
            default=0.0,
        ),
        **of_reference(divergences, policy, original),
        # What is asked without gradients as well, to show it, is no penalty.
        "penalty_detached": float(
            sum(not any(of_step) for of_step in steps.calls_of_steps("attached") if of_step)
        ),
    }
    for key, values in histories.items():
        answers |= ends_of(values, key)
    batches = [[r for sample in samples for r in sample.rewards] for samples in of_each_step]
    means = [sum(values) / len(values) for values in batches if values]
    answers |= of_history(histories["rewards"], means, "rewards")
    tops = [max(values) for values in batches if values]
    answers["rewards_off_maximum"] = farthest(histories["rewards"], tops)
    if stand_ins:
        answers |= of_losses(steps, histories, inputs["arguments"].get("alpha", 0.0))
        answers["losses_differentiated"] = float(stand_ins.differentiated - steps.own_looks)
        penalties = divergences.used.among(stand_ins.divergences, attached) or stand_ins.divergences
        answers["penalty_of_other_texts"] = float(sum(kl.of_other_texts for kl in penalties))
        answers["penalty_of_another"] = float(any(kl.model is not policy for kl in penalties))
    if "another_call" in inputs:
        answers |= of_another_call(function, namespace, inputs, replaced, histories)
    return answers


def of_reference(divergences: Divergences, policy: Any, original: Any) -> Answers:
    """Return how the model that the penalty was asked with is not the untrained original."""
    reference = divergences.references[-1] if divergences.references else original
    return {
        "references": float(len(divergences.references)),
        "reference_is_policy": float(reference is policy),
        "reference_moved": largest_difference(reference, original),
        "reference_off": max(
            (distance(weights, flat_weights(original)) for weights in divergences.weights),
            default=0.0,
        ),
        "reference_gradient": largest_gradient(reference if divergences.references else None),
        "reference_dropout": divergences.dropout_on,
    }


def of_another_call(
    function: Callable[..., Any],
    namespace: dict[str, Any],
    inputs: dict[str, Any],
    replaced: dict[str, Any],
    histories: dict[str, list[float]],
) -> Answers:
    """Return by how much a loop's histories are longer when it is called once more.

    The notebook calls it for each alpha and beta.
    """
    with setting(namespace, inputs) as (folder, _), borrowed(namespace, replaced):
        results = function(folder, **inputs["arguments"])
    again = {key: history_of(results, key, "the second call") for key in histories}
    return {f"{key}_from_before": float(len(again[key]) - len(histories[key])) for key in again}


def samples_of_steps(steps: Steps) -> list[list[Sample]]:
    """Return the samples that each step was made of: all of them where the loss had none.

    A loop may also sample to show something, or to look at the untrained policy.
    """
    found = []
    of_losses = of_each_step(steps, "trained", "used losses", bool)
    for samples, trained in zip(steps.calls_of_steps("rollouts"), of_losses, strict=True):
        rows = set().union(*trained)
        found.append([one for one in samples if one.rows & rows] or samples)
    return found


def calls_in_training(steps: Steps, used: Used, calls: list[LossCall]) -> list[LossCall]:
    """Return the losses that steps were made of, and those differentiated after the last one."""
    of_steps = of_each_step(steps, "losses", "used losses", gradients_on)
    ended = len(calls) - steps.calls_since("losses")
    some = any(mark[0] for mark in used.marks)
    after = among(calls[ended:], used.marks[ended:], lambda call: not some and call.gradients_on)
    return [call for of_step in of_steps for call in of_step] + after


def of_losses(steps: Steps, histories: dict[str, list[float]], alpha: float) -> Answers:
    """Return how far gradients and histories are from what the stand-ins gave for each step."""
    calls = of_each_step(steps, "losses", "used losses", gradients_on)
    sizes = [[len(call.ids) for call in of_step] for of_step in calls]
    pieces = [*zip(calls, sizes, strict=True)]
    losses = [weighted([call.value for call in one], n) for one, n in pieces]
    wanted = [weighted([cmath.rect(1.0, call.angle) for call in one], n) for one, n in pieces]
    answers = of_gradients(steps, wanted)
    in_history = of_history(histories["losses"], losses, "losses")
    if "kl_divergences" in histories:
        used = of_each_step(steps, "divergences", "used divergences", attached)
        of_kl = [
            some or of_step
            for some, of_step in zip(used, steps.calls_of_steps("divergences"), strict=True)
        ]
        kls = [weighted([kl.value for kl in one], [len(kl.ids) for kl in one]) for one in of_kl]
        answers["rows_without_penalty"] = float(
            sum(
                len({i for call in of_step for i in call.ids} - {i for kl in one for i in kl.ids})
                for of_step, one in zip(calls, of_kl, strict=True)
            )
        )
        # The loss of the history may be with the penalty or without it.
        whole = [a + alpha * b for a, b in zip(losses, kls, strict=True)]
        with_penalty = of_history(histories["losses"], whole, "losses")
        in_history = min(in_history, with_penalty, key=lambda one: one["losses_off"])
        answers |= of_history(histories["kl_divergences"], kls, "kl_divergences")
        times = [alpha * value for value in kls]
        answers["kl_divergences_off_weighted"] = farthest(histories["kl_divergences"], times)
    return answers | in_history


def largest_difference(model: Any, original: Any) -> float:
    """Return by how much the weights of two models of one kind differ at most."""
    return distance(flat_weights(model), flat_weights(original))


def largest_gradient(model: Any) -> float:
    """Return the largest gradient that was left in a model."""
    parameters = parameters_in(model) if model else []
    left = [parameter.grad.abs().max() for parameter in parameters if parameter.grad is not None]
    return float(max(left)) if left else 0.0
