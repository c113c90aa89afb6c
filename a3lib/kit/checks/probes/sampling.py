"""Probes of the functions that sample, evaluate and reset: section 1, reset_model_optimizer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.spies import Answers, Recorded, borrowed, find, numbers, work_first
from a3lib.kit.checks.probes.stubs import reward_stand_in


@contextmanager
def watched(*models: nn.Module) -> Iterator[dict[str, float]]:
    """Watch models: whether any ran, ran with dropout on, or ran with gradients on."""
    seen = {"ran": 0.0, "dropout_on": 0.0, "gradients_on": 0.0}

    def note(module: nn.Module, arguments: Any) -> None:
        seen["ran"] = 1.0
        seen["dropout_on"] = max(seen["dropout_on"], float(module.training))
        seen["gradients_on"] = max(seen["gradients_on"], float(torch.is_grad_enabled()))

    # A model's parts are watched, because some students do not call the model itself.
    hooks = [
        part.register_forward_pre_hook(note)
        for model in models
        for part in model.modules()
        if isinstance(part, (nn.Dropout, nn.LayerNorm))
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def policy_of(inputs: dict[str, Any]) -> Any:
    """Return the policy of a probe: the same logits everywhere, or random weights."""
    vocabulary = len(fixtures.policy_tokenizer())
    if "logits" in inputs:
        return fixtures.fixed_policy(dict(inputs["logits"]), vocabulary)
    return fixtures.random_policy(inputs["model"], vocabulary, inputs["sharpness"])


def reward(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_reward_for_mini_batch: rewards (B,), tokens (B, 30) and texts, of two calls."""
    function = find(namespace, "compute_reward_for_mini_batch")
    tokenizer, (reward_model, reward_tokenizer) = (
        fixtures.policy_tokenizer(),
        fixtures.reward_tools(),
    )
    policy = namespace["model"] = policy_of(inputs)
    tools = (tokenizer, policy, reward_tokenizer, reward_model)
    sizes = inputs.get("sizes", {})
    texts = list(inputs["texts"])
    with watched(policy) as seen:
        rewards, tokens, generations = function(texts, *tools, **sizes)
        again = function(list(inputs["texts"]), *tools, **sizes)[1] if "again" in inputs else tokens
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
        "repeats_itself": float(torch.equal(tokens, again)),
        "dropout_on": seen["dropout_on"],
        **statistics(tokens, inputs),
    }


def seeds_of(inputs: dict[str, Any]) -> list[list[int]]:
    """Return the first tokens of each text."""
    length = inputs.get("sizes", {}).get("seed_token_length", 10)
    return [ids[:length] for ids in fixtures.policy_tokenizer()(list(inputs["texts"]))["input_ids"]]


def statistics(tokens: Tensor, inputs: dict[str, Any]) -> Answers:
    """Return how many of the tokens (B, T) the policy never says, and how often it said which."""
    drawn = tokens[:, inputs.get("sizes", {}).get("seed_token_length", 10) :].flatten()
    said = torch.tensor([token for token, _ in inputs.get("logits", [])])
    foreign = {"foreign_tokens": float((~torch.isin(drawn, said)).sum())}
    if "unlikely" not in inputs:
        return foreign
    unlikely = drawn[torch.isin(drawn, torch.tensor(inputs["unlikely"]))]
    return foreign | {
        "share_of_likeliest": numbers((drawn == inputs["likeliest"]).double().mean()),
        "share_of_unlikely": len(unlikely) / len(drawn),
        "different_unlikely": float(len(unlikely.unique())),
    }


def evaluate(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe evaluate on a few reviews: the mean reward, and the texts in order."""
    function = find(namespace, "evaluate")
    sample = find(namespace, "compute_reward_for_mini_batch")
    tokenizer, (reward_model, reward_tokenizer) = (
        fixtures.policy_tokenizer(),
        fixtures.reward_tools(),
    )
    policy = namespace["model"] = policy_of(inputs)
    texts = namespace["test_texts"] = list(inputs["texts"])
    ending = str(tokenizer.decode([inputs["logits"][0][0]]))
    rewards = dict(zip(texts, inputs.get("rewards", []), strict=False))
    known = Recorded(work_first(sample, reward_stand_in(rewards, ending)))
    stand_in = {"compute_reward_for_mini_batch": known} if rewards else {}
    # A student's notebook may have loaded the classifier without freezing it.
    reward_model.requires_grad_(True)
    try:
        with watched(policy, reward_model) as seen, borrowed(namespace, stand_in):
            evaluation = function(
                tokenizer, policy, reward_tokenizer, reward_model, batch_size=inputs["batch_size"]
            )
    finally:
        reward_model.requires_grad_(False)
    starts = [str(tokenizer.decode(row)) for row in seeds_of(inputs)]
    generations = [str(text) for text in evaluation["generations"]]
    in_order = sum(start in text for start, text in zip(starts, generations, strict=False))
    return {
        "reward": numbers(evaluation["reward"]),
        "text_count": float(len(generations)),
        "texts_in_order": float(in_order),
        "texts_continued": float(
            sum(text.rstrip().endswith(ending.strip()) for text in generations)
        ),
        "worked": max(seen["ran"], float(bool(known.calls))),
        "gradients_on": seen["gradients_on"],
    }


def reset(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe reset_model_optimizer after the global model was spoilt: weights, optimizer, rate."""
    function = find(namespace, "reset_model_optimizer")
    original = fixtures.random_policy(inputs["model"])
    spoilt = namespace["model"] = fixtures.random_policy(inputs["model"] + 1)
    with fixtures.checkpoint(original) as folder:
        returned = function(folder, *inputs.get("lr", []))
    model, optimizer = returned if isinstance(returned, tuple) else (None, None)
    model = model if isinstance(model, nn.Module) else namespace["model"]
    optimizer = optimizer if optimizer is not None else namespace["optimizer"]
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    pairs = zip(model.state_dict().values(), original.state_dict().values(), strict=True)
    return {
        "difference_to_checkpoint": float(max((a - b).abs().max() for a, b in pairs)),
        "is_new": float(model is not spoilt),
        "parameters_in_optimizer": float(all(id(p) in in_optimizer for p in model.parameters())),
        "lr": float(optimizer.param_groups[0]["lr"]),
        "state_of_optimizer": float(len(optimizer.state)),
    }


SAMPLING_PROBES = {"reward": reward, "evaluate": evaluate, "reset": reset}
