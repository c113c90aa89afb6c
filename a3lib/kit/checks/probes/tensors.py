"""Probes of the functions that compute: losses, labels, log-probabilities, the KL divergence."""

from typing import Any

import torch
from torch import Tensor
from transformers import BatchEncoding

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.spies import (
    Answers,
    Probe,
    borrowed,
    find,
    gradients,
    numbers,
    parameter_gradients,
    scalar,
)


def dpo_loss(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_DPO_loss: its value, and its gradients (B,) in the policy's sums."""
    function = find(namespace, "compute_DPO_loss")
    sums = [torch.tensor(inputs[key]) for key in ("chosen", "rejected")]
    policy = [values.clone().requires_grad_() for values in sums]
    reference = [torch.tensor(inputs[key]) for key in ("reference_chosen", "reference_rejected")]
    beta = {"beta": inputs["beta"]} if "beta" in inputs else {}
    loss = scalar(function(*policy, *reference, **beta))
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
    log_probs = function(leaf, labels, **average)
    weights = torch.arange(1.0, len(labels) + 1)
    (gradient,) = gradients((log_probs.reshape(-1)[: len(labels)] * weights).sum(), [leaf])
    return {
        "log_probs": numbers(log_probs),
        "gradient": numbers(gradient.abs().sum(dim=-1)),
        "labels_changed": float(not torch.equal(labels, before)),
        "logits_changed": float(not torch.equal(leaf.detach(), logits)),
    }


def labels(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe create_labels_from_attention_mask: labels (B, T); prompt lengths as tensor or list."""
    function = find(namespace, "create_labels_from_attention_mask")

    def call(lengths: Any) -> Answers:
        ids, mask = torch.tensor(inputs["input_ids"]), torch.tensor(inputs["attention_mask"])
        tokenized = BatchEncoding({"input_ids": ids.clone(), "attention_mask": mask.clone()})
        result = function(tokenized, lengths)
        return {
            "labels": numbers(result),
            "is_tensor": float(isinstance(result, Tensor)),
            "input_ids_changed": float(not torch.equal(tokenized["input_ids"], ids)),
            "attention_mask_changed": float(not torch.equal(tokenized["attention_mask"], mask)),
        }

    try:
        return call(torch.tensor(inputs["prompt_lengths"]))
    except (TypeError, AttributeError):
        # The interface does not say which of the two it is.
        return call(list(inputs["prompt_lengths"]))


def log_probs(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe get_log_probs: values (B,), and the gradient in the model's parameters."""
    function = find(namespace, "get_log_probs")
    model = fixtures.random_policy(inputs["model"])
    keys = ("input_ids", "attention_mask", "labels", "prompt_lengths")
    batch = BatchEncoding({key: torch.tensor(inputs[key]) for key in keys})
    stand_in = {"_get_batch_logps": first_logit_stand_in} if "stand_in" in inputs else {}
    with borrowed(namespace, stand_in):
        sequence_log_probs = function(model, batch)
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
    """Probe compute_reinforce_loss: loss, some of log_probs, gradients, the reward afterwards."""
    function = find(namespace, "compute_reinforce_loss")
    model = fixtures.random_policy(inputs["model"])
    namespace["model"] = model
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])
    reward.requires_grad_(bool(inputs.get("reward_requires_grad")))
    every, loss = function(reward, tokens, model)
    loss = loss if isinstance(loss, Tensor) else torch.tensor(loss)
    gradient = parameter_gradients(loss.sum(), model)
    of_reward = gradients(loss.sum(), [reward]) if reward.requires_grad else [torch.zeros(())]
    return {
        "loss": numbers(loss),
        "log_probs_shape": list(every.shape),
        "log_probs": numbers(every[:, ::7, :4]),
        "gradient": gradient,
        "reward_gradient": float(of_reward[0].abs().max()),
        "reward_afterwards": numbers(reward),
        "tokens_changed": float(not torch.equal(tokens, torch.tensor(inputs["tokens"]))),
    }


def reinforce_batches(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_reinforce_loss on a batch, and on the same batch cut into pieces."""
    function = find(namespace, "compute_reinforce_loss")
    model = namespace["model"] = fixtures.random_policy(inputs["model"])
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])
    with torch.no_grad():
        whole = function(reward, tokens, model)[1]
        cut = zip(reward.split(inputs["sizes"]), tokens.split(inputs["sizes"]), strict=True)
        parts = [function(r, t, model)[1] * len(r) for r, t in cut]
    return {"whole": numbers(whole), "cut": numbers(sum(parts) / len(reward))}


def reinforce_direction(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe one step of gradient descent: the change of the rewarded text's own loss."""
    function = find(namespace, "compute_reinforce_loss")
    model = namespace["model"] = fixtures.random_policy(inputs["model"])
    tokens, reward = torch.tensor(inputs["tokens"]), torch.tensor(inputs["reward"])

    def text_losses() -> Tensor:
        with torch.no_grad():
            return torch.stack([model(input_ids=t[None], labels=t[None]).loss for t in tokens])

    before = text_losses()
    loss = function(reward, tokens, model)[1]
    if loss.requires_grad:
        loss.backward()
        torch.optim.SGD(model.parameters(), lr=inputs["lr"]).step()
    change = text_losses() - before
    return {"change_of_rewarded": numbers(change[int(reward.argmax())])}


def kl_divergence(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_kl_divergence: the value, and its gradient over positions (B, 30)."""
    function = find(namespace, "compute_kl_divergence")
    # Frozen, as `train` should have left it; that it does so is another check's matter.
    original = fixtures.random_policy(inputs["model"]).requires_grad_(False)
    tokens = torch.tensor(inputs["tokens"])
    logits = fixtures.noise(*tokens.shape, fixtures.VOCABULARY, seed=inputs["noise"]).float()
    leaf = logits.requires_grad_()
    divergence = function(leaf.log_softmax(dim=-1), tokens, original)
    value = divergence if isinstance(divergence, Tensor) else torch.as_tensor(divergence)
    (gradient,) = gradients(value.sum(), [leaf])
    direction = fixtures.noise(fixtures.VOCABULARY, seed=5).float()
    return {
        "kl": numbers(value),
        "gradient": numbers(gradient @ direction),
        "tokens_changed": float(not torch.equal(tokens, torch.tensor(inputs["tokens"]))),
    }


def kl_identity(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe compute_kl_divergence between a policy and itself, and between it and another one."""
    function = find(namespace, "compute_kl_divergence")
    tokens = torch.tensor(inputs["tokens"])
    original, other = (fixtures.random_policy(inputs[key]) for key in ("model", "other"))
    with torch.no_grad():
        distributions = original(input_ids=tokens).logits.log_softmax(dim=-1)
        at_identity, elsewhere = (
            numbers(function(distributions.clone(), tokens, model)) for model in (original, other)
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
