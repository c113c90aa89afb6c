"""What the notebook's functions return, put into the run's summary with measured naturalness.

They may be a student's own, so what they return is checked before it is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.profiles import Profile
from a3lib.results.run import Run
from a3lib.results.summary import DpoResult, Evaluation, KlResult, ReinforceResult
from a3lib.results.tables import measured_naturalness


def value_of(results: Any, key: str, function: str) -> Any:
    """Return an entry of what a notebook's function returned.

    Raises InputError where it returned no dict or one without this entry.
    """
    if not isinstance(results, Mapping) or key not in results:
        raise InputError(f"{function} returned no {key!r}; let it return a dict that has it.")
    return results[key]


def as_float(value: Any) -> float:
    """Return a number, or a tensor of one, as a float."""
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


def number_of(results: Any, key: str, function: str) -> float:
    """Return an entry as a float, also from a tensor of one; raises InputError for others."""
    value = value_of(results, key, function)
    try:
        return as_float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{key!r} that {function} returned is not a number; take one number, as item() does."
        ) from error


def history_of(results: Any, key: str, function: str) -> tuple[float, ...]:
    """Return an entry as floats, one a step; raises InputError unless it is a list of numbers."""
    values = value_of(results, key, function)
    try:
        return tuple(as_float(value) for value in values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{key!r} that {function} returned is not a list of numbers; keep one number a step."
        ) from error


class Outcomes:
    """Records the results of `evaluate`, `train` and `train_DPO` in a run's summary.

    `reviews` are the test reviews that `evaluate` continues; `tokenizer` is the policy's. Every
    method raises InputError, naming function and entry, where results lack what the summary keeps.
    """

    def __init__(
        self,
        run: Run,
        profile: Profile,
        reviews: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
    ) -> None:
        self.run = run
        self.profile = profile
        self.reviews = list(reviews)
        self.tokenizer = tokenizer

    def evaluation(self, results: Any) -> Evaluation:
        """Return what is kept of `evaluate`'s dict: mean reward, and naturalness of the texts."""
        reward = number_of(results, "reward", "evaluate")
        value_of(results, "generations", "evaluate")
        natural = measured_naturalness(self.profile, self.reviews, results, self.tokenizer)
        return Evaluation(reward, natural)

    def record_baseline(self, results: Any) -> Evaluation:
        """Record what `evaluate` returned for the original model."""
        evaluation = self.evaluation(results)
        self.run.record(baseline=evaluation)
        return evaluation

    def record_reinforce(self, results: Any) -> None:
        """Record what `train` returned without a penalty."""
        after = self.evaluation(value_of(results, "eval_results", "train"))
        rewards = history_of(results, "rewards", "train")
        self.run.record(reinforce=ReinforceResult(after.reward, after.naturalness, rewards))

    def record_kl(self, results_by_alpha: Mapping[float, Any]) -> None:
        """Record what `train` returned with a KL penalty, by its weight."""
        self.run.record(kl=tuple(self.kl_result(*item) for item in results_by_alpha.items()))

    def kl_result(self, alpha: float, results: Any) -> KlResult:
        """Return what is kept of `train`'s dict with a KL penalty of this weight."""
        after = self.evaluation(value_of(results, "eval_results", "train"))
        return KlResult(
            alpha,
            after.reward,
            after.naturalness,
            history_of(results, "kl_divergences", "train"),
            history_of(results, "rewards", "train"),
        )

    def record_dpo(self, results_by_beta: Mapping[float, Any]) -> None:
        """Record what `train_DPO` returned, by its beta."""
        self.run.record(dpo=tuple(self.dpo_result(*item) for item in results_by_beta.items()))

    def dpo_result(self, beta: float, results: Any) -> DpoResult:
        """Return what is kept of `train_DPO`'s dict at this beta."""
        after = self.evaluation(value_of(results, "eval_results", "train_DPO"))
        return DpoResult(
            beta,
            after.reward,
            after.naturalness,
            history_of(results, "losses", "train_DPO"),
            number_of(results, "test_loss", "train_DPO"),
        )
