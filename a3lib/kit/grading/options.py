"""The options of the command `grade`."""

import argparse
from pathlib import Path

from a3lib.kit.checks.judge import add_positions


def given_path(text: str) -> Path:
    """Return a path that was typed in; an empty one, which would be this folder, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("a name is empty, as a variable that is not set is")
    return Path(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `grade`."""
    parser.add_argument(
        "files",
        nargs="*",
        type=given_path,
        help=".py or .ipynb, folders of them, or zips as Canvas, Moodle and Gradescope give them",
    )
    parser.add_argument(
        "--out", type=given_path, default=Path("results"), help="folder for the results"
    )
    parser.add_argument("--workers", type=int, help="submissions at a time (default: one a core)")
    add_positions(parser)
    parser.add_argument("--seconds", type=float, help="time limit of one check (default: 60)")
    parser.add_argument(
        "--solution",
        action="store_true",
        help="the files are the course's own: they may import answers, and are not sandboxed",
    )
    parser.add_argument(
        "--twice", action="store_true", help="grade everything a second time and compare"
    )
    parser.add_argument(
        "--gradescope",
        type=given_path,
        metavar="OUT.zip",
        help="write Gradescope's autograder instead",
    )
    parser.add_argument(
        "--rubric",
        type=given_path,
        metavar="FILE.toml",
        help="other points, and columns marked by hand",
    )
    parser.add_argument(
        "--similarity",
        action="store_true",
        help="write the students' own functions as files, and compare them with JPlag or Dolos",
    )
    parser.epilog = (
        "In the results: grades.csv; summary.md, which names all that was passed over and why; "
        "canvas.csv and moodle.csv to upload; a feedback.html for each student; and by_hand.csv, "
        "where you write the points of exercise 5 and the write-up: the next call adds them."
    )
