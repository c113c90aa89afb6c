"""Stand-ins for the assignment's other functions, so that one function can be checked alone.

They compute nothing that the assignment asks for. Their arguments have the interface's names,
because a student may pass them by name.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks.probes.spies import work_first

# The loss of DPO where the policy is still the reference.
LN_2 = math.log(2)


def reward_stand_in(rewards: dict[str, float], ending: str = ".") -> Callable[..., Any]:
    """Return a function that takes the place of compute_reward_for_mini_batch: known rewards.

    Its texts are the reviews with `ending`.
    """

    def compute_reward_for_mini_batch(
        batch: Any, *tools: Any, seed_token_length: int = 10, max_new_tokens: int = 20, **more: Any
    ) -> Any:
        tokens = torch.ones(len(batch), seed_token_length + max_new_tokens, dtype=torch.long)
        values = torch.tensor([rewards.get(text, 0.5) for text in batch])
        return values, tokens, [f"{text}{ending}" for text in batch]

    return compute_reward_for_mini_batch


def slope_stand_in(model: Any, size: float, vectors: bool) -> Tensor:
    """Return a scalar loss of value `size` whose gradient is `size` in all matrices, or vectors."""
    of = [parameter for parameter in model.parameters() if (parameter.dim() == 1) == vectors]
    total = torch.stack([parameter.sum() for parameter in of]).sum()
    return size * (total - total.detach() + 1.0)


def evaluate_stand_in(*tools: Any, **more: Any) -> dict[str, Any]:
    """Take the place of evaluate."""
    return {"reward": 0.5, "generations": ["a text"], "rewards": [0.5]}


def not_asked(*arguments: Any, **more: Any) -> Tensor:
    """Take the place of compute_kl_divergence, a scalar, where no penalty was asked for."""
    return torch.zeros(())


def train_stand_ins(namespace: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return stand-ins for all that train calls: known rewards, and losses with known slopes.

    With "word" the loss pulls at the two words only, towards the positive one. With "work_first"
    the student's functions do their work as well, and gradients go where theirs do.
    """
    policies: list[Any] = []

    def compute_reinforce_loss(reward: Tensor, output_tokens: Tensor, model: Any) -> Any:
        policies.append(model)
        log_probs = torch.zeros(*output_tokens.shape, model.config.vocab_size).log_softmax(dim=-1)
        if inputs["stand_ins"] == "word":
            head = model.get_output_embeddings().weight[:, 0]
            return log_probs, head[inputs["negative"]] - head[inputs["positive"]]
        return log_probs, slope_stand_in(model, 1.0, vectors=False)

    def compute_kl_divergence(
        log_probs_current: Tensor, output_tokens: Tensor, orig_model: Any
    ) -> Tensor:
        value = slope_stand_in(policies[-1], 3.0, vectors=True)
        if not inputs.get("work_first"):
            return value
        own = None
        with suppress(Exception):
            own = of_student(log_probs_current, output_tokens, orig_model)
        return value + own - own.detach() if isinstance(own, Tensor) else value

    of_student = namespace.get("compute_kl_divergence", not_asked)
    rewards = dict(zip(inputs["texts"], inputs["rewards"], strict=True))
    sample = reward_stand_in(rewards)
    if inputs.get("work_first"):
        sample = work_first(namespace["compute_reward_for_mini_batch"], sample)
    return {
        "compute_reward_for_mini_batch": sample,
        "compute_reinforce_loss": compute_reinforce_loss,
        "compute_kl_divergence": compute_kl_divergence,
        "evaluate": evaluate_stand_in,
    }


def in_the_form_of(own: Any, loss: Tensor, rows: int) -> Any:
    """Return a scalar loss as the student's function does: a number, one a pair, or a tuple."""
    if isinstance(own, tuple) and own:
        return (in_the_form_of(own[0], loss, rows), *own[1:])
    return loss.expand(rows) if isinstance(own, Tensor) and own.shape == (rows,) else loss


def dpo_stand_ins(kind: str, own_loss: Callable[..., Any]) -> dict[str, Any]:
    """Return stand-ins for all that train_DPO calls: scores that follow the words, known losses.

    With "count" the loss of a batch is the number of its pairs, so that an average over batches
    shows how it was weighted; with "word" it falls as the positive word's score rises.
    """

    def get_log_probs(model: Any, batch: Any) -> Tensor:
        head = model.get_output_embeddings().weight[:, 0]
        return (head[batch["input_ids"]] * batch["attention_mask"]).sum(dim=1)

    def compute_DPO_loss(
        policy_chosen_logps: Tensor,
        policy_rejected_logps: Tensor,
        reference_chosen_logps: Tensor,
        reference_rejected_logps: Tensor,
        beta: float = 0.1,
    ) -> Any:
        own = None
        with suppress(Exception):
            own = own_loss(
                policy_chosen_logps,
                policy_rejected_logps,
                reference_chosen_logps,
                reference_rejected_logps,
                beta=beta,
            )
        rows = len(policy_chosen_logps)
        of_chosen = (policy_chosen_logps - reference_chosen_logps).mean()
        gap = of_chosen - (policy_rejected_logps - reference_rejected_logps).mean()
        loss = rows + 0.0 * gap if kind == "count" else LN_2 - 0.01 * gap
        return in_the_form_of(own, loss, rows)

    def create_labels_from_attention_mask(tokenized_input: Any, prompt_lengths: Any) -> Tensor:
        return tokenized_input["input_ids"].clone()

    return {
        "get_log_probs": get_log_probs,
        "compute_DPO_loss": compute_DPO_loss,
        "create_labels_from_attention_mask": create_labels_from_attention_mask,
        "evaluate": evaluate_stand_in,
    }
