"""What a report says, as far as a folder has it: results, verdicts, settings, and what is missing.

Whatever is missing or damaged becomes a sentence, so that the rest is shown all the same.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from a3lib.errors import InputError
from a3lib.plots import Look, look_of
from a3lib.profiles import ORIGINAL
from a3lib.results.run import SUMMARY_FILE
from a3lib.results.sample_table import reward_colour
from a3lib.results.samples import Samples, read_samples
from a3lib.results.tables import ModelResult, model_results
from a3lib.results.templates import decimals, number
from a3lib.tinyworld import shown_name

# What reading a part raises where somebody changed it or it was cut off.
DAMAGE = (
    *(KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError),
    *(OSError, ImportError),
)
SECTIONS = {
    "baseline": "the original model",
    "reinforce": "REINFORCE",
    "kl": "the KL penalty",
    "dpo": "DPO",
}
Item = TypeVar("Item")


class Result(NamedTuple):
    """A model's results with its look; `colour` is the number of its reward's colour."""

    name: str
    look: Look
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
    Column("knob", "beta", "the method's own number at its best"),
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


def attempt(make: Callable[[], list[Item]], what: str, notices: list[str]) -> list[Item]:
    """Return what `make` makes; where it cannot, say so in `notices` and return nothing."""
    try:
        return make()
    except DAMAGE:
        notices.append(f"{what} cannot be shown: what the folder holds of it is damaged.")
        return []


def read_summary(folder: Path, notices: list[str]) -> dict[str, Any]:
    """Return a folder's summary; a damaged one is an empty one and is said in `notices`.

    Raises InputError where there is none.
    """
    file = folder / SUMMARY_FILE
    if not file.is_file():
        raise InputError(
            f"There is no {SUMMARY_FILE} in {str(folder)!r}; give the folder of a run or a study, "
            "as python -m a3lib run leaves it in runs/."
        )
    found: Any = None
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(found, dict):
        return found
    notices.append(f"{SUMMARY_FILE} is damaged, so the numbers are missing; run it again.")
    return {}


def result_of(found: ModelResult) -> Result:
    """Return a model's results with its look, and None for what is no finite number."""
    reward = number(found.reward)
    figures = (number(v) for v in (found.naturalness, found.kl, found.test_loss))
    return Result(found.name, look_of(found.name), reward, reward_colour(reward or 0.0), *figures)


def section_results(summary: Mapping[str, Any]) -> list[Result]:
    """Return the results of the models of a summary with their looks."""
    return [result_of(found) for found in model_results(summary)]


def results_of(summary: Mapping[str, Any], notices: list[str]) -> list[Result]:
    """Return the results of a run's models; a section that is missing is said in `notices`."""
    results: list[Result] = []
    for key, name in SECTIONS.items():
        if not summary.get(key):
            notices.append(f"The run has no results of {name}: it ended before them, or is going.")
            continue
        measured = partial(section_results, {key: summary[key]})
        results += attempt(measured, f"The part of {name}", notices)
    return results


def run_sentence(results: list[Result]) -> str:
    """Say in one sentence what a run found: the reward before, and the best of each kind after."""
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


def study_sentence(summary: Mapping[str, Any]) -> str:
    """Say in one sentence what a study tried and which method reached the highest reward."""
    best = [row for row in summary.get("best", []) if number(row.get("reward")) is not None]
    tried = f"{summary.get('runs', 'Some')} runs of {len(summary.get('best', []))} methods"
    diverged = len(summary.get("diverged", []))
    if not best:
        return f"{tried}, {diverged} of them diverged."
    top = max(best, key=lambda row: row["reward"])
    before = decimals(summary.get("sft", {}).get("reward"))
    return (
        f"{tried}, {diverged} of them diverged; from a reward of {before} before training, "
        f"{top['method']} reaches the highest, {decimals(top['reward'])}."
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
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {text}" for name, text in named_values(value))
    return shown_name(value) if isinstance(value, str) else str(value)


def named_values(found: Any) -> list[tuple[str, str]]:
    """Return a mapping as pairs of words and text, and nothing for what is no mapping."""
    if not isinstance(found, Mapping):
        return []
    return [(str(key).replace("_", " "), as_text(value)) for key, value in found.items()]


def cell_of(row: Mapping[str, Any], column: Column) -> tuple[str, str]:
    """Return a study's figure as text and as what it is sorted by; an interval is a list of 3."""
    value = row.get(column.key)
    if isinstance(value, list):
        middle, low, high = value
        shown = f"{decimals(middle)} [{decimals(low)}, {decimals(high)}]"
        return shown, as_text(number(middle))
    if isinstance(value, int):
        return as_text(value), str(int(value))
    if column.key == "knob":
        return as_text(value), as_text(number(value))
    return decimals(value), "" if number(value) is None else repr(value)


def study_rows(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> list[Any]:
    """Return a study's table: each method with its cells, and its reward's colour."""
    return [
        {
            "method": str(row["method"]),
            "cells": [(column, *cell_of(row, column)) for column in columns],
            "reward": number(row.get("reward")),
            "colour": reward_colour(number(row.get("reward")) or 0.0),
        }
        for row in rows
    ]


def diverged_runs(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return why runs of a study diverged, numbered."""
    return [(str(n), str(why)) for n, why in enumerate(summary.get("diverged", []), start=1)]


def verdicts_of(summary: Mapping[str, Any]) -> list[str]:
    """Return the sentence of each verdict on the order of divergences."""
    return [str(found["sentence"]) for found in summary.get("verdicts", {}).values()]


def matched_of(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of methods at an equal reward, a table a group."""
    return [
        {
            "title": title,
            "reward": decimals(found["reward"], 2),
            "rows": study_rows(found["methods"], MATCHED_COLUMNS),
        }
        for title, found in summary.get("matched", {}).items()
    ]
