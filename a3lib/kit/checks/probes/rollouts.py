"""The functions of a REINFORCE loop at work: what they got and gave, call by call."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from a3lib.kit.checks.probes.asked import is_of_other_lengths
from a3lib.kit.checks.probes.histories import farthest
from a3lib.kit.checks.probes.models import flat_weights, language_model, models_among
from a3lib.kit.checks.probes.sampling import watched
from a3lib.kit.checks.probes.spies import Answers, Recorded, argument
from a3lib.kit.checks.probes.steps import Steps
from a3lib.kit.checks.probes.used import Used


@dataclass(frozen=True)
class Sample:
    """What was sampled in one call: texts, rewards, rows, the weights (N,) that sampled."""

    texts: list[str]
    rewards: list[float]
    rows: set[tuple[int, ...]]
    weights: Tensor


class Rollouts(Recorded):
    """The sampling function at work: the weights it sampled with, and whether dropout was on."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.dropout_on, self.reward_dropout, self.of_other_lengths = 0.0, 0.0, 0
        self.samples: list[Sample] = []
        self.rows: dict[tuple[int, ...], float] = {}

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also what came back."""
        self.of_other_lengths += is_of_other_lengths(arguments, more)
        judge = language_model(argument(arguments, more, 4, "reward_model"))
        models = [model for model in models_among(arguments, more) if model is not judge]
        with watched(*models) as seen, watched(*[judge] if judge else []) as scoring:
            result = super().__call__(*arguments, **more)
        self.dropout_on = max(self.dropout_on, seen["dropout_on"])
        self.reward_dropout = max(self.reward_dropout, scoring["dropout_on"])
        weights = flat_weights(models[0]) if models else torch.zeros(0)
        texts = [str(text) for text in argument(arguments, more, 0, "batch") or ()]
        rewards = result[0].detach().reshape(-1).tolist()
        rows = [tuple(row) for row in result[1].tolist()]
        self.samples.append(Sample(texts, rewards, {*rows}, weights))
        self.rows |= dict(zip(rows, rewards, strict=False))
        return result


class Losses(Recorded):
    """The loss at work: the rewards that it got, beside those that its rows had when sampled."""

    def __init__(self, function: Any, rollouts: Rollouts, steps: Steps) -> None:
        super().__init__(function)
        self._rollouts, self._steps = rollouts, steps
        # Call by call: the rewards, and those of the rows where all of them are known.
        self.given: list[tuple[list[float], list[float]] | None] = []
        # The rows that a loss with gradients was asked for, call by call.
        self.trained: list[set[tuple[int, ...]]] = []
        self.used = Used()
        self.columns = 0

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also the rewards."""
        mark, place = self.used.next(), len(self.given)
        reward = argument(arguments, more, 0, "reward")
        tokens = argument(arguments, more, 1, "output_tokens")
        trains = torch.is_grad_enabled() and isinstance(tokens, Tensor)
        self.trained.append({tuple(row) for row in tokens.tolist()} if trains else set())
        self.given.append(None)
        if isinstance(reward, Tensor) and isinstance(tokens, Tensor):
            self.columns += reward.dim() != 1
            given = reward.detach().double().reshape(-1).tolist()
            rows = [self._rollouts.rows.get(tuple(row)) for row in tokens.tolist()]
            known = [row for row in rows if row is not None]
            if len(known) == len(given):
                self.given[place] = given, known
        for model in models_among(arguments, more):
            self._steps.know(model)
        result = super().__call__(*arguments, **more)
        loss = result[1] if isinstance(result, tuple) and len(result) == 2 else None
        if isinstance(tokens, Tensor):
            self._steps.expect(loss, len(tokens), mark)
        # After the look at its gradient, which is not the loop's.
        self.used.watch(loss, mark)
        return result


class Divergences(Recorded):
    """The penalty at work: the weights and the mode of the reference, and what it got."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.dropout_on, self.references = 0.0, list[Any]()
        # Whether each call's log_probs had a gradient.
        self.attached: list[bool] = []
        self.weights: list[Tensor] = []
        self.used = Used()

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Note also the reference."""
        mark = self.used.next()
        models = models_among(arguments, more)
        log_probs = argument(arguments, more, 0, "log_probs_current")
        if isinstance(log_probs, Tensor):
            self.attached.append(log_probs.requires_grad and torch.is_grad_enabled())
        self.references += models
        self.weights += [flat_weights(model) for model in models]
        with watched(*models) as seen:
            result = super().__call__(*arguments, **more)
        self.dropout_on = max(self.dropout_on, seen["dropout_on"])
        self.used.watch(result, mark)
        return result


def of_rewards(losses: Losses) -> Answers:
    """Return in which share of the calls rewards were not those of their rows, and how."""
    given = [one for one in losses.used.among(losses.given, bool) if one]
    changed = [(g, k) for g, k in given if farthest(g, k) > 1e-4]
    calls = len(given) or 1

    def share(fits: Any) -> float:
        return sum(bool(fits(g, k)) for g, k in changed) / calls

    return {
        "rewards_as_columns": float(losses.columns),
        "rewards_changed": len(changed) / calls,
        "rewards_negated": share(
            lambda g, k: min(farthest(g, [-x for x in k]), farthest(g, [1 - x for x in k])) < 1e-4
        ),
        "rewards_constant": share(lambda g, k: max(g) - min(g) < 1e-6),
        "rewards_shuffled": share(lambda g, k: farthest(sorted(g), sorted(k)) < 1e-4),
    }
