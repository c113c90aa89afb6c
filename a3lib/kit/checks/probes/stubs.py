"""Stand-ins for the assignment's other functions, so that one function can be checked alone.

They compute nothing that the assignment asks for. Their arguments have the interface's names,
because a student may pass them by name. What a loop hands them is kept, so that it can be followed.
"""

import itertools
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.probes.examples import UNKNOWN, shares
from a3lib.kit.checks.probes.models import (
    FIRST,
    SECOND,
    VECTORS,
    flat_weights,
    given_model,
    parts_of,
    pull,
)
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.spies import work_first

# The loss of DPO where the policy is still the reference.
LN_2 = math.log(2)
# Tokens of a text's number, in the numbering system of this base.
BASE = 101
# Angles of a gradient in the plane of the two halves of the matrices, in radians.
LEAST_ANGLE, MOST_ANGLE = 0.2, 1.3
WEIGHTS_SEED, MOST_TEXTS = 17, 20_000
# How many texts an evaluation has, and by how much their rewards are apart at most.
EVALUATED, APART = 200, 0.1


def code_of(model: Any) -> float:
    """Return a number from 0.1 to 0.9 that tells a model's weights from others."""
    weights = flat_weights(model).double()
    return 0.5 + 0.4 * math.sin(float(fixtures.noise(len(weights), seed=23) @ weights))


def numbered_tokens(ids: list[int], length: int, call: int = 0) -> Tensor:
    """Return token ids (B, length) that hold each text's number, the call's, and no end token."""
    tokens = torch.full((len(ids), length), call % BASE + 1)
    numbers = torch.tensor(ids) - UNKNOWN
    for place in range(3):
        tokens[:, place] = numbers // BASE**place % BASE + 1
    return tokens


def ids_in(tokens: Tensor) -> list[int]:
    """Return the numbers that rows of `numbered_tokens` (B, T) hold; UNKNOWN for other rows."""
    if tokens.shape[-1] < 3:
        return [UNKNOWN] * len(tokens)
    digits = [(tokens[:, place] - 1) * BASE**place for place in range(3)]
    numbers = [int(number) + UNKNOWN for number in torch.stack(digits).sum(dim=0)]
    return [number if 0 <= number < MOST_TEXTS else UNKNOWN for number in numbers]


def is_part_of(tokens: Tensor, whole: Tensor) -> bool:
    """Say whether rows (B, T) are those of a batch, in its order, or a part of them."""
    if len(tokens) == len(whole):
        return tokens.equal(whole)
    return {*map(tuple, tokens.tolist())} <= {*map(tuple, whole.tolist())}


def angle_of(ids: list[int], rewards: list[float]) -> float:
    """Return the direction of the loss's gradient for texts with these rewards, in radians."""
    weights = shares(MOST_TEXTS, WEIGHTS_SEED)[torch.tensor(ids)] + 0.5
    share = float((weights * torch.tensor(rewards, dtype=torch.float64)).sum() / weights.sum())
    return LEAST_ANGLE + (MOST_ANGLE - LEAST_ANGLE) * min(max(share, -5.0), 5.0)


def reward_stand_in(
    rewards: dict[str, float],
    ending: str = ".",
    places: dict[str, int] | None = None,
    swings: bool = False,
) -> Callable[..., Any]:
    """Return a function that takes the place of compute_reward_for_mini_batch: known rewards.

    Its texts are the reviews with `ending`; its tokens hold the reviews' numbers in `places`. With
    `swings` some calls' rewards are all high and others' all low, which a loop must not stop at.
    """
    places, calls = places or {}, itertools.count()

    def compute_reward_for_mini_batch(
        batch: Any, *tools: Any, seed_token_length: int = 10, max_new_tokens: int = 20, **more: Any
    ) -> Any:
        ids, call = [places.get(text, UNKNOWN) for text in batch], next(calls)
        values = torch.tensor([rewards.get(text, 0.5) for text in batch])
        if places:  # Another sample of a text has another reward.
            values = values + 0.01 * math.sin(call)
        if swings and call % 7 in (3, 5):
            values = 0.04 * values + (0.95 if call % 7 == 3 else 0.0)
        tokens = numbered_tokens(ids, seed_token_length + max_new_tokens, call)
        return values, tokens, [f"{text}{ending}" for text in batch]

    return compute_reward_for_mini_batch


class Evaluations:
    """Takes the place of evaluate: the reward is the code of the model's weights, and is kept."""

    def __init__(self) -> None:
        self.given: list[float] = []

    def __call__(
        self,
        tokenizer: Any,
        model: Any,
        reward_tokenizer: Any,
        reward_model: Any,
        batch_size: int = 32,
    ) -> dict[str, Any]:
        """Return the code, and as many texts and rewards as no loop would leave by chance."""
        value = code_of(given_model(model))
        self.given.append(value)
        around = [APART * (n / (EVALUATED - 1) - 0.5) for n in range(EVALUATED)]
        texts = [f"text {n}" for n in range(EVALUATED)]
        return {"reward": value, "generations": texts, "rewards": [value + x for x in around]}


def not_asked(*arguments: Any, **more: Any) -> Tensor:
    """Take the place of compute_kl_divergence, a scalar, where no penalty was asked for."""
    return torch.zeros(())


@dataclass(frozen=True)
class LossCall:
    """A call of the stand-in of compute_reinforce_loss; `angle` is its gradient's direction."""

    ids: list[int]
    tokens: Tensor
    model: Any
    value: float
    angle: float
    gradients_on: bool


@dataclass(frozen=True)
class Divergence:
    """A call of the stand-in of compute_kl_divergence; `model` is the one of its log_probs.

    `attached` says whether the log_probs (B, T, V) had a gradient.
    """

    value: float
    ids: list[int]
    model: Any
    of_other_texts: bool
    attached: bool


class TrainStandIns:
    """Stand-ins for all that train calls: known rewards, losses with known gradients.

    With "word" the loss pulls at the two words only, towards the positive one in texts that have a
    high reward. With "work_first" the student's functions do their work as well, and gradients go
    where theirs do. `calls` and `divergences` say what was asked of the losses.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        inputs: dict[str, Any],
        rewards: dict[str, float],
        places: dict[str, int],
    ) -> None:
        self.calls: list[LossCall] = []
        self.divergences: list[Divergence] = []
        self.differentiated = 0
        self._rewards = [*rewards.values()]
        self._inputs = inputs
        self._own_divergence = namespace.get("compute_kl_divergence", not_asked)
        self.evaluations = Evaluations()
        sample = reward_stand_in(rewards, places=places, swings=inputs["stand_ins"] != "word")
        if inputs.get("work_first"):
            sample = work_first(namespace["compute_reward_for_mini_batch"], sample)
        self.functions: dict[str, Callable[..., Any]] = {
            "compute_reward_for_mini_batch": sample,
            "compute_reinforce_loss": self.compute_reinforce_loss,
            "compute_kl_divergence": self.compute_kl_divergence,
            "evaluate": self.evaluations,
        }

    def compute_reinforce_loss(self, reward: Tensor, output_tokens: Tensor, model: Any) -> Any:
        """Return log_probs (B, T, V) that the vectors have a gradient in, and a scalar loss."""
        ids, index, model = ids_in(output_tokens), len(self.calls), given_model(model)
        given = [float(value) for value in reward.detach().reshape(-1)]
        angle = angle_of(ids, given)
        # Some are as high as real ones, which a loop must not cut.
        value = 1.0 + 0.5 * math.sin(7.0 * index + angle) + 24.0 * (index % 5 == 2)
        trains = torch.is_grad_enabled()
        self.calls.append(LossCall(ids, output_tokens.clone(), model, value, angle, trains))
        # A marker says which call the log-probabilities are from.
        marker = pull(parts_of(model)[VECTORS], 1.0) - (1.0 + index)
        log_probs = marker.expand(*output_tokens.shape, model.config.vocab_size)
        if self._inputs["stand_ins"] == "word":
            head = model.get_output_embeddings().weight[:, 0]
            gap = head[self._inputs["positive"]] - head[self._inputs["negative"]]
            # Texts with a high reward stand for one word, the others for the other one.
            signs = [1.0 if self._reward(i) > 0.5 else -1.0 for i in ids]
            gains = [sign * (r - 0.5) for sign, r in zip(signs, given, strict=True)]
            return log_probs, value - sum(gains) / len(gains) * (gap - gap.detach())
        first, second = (pull(parts_of(model)[part], 1.0) for part in (FIRST, SECOND))
        loss = value + math.cos(angle) * first + math.sin(angle) * second
        return log_probs, self.noted(loss)

    def compute_kl_divergence(
        self, log_probs_current: Tensor, output_tokens: Tensor, orig_model: Any
    ) -> Tensor:
        """Return a scalar penalty whose gradient goes through the log_probs (B, T, V)."""
        marker = log_probs_current[0, 0, 0]
        index = round(-float(marker.detach()) - 1.0)
        known = 0 <= index < len(self.calls)
        # Small, large and in between: a penalty depends on no threshold.
        count = len(self.divergences)
        value = (0.02, 30.0, 0.6)[count % 3] * (1.0 + 0.3 * math.sin(3.0 * count))
        self.divergences.append(
            Divergence(
                value,
                ids_in(output_tokens),
                self.calls[index].model if known else None,
                known and not is_part_of(output_tokens, self.calls[index].tokens),
                log_probs_current.requires_grad and torch.is_grad_enabled(),
            )
        )
        penalty = value + 3.0 * (marker - marker.detach())
        if not self._inputs.get("work_first"):
            return penalty
        own = None
        with suppress(Exception):
            own = self._own_divergence(log_probs_current, output_tokens, orig_model)
        return penalty + own - own.detach() if isinstance(own, Tensor) else penalty

    def noted(self, loss: Tensor) -> Tensor:
        """Return a scalar loss that tells when it is differentiated."""

        def note(gradient: Tensor) -> None:
            self.differentiated += 1

        if loss.requires_grad:
            loss.register_hook(opaque(note))
        return loss

    def _reward(self, number: int) -> float:
        return self._rewards[number] if 0 <= number < len(self._rewards) else 0.5
