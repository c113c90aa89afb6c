"""Which training curves a run and a study have."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from a3lib.plots import REWARD_MARKS
from a3lib.plots.styles import groups_of, method_styles, styles_for
from a3lib.profiles import REINFORCE, dpo_name, kl_name
from a3lib.report.charts import Chart, Line, as_values
from a3lib.results.summary import BestRun, RunSummary

REWARD_LINES = tuple((mark, f"{mark:.2f}") for mark in REWARD_MARKS)


def make_chart(key: str, curves: Mapping[str, Sequence[float]], **others: Any) -> Chart:
    """Return a chart of a value a training step, from step 1 on, of models by name."""
    length = max(len(values) for values in curves.values())
    styles = styles_for(curves)
    lines = (Line(name, styles[name], as_values(v, length)) for name, v in curves.items())
    return Chart(key, steps=tuple(range(1, length + 1)), lines=tuple(lines), **others)


def run_charts(summary: RunSummary) -> list[Chart]:
    """Return the charts of a run: rewards, KL and DPO's losses, as far as it has them."""
    rewards = {REINFORCE: summary.reinforce.rewards} if summary.reinforce else {}
    rewards |= {kl_name(run.alpha): run.rewards for run in summary.kl}
    kl = {kl_name(run.alpha): run.kl_divergences for run in summary.kl}
    losses = {dpo_name(run.beta): run.losses for run in summary.dpo}
    charts = []
    if rewards:
        text = (
            "Mean reward of each training batch. Dotted levels: the handout's 0.65 (a high alpha "
            "stays below), 0.75 (REINFORCE reaches it) and 0.80 (a good alpha reaches it)."
        )
        about = {"title": "Reward while training", "text": text, "unit": "reward, P(positive)"}
        charts.append(make_chart("rewards", rewards, **about, marks=REWARD_LINES, top=1.0))
    if kl:
        text = (
            "How far each batch's texts are from the original model. Above 1 every step of the "
            "axis is ten times the one before."
        )
        about = {"title": "KL to the original model", "text": text}
        unit = "KL(policy || original), nats per text"
        charts.append(make_chart("kl", kl, **about, unit=unit, symlog=True))
    if losses:
        text = (
            "Training loss of each batch of pairs. Dotted level: ln 2, the loss of a policy that "
            "is still its reference."
        )
        about = {"title": "DPO loss", "text": text, "unit": "loss, nats per pair"}
        charts.append(make_chart("losses", losses, **about, marks=((math.log(2), "ln 2"),)))
    return charts


def held_out_curve(runs: pd.DataFrame, method: str, beta: float) -> tuple[list[int], list[float]]:
    """Return the steps and the mean over seeds of a method's held-out loss over its start."""
    tried = runs[(runs["method"] == method) & np.isclose(runs["beta"], beta, rtol=1e-9)]
    losses = [np.asarray(values, dtype=float) for values in tried["held_out_losses"]]
    mean = np.mean([values / values[0] for values in losses], axis=0)
    return [int(step) for step in tried["held_out_steps"].iloc[0]], mean.tolist()


def study_charts(file: Path, best: Sequence[BestRun]) -> list[Chart]:
    """Return a chart of held-out losses for each group of methods, each at its best beta.

    `file` is study.parquet, `best` the rows of the summary; methods that diverged are left out.
    """
    runs = pd.read_parquet(file)
    runs = runs[runs["failed"] == ""]
    betas = {row.method: row.beta for row in best if math.isfinite(row.beta)}
    charts = []
    for title, methods in groups_of(list(betas)).items():
        curves = {method: held_out_curve(runs, method, betas[method]) for method in methods}
        steps = max((steps for steps, _ in curves.values()), key=len)
        lines = tuple(
            Line(method, style, as_values(curves[method][1], len(steps)))
            for method, style in method_styles(methods).items()
        )
        chart = Chart(
            key=title.replace(" ", "-"),
            title=f"Held-out loss: {title}",
            text=(
                "Loss on held-out pairs over its value before training, at each method's best "
                "beta; mean over seeds."
            ),
            unit="held-out loss / its start",
            steps=tuple(steps),
            lines=lines,
            marks=((1.0, "start"),),
            smoothed=False,
        )
        charts.append(chart)
    return charts
