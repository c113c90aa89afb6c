"""What a report says, as far as a folder has it: results, verdicts, settings, and what is missing.

Whatever is missing or damaged becomes a sentence, so that the rest is shown all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from a3lib.errors import InputError
from a3lib.plots import ModelStyle, style_of
from a3lib.profiles import ORIGINAL
from a3lib.results.sample_table import reward_colour
from a3lib.results.samples import Samples, read_samples
from a3lib.results.summary import (
    SUMMARY_FILE,
    BestRun,
    ForecastScores,
    Inspection,
    MatchedMethod,
    RunSummary,
    StudySummary,
)
from a3lib.results.tables import ModelResult, model_results
from a3lib.results.templates import DASH, decimals
from a3lib.tinyworld import shown_name
from a3lib.util.numbers import finite

# What reading a part raises where somebody edited it or it was cut off.
DAMAGE = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    ArithmeticError,
    OSError,
    ImportError,
)
SECTIONS = {
    "baseline": "the original model",
    "reinforce": "REINFORCE",
    "kl": "the KL penalty",
    "dpo": "DPO",
}
# What the page calls the other parts of a summary.
PARTS = {key: f"The part of {name}" for key, name in SECTIONS.items()} | {
    "study": "The study of section 6",
    "best": "The table of best betas",
    "matched": "The comparison",
    "verdicts": "The verdicts",
    "diverged": "The diverged runs",
    "sft": "The policy before training",
    "made": "How the data were made",
}
Item = TypeVar("Item")


class Result(NamedTuple):
    """A model's results with its style; `colour` is the number of its reward's colour."""

    name: str
    style: ModelStyle
    reward: float | None
    colour: int
    naturalness: float | None
    kl: float | None
    test_loss: float | None


class Column(NamedTuple):
    """A column of a study's table: the figure's key, its heading and what it means."""

    key: str
    heading: str
    meaning: str


BEST_COLUMNS = (
    Column("coefficient", "beta", "the method's own number at its best"),
    Column("reward", "reward", "mean P(positive) of its texts"),
    Column("gain", "gain", "reward above the policy before training"),
    Column("entropy", "entropy", "nats per token"),
    Column("kl", "KL", "to the policy before training, nats per token"),
    Column("naturalness", "natural", "share of word 4-grams that the grammar can produce"),
    Column("held_out_start", "loss before", "loss on held-out pairs before training"),
    Column("held_out_end", "loss after", "loss on held-out pairs after training"),
    Column("accuracy", "accuracy", "share of held-out pairs in the right order at the end"),
    Column("finite", "finite", "whether every loss and gradient was a finite number"),
)
MATCHED_COLUMNS = (
    Column("entropy", "entropy", "nats per token, with its 95 % bootstrap interval"),
    Column("unigram_entropy", "unigram entropy", "of the sampled words, nats"),
    Column("kl", "KL", "to the policy before training, nats per token, with its interval"),
    Column("naturalness", "natural", "share of word 4-grams that the grammar can produce"),
    Column("seeds", "seeds", "how many seeds' curves pass this reward"),
)


def damage_notice(what: str) -> str:
    """Say that a part cannot be shown."""
    return f"{what} cannot be shown: what the folder holds of it is damaged."


def attempt(make: Callable[[], list[Item]], what: str, notices: list[str]) -> list[Item]:
    """Return what `make` returns; where it fails, say so in `notices` and return nothing."""
    try:
        return make()
    except DAMAGE:
        notices.append(damage_notice(what))
        return []


def readable_summary(inspection: Inspection, folder: Path) -> RunSummary | StudySummary:
    """Return what can be read of a summary, and an empty one where nothing can be."""
    if inspection.summary is not None:
        return inspection.summary
    return StudySummary() if (folder / "study.parquet").exists() else RunSummary()


def summary_notices(inspection: Inspection, summary: RunSummary | StudySummary) -> list[str]:
    """Say what of a summary is damaged, and which sections a run has not reached."""
    notices = [f"{SUMMARY_FILE} {inspection.problem}."] if inspection.problem else []
    notices += [damage_notice(PARTS.get(key, f"The {key}")) for key in inspection.damaged]
    if isinstance(summary, RunSummary):
        notices += [
            f"The run has no results of {name}: it ended before them, or is still running."
            for key, name in SECTIONS.items()
            if not getattr(summary, key) and key not in inspection.damaged
        ]
    return notices


def result_of(result: ModelResult) -> Result:
    """Return a model's results with its style, and None for what is not a finite number."""
    reward = finite(result.reward)
    return Result(
        name=result.name,
        style=style_of(result.name),
        reward=reward,
        colour=reward_colour(reward or 0.0),
        naturalness=finite(result.naturalness),
        kl=finite(result.kl),
        test_loss=finite(result.test_loss),
    )


def results_of(summary: RunSummary) -> list[Result]:
    """Return the results of a run's models with their styles."""
    return [result_of(result) for result in model_results(summary)]


def run_sentence(results: list[Result]) -> str:
    """Say in one sentence what a run reached: the reward before, the best of each kind after."""
    measured = [result for result in results if result.reward is not None]
    before = [r for r in measured if r.name == ORIGINAL]
    kinds: dict[str, Result] = {}
    for result in sorted(measured, key=lambda r: r.reward or 0.0, reverse=True):
        if result.name != ORIGINAL:
            kinds.setdefault(result.name.partition(",")[0], result)
    if not measured:
        return "No model of this run has been measured yet."
    start = [f"{decimals(r.reward)} before training" for r in before]
    reached = [f"at best {', '.join(map(reward_of, kinds.values()))} after it"] if kinds else []
    return f"Mean test reward: {'; '.join(start + reached)}."


def reward_of(result: Result) -> str:
    """Return a model's reward with its name, and its naturalness where it was measured."""
    natural = decimals(result.naturalness)
    measured = "" if result.naturalness is None else f"; naturalness {natural}"
    return f"{decimals(result.reward)} ({result.name}{measured})"


def study_sentence(summary: StudySummary) -> str:
    """Say in one sentence what a study tried and which method reached the highest reward."""
    best = [row for row in summary.best if finite(row.reward) is not None]
    tried = f"{summary.runs or 'Some'} runs of {len(summary.best)} methods"
    diverged = len(summary.diverged)
    if not best:
        return f"{tried}, {diverged} of them diverged."
    top = max(best, key=lambda row: row.reward)
    before = decimals(summary.sft.reward if summary.sft else None)
    return (
        f"{tried}, {diverged} of them diverged; from a reward of {before} before training, "
        f"{top.method} reaches the highest, {decimals(top.reward)}."
    )


def samples_of(folder: Path) -> tuple[Samples | None, str]:
    """Return a folder's samples, or None and why there are none."""
    try:
        samples = read_samples(folder)
    except InputError as error:
        return None, str(error)
    if not samples.prompts or not samples.models:
        return None, "samples.json holds no prompt, or no model."
    return samples, ""


def as_text(value: Any) -> str:
    """Return a setting or figure as people read it."""
    if value is None or (isinstance(value, float) and finite(value) is None):
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {text}" for name, text in named_values(value))
    return shown_name(value) if isinstance(value, str) else str(value)


def named_values(values: Any) -> list[tuple[str, str]]:
    """Return a mapping as pairs of words and text, and nothing for what is not a mapping."""
    if not isinstance(values, Mapping):
        return []
    return [(str(key).replace("_", " "), as_text(value)) for key, value in values.items()]


def forecast_values(scores: ForecastScores | None) -> list[tuple[str, str]]:
    """Return the scores of forecasts as pairs of words and text, none where there are none."""
    return [] if scores is None else named_values(asdict(scores))


def cell_of(row: BestRun | MatchedMethod, column: Column) -> tuple[str, str]:
    """Return a study's figure as text and as what it is sorted by; an interval is a tuple of 3."""
    value = getattr(row, column.key)
    if isinstance(value, tuple):
        middle, low, high = value
        interval = f"{decimals(middle)} [{decimals(low)}, {decimals(high)}]"
        return interval, as_text(middle)
    if isinstance(value, int):
        return as_text(value), str(int(value))
    if column.key == "coefficient":
        return as_text(value), as_text(value)
    return decimals(value), "" if finite(value) is None else repr(value)


def study_rows(
    rows: Sequence[BestRun | MatchedMethod], columns: tuple[Column, ...]
) -> list[dict[str, Any]]:
    """Return a study's table: each method with its cells, and its reward's colour."""
    rewards = [finite(row.reward) if isinstance(row, BestRun) else None for row in rows]
    return [
        {
            "method": row.method,
            "cells": [(column, *cell_of(row, column)) for column in columns],
            "reward": reward,
            "colour": reward_colour(reward or 0.0),
        }
        for row, reward in zip(rows, rewards, strict=True)
    ]


def matched_of(summary: StudySummary) -> list[dict[str, Any]]:
    """Return the tables of methods at an equal reward, a table a group."""
    return [
        {
            "title": title,
            "reward": decimals(group.reward, 2),
            "rows": study_rows(group.methods, MATCHED_COLUMNS),
        }
        for title, group in summary.matched.items()
    ]
