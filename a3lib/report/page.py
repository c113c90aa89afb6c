"""Write report.html: all results of a run or a study on one page."""

from pathlib import Path
from typing import Any

from a3lib.report.charts import drawn
from a3lib.report.curves import run_charts, study_charts
from a3lib.report.figures import pictures_of
from a3lib.report.parts import (
    BEST_COLUMNS,
    MATCHED_COLUMNS,
    attempt,
    forecast_values,
    matched_of,
    named_values,
    readable_summary,
    results_of,
    run_sentence,
    samples_of,
    study_rows,
    study_sentence,
    summary_notices,
)
from a3lib.results.sample_table import context_of
from a3lib.results.summary import RunSummary, StudySummary, inspect_summary
from a3lib.results.templates import render
from a3lib.util.files import write_at_once

REPORT_FILE = "report.html"
TEMPLATE = Path(__file__).with_name("template.html")


def write_report(folder: Path) -> Path:
    """Write report.html into the folder of a run or a study and return the file.

    The page needs no other file and no network. The page says what the folder lacks.
    Raises InputError where the folder has no summary.json.
    """
    inspection = inspect_summary(folder)
    summary = readable_summary(inspection, folder)
    notices = summary_notices(inspection, summary)
    if isinstance(summary, RunSummary):
        context = run_context(summary, notices)
    else:
        context = study_context(summary, folder, notices)
    file = folder / REPORT_FILE
    page = render(TEMPLATE, context | shared_context(summary, folder, notices))
    write_at_once(file, page)
    return file


def shared_context(
    summary: RunSummary | StudySummary, folder: Path, notices: list[str]
) -> dict[str, Any]:
    """Return what the page says of every folder: samples, figures, settings, what is missing."""
    samples, without = samples_of(folder)
    caption = "What each model writes after the same beginning"
    samples_context = {"samples": []} if samples is None else context_of(samples, caption)
    kind = "Run" if isinstance(summary, RunSummary) else "Study"
    return samples_context | {
        "kind": kind.lower(),
        "title": f"{kind} {folder.resolve().name}",
        "without_samples": without,
        "model_names": [] if samples is None else [str(model.name) for model in samples.models],
        "folder": folder.resolve().name,
        "pictures": pictures_of(folder),
        "settings": named_values(summary.settings),
        "versions": named_values(summary.versions),
        "seconds": named_values(summary.seconds) if isinstance(summary, RunSummary) else [],
        "notices": notices,
        "alone": False,
    }


def run_context(summary: RunSummary, notices: list[str]) -> dict[str, Any]:
    """Return what the page says of a run."""

    def charts() -> list[dict[str, Any]]:
        return [drawn(chart) for chart in run_charts(summary)]

    results = results_of(summary)
    return {
        "sentence": run_sentence(results),
        "results": results,
        "charts": attempt(charts, "The training curves", notices),
        "forecast": forecast_values(summary.forecast),
        "own_forecast": forecast_values(summary.own_forecast),
        "best": study_rows(summary.study.best if summary.study else (), BEST_COLUMNS),
        "best_columns": BEST_COLUMNS,
    }


def study_context(summary: StudySummary, folder: Path, notices: list[str]) -> dict[str, Any]:
    """Return what the page says of a study."""

    def charts() -> list[dict[str, Any]]:
        return [drawn(chart) for chart in study_charts(folder / "study.parquet", summary.best)]

    return {
        "sentence": study_sentence(summary),
        "best": study_rows(summary.best, BEST_COLUMNS),
        "best_columns": BEST_COLUMNS,
        "charts": attempt(charts, "The training curves", notices),
        "matched": matched_of(summary),
        "matched_columns": MATCHED_COLUMNS,
        "verdicts": [verdict.sentence for verdict in summary.verdicts.values()],
        "diverged": [(str(n), why) for n, why in enumerate(summary.diverged, start=1)],
        "made": named_values(summary.made),
    }
