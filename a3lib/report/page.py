"""Write report.html: everything that a run or a study found, in one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a3lib.report.charts import drawn
from a3lib.report.curves import run_charts, study_charts
from a3lib.report.figures import pictures_of
from a3lib.report.parts import (
    BEST_COLUMNS,
    MATCHED_COLUMNS,
    attempt,
    diverged_runs,
    matched_of,
    named_values,
    read_summary,
    results_of,
    run_sentence,
    samples_of,
    study_rows,
    study_sentence,
    verdicts_of,
)
from a3lib.results.sample_table import context_of
from a3lib.results.templates import render

REPORT_FILE = "report.html"
TEMPLATE = Path(__file__).with_name("template.html")


def write_report(folder: Path) -> Path:
    """Write report.html into the folder of a run or a study and return the file.

    The page needs no other file and no network. What the folder lacks is said in the page.
    Raises InputError where the folder has no summary.json.
    """
    notices: list[str] = []
    summary = read_summary(folder, notices)
    make = study_context if is_study(summary, folder) else run_context
    context = make(summary, folder, notices) | shared_context(summary, folder, notices)
    file = folder / REPORT_FILE
    file.write_text(render(TEMPLATE, context), encoding="utf-8")
    return file


def is_study(summary: Mapping[str, Any], folder: Path) -> bool:
    """Say whether a folder is a study's and not a run's."""
    return "best" in summary or (not summary and (folder / "study.parquet").exists())


def shared_context(summary: Mapping[str, Any], folder: Path, notices: list[str]) -> dict[str, Any]:
    """Return what the page says of every folder: samples, figures, settings, and what lacks."""
    samples, without = samples_of(folder)
    caption = "What each model writes after the same beginning"
    found = {"samples": []} if samples is None else context_of(samples, caption)
    return found | {
        "without_samples": without,
        "model_names": [] if samples is None else [str(model.name) for model in samples.models],
        "folder": folder.resolve().name,
        "pictures": pictures_of(folder),
        "settings": named_values(summary.get("settings")),
        "versions": named_values(summary.get("versions")),
        "seconds": named_values(summary.get("seconds")),
        "notices": notices,
        "alone": False,
    }


def run_context(summary: Mapping[str, Any], folder: Path, notices: list[str]) -> dict[str, Any]:
    """Return what the page says of a run."""

    def charts() -> list[dict[str, Any]]:
        return [drawn(chart) for chart in run_charts(summary)]

    def study() -> list[dict[str, Any]]:
        return study_rows(summary.get("study", {}).get("best", []), BEST_COLUMNS)

    results = results_of(summary, notices)
    return {
        "kind": "run",
        "title": f"Run {folder.resolve().name}",
        "sentence": run_sentence(results),
        "results": results,
        "charts": attempt(charts, "The training curves", notices),
        "forecast": named_values(summary.get("forecast")),
        "own_forecast": named_values(summary.get("own_forecast")),
        "best": attempt(study, "The study of section 6", notices),
        "best_columns": BEST_COLUMNS,
    }


def study_context(summary: Mapping[str, Any], folder: Path, notices: list[str]) -> dict[str, Any]:
    """Return what the page says of a study."""

    def charts() -> list[dict[str, Any]]:
        found = study_charts(folder / "study.parquet", summary.get("best", []))
        return [drawn(chart) for chart in found]

    def best() -> list[dict[str, Any]]:
        return study_rows(summary.get("best", []), BEST_COLUMNS)

    sentences = attempt(lambda: [study_sentence(summary)], "The result", notices)
    return {
        "kind": "study",
        "title": f"Study {folder.resolve().name}",
        "sentence": " ".join(sentences),
        "best": attempt(best, "The table of best betas", notices),
        "best_columns": BEST_COLUMNS,
        "charts": attempt(charts, "The training curves", notices),
        "matched": attempt(lambda: matched_of(summary), "The comparison", notices),
        "matched_columns": MATCHED_COLUMNS,
        "verdicts": attempt(lambda: verdicts_of(summary), "The verdicts", notices),
        "diverged": attempt(lambda: diverged_runs(summary), "The diverged runs", notices),
        "made": named_values(summary.get("made")),
    }
