"""Probes of `train` and `train_DPO`: a few steps on a policy that knows two words.

The policy says one of two words everywhere, a positive one or a negative one, so what training did
is a single number. Stand-ins take the place of the other functions of the assignment where only
the training loop itself is looked at; they compute nothing that the assignment asks for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from a3lib.data import PreferencePair
from a3lib.kit.checks import world
from a3lib.kit.checks.sampling_probes import reward_stand_in, watched
from a3lib.kit.checks.tools import Answers, borrowed, find

# The loss of DPO where the policy is still the reference.
LN_2 = 0.6931


class Steps:
    """What optimizers did: how many there were, and each step's weights and gradient before it."""

    def __init__(self) -> None:
        self.optimizers: list[torch.optim.Optimizer] = []
        self.weights: list[Tensor] = []
        self.gradients: list[Tensor] = []

    def note(self, optimizer: torch.optim.Optimizer, *call: Any) -> None:
        """Remember a step that an optimizer is about to take."""
        if not any(optimizer is seen for seen in self.optimizers):
            self.optimizers.append(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        flat = [p.detach().flatten().clone() for p in parameters]
        of = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
        self.weights.append(torch.cat(flat))
        self.gradients.append(torch.cat([g.flatten() for g in of]))


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Watch every optimizer for a while."""
    steps = Steps()
    hook = register_optimizer_step_pre_hook(steps.note)
    try:
        yield steps
    finally:
        hook.remove()


def two_word_policy(inputs: dict[str, Any]) -> Any:
    """Return a policy that says the positive and the negative word equally often, and no other."""
    words = {inputs["positive"]: 0.0, inputs["negative"]: 0.0}
    return world.fixed_policy(words, len(world.policy_tokenizer()))


def preference(policy: Any, inputs: dict[str, Any]) -> float:
    """Return how much higher the positive word's score is than the negative one's, in nats."""
    ids = torch.ones(1, 3, dtype=torch.long)
    was_training = policy.training
    with torch.no_grad():
        scores = policy.eval()(input_ids=ids, attention_mask=ids).logits[0, -1]
    policy.train(was_training)
    return float(scores[inputs["positive"]] - scores[inputs["negative"]])


def slope_stand_in(model: Any, size: float) -> Tensor:
    """Return a loss of value `size` whose gradient is `size` in every parameter."""
    total = torch.stack([parameter.sum() for parameter in model.parameters()]).sum()
    return size * (total - total.detach() + 1.0)


def evaluate_stand_in(*tools: Any, **more: Any) -> dict[str, Any]:
    """Take the place of evaluate."""
    return {"reward": 0.5, "generations": ["a text"]}


class Recorded:
    """A function of the assignment whose arguments are remembered while it works as always."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        self.calls.append((*arguments, *more.values()))
        return self.function(*arguments, **more)


def not_asked(*arguments: Any, **more: Any) -> Tensor:
    """Take the place of compute_kl_divergence where no penalty was asked for."""
    return torch.zeros(())


def setting(namespace: dict[str, Any], inputs: dict[str, Any]) -> tuple[str, Any]:
    """Put a spoilt model and its optimizer into a namespace; return checkpoint and policy."""
    original = two_word_policy(inputs)
    spoilt = namespace["model"] = two_word_policy(inputs)
    with torch.no_grad():
        spoilt.get_output_embeddings().weight.add_(0.5)
    namespace["optimizer"] = torch.optim.AdamW(spoilt.parameters(), lr=1e-4)
    folder = namespace["model_name"] = world.save_checkpoint(original)
    return folder, original


def flat_weights(model: Any) -> Tensor:
    """Return all parameters of a model as one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def largest_difference(model: Any, original: Any) -> float:
    """Return by how much the weights of two models of one kind differ at most."""
    return float((flat_weights(model) - flat_weights(original)).abs().max())


def history_of(found: dict[str, Any], key: str) -> Answers:
    """Return how many numbers there are under a key, the first and the last of them."""
    values = [float(value) for value in found[key]]
    first, last = (values[0], values[-1]) if values else (0.0, 0.0)
    return {f"{key}_count": float(len(values)), f"{key}_first": first, f"{key}_last": last}


def of_steps(steps: Steps, original: Any) -> Answers:
    """Return what optimizers did, as numbers."""
    same = bool(steps.weights) and steps.weights[0].shape == flat_weights(original).shape
    off = (steps.weights[0] - flat_weights(original)).abs().max() if same else 99.0
    return {
        "optimizers": float(len(steps.optimizers)),
        "steps": float(len(steps.weights)),
        "start_off_checkpoint": float(off),
    }


def train(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe train: its history, its steps, and what became of the policy and the reference."""
    function = find(namespace, "train")
    for name in ("compute_reward_for_mini_batch", "compute_reinforce_loss", "evaluate"):
        find(namespace, name)
    folder, original = setting(namespace, inputs)
    namespace["train_texts"] = namespace["test_texts"] = list(inputs["texts"])
    stand_ins = train_stand_ins(namespace, inputs) if inputs.get("stand_ins") else {}
    with borrowed(namespace, stand_ins), watched_steps() as steps:
        penalised = inputs["arguments"].get("use_kl_divergence", False)
        # Section 2 comes before section 3, so the function may not be written yet.
        divergence = Recorded(find(namespace, "compute_kl_divergence") if penalised else not_asked)
        with borrowed(namespace, {"compute_kl_divergence": divergence}):
            rollouts = rollout_watch(namespace)
            found = function(folder, **inputs["arguments"])
            policy = namespace["model"]
    references = [model for call in divergence.calls for model in call if hasattr(model, "config")]
    reference = references[-1] if references else original
    after = preference(policy, inputs)
    return {
        **history_of(found, "losses"),
        **history_of(found, "rewards"),
        **(history_of(found, "kl_divergences") if penalised else {}),
        "has_evaluation": float("reward" in found["eval_results"]),
        **of_steps(steps, original),
        "gradient_sizes": [float(g.double().mean()) for g in steps.gradients],
        "preference": after,
        "dropout_on": rollouts(),
        "reference_is_policy": float(reference is policy),
        "reference_moved": largest_difference(reference, original),
        "reference_gradient": largest_gradient(reference if references else None),
    }


def largest_gradient(model: Any) -> float:
    """Return the largest gradient that was left in a model."""
    left = [p.grad.abs().max() for p in model.parameters() if p.grad is not None] if model else []
    return float(max(left)) if left else 0.0


def rollout_watch(namespace: dict[str, Any]) -> Callable[[], float]:
    """Wrap the namespace's sampling function; the result tells whether dropout was on within."""
    sample = namespace["compute_reward_for_mini_batch"]
    seen = [0.0]

    def compute_reward_for_mini_batch(*arguments: Any, **more: Any) -> Any:
        with watched(namespace["model"]) as flags:
            result = sample(*arguments, **more)
        seen.append(flags["dropout_on"])
        return result

    namespace["compute_reward_for_mini_batch"] = compute_reward_for_mini_batch
    return lambda: max(seen)


def train_stand_ins(namespace: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return stand-ins for all that train calls: known rewards, and losses with known slopes.

    With "word" the loss pulls at the two words only, towards the positive one.
    """

    def compute_reinforce_loss(reward: Tensor, tokens: Tensor, model: Any) -> tuple[Tensor, Tensor]:
        log_probs = torch.zeros(*tokens.shape, world.VOCABULARY)
        if inputs["stand_ins"] == "word":
            head = model.get_output_embeddings().weight[:, 0]
            return log_probs, head[inputs["negative"]] - head[inputs["positive"]]
        return log_probs, slope_stand_in(model, 1.0)

    def compute_kl_divergence(log_probs: Tensor, tokens: Tensor, orig_model: Any) -> Tensor:
        return slope_stand_in(namespace["model"], 3.0)

    rewards = dict(zip(inputs["texts"], inputs["rewards"], strict=True))
    return {
        "compute_reward_for_mini_batch": reward_stand_in(rewards),
        "compute_reinforce_loss": compute_reinforce_loss,
        "compute_kl_divergence": compute_kl_divergence,
        "evaluate": evaluate_stand_in,
    }


def train_dpo(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe train_DPO: its history, its steps, and what became of the policy and the reference."""
    function = find(namespace, "train_DPO")
    for name in ("compute_DPO_loss", "get_log_probs", "evaluate"):
        find(namespace, name)
    folder, original = setting(namespace, inputs)
    pairs = [PreferencePair(*pair) for pair in inputs["pairs"]]
    namespace |= {"train_texts_parallel": pairs, "test_texts_parallel": pairs}
    namespace["test_texts"] = list(inputs["texts"])
    stand_ins = dpo_stand_ins(inputs["stand_ins"]) if "stand_ins" in inputs else {}
    with borrowed(namespace, stand_ins), watched_steps() as steps:
        scores = Recorded(namespace["get_log_probs"])
        with borrowed(namespace, {"get_log_probs": scores}):
            found = function(folder, **inputs["arguments"])
            policy = namespace["model"]
    others = [m for call in scores.calls for m in call if hasattr(m, "config") and m is not policy]
    return {
        **history_of(found, "losses"),
        "test_loss": float(found["test_loss"]),
        "has_evaluation": float("reward" in found["eval_results"]),
        **of_steps(steps, original),
        "preference": preference(policy, inputs),
        "reference_moved": largest_difference(others[-1], original) if others else 0.0,
    }


def dpo_stand_ins(kind: str) -> dict[str, Any]:
    """Return stand-ins for all that train_DPO calls: scores that follow the words, known losses.

    With "count" the loss of a batch is the number of its pairs, so that an average over batches
    shows how it was weighted; with "word" it falls as the positive word's score rises.
    """

    def get_log_probs(model: Any, batch: Any) -> Tensor:
        head = model.get_output_embeddings().weight[:, 0]
        return (head[batch["input_ids"]] * batch["attention_mask"]).sum(dim=1)

    def compute_DPO_loss(
        chosen: Tensor, rejected: Tensor, of_chosen: Tensor, of_rejected: Tensor, beta: float = 0.1
    ) -> Tensor:
        gap = (chosen - rejected - of_chosen + of_rejected).mean()
        return len(chosen) + 0.0 * gap if kind == "count" else LN_2 - 0.01 * gap

    def create_labels_from_attention_mask(tokenized_input: Any, prompt_lengths: Any) -> Tensor:
        return tokenized_input["input_ids"].clone()

    return {
        "get_log_probs": get_log_probs,
        "compute_DPO_loss": compute_DPO_loss,
        "create_labels_from_attention_mask": create_labels_from_attention_mask,
        "evaluate": evaluate_stand_in,
    }


TRAINING_PROBES = {"train": train, "train_dpo": train_dpo}
