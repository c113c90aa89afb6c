"""The command `study`: compare preference losses over a grid of runs."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.report import write_report
from a3lib.results.samples import write_samples
from a3lib.study.analysis import best_runs
from a3lib.study.artifacts import load_tools
from a3lib.study.config import STUDIES, Study, get_study
from a3lib.study.findings import best_samples, write_findings
from a3lib.study.grid import prepare, run_study
from a3lib.util.cli_types import names, numbers, whole_numbers

# How to read a field of a study, by its type.
FIELD_READERS: dict[Any, Any] = {
    tuple[str, ...]: names,
    tuple[float, ...]: numbers,
    tuple[int, ...]: whole_numbers,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `study`: one for every field of a study."""
    parser.epilog = "a3lib/study/config.py says what each setting means; commas separate a list."
    parser.add_argument("--profile", choices=["auto", *STUDIES], default="auto")
    parser.add_argument("--name", default="study", help="it is made or resumed in runs/NAME")
    parser.add_argument("--workers", type=int, help="processes (default: one a core, 1 on a GPU)")
    parser.add_argument("--debug", action="store_true", help="a few rows and steps, in seconds")
    for field in fields(Study):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=FIELD_READERS.get(field.type, field.type),
            metavar=field.name.split("_")[-1].upper(),
            help=f"default for tiny: {option_text(getattr(STUDIES['tiny'], field.name))}",
        )


def option_text(value: Any) -> str:
    """Return a setting as it is written on the command line, or a checkpoint folder's name."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return Path(value).name if isinstance(value, str) else str(value)


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `study` and return what to print.

    Raises InputError for a setting that makes no sense.
    """
    chosen = {field.name: getattr(arguments, field.name) for field in fields(Study)}
    chosen = {key: tuple(v) if isinstance(v, list) else v for key, v in chosen.items()}
    settings = get_study(arguments.profile, debug=arguments.debug, **chosen)
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers is {arguments.workers}; give a whole number from 1 on.")
    folder = Path("runs") / arguments.name
    provenance = prepare(settings, folder)
    runs = run_study(settings, folder, arguments.workers)
    findings = write_findings(settings, runs, folder, provenance)
    prompts = load_tools(settings, folder).test_prompts
    write_samples(best_samples(runs, best_runs(runs), prompts), folder)
    return f"{findings}\nTo look at it, open {write_report(folder)} in a browser."
