"""The command line: `python -m a3lib run`."""

import argparse
import sys
import time
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.run import NotebookFailed, run_notebook
from a3lib.profiles import PROFILES, get_profile

RUN_OPTIONS = ("notebook", "name", "command")


def numbers(text: str) -> list[float]:
    """Read numbers separated by commas, as in `0,0.1,1`."""
    return [float(part) for part in text.split(",")]


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
    return parser


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
        print(run(arguments))
    except (InputError, NotebookFailed) as error:
        print(f"a3lib: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
