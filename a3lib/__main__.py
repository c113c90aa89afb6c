"""The command line: `python -m a3lib run` and `python -m a3lib study`."""

import argparse
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.findings import write_findings
from a3lib.kit.run import NotebookFailed, run_notebook
from a3lib.profiles import PROFILES, get_profile
from a3lib.studies import STUDIES, Study, get_study
from a3lib.study import prepare, run_study

RUN_OPTIONS = ("notebook", "name", "command")


def numbers(text: str) -> list[float]:
    """Read numbers separated by commas, as in `0,0.1,1`."""
    return [float(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Read names separated by commas."""
    return [part.strip() for part in text.split(",")]


def whole_numbers(text: str) -> list[int]:
    """Read whole numbers separated by commas, as in `1,2,3`."""
    return [int(part) for part in text.split(",")]


# How to read a field of a study, by its type.
FIELD_READERS: dict[Any, Any] = {
    tuple[str, ...]: names,
    tuple[float, ...]: numbers,
    tuple[int, ...]: whole_numbers,
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m a3lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute A3.ipynb and keep its results")
    run.add_argument("--profile", choices=["auto", *PROFILES], default="auto")
    run.add_argument("--name", help="results go to runs/NAME (default: profile and time)")
    run.add_argument("--policy", help="checkpoint folder or hub name of the model to steer")
    run.add_argument("--reward-model", help="checkpoint folder or hub name of the classifier")
    run.add_argument("--reviews", help="file or hub name; column text; {split} may be in the path")
    run.add_argument(
        "--pairs",
        help="file or hub name; columns prompt, positive_completion, negative_completion",
    )
    for split in ("train", "test"):
        run.add_argument(f"--limit-{split}", type=int, help=f"rows of each {split} split")
        run.add_argument(
            f"--limit-{split}-pairs", type=int, help=f"{split} pairs, where it should differ"
        )
    run.add_argument("--learning-rate", type=float, help="of REINFORCE")
    run.add_argument("--dpo-learning-rate", type=float, help="of DPO")
    run.add_argument("--alphas", type=numbers, help="KL weights, as 0,0.1,1")
    run.add_argument("--betas", type=numbers, help="DPO's beta, as 0.1,0.5")
    run.add_argument("--max-length", type=int, help="tokens of a prompt with its completion")
    run.add_argument("--debug", action="store_true", default=None, help="a few rows, in seconds")
    run.add_argument("--notebook", type=Path, default=Path("A3.ipynb"))
    run.add_argument(
        "--study",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run section 6, the optional study (default: only with the tiny profile)",
    )
    add_study(commands)
    return parser


def add_study(commands: Any) -> None:
    """Add the command `study`, with an option for every field of a study."""
    study = commands.add_parser(
        "study",
        help="compare preference losses over a grid of runs",
        epilog="What each setting means stands in a3lib/studies.py. Lists are separated by commas.",
    )
    study.add_argument("--profile", choices=["auto", *STUDIES], default="auto")
    study.add_argument("--name", default="study", help="it is made and continued in runs/NAME")
    study.add_argument("--workers", type=int, help="processes (default: one a core, 1 on a GPU)")
    study.add_argument("--debug", action="store_true", help="a few rows and steps, in seconds")
    for field in fields(Study):
        study.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=FIELD_READERS.get(field.type, field.type),
            metavar=field.name.split("_")[-1].upper(),
            help=f"default for tiny: {shown(getattr(STUDIES['tiny'], field.name))}",
        )


def shown(value: Any) -> str:
    """Return a setting as it is written on the command line, and a checkpoint folder's name."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return Path(value).name if isinstance(value, str) else str(value)


def study(arguments: argparse.Namespace) -> str:
    """Carry out the command `study` and return what to print."""
    chosen = {field.name: getattr(arguments, field.name) for field in fields(Study)}
    chosen = {key: tuple(v) if isinstance(v, list) else v for key, v in chosen.items()}
    settings = get_study(arguments.profile, debug=arguments.debug, **chosen)
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers is {arguments.workers}; give a whole number from 1 on.")
    folder = Path("runs") / arguments.name
    made = prepare(settings, folder)
    return write_findings(settings, run_study(settings, folder, arguments.workers), folder, made)


def run(arguments: argparse.Namespace) -> str:
    """Carry out the command `run` and return what to print."""
    settings = {
        key: value
        for key, value in vars(arguments).items()
        if key not in RUN_OPTIONS and value is not None
    }
    profile = get_profile(**{"name" if k == "profile" else k: v for k, v in settings.items()})
    name = arguments.name or time.strftime(f"{profile.name}-%Y%m%d-%H%M%S")
    return run_notebook(arguments.notebook, Path("runs") / name, settings)


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; mistakes of the user are one line on stderr and status 1."""
    arguments = make_parser().parse_args(argv)
    try:
        print({"run": run, "study": study}[arguments.command](arguments))
    except (InputError, NotebookFailed) as error:
        print(f"a3lib: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
