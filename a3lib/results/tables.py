"""The tables that people read: example texts, and the results of a run."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

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
from a3lib.tokenization import seed_prompts


def seed_texts(reviews: list[str], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the beginning of each review that the policy was given."""
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
    found = []
    for row in rows.select(range(min(count, len(rows)))).to_list():
        scored = zip(row["rewards"], row["completions"], strict=True)
        ranked = sorted(scored, key=lambda pair: -pair[0])
        found += [
            {"prompt": row["prompt"], "candidate": text, "reward": f"{reward:.2f}"}
            for reward, text in ranked
        ]
    return Table(pd.DataFrame(found), caption)


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


def format_figure(value: Any) -> str:
    """Return a number with three decimals, and a dash for None and NaN."""
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in plain text; columns that hold only numbers are set to the right."""
    cells = [list(header), *[[format_figure(value) for value in row] for row in rows]]
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
    """What a run found about one model; None where it was not measured.

    `reward` is the mean P(positive) on the test reviews, `naturalness` a share, `kl` the last
    batch's KL to the original in nats per text, `test_loss` DPO's in nats per pair.
    """

    name: str
    reward: float
    naturalness: float | None
    kl: float | None = None
    test_loss: float | None = None


def model_results(summary: Mapping[str, Any]) -> list[ModelResult]:
    """Return the results of a run's models as its summary holds them, in the order of training."""
    results = [
        ModelResult(name, summary[key]["reward"], summary[key]["naturalness"])
        for key, name in (("baseline", ORIGINAL), ("reinforce", REINFORCE))
        if key in summary
    ]
    for found in summary.get("kl", []):
        reward, last_kl = found["reward"], found["kl_divergences"][-1]
        name = kl_name(found["alpha"])
        results.append(ModelResult(name, reward, found["naturalness"], kl=last_kl))
    for found in summary.get("dpo", []):
        reward, test_loss = found["reward"], found["test_loss"]
        name = dpo_name(found["beta"])
        results.append(ModelResult(name, reward, found["naturalness"], test_loss=test_loss))
    return results


def summary_table(summary: Mapping[str, Any]) -> str:
    """Return what a run found: each model's reward, naturalness, KL or loss, then the seconds."""
    header = ["model", "reward", "naturalness", "KL at end", "test loss"]
    results = text_table(header, model_results(summary))
    seconds = text_table(["section", "seconds"], [*summary["seconds"].items()])
    return f"{results}\n\n{seconds}"
