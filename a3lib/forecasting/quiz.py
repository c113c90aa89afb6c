"""A quiz about one's own model: will its continuation of this prompt be judged positive?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from a3lib.errors import InputError
from a3lib.forecasting.scores import Forecast, cost
from a3lib.results.samples import Samples, first_samples
from a3lib.results.tables import Table

# Above this reward, P(positive), a text counts as positive.
POSITIVE = 0.5


@dataclass(frozen=True)
class Quiz:
    """The prompts that a model continued; what it wrote is shown only after the forecasts.

    A notebook shows the prompts as a numbered list.
    """

    model_name: str
    prompts: tuple[str, ...]
    completions: tuple[str, ...]
    rewards: tuple[float, ...]

    @property
    def task(self) -> str:
        """What is asked of the person who answers."""
        return (
            f"How likely is it that {self.model_name} continued these {len(self.prompts)} "
            f"prompts so that the whole text is judged positive (a reward above {POSITIVE})?"
        )

    def __repr__(self) -> str:
        lines = [f"{number}. {prompt}" for number, prompt in enumerate(self.prompts, start=1)]
        return "\n".join([self.task, *lines])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(prompt)}</li>" for prompt in self.prompts)
        return f"<p>{escape(self.task)}</p><ol>{items}</ol>"

    def answer(self, probabilities: Sequence[float]) -> list[Forecast]:
        """Return the forecasts that these probabilities are, one for each prompt in order.

        Raises InputError where there are too few or too many, or one is not from 0 to 1.
        """
        if len(probabilities) != len(self.prompts):
            raise InputError(
                f"The quiz has {len(self.prompts)} prompts and was given {len(probabilities)} "
                "forecasts; give one for each prompt, in their order."
            )
        forecasts = []
        answers = zip(self.prompts, probabilities, self.rewards, strict=True)
        for number, (prompt, probability, reward) in enumerate(answers, start=1):
            try:
                forecasts.append(Forecast(prompt, float(probability), bool(reward > POSITIVE)))
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"The forecast of prompt {number} is {probability!r}; give a number from 0 "
                    "to 1."
                ) from error
        return forecasts

    def answers_table(self, forecasts: Sequence[Forecast]) -> Table:
        """Return what the model wrote after each prompt, beside the forecast and its cost."""
        answers = zip(self.prompts, self.completions, self.rewards, forecasts, strict=True)
        rows = [
            {
                "prompt": prompt,
                "completion": completion,
                "reward": f"{reward:.2f}",
                "forecast": f"{forecast.probability:.2f}",
                "cost in nats": f"{cost(forecast):.2f}",
            }
            for prompt, completion, reward, forecast in answers
        ]
        return Table(pd.DataFrame(rows), f"What {self.model_name} wrote")


def own_model_quiz(samples: Samples, model_name: str, count: int = 20) -> Quiz:
    """Return a quiz of the first prompts of a run's samples, and what this model wrote after them.

    Raises InputError for a model that is not in the samples, and where there is nothing to ask.
    """
    chosen = first_samples(samples, count)
    for model in chosen.models:
        if model.name == model_name:
            if not chosen.prompts or any(map(math.isnan, model.rewards)):
                raise InputError(
                    f"The samples of {model_name} have no prompts or a reward that is no number; "
                    "draw them again."
                )
            return Quiz(model_name, chosen.prompts, model.completions, model.rewards)
    names = ", ".join(model.name for model in samples.models)
    raise InputError(f"There are no samples of {model_name!r}; take one of: {names}.")
