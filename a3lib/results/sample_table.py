"""What several policies wrote after the same prompts, side by side: for notebook and report."""

from pathlib import Path
from typing import Any, NamedTuple

from a3lib.plots import ModelStyle, method_style
from a3lib.results.samples import Samples
from a3lib.results.templates import decimals, render
from a3lib.util.numbers import finite
from a3lib.util.text import allowed_in_html

TEMPLATE = Path(__file__).with_name("sample_table.html")
# A reward's bar has one of so many colours, from the most negative to the most positive.
REWARD_COLOURS = 5


class Row(NamedTuple):
    """One model's completion of a prompt; `order` is the model's place among the models.

    `reward` is P(positive) or None, `kl` in nats per text or None, `colour` the number of the
    reward's colour.
    """

    prompt: int
    model: str
    order: int
    style: ModelStyle
    completion: str
    reward: float | None
    kl: float | None

    @property
    def colour(self) -> int:
        """The number of the reward's colour, from 0 for 0 to REWARD_COLOURS - 1 for 1."""
        return reward_colour(self.reward or 0.0)


def reward_colour(reward: float) -> int:
    """Return the number of a reward's colour, from 0 for a reward of 0."""
    return max(0, min(int(reward * REWARD_COLOURS), REWARD_COLOURS - 1))


def rows_of(samples: Samples, prompt: int) -> list[Row]:
    """Return every model's completion of a prompt, by its number from 0."""
    return [
        Row(
            prompt,
            str(model.name),
            order,
            method_style(str(model.name)),
            str(model.completions[prompt]),
            finite(model.rewards[prompt]),
            finite(model.kl[prompt]),
        )
        for order, model in enumerate(samples.models)
    ]


def context_of(samples: Samples, caption: str) -> dict[str, Any]:
    """Return what the table's template needs."""
    prompts = [(str(text), rows_of(samples, i)) for i, text in enumerate(samples.prompts)]
    with_kl = any(row.kl is not None for _, rows in prompts for row in rows)
    return {"samples": prompts, "samples_caption": caption, "with_kl": with_kl}


class SampleTable:
    """Prompts with every model's completion, reward and KL: HTML in a notebook, text elsewhere.

    The HTML needs no script; a completion is shown as it is, whatever characters it holds.
    """

    def __init__(self, samples: Samples, caption: str = "") -> None:
        self.samples = samples
        self.caption = caption

    def __repr__(self) -> str:
        lines = [self.caption] if self.caption else []
        width = max((len(str(model.name)) for model in self.samples.models), default=0)
        for place, prompt in enumerate(self.samples.prompts):
            lines += ["", f"{place + 1}. {prompt}"]
            for row in rows_of(self.samples, place):
                kl = "" if row.kl is None else f"  KL {row.kl:.2f}"
                figures = f"reward {decimals(row.reward, 2)}{kl}"
                lines.append(f"   {row.model.ljust(width)}  {figures}: {row.completion}")
        return allowed_in_html("\n".join(lines))

    def _repr_html_(self) -> str:
        return render(TEMPLATE, context_of(self.samples, self.caption) | {"alone": True})
