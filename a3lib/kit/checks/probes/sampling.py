"""Probes of the functions that sample, evaluate and reset: section 1, reset_model_optimizer."""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.asked import is_of_other_lengths
from a3lib.kit.checks.probes.examples import numbered_reviews, rewards_of_reviews
from a3lib.kit.checks.probes.integrity import Changed
from a3lib.kit.checks.probes.models import distance, flat_weights, models_among, parameters_in
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.spies import (
    Answers,
    Recorded,
    WrongResult,
    argument,
    borrowed,
    find,
    named,
    numbers,
    part_of,
    projections,
    values_of,
    work_first,
)
from a3lib.kit.checks.probes.stubs import reward_stand_in

SOME_STEPS, SMALL_GRADIENT = 12, 1e-3
# What the policies say that a function should not have used.
ANOTHER_WORD = 777
# Numbered reviews begin like this, and no test text does.
TRAINING_STARTS = tuple(f"{n}:" for n in range(10))


@contextmanager
def watched(*models: nn.Module) -> Iterator[dict[str, float]]:
    """Watch models: whether any ran, ran with dropout on, or ran with gradients on.

    Raises Changed where hooks or classes of their parts are others at the end.
    """
    seen = {"ran": 0.0, "dropout_on": 0.0, "gradients_on": 0.0}

    def note(module: nn.Module, arguments: Any) -> None:
        seen["ran"] = 1.0
        # Its class may say something else.
        training = vars(module).get("training", True)
        seen["dropout_on"] = max(seen["dropout_on"], float(training))
        seen["gradients_on"] = max(seen["gradients_on"], float(torch.is_grad_enabled()))

    # A model's parts are watched, because some students do not call the model itself.
    watcher = opaque(note)
    hooks = [
        (part, type(part), part.register_forward_pre_hook(watcher))
        for model in models
        for part in model.modules()
        if isinstance(part, (nn.Dropout, nn.LayerNorm))
    ]
    try:
        yield seen
        for part, kind, hook in hooks:
            if hook.id not in vars(part)["_forward_pre_hooks"] or type(part) is not kind:
                raise Changed("it changed the parts of a model: leave their hooks and classes")
    finally:
        for _, _, hook in hooks:
            hook.remove()


def policy_of(inputs: dict[str, Any]) -> Any:
    """Return the policy of a probe: the same logits everywhere, or random weights."""
    vocabulary = len(fixtures.policy_tokenizer())
    if "logits" in inputs:
        return fixtures.fixed_policy(dict(inputs["logits"]), vocabulary)
    return fixtures.random_policy(inputs["model"], vocabulary, inputs["sharpness"])


def another_policy() -> Any:
    """Return what the global `model` is while a function is given one of its own to use."""
    return fixtures.fixed_policy({ANOTHER_WORD: 0.0}, len(fixtures.policy_tokenizer()))


def reward(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_reward_for_mini_batch: rewards (B,), tokens (B, 30) and texts, of two calls.

    Raises WrongResult where something else is returned.
    """
    function = find(namespace, "compute_reward_for_mini_batch")
    tokenizer, (reward_model, reward_tokenizer) = (
        fixtures.policy_tokenizer(),
        fixtures.reward_tools(),
    )
    policy, namespace["model"] = policy_of(inputs), another_policy()
    tools = (tokenizer, policy, reward_tokenizer, reward_model)
    sizes = inputs.get("sizes", {})
    texts = list(inputs["texts"])
    with watched(policy) as seen, watched(reward_model) as scoring:
        results = function(texts, *tools, **sizes)
        again = function(list(inputs["texts"]), *tools, **sizes) if "again" in inputs else results
    names = ("reward", "output_tokens", "texts")
    rewards, tokens, generations = values_of(results, names, "compute_reward_for_mini_batch")
    if not isinstance(tokens, Tensor) or tokens.dim() != 2:
        raise WrongResult(
            f"compute_reward_for_mini_batch returned {named(tokens)} as its second value; needed "
            "output_tokens, one row of token ids a text"
        )
    seeds = seeds_of(inputs)
    beginnings = [tokenizer.decode(row) for row in seeds]
    rows = numbers(tokens)
    return {
        "reward": numbers(rewards),
        "reward_is_tensor": float(isinstance(rewards, Tensor)),
        "reward_needs_gradient": float(getattr(rewards, "requires_grad", False)),
        "tokens": rows,
        "tokens_begin_with_seed": float(
            sum(row[: len(seed)] == seed for row, seed in zip(rows, seeds, strict=False))
        ),
        "text_count": float(len(generations)),
        "texts_begin_with_seed": float(
            sum(start in text for start, text in zip(beginnings, generations, strict=False))
        ),
        "repeats_itself": float(torch.equal(tokens, again[1])),
        "tokens_of_another_model": float((rows_after_seed(tokens, inputs) == ANOTHER_WORD).sum()),
        "dropout_on": seen["dropout_on"],
        "reward_dropout": scoring["dropout_on"],
        **statistics(tokens, inputs),
    }


def seeds_of(inputs: dict[str, Any]) -> list[list[int]]:
    """Return the first tokens of each text."""
    length = inputs.get("sizes", {}).get("seed_token_length", 10)
    return [ids[:length] for ids in fixtures.policy_tokenizer()(list(inputs["texts"]))["input_ids"]]


def rows_after_seed(tokens: Tensor, inputs: dict[str, Any]) -> Tensor:
    """Return the tokens (B, T) after the seed's."""
    return tokens[:, inputs.get("sizes", {}).get("seed_token_length", 10) :]


def statistics(tokens: Tensor, inputs: dict[str, Any]) -> Answers:
    """Return how many of the tokens (B, T) the policy never says, and how often it said which."""
    rows = rows_after_seed(tokens, inputs)
    drawn = rows.flatten()
    said = torch.tensor([token for token, _ in inputs.get("logits", [])])
    foreign = {"foreign_tokens": float((~torch.isin(drawn, said)).sum())}
    if "unlikely" not in inputs:
        return foreign
    unlikely = drawn[torch.isin(drawn, torch.tensor(inputs["unlikely"]))]
    return foreign | {
        "share_of_likeliest": numbers((drawn == inputs["likeliest"]).double().mean()),
        "likeliest_beside_second": float((drawn == inputs["likeliest"]).sum())
        / max(1.0, float((drawn == inputs["second"]).sum())),
        "share_of_unlikely": len(unlikely) / len(drawn),
        "different_unlikely": float(len(unlikely.unique())),
        "columns": float(tokens.shape[1]),
        "share_of_ends": share_alike(rows, torch.zeros_like(rows)),
        "rows_alike": share_alike(rows[1:], rows[:1]),
        "share_of_repeats": share_alike(rows[:, 1:], rows[:, :-1]),
    }


def share_alike(tokens: Tensor, others: Tensor) -> float:
    """Return the share of tokens (B, T) that are the same as others, (B, T) or (1, T)."""
    return numbers((tokens == others).double().mean()) if tokens.numel() else 0.0


class Samples(Recorded):
    """The sampling function at work: the lengths it was asked for, and the policy's first mode."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.in_training, self.of_other_lengths = False, 0

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note what was asked, and the mode before the function itself may change it."""
        if not self.calls:
            policies = models_among(arguments, more)
            self.in_training = any(policy.training for policy in policies)
        self.of_other_lengths += is_of_other_lengths(arguments, more)
        return super().__call__(*arguments, **more)


def evaluate(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe evaluate on a few reviews: the mean reward, and the texts and rewards in order."""
    function = find(namespace, "evaluate")
    sample = find(namespace, "compute_reward_for_mini_batch")
    tokenizer, (reward_model, reward_tokenizer) = (
        fixtures.policy_tokenizer(),
        fixtures.reward_tools(),
    )
    policy, namespace["model"] = policy_of(inputs), another_policy()
    texts = namespace["test_texts"] = list(inputs["texts"])
    namespace["train_texts"] = numbered_reviews(inputs | {"count": len(texts)})[0]
    ending = str(tokenizer.decode([inputs["logits"][0][0]]))
    rewards = dict(zip(texts, inputs.get("rewards", []), strict=False))
    stand_in = work_first(sample, reward_stand_in(rewards, ending)) if rewards else sample
    known = Samples(stand_in)
    # A global classifier is not the one that evaluate is given.
    other = namespace["reward_model"] = copy.deepcopy(reward_model)
    tools = (tokenizer, policy, reward_tokenizer, reward_model)
    # A student's notebook may have loaded the classifier without freezing it.
    reward_model.requires_grad_(True)
    try:
        watching = {"compute_reward_for_mini_batch": known}
        with watched(policy, reward_model) as seen, borrowed(namespace, watching):
            evaluation = function(*tools, batch_size=inputs["batch_size"])
    finally:
        reward_model.requires_grad_(False)
    starts = [str(tokenizer.decode(row)) for row in seeds_of(inputs)]
    generations = [str(text) for text in part_of(evaluation, "generations", "evaluate")]
    in_order = sum(start in text for start, text in zip(starts, generations, strict=False))
    answers = {
        "reward": numbers(part_of(evaluation, "reward", "evaluate")),
        "text_count": float(len(generations)),
        "texts_in_order": float(in_order),
        "texts_continued": float(
            sum(text.rstrip().endswith(ending.strip()) for text in generations)
        ),
        "texts_of_training": float(sum(text[:2] in TRAINING_STARTS for text in generations)),
        "worked": max(seen["ran"], float(bool(rewards and known.calls))),
        "models_off": max(
            (
                distance(flat_weights(model), flat_weights(policy))
                for model in known.models
                if model is not reward_model
            ),
            default=0.0,
        ),
        "gradients_on": seen["gradients_on"],
        "evaluated_in_training_mode": float(known.in_training and seen["dropout_on"]),
        "another_classifier": float(any(x is other for call in known.calls for x in call)),
        "lengths_off": float(known.of_other_lengths),
    }
    return answers | (of_many(namespace, tools, inputs) if "count" in inputs else {})


def of_many(namespace: dict[str, Any], tools: tuple[Any, ...], inputs: dict[str, Any]) -> Answers:
    """Return whether evaluate samples each of many reviews, once, and keeps each reward.

    A slice that was left in from debugging shows only where there is more than it keeps.
    """
    texts = namespace["test_texts"] = numbered_reviews(inputs)[0]
    rewards = dict(zip(texts, rewards_of_reviews(inputs).tolist(), strict=True))
    sampled: list[str] = []
    stand_in = reward_stand_in(rewards)

    def sample(*call: Any, **more: Any) -> Any:
        sampled.extend(map(str, argument(call, more, 0, "batch")))
        return stand_in(*call, **more)

    with borrowed(namespace, {"compute_reward_for_mini_batch": sample}):
        evaluation = namespace["evaluate"](*tools, batch_size=inputs["many_batch_size"])
    kept = [float(value) for value in part_of(evaluation, "rewards", "evaluate")]
    return {
        "rewards": kept[:3],
        "reward_count": float(len(kept)),
        "reward_sum": sum(kept),
        "reviews_left_out": float(len(set(texts) - set(sampled))),
        "sampled_again": sum(n > 1 for n in Counter(sampled).values()) / len(texts),
    }


def reset(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe reset_model_optimizer after the global model was spoilt: weights, optimizer, rate."""
    function = find(namespace, "reset_model_optimizer")
    original = fixtures.random_policy(inputs["model"])
    spoilt = namespace["model"] = fixtures.random_policy(inputs["model"] + 1)
    with fixtures.checkpoint(original) as folder:
        model, optimizer = reset_with(function, namespace, folder, inputs)
        answers = of_reset(model, optimizer) | {"is_new": float(model is not spoilt)}
        # By now the model has been trained, and so the next one is to be another.
        again, _ = reset_with(function, namespace, folder, inputs)
    start = flat_weights(original)
    return answers | {"weights_off_second_time": distance(flat_weights(again), start)}


def reset_with(
    function: Any, namespace: dict[str, Any], folder: str, inputs: dict[str, Any]
) -> tuple[Any, Any]:
    """Return the model and the optimizer that reset_model_optimizer returns, or makes global."""
    returned = function(folder, *inputs.get("lr", []))
    model, optimizer = returned if isinstance(returned, tuple) else (None, None)
    model = model if isinstance(model, nn.Module) else namespace["model"]
    return model, optimizer if optimizer is not None else namespace["optimizer"]


def of_reset(model: nn.Module, optimizer: Any) -> Answers:
    """Return the weights of a new model and what is in its optimizer; trains it a little."""
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {
        # Sums of the weights along some directions: only the right weights give them.
        "weights": projections([parameter.detach() for parameter in parameters_in(model)]),
        "parameters_in_optimizer": float(all(id(p) in in_optimizer for p in parameters_in(model))),
        "parameters_held": float(sum(id(p) in in_optimizer for p in parameters_in(model))),
        "lr": float(optimizer.param_groups[0]["lr"]),
        "weight_decay": float(optimizer.param_groups[0].get("weight_decay", 0.0)),
        # Some make their state before their first step.
        "state_of_optimizer": float(
            sum(float(state.get("step", 1)) > 0 for state in optimizer.state.values())
        ),
        "way_of_small_gradients": way_of_small_gradients(model, optimizer),
    }


def way_of_small_gradients(model: nn.Module, optimizer: Any) -> float:
    """Return how far some steps of a small gradient move a weight, in steps of the learning rate.

    AdamW's steps have one size whatever the gradient's.
    """
    before = flat_weights(model)
    for _ in range(SOME_STEPS):
        for parameter in parameters_in(model):
            parameter.grad = torch.full_like(parameter, SMALL_GRADIENT)
        optimizer.step()
    rate = float(optimizer.param_groups[0]["lr"]) or 1.0
    return float((flat_weights(model) - before).abs().median()) / rate / SOME_STEPS


SAMPLING_PROBES = {"reward": reward, "evaluate": evaluate, "reset": reset}
