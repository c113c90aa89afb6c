"""The command `grade`: one submission or hundreds, with several workers, resumable.

Each submission gets a folder with a results.json and a page of feedback; grades.csv and summary.md
give an overview. A submission whose results are complete is not graded again.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from a3lib.errors import InputError
from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.books import Books, write_books
from a3lib.kit.grading.by_hand import BY_HAND_FILE, read_marks
from a3lib.kit.grading.discovery import find_submissions
from a3lib.kit.grading.fingerprint import Settings, file_fingerprint, fingerprint
from a3lib.kit.grading.grader import all_checks
from a3lib.kit.grading.gradescope import AUTOGRADER_SECONDS, write_autograder
from a3lib.kit.grading.lock import locked
from a3lib.kit.grading.options import add_arguments
from a3lib.kit.grading.overview import overview
from a3lib.kit.grading.pool import Job, Session, grade_jobs
from a3lib.kit.grading.results import (
    RESULTS_FILE,
    is_finished,
    is_whole,
    plain,
    read_results,
)
from a3lib.kit.grading.rubric import RUBRIC_FILE, Rubric, read_rubric
from a3lib.kit.grading.similarity import similar_submissions
from a3lib.kit.grading.twice import differences
from a3lib.kit.grading.walk import holds_results
from a3lib.util.cpu import cores
from a3lib.util.files import PROJECT

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What the command line calls, and what tests do.
__all__ = ["add_arguments", "execute", "grade_all"]

MOST_SECONDS = 86_400
SECOND_FOLDER = ".second"
STATUS_OF_FAILURES = 3


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `grade` and return what to print.

    Raises InputError for options and files that cannot be used.
    """
    if arguments.seconds is not None and not 0 < arguments.seconds <= MOST_SECONDS:
        raise InputError(
            f"--seconds is {arguments.seconds:g}; give a number above 0, {MOST_SECONDS} at most."
        )
    if arguments.gradescope is not None:
        if arguments.files:
            raise InputError("--gradescope grades no files; leave the files out.")
        seconds = arguments.seconds or AUTOGRADER_SECONDS
        return write_autograder(
            arguments.gradescope, arguments.positions, seconds, arguments.rubric
        )
    if not arguments.files:
        raise InputError("There is nothing to grade; name .py or .ipynb files, or folders of them.")
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers is {arguments.workers}; give a whole number from 1 on.")
    check_usable(arguments.out)
    settings = Settings(
        arguments.positions, arguments.seconds or Settings.seconds, arguments.solution
    )
    return grade_all(
        arguments.files,
        arguments.out,
        settings,
        arguments.workers or cores(),
        arguments.twice,
        read_rubric(arguments.rubric or kept_rubric(arguments.out), all_checks()),
        arguments.similarity,
    )


def check_usable(out: Path) -> None:
    """Raise InputError where the results' folder is a file, or cannot be looked for."""
    try:
        taken = out.exists() and not out.is_dir()
    except OSError as error:
        raise InputError(
            f"The folder {str(out)!r} cannot be used ({error.strerror}); give another --out."
        ) from error
    if taken:
        raise InputError(f"{str(out)!r} is a file; give a folder with --out.")


def kept_rubric(out: Path) -> Path | None:
    """Return the rubric that an earlier call left in the results' folder, None where none is."""
    return out / RUBRIC_FILE if (out / RUBRIC_FILE).exists() else None


def grade_all(
    files: Sequence[Path],
    out: Path,
    settings: Settings,
    workers: int,
    twice: bool = False,
    rubric: Rubric | None = None,
    similarity: bool = False,
) -> str:
    """Grade every submission that is not graded yet, write the books, and return an overview.

    Ctrl-C ends it with status 130 and leaves the books of what is graded. Status 3 says that
    something is not graded to the end, or came out differently the second time.

    Raises InputError where `out` is a folder of submissions, or no worker can be started.
    """
    # What a shell writes for a star may have the results of an earlier call among it.
    others = [file for file in files if file.resolve() != out.resolve()]
    if len(others) < len(files) and not (others and holds_results(out)):
        raise InputError(f"{str(out)!r} holds the submissions; give another folder with --out.")
    with TemporaryDirectory(prefix="a3-unpacked-") as folder:
        collection = find_submissions(files, Room(Path(folder)), out.resolve())
        for one in collection.submissions:
            if out.resolve() / one.name in Path(one.path).resolve().parents:
                raise InputError(
                    f"{str(out)!r} holds the folder of {one.name}; give another folder with --out."
                )
        books = Books(out, collection, rubric or Rubric(), all_checks())
        return grade_collection(books, settings, workers, twice, similarity)


def grade_collection(
    books: Books, settings: Settings, workers: int, twice: bool, similarity: bool
) -> str:
    """Grade the submissions that were found, write the books, and return an overview.

    Raises InputError where the folder cannot be made or another grader has it.
    """
    out, checks, submissions = books.out, books.checks, books.collection.submissions
    # No submission may read the results of others.
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(
            f"The folder {str(out)!r} cannot be made ({error.strerror}); give another --out."
        ) from error
    interrupted, failed, opinion = False, None, ""
    with locked(out):
        # Found now, a mistake in it costs nobody hours.
        read_marks(out / BY_HAND_FILE, books.rubric.by_hand)
        everything = fingerprint(checks, settings)
        jobs = [
            Job(s.name, s.file, file_fingerprint(s.file) | everything, s.path) for s in submissions
        ]
        todo = [job for job in jobs if not is_finished(results_in(out, job), job.identity)]
        session = Session(checks, settings, out)
        try:
            grade_jobs(session, todo, workers)
            if twice:
                opinion = grade_again(session, jobs, workers)
        except KeyboardInterrupt:
            interrupted = True
        except InputError as error:
            failed = error
            session.failures.append(plain(str(error)))
        found = {job.name: fresh(results_in(out, job), job.identity) for job in jobs}
        similar = similar_submissions(starter(), submissions, out) if similarity else []
        rows, summary = write_books(books, found.__getitem__, session.failures, similar)
    if failed is not None:
        raise failed
    text = "\n".join(filter(None, [opinion, overview(summary, rows, len(jobs) - len(todo), out)]))
    if interrupted:
        print(f"{text}\nStopped; the same command resumes the grading.", file=sys.stderr)
        raise SystemExit(130)
    if session.failures:
        print(text)
        print("The same command goes on with what is not finished.", file=sys.stderr)
        raise SystemExit(STATUS_OF_FAILURES)
    return text


def starter() -> "NotebookNode":
    """Return the notebook that students are given; raises InputError where it cannot be made."""
    # Only --similarity needs them, and they take seconds to load.
    import nbformat

    from a3lib.kit.student.student_copy import student_notebook

    try:
        return student_notebook(nbformat.read(PROJECT / "A3.ipynb", as_version=4))
    except OSError as error:
        raise InputError(
            f"There is no A3.ipynb in {str(PROJECT)!r}, so starter code cannot be told from a "
            "student's; use the course's own copy, or leave --similarity out."
        ) from error


def grade_again(session: Session, jobs: Sequence[Job], workers: int) -> str:
    """Grade all submissions once more; what came out differently is a failure of the grader.

    Returns how many came out the same.
    """
    second = Session(session.checks, session.settings, session.out / SECOND_FOLDER)
    second.out.mkdir(exist_ok=True)
    todo = [job for job in jobs if not is_finished(results_in(second.out, job), job.identity)]
    grade_jobs(second, todo, workers)
    session.failures += [f"{failure} (the second time)" for failure in second.failures]
    same = 0
    for job in jobs:
        found = results_in(session.out, job), results_in(second.out, job)
        if all(is_finished(results, job.identity) for results in found):
            different = differences(*found)
            session.failures += [f"{job.name}: {line}" for line in different]
            same += not different
    # What is kept would be taken for the second opinion of the next command.
    if not second.failures:
        shutil.rmtree(second.out)
    return f"Graded twice: {same} of {len(jobs)} came out the same."


def results_in(out: Path, job: Job) -> dict[str, Any]:
    """Return the results of a submission, if there are any."""
    results = read_results(out / job.name / RESULTS_FILE)
    return results if is_whole(results) else {}


def fresh(results: dict[str, Any], identity: dict[str, Any]) -> dict[str, Any]:
    """Return results if they are of this file and these checks, and nothing if they are older."""
    extra = results.get("extra_data")
    same = isinstance(extra, dict) and identity == {key: extra.get(key) for key in identity}
    return results if same else {}
