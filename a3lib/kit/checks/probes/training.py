"""Probes of `train` and `train_DPO`: a few steps on a policy that knows two words.

The policy says one of two words everywhere, a positive one or a negative one, so what training did
is a single number.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.sampling import watched
from a3lib.kit.checks.probes.spies import Answers, Recorded, borrowed, find
from a3lib.kit.checks.probes.stubs import dpo_stand_ins, not_asked, train_stand_ins
from a3lib.tokenization import PreferencePair


class Steps:
    """What optimizers did: how many there were, and the weights and gradients before each step.

    `slopes` are the mean gradients of the matrices and of the vectors among the weights.
    """

    def __init__(self) -> None:
        self.optimizers: list[torch.optim.Optimizer] = []
        self.weights: list[Tensor] = []
        self.slopes: list[tuple[float, float]] = []

    def note(self, optimizer: torch.optim.Optimizer, *call: Any) -> None:
        """Record a step that an optimizer is about to take."""
        if not any(optimizer is seen for seen in self.optimizers):
            self.optimizers.append(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.weights.append(torch.cat([p.detach().flatten() for p in parameters]))
        of = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        vectors = [g for g in of if g.dim() == 1]
        self.slopes.append((mean_of([g for g in of if g.dim() != 1]), mean_of(vectors)))

    def trained(self, models: list[Any]) -> Any:
        """Return the first of the models that an optimizer has, or the first of all."""
        held = {id(p) for o in self.optimizers for group in o.param_groups for p in group["params"]}
        mine = [m for m in models if any(id(p) in held for p in m.parameters())]
        return [*mine, models[0]][0]


def mean_of(parts: list[Tensor]) -> float:
    """Return the mean of all numbers in tensors of any shape, and 0 where there are none."""
    return float(torch.cat([part.flatten() for part in parts]).double().mean()) if parts else 0.0


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
    return fixtures.fixed_policy(words, len(fixtures.policy_tokenizer()))


def preference(policy: Any, inputs: dict[str, Any]) -> float:
    """Return how much higher the positive word's score is than the negative one's, in nats."""
    ids = torch.ones(1, 3, dtype=torch.long)
    was_training = policy.training
    with torch.no_grad():
        scores = policy.eval()(input_ids=ids, attention_mask=ids).logits[0, -1]
    policy.train(was_training)
    return float(scores[inputs["positive"]] - scores[inputs["negative"]])


@contextmanager
def setting(namespace: dict[str, Any], inputs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Put a spoilt model and its optimizer into a namespace; yield checkpoint and policy."""
    original = two_word_policy(inputs)
    spoilt = namespace["model"] = two_word_policy(inputs)
    with torch.no_grad():
        spoilt.get_output_embeddings().weight.add_(0.5)
    namespace["optimizer"] = torch.optim.AdamW(spoilt.parameters(), lr=1e-4)
    with fixtures.checkpoint(original) as folder:
        namespace["model_name"] = folder
        yield folder, original


def flat_weights(model: Any) -> Tensor:
    """Return all N parameters of a model as one vector, (N,)."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def largest_difference(model: Any, original: Any) -> float:
    """Return by how much the weights of two models of one kind differ at most."""
    return float((flat_weights(model) - flat_weights(original)).abs().max())


def history_of(results: dict[str, Any], key: str) -> Answers:
    """Return how many numbers there are under a key, the first and the last of them."""
    values = [float(value) for value in results[key]]
    first, last = (values[0], values[-1]) if values else (0.0, 0.0)
    return {f"{key}_count": float(len(values)), f"{key}_first": first, f"{key}_last": last}


def first_weights(steps: Steps) -> Tensor:
    """Return the weights (N,) before the first step, and (0,) where there was no step."""
    return steps.weights[0] if steps.weights else torch.zeros(0)


def of_slopes(steps: Steps) -> Answers:
    """Return each step's slope beside the first one's, and the share of the penalty in it.

    Only shares count, because gradients may be clipped to a norm.
    """
    sizes = [abs(loss) + abs(penalty) for loss, penalty in steps.slopes]
    first = next((size for size in sizes if size), 1.0)
    return {
        "slopes": [size / first for size in sizes],
        "penalty_shares": [p / (abs(loss) + abs(p) or 1.0) for loss, p in steps.slopes],
    }


def of_steps(steps: Steps, original: Any) -> Answers:
    """Return what optimizers did, as numbers."""
    # An optimizer may hold the weights in any order.
    at_start, checkpoint = (
        flat.sort().values for flat in (first_weights(steps), flat_weights(original))
    )
    off = (at_start - checkpoint).abs().max() if at_start.shape == checkpoint.shape else 99.0
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
    namespace["train_texts"] = namespace["test_texts"] = list(inputs["texts"])
    penalised = inputs["arguments"].get("use_kl_divergence", False)
    # Section 2 comes before section 3, so the function may not be written yet.
    own = {"compute_kl_divergence": find(namespace, "compute_kl_divergence")} if penalised else {}
    stand_ins = train_stand_ins(namespace, inputs) if inputs.get("stand_ins") else {}
    functions = namespace | {"compute_kl_divergence": not_asked} | own | stand_ins
    divergence = Recorded(functions["compute_kl_divergence"])
    loss = Recorded(functions["compute_reinforce_loss"])
    rollouts = Rollouts(functions["compute_reward_for_mini_batch"])
    watching = {
        "compute_kl_divergence": divergence,
        "compute_reinforce_loss": loss,
        "compute_reward_for_mini_batch": rollouts,
    }
    with (
        setting(namespace, inputs) as (folder, original),
        borrowed(namespace, stand_ins | watching),
        watched_steps() as steps,
    ):
        results = function(folder, **inputs["arguments"])
        policy = steps.trained([namespace["model"], *loss.models()])
    references = divergence.models()
    reference = references[-1] if references else original
    after = preference(policy, inputs)
    return {
        **history_of(results, "losses"),
        **history_of(results, "rewards"),
        **(history_of(results, "kl_divergences") if penalised else {}),
        "has_evaluation": float("reward" in results["eval_results"]),
        **of_steps(steps, original),
        **of_slopes(steps),
        "preference": after,
        "dropout_on": rollouts.dropout_on,
        "references": float(len(references)),
        "reference_is_policy": float(reference is policy),
        "reference_moved": largest_difference(reference, original),
        "reference_gradient": largest_gradient(reference if references else None),
    }


def largest_gradient(model: Any) -> float:
    """Return the largest gradient that was left in a model."""
    left = [p.grad.abs().max() for p in model.parameters() if p.grad is not None] if model else []
    return float(max(left)) if left else 0.0


class Rollouts(Recorded):
    """The sampling function at work, and whether a model had dropout on in it."""

    dropout_on = 0.0

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also whether a model had its dropout on."""
        models = [value for value in (*arguments, *more.values()) if hasattr(value, "config")]
        with watched(*models) as seen:
            result = super().__call__(*arguments, **more)
        self.dropout_on = max(self.dropout_on, seen["dropout_on"])
        return result


def train_dpo(namespace: dict[str, Any], inputs: dict[str, Any]) -> Answers:
    """Probe train_DPO: its history, its steps, and what became of the policy and the reference."""
    function = find(namespace, "train_DPO")
    for name in ("compute_DPO_loss", "get_log_probs", "evaluate"):
        find(namespace, name)
    pairs = [PreferencePair(*pair) for pair in inputs["pairs"]]
    namespace |= {"train_texts_parallel": pairs, "test_texts_parallel": pairs}
    namespace["test_texts"] = list(inputs["texts"])
    own_loss = namespace["compute_DPO_loss"]
    stand_ins = dpo_stand_ins(inputs["stand_ins"], own_loss) if "stand_ins" in inputs else {}
    scores = Recorded((namespace | stand_ins)["get_log_probs"])
    with (
        setting(namespace, inputs) as (folder, original),
        borrowed(namespace, stand_ins | {"get_log_probs": scores}),
        watched_steps() as steps,
    ):
        results = function(folder, **inputs["arguments"])
        policy = steps.trained([namespace["model"], *scores.models()])
    others = [model for model in scores.models() if model is not policy]
    return {
        **history_of(results, "losses"),
        "test_loss": float(results["test_loss"]),
        "has_evaluation": float("reward" in results["eval_results"]),
        **of_steps(steps, original),
        "preference": preference(policy, inputs),
        "reference_moved": largest_difference(others[-1], original) if others else 0.0,
    }


TRAINING_PROBES = {"train": train, "train_dpo": train_dpo}
