"""Probes of the functions that compute: losses, labels, log-probabilities, the KL divergence."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from transformers import BatchEncoding

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes import integrity
from a3lib.kit.checks.probes.examples import numbered_reviews, places_of, rewards_of_reviews
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.sampling import watched
from a3lib.kit.checks.probes.spies import (
    Answers,
    Probe,
    WrongResult,
    borrowed,
    find,
    gradients,
    named,
    numbers,
    parameter_gradients,
    scalar,
    tensor_from,
    values_named,
    values_of,
)
from a3lib.kit.checks.probes.stubs import TrainStandIns
from a3lib.kit.checks.probes.training import setting

# Added to a policy's seed: the global `model` while a function is given one of its own to use.
ANOTHER = 400


def dpo_loss(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_DPO_loss: its value, and its gradients (B,) in the policy's sums.

    Raises WrongResult where nothing is returned.
    """
    function = find(namespace, "compute_DPO_loss")
    sums = [torch.tensor(inputs[key]) for key in ("chosen", "rejected")]
    policy = [values.clone().requires_grad_() for values in sums]
    reference = [torch.tensor(inputs[key]) for key in ("reference_chosen", "reference_rejected")]
    beta = {"beta": inputs["beta"]} if "beta" in inputs else {}
    result = function(*policy, *reference, **beta)
    if result is None:
        raise WrongResult("compute_DPO_loss returned None; needed the loss, a scalar tensor")
    loss = scalar(result)
    of_chosen, of_rejected = gradients(loss, policy)
    return {
        "loss": numbers(loss),
        "gradient_chosen": numbers(of_chosen),
        "gradient_rejected": numbers(of_rejected),
        "inputs_afterwards": numbers([*policy, *reference]),
    }


def batch_logps(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe _get_batch_logps: values (B,), and the gradient in the logits (B, T, V)."""
    function = find(namespace, "_get_batch_logps")
    labels = torch.tensor(inputs["labels"])
    before = labels.clone()
    logits = fixtures.noise(*labels.shape, inputs["vocabulary"], seed=inputs["noise"]).float() * 2
    leaf = logits.clone().requires_grad_()
    average = {"average_log_prob": True} if inputs.get("average") else {}
    what = "the rows' sums, a tensor (B,)"
    log_probs = tensor_from(function(leaf, labels, **average), what, "_get_batch_logps")
    others = torch.where(before >= 0, (before + 1) % inputs["vocabulary"], before)
    of_others = function(logits.clone(), others, **average)
    weights = torch.arange(1.0, len(labels) + 1)
    (gradient,) = gradients((log_probs.reshape(-1)[: len(labels)] * weights).sum(), [leaf])
    return {
        "log_probs": numbers(log_probs),
        "gradient": numbers(gradient.abs().sum(dim=-1)),
        "depends_on_both": float(
            log_probs.reshape(-1).shape == labels.shape[:1]
            and bool(gradient.any())
            and not torch.allclose(log_probs, of_others)
        ),
        "labels_changed": float(not torch.equal(labels, before)),
        "logits_changed": float(not torch.equal(leaf.detach(), logits)),
    }


def labels(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe create_labels_from_attention_mask: labels (B, T); prompt lengths as tensor or list.

    Raises WrongResult where no labels are returned.
    """
    function = find(namespace, "create_labels_from_attention_mask")

    def call(lengths: Any) -> Answers:
        ids, mask = torch.tensor(inputs["input_ids"]), torch.tensor(inputs["attention_mask"])
        tokenized = BatchEncoding({"input_ids": ids.clone(), "attention_mask": mask.clone()})
        result = function(tokenized, lengths)
        if result is None or isinstance(result, (tuple, Mapping)):
            what = named(result) if result is None else values_named(result)
            raise WrongResult(
                f"create_labels_from_attention_mask returned {what}; needed labels (B, T)"
            )
        return {
            "labels": numbers(result),
            "is_tensor": float(isinstance(result, Tensor)),
            "are_labels": are_labels(result, ids) * (result is not tokenized["input_ids"]),
            "input_ids_changed": float(not torch.equal(tokenized["input_ids"], ids)),
            "attention_mask_changed": float(not torch.equal(tokenized["attention_mask"], mask)),
        }

    try:
        return call(torch.tensor(inputs["prompt_lengths"]))
    except (TypeError, AttributeError):
        # The interface does not say which of the two it is.
        return call(list(inputs["prompt_lengths"]))


def are_labels(result: Any, ids: Tensor) -> float:
    """Return 1 where labels (B, T) are -100 or the ids (B, T) there, and some are ids; else 0."""
    labels = torch.as_tensor(result)
    kept = labels != -100
    return float(labels.shape == ids.shape and bool(kept.any()) and labels[kept].equal(ids[kept]))


def half_of(batch: dict[str, Tensor], key: str) -> Tensor:
    """Return the half of the rows (B, T) that a key such as `chosen_labels` asks for."""
    side, _, whole = key.partition("_")
    if side not in ("chosen", "rejected") or whole not in batch:
        raise KeyError(key)
    half = len(batch[whole]) // 2
    return batch[whole][:half] if side == "chosen" else batch[whole][half:]


# A batch of chosen rows, then rejected ones, that also has the two under keys of their own. A class
# of ours would lead to the globals of its methods.
Sides: Any = type("Sides", (dict,), {"__missing__": opaque(half_of), "__module__": "builtins"})


def log_probs(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe get_log_probs: values (B,), and the gradient in the model's parameters."""
    function = find(namespace, "get_log_probs")
    model = fixtures.random_policy(inputs["model"])
    keys = ("input_ids", "attention_mask", "labels", "prompt_lengths")
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    batch = BatchEncoding({key: torch.tensor(inputs[key]) for key in keys})
    batch.data = Sides(batch.data)
    stand_in = {"_get_batch_logps": first_logit_stand_in} if "stand_in" in inputs else {}
    with borrowed(namespace, stand_in):
        what = "the rows' sums, a tensor (B,)"
        sequence_log_probs = tensor_from(function(model, batch), what, "get_log_probs")
    weights = torch.arange(1.0, len(batch["labels"]) + 1)
    weighted = (sequence_log_probs.reshape(-1)[: len(weights)] * weights).sum()
    return {
        "log_probs": numbers(sequence_log_probs),
        "gradient": parameter_gradients(weighted, model),
        "batch_changed": float(
            any(not torch.equal(batch[k], torch.tensor(inputs[k])) for k in keys)
        ),
    }


def first_logit_stand_in(logits: Tensor, labels: Tensor, average_log_prob: bool = False) -> Tensor:
    """Take the place of _get_batch_logps: the first logits, summed over the labels, (B,)."""
    scored = labels[:, 1:] >= 0
    total = (logits[:, :-1, 0] * scored).sum(dim=1)
    return total / scored.sum(dim=1) if average_log_prob else total


def reinforce_loss(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_reinforce_loss: loss, some of log_probs, gradients, the reward afterwards.

    Raises WrongResult where something else is returned.
    """
    function = find(namespace, "compute_reinforce_loss")
    model = fixtures.random_policy(inputs["model"])
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])
    constant = "through_train" in inputs and detaches_rewards(namespace, inputs)
    reward.requires_grad_(bool(inputs.get("reward_requires_grad")) and not constant)
    with watched(model) as seen:
        results = function(reward, tokens, model)
    every, loss = values_of(results, ("log_probs", "loss"), "compute_reinforce_loss")
    if not isinstance(every, Tensor) or every.dim() != 3:
        raise WrongResult(
            f"compute_reinforce_loss returned {named(every)} as its first value; needed log_probs "
            "(B, 30, V)"
        )
    loss = loss if isinstance(loss, Tensor) else torch.tensor(loss)
    gradient = parameter_gradients(loss.sum(), model)
    of_reward = gradients(loss.sum(), [reward]) if reward.requires_grad else [torch.zeros(())]
    return {
        "loss": numbers(loss),
        "log_probs_shape": list(every.shape),
        "log_probs": numbers(every[:, ::7, :4]),
        "log_probs_need_gradient": float(every.requires_grad),
        "gradient": gradient,
        "reward_gradient": float(of_reward[0].abs().max()),
        "reward_afterwards": numbers(reward),
        "tokens_changed": float(not torch.equal(tokens, torch.tensor(inputs["tokens"]))),
        "worked": seen["ran"],
        "dropout_on": seen["dropout_on"],
    }


def detaches_rewards(namespace: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Say whether train gives the loss rewards that no gradient goes through, whatever it gets."""
    texts, test_texts = numbered_reviews(inputs)
    rewards = dict(zip(texts, rewards_of_reviews(inputs).tolist(), strict=True))
    stand_ins = TrainStandIns(namespace, inputs, rewards, places_of(texts, test_texts))
    sample, attached = stand_ins.functions["compute_reward_for_mini_batch"], [True]

    def compute_reward_for_mini_batch(*arguments: Any, **more: Any) -> Any:
        values, *others = sample(*arguments, **more)
        return (values.requires_grad_(), *others)

    def compute_reinforce_loss(reward: Tensor, output_tokens: Tensor, model: Any) -> Any:
        attached.append(reward.requires_grad)
        return stand_ins.compute_reinforce_loss(reward, output_tokens, model)

    replaced = stand_ins.functions | {
        "compute_reward_for_mini_batch": compute_reward_for_mini_batch,
        "compute_reinforce_loss": compute_reinforce_loss,
    }
    namespace |= {"train_texts": list(texts), "test_texts": list(test_texts)}
    with (
        suppress(Exception),
        setting(namespace, inputs) as (folder, _),
        borrowed(namespace, replaced),
    ):
        find(namespace, "train")(folder, **inputs["arguments"])
    return len(attached) > 1 and not any(attached[1:])


def reinforce_batches(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_reinforce_loss on a batch, and on the same batch cut into pieces."""
    function = find(namespace, "compute_reinforce_loss")
    model = fixtures.random_policy(inputs["model"])
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])

    def loss_of(r: Tensor, t: Tensor) -> Any:
        names = ("log_probs", "loss")
        return values_of(function(r, t, model), names, "compute_reinforce_loss")[1]

    with torch.no_grad():
        whole = loss_of(reward, tokens)
        cut = zip(reward.split(inputs["sizes"]), tokens.split(inputs["sizes"]), strict=True)
        parts = [loss_of(r, t) * len(r) for r, t in cut]
    return {"whole": numbers(whole), "cut": numbers(sum(parts) / len(reward))}


def reinforce_direction(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe one step of gradient descent: the change of the rewarded text's own loss."""
    function = find(namespace, "compute_reinforce_loss")
    model = fixtures.random_policy(inputs["model"])
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])

    def text_losses() -> Tensor:
        with torch.no_grad():
            return torch.stack([model(input_ids=t[None], labels=t[None]).loss for t in tokens])

    before = text_losses()
    names = ("log_probs", "loss")
    loss = values_of(function(reward, tokens, model), names, "compute_reinforce_loss")[1]
    if loss.requires_grad:
        integrity.guarded(loss.backward)()
        torch.optim.SGD(model.parameters(), lr=inputs["lr"]).step()
    change = text_losses() - before
    return {
        "change_of_rewarded": numbers(change[int(reward.argmax())]),
        "loss": numbers(loss),
    }


def kl_divergence(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_kl_divergence: the value, and its gradient over positions (B, 30)."""
    function = find(namespace, "compute_kl_divergence")
    # Frozen, as `train` should have left it; that it does so is another check's matter.
    original = fixtures.random_policy(inputs["model"]).requires_grad_(False)
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    tokens = torch.tensor(inputs["tokens"])
    logits = fixtures.noise(*tokens.shape, fixtures.VOCABULARY, seed=inputs["noise"]).float()
    leaf = logits.requires_grad_()
    divergence = one_value(function(leaf.log_softmax(dim=-1), tokens, original))
    value = divergence if isinstance(divergence, Tensor) else torch.as_tensor(divergence)
    (gradient,) = gradients(value.sum(), [leaf])
    direction = fixtures.noise(fixtures.VOCABULARY, seed=5).float()
    return {
        "kl": numbers(value),
        "gradient": numbers(gradient @ direction),
        "tokens_changed": float(not torch.equal(tokens, torch.tensor(inputs["tokens"]))),
    }


def one_value(divergence: Any) -> Any:
    """Return what compute_kl_divergence returned; raises WrongResult for nothing or several."""
    if divergence is None or isinstance(divergence, (tuple, list, dict)):
        what = named(divergence) if divergence is None else values_named(divergence)
        raise WrongResult(f"compute_kl_divergence returned {what}; needed one scalar tensor")
    return divergence


def kl_identity(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_kl_divergence between a policy and itself, and between it and another one."""
    function = find(namespace, "compute_kl_divergence")
    tokens = torch.tensor(inputs["tokens"])
    original, other = (fixtures.random_policy(inputs[key]) for key in ("model", "other"))
    namespace["model"] = fixtures.random_policy(inputs["model"] + ANOTHER)
    with torch.no_grad():
        distributions = original(input_ids=tokens).logits.log_softmax(dim=-1)
        at_identity, elsewhere = (
            numbers(one_value(function(distributions.clone(), tokens, model)))
            for model in (original, other)
        )
    return {"at_identity": at_identity, "elsewhere": elsewhere}


TENSOR_PROBES: dict[str, Probe] = {
    "dpo_loss": dpo_loss,
    "batch_logps": batch_logps,
    "labels": labels,
    "log_probs": log_probs,
    "reinforce_loss": reinforce_loss,
    "reinforce_batches": reinforce_batches,
    "reinforce_direction": reinforce_direction,
    "kl_divergence": kl_divergence,
    "kl_identity": kl_identity,
}
