"""What a loop asks of others, and leaves behind: lengths, samples, an evaluation."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from a3lib.kit.checks.probes.spies import Answers, argument, number_of
from a3lib.kit.checks.probes.steps import Steps
from a3lib.kit.checks.probes.stubs import EVALUATED, Evaluations, code_of

# What compute_reward_for_mini_batch is to be asked for: places, names and the handout's lengths.
LENGTHS = ((5, "seed_token_length", 10), (6, "max_new_tokens", 20))


def is_of_other_lengths(call: tuple[Any, ...], more: dict[str, Any]) -> bool:
    """Say whether a call of compute_reward_for_mini_batch asks for other lengths than 10 and 20."""
    asked = [(argument(call, more, place, name), length) for place, name, length in LENGTHS]
    return any(isinstance(given, int) and given != length for given, length in asked)


def share_sampled_again(steps: Steps) -> float:
    """Return the share of steps before which a text was sampled more than once.

    A loop may show a sample now and then; one that picks among samples has more at every step.
    """
    again = [
        max(Counter(text for sample in samples for text in sample.texts).values(), default=0) > 1
        for samples in steps.calls_of_steps("rollouts")
    ]
    return sum(again) / (len(again) or 1)


def of_evaluation(
    evaluation: Any, policy: Any, original: Any, evaluations: Evaluations | None
) -> Answers:
    """Return how far an evaluation's reward is from those of the trained and the original model.

    With stand-ins also whether it is one that evaluate gave, and how many of its texts are missing.
    """
    reward = number_of(evaluation, "reward", "evaluate")
    answers = {
        "has_evaluation": 1.0,
        "evaluation_off": abs(reward - code_of(policy)),
        "evaluation_off_start": abs(reward - code_of(original)),
    }
    if evaluations is None:
        return answers
    lists = [evaluation.get(key) for key in ("generations", "rewards")]
    lengths = [len(values) if hasattr(values, "__len__") else 0 for values in lists]
    off = min((abs(reward - given) for given in evaluations.given), default=1.0)
    return answers | {
        "evaluation_given": float(off < 1e-4),
        "evaluation_cut": float(EVALUATED - min(EVALUATED, *lengths)),
    }


def of_models(
    steps: Steps, models: list[Any], namespace: Mapping[str, Any], before: Mapping[str, Any]
) -> Answers:
    """Return whether the global model is the trained one, and which models and optimizers worked.

    `models` gave the losses; `before` are the globals from before. A loop may keep its model to
    itself, but a global model that it sets is the trained one.
    """
    own = namespace["model"] is before["model"]
    return {
        "global_model_off": 0.0 if own else steps.distance_of(namespace["model"]),
        "trains_another_model": float(
            bool(steps.optimizers and models) and not steps.hold_one_of(models)
        ),
        "old_optimizer": float(any(one is before["optimizer"] for one in steps.optimizers)),
    }
