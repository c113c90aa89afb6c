"""The tables that people read: example texts, and the results of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from a3lib.metrics import naturalness
from a3lib.profiles import (
    ORIGINAL,
    REINFORCE,
    SEED_TOKEN_LENGTH,
    Profile,
    dpo_name,
    kl_name,
)
from a3lib.results.sample_table import SampleTable
from a3lib.results.samples import Samples
from a3lib.results.summary import RunSummary
from a3lib.util.numbers import decimals

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


def seed_texts(reviews: list[str], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the beginning of each review that the policy continues."""
    # Pages of a run are written without torch, which takes seconds to import.
    from a3lib.tokenization import seed_prompts

    input_ids, _ = seed_prompts(reviews, tokenizer, SEED_TOKEN_LENGTH)
    return tokenizer.batch_decode(input_ids, skip_special_tokens=True)


class Table:
    """A table that a notebook shows as HTML and a script prints as text, nothing cut off."""

    def __init__(self, frame: pd.DataFrame, caption: str) -> None:
        self.frame = frame
        self.caption = caption

    def __repr__(self) -> str:
        with pd.option_context("display.max_colwidth", None, "display.width", None):
            return f"{self.caption}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        left = {"text-align": "left", "vertical-align": "top", "white-space": "pre-wrap"}
        # A text without a space would push the other columns out of sight.
        left |= {"overflow-wrap": "anywhere"}
        style = self.frame.style.hide(axis="index").set_properties(None, **left)
        headings = [{"selector": "th, caption", "props": "text-align: left"}]
        style = style.set_table_styles(headings).set_caption(escape(self.caption))
        return style.format(escape="html").to_html()


def examples_table(
    reviews: list[str],
    results: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    caption: str = "",
    count: int = 5,
) -> Table:
    """Return the first texts of an evaluation: seed, continuation and reward apart."""
    rows = []
    seeds = seed_texts(reviews[:count], tokenizer)
    for seed, text, reward in zip(seeds, results["generations"], results["rewards"], strict=False):
        continuation = text.removeprefix(seed)
        rows.append({"seed": seed, "continuation": continuation, "reward": f"{reward:.2f}"})
    return Table(pd.DataFrame(rows), caption)


def candidates_table(rows: Dataset, caption: str = "", count: int = 2) -> Table:
    """Return the first prompts of a preference data set with their candidates, the best first."""
    candidates = []
    for row in rows.select(range(min(count, len(rows)))).to_list():
        scored = zip(row["rewards"], row["completions"], strict=True)
        ranked = sorted(scored, key=lambda pair: -pair[0])
        candidates += [
            {"prompt": row["prompt"], "candidate": text, "reward": f"{reward:.2f}"}
            for reward, text in ranked
        ]
    return Table(pd.DataFrame(candidates), caption)


def samples_table(samples: Samples, caption: str = "") -> SampleTable:
    """Return every model's completion of each prompt side by side, with rewards and KL."""
    return SampleTable(samples, caption)


def measured_naturalness(
    profile: Profile,
    reviews: list[str],
    results: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerBase,
) -> float | None:
    """Return the naturalness of an evaluation's texts, or None where the world has no grammar."""
    if not profile.has_grammar:
        return None
    return naturalness(results["generations"], seed_texts(reviews, tokenizer))


def alpha_verdict(
    reward: float, naturalness: float | None, baseline_naturalness: float | None
) -> str:
    """Say which of the cases of Q3.2 an alpha is: the high, the low or the good one.

    Where naturalness cannot be measured, only the reward is judged and the text is left to read.
    """
    if reward <= 0.65:
        return "reward stays at 0.65 or below"
    if naturalness is None or not baseline_naturalness:
        return "reward reached; read the texts" if reward >= 0.80 else "in between"
    share = naturalness / baseline_naturalness
    if share < 0.5:
        return "the text breaks down"
    return "good" if reward >= 0.80 and share >= 0.8 else "in between"


def cell_text(value: Any) -> str:
    """Return a cell of a table in plain text: None and floats as `decimals`, others as they are."""
    return decimals(value) if value is None or isinstance(value, float) else str(value)


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in plain text; columns that hold only numbers are set to the right."""
    cells = [list(header), *[[cell_text(value) for value in row] for row in rows]]
    columns = range(len(header))
    widths = [max(len(row[column]) for row in cells) for column in columns]
    numeric = [all(isinstance(row[c], int | float | None) for row in rows) for c in columns]
    lines = [
        "  ".join(
            row[c].rjust(widths[c]) if numeric[c] else row[c].ljust(widths[c]) for c in columns
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])


class ModelResult(NamedTuple):
    """What a run measured of one model; None where it was not measured.

    `reward` is the mean P(positive) on the test reviews, `naturalness` a share, `kl` the last
    batch's KL to the original in nats per text, `test_loss` DPO's in nats per pair.
    """

    name: str
    reward: float
    naturalness: float | None
    kl: float | None = None
    test_loss: float | None = None


def model_results(summary: RunSummary) -> list[ModelResult]:
    """Return the results of a run's models as its summary holds them, in the order of training."""
    results = []
    for name, part in ((ORIGINAL, summary.baseline), (REINFORCE, summary.reinforce)):
        if part is not None:
            results.append(ModelResult(name, part.reward, part.naturalness))
    for kl in summary.kl:
        last_kl = kl.kl_divergences[-1]
        results.append(ModelResult(kl_name(kl.alpha), kl.reward, kl.naturalness, kl=last_kl))
    for dpo in summary.dpo:
        name = dpo_name(dpo.beta)
        results.append(ModelResult(name, dpo.reward, dpo.naturalness, test_loss=dpo.test_loss))
    return results


def alpha_verdicts(summary: RunSummary) -> str:
    """Return each alpha's results, with the case of Q3.2 that it is, as a table in plain text."""
    baseline = summary.baseline.naturalness if summary.baseline else None
    rows = [
        [
            kl.alpha,
            kl.reward,
            kl.kl_divergences[-1],
            kl.naturalness,
            alpha_verdict(kl.reward, kl.naturalness, baseline),
        ]
        for kl in summary.kl
    ]
    return text_table(["alpha", "reward", "KL at end", "naturalness", "verdict"], rows)


def beta_results(summary: RunSummary) -> str:
    """Return a line for each beta: DPO's loss on the test pairs and its reward."""
    return "\n".join(
        f"{dpo_name(dpo.beta)}: test loss {decimals(dpo.test_loss)}, reward {decimals(dpo.reward)}"
        for dpo in summary.dpo
    )


def summary_table(summary: RunSummary) -> str:
    """Return a run's results: each model's reward, naturalness, KL or loss, then the seconds."""
    header = ["model", "reward", "naturalness", "KL at end", "test loss"]
    results = text_table(header, model_results(summary))
    seconds = text_table(["section", "seconds"], [*summary.seconds.items()])
    return f"{results}\n\n{seconds}"
