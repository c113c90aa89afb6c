"""Write down what a study found: tables, figures, and a sentence on the order of divergences."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from a3lib.plots import save_figure
from a3lib.plots.styles import OTHERS, groups_of
from a3lib.profiles import SAMPLE_PROMPTS, SFT_NAME
from a3lib.results.run import versions
from a3lib.results.samples import Samples, model_samples
from a3lib.results.summary import (
    BestRun,
    MatchedGroup,
    MatchedMethod,
    StudySection,
    StudySummary,
    UntrainedPolicy,
    write_summary,
)
from a3lib.results.tables import text_table
from a3lib.study.analysis import (
    SFT,
    Curves,
    Estimate,
    best_runs,
    common_reward,
    make_curves,
    matched_table,
    methods_of,
    verdict,
)
from a3lib.study.config import Study
from a3lib.study.figures import frontier, training_curves
from a3lib.study.methods import ORDERED_DIVERGENCES
from a3lib.util.numbers import decimals

BEST_COLUMNS = {
    "method": "method",
    "coefficient": "beta",
    "reward": "reward",
    "gain": "gain",
    "entropy": "entropy",
    "kl": "KL",
    "naturalness": "natural",
    "held_out": "held-out loss",
    "stopped_step": "lowest",
    "accuracy": "accuracy",
    "beyond": "beyond",
    "finite": "finite",
}
MATCHED_COLUMNS = ("method", "entropy", "unigram_entropy", "kl", "naturalness", "seeds")


def best_table(best: pd.DataFrame) -> str:
    """Return each method at its best beta as a table in plain text, narrow enough for a page.

    beta is the method's own number; `lowest` the step of the lowest held-out loss; `beyond` the
    share of pairs with a side on the line that continues an exponential.
    """
    formatted = best.assign(
        held_out=[
            f"{start:.3f} to {end:.3f}"
            for start, end in zip(best["held_out_start"], best["held_out_end"], strict=True)
        ],
        stopped_step=[f"{step:.0f}" for step in best["stopped_step"]],
        finite=["yes" if finite else "NO" for finite in best["finite"]],
    )
    rows = formatted[list(BEST_COLUMNS)].astype(object).to_numpy().tolist()
    return text_table([*BEST_COLUMNS.values()], rows)


def matched_text(table: pd.DataFrame) -> str:
    """Return the figures at a matched reward as a table in plain text."""
    rows = []
    for row in table[list(MATCHED_COLUMNS)].to_dict("records"):
        passed = row["seeds"] > 0
        cells = [row["method"]]
        for name in MATCHED_COLUMNS[1:-1]:
            value = row[name] if isinstance(row[name], Estimate) else decimals(row[name])
            cells.append(str(value) if passed else "not passed")
        rows.append([*cells, row["seeds"]])
    return text_table(["method", "entropy", "unigram entropy", "KL", "natural", "seeds"], rows)


def most_entropy(table: pd.DataFrame, target: float) -> str:
    """Say which method keeps most entropy at a reward, from its table, and how clearly."""
    first = table.iloc[0]
    near = [row["method"] for _, row in table.iloc[1:].iterrows() if overlap(row, first)]
    return (
        f"At reward {target:g}, {first['method']} keeps most entropy: {first['entropy']} nats a "
        f"token, at a KL of {first['kl']}"
        + (f"; the intervals of {', '.join(near)} overlap with it." if near else ".")
    )


def overlap(one: pd.Series, other: pd.Series) -> bool:
    """Say whether the entropies of two methods have intervals that overlap."""
    return one["entropy"].high >= other["entropy"].low


def best_rows(best: pd.DataFrame) -> tuple[BestRun, ...]:
    """Return the rows of `analysis.best_runs` as the summary has them."""
    return tuple(BestRun(**row) for row in best.to_dict("records"))


def study_section(made: dict[str, Any], best: pd.DataFrame) -> StudySection:
    """Return a run's section 6, from what `grid.prepare` and `analysis.best_runs` return."""
    return StudySection(made, best_rows(best))


def matched_sections(curves: Curves) -> tuple[list[str], dict[str, MatchedGroup]]:
    """Return the matched tables of each group of methods, as text and for the summary.

    A group is compared at the highest reward that all its curves pass in every seed; where there
    is none, a sentence says so.
    """
    sections: list[str] = []
    groups: dict[str, MatchedGroup] = {}
    for title, methods in groups_of(methods_of(curves.runs)).items():
        target = common_reward(curves, methods)
        if target is None:
            sections.append(f"{title}: no reward is passed by all curves in every seed.")
            continue
        table = matched_table(curves, target, methods)
        sections.append(f"{title}\n{matched_text(table)}\n{most_entropy(table, target)}")
        rows = (MatchedMethod(**row) for row in table.to_dict("records"))
        groups[title] = MatchedGroup(target, tuple(rows))
    return sections, groups


def save_figures(runs: pd.DataFrame, curves: Curves, best: pd.DataFrame, folder: Path) -> None:
    """Write the three figures as PNG and PDF into the study's folder."""
    betas = dict(zip(best["method"], best["beta"], strict=True))
    for name, figure in (
        ("reward_entropy", frontier(curves, "entropy")),
        ("reward_kl", frontier(curves, "kl")),
        ("training", training_curves(runs[runs["failed"] == ""], betas)),
    ):
        save_figure(figure, folder / "figures", name)
        plt.close(figure)


def acceptance(provenance: dict[str, Any]) -> list[str]:
    """Say which share of candidates rejection sampling accepts, if there was any."""
    rates = [
        entry["acceptance_rate"] for entry in provenance.values() if "acceptance_rate" in entry
    ]
    if not rates:
        return []
    mean = math.fsum(rates) / len(rates)
    return [f"Rejection sampling's first round accepts {mean:.1%} of the candidates."]


def best_samples(runs: pd.DataFrame, best: pd.DataFrame, prompts: Sequence[str]) -> Samples:
    """Return what the policy before training, and each method at its best beta, write.

    After the first test prompts, at the study's first seed; a method that has no run there is left
    out. `runs` are rows of `grid.run_study`, `best` those of `analysis.best_runs`.
    """
    finished = runs[(runs["failed"] == "") & (runs["seed"] == runs["seed"].min())]
    sample_prompts = list(prompts[:SAMPLE_PROMPTS])
    count = len(sample_prompts)
    models = []
    for method, beta in [(SFT, math.inf), *zip(best["method"], best["beta"], strict=True)]:
        best_rows = finished[(finished["method"] == method) & (finished["beta"] == beta)]
        for row in best_rows.to_dict("records"):
            texts, rewards, kls = ([*row[key]][:count] for key in ("texts", "rewards", "kls"))
            name = SFT_NAME if method == SFT else method
            models.append(model_samples(name, sample_prompts, texts, rewards, kls))
    return Samples(tuple(sample_prompts), tuple(models))


def write_findings(
    study: Study, runs: pd.DataFrame, folder: Path, provenance: dict[str, Any]
) -> str:
    """Write figures/ and summary.json of a study and return its findings as text.

    `runs` are the rows of `grid.run_study`; `provenance` says how policy and data were
    made and goes into the summary.
    """
    curves, best = make_curves(runs), best_runs(runs)
    if methods_of(curves.runs):
        save_figures(runs, curves, best, folder)
    start = curves.runs[curves.runs["method"] == SFT][["reward", "entropy"]].mean()
    failed = runs[runs["failed"] != ""]
    sections, matched = matched_sections(curves)
    links = [title for title in groups_of(methods_of(runs)) if title != OTHERS]
    verdicts = {link: verdict(curves, link, ORDERED_DIVERGENCES) for link in links}
    summary = StudySummary(
        settings=asdict(study),
        versions=versions(),
        made=provenance,
        runs=len(runs),
        diverged=tuple(failed["failed"]),
        sft=UntrainedPolicy(float(start["reward"]), float(start["entropy"])),
        best=best_rows(best),
        matched=matched,
        verdicts=verdicts,
    )
    write_summary(summary, folder)
    parts = [
        f"{len(runs)} runs, {len(failed)} of them diverged. The policy before: reward "
        f"{start['reward']:.3f}, entropy {start['entropy']:.3f} nats a token.",
        f"Each method at its best beta, means over seeds:\n{best_table(best)}",
        *acceptance(provenance),
        "At equal reward, means over seeds with 95 % bootstrap intervals:",
        *sections,
        *(answer.sentence for answer in verdicts.values()),
        f"Figures, study.parquet and summary.json are in {folder}.",
    ]
    return "\n\n".join(parts)
