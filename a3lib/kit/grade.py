"""The command `grade`: one submission or hundreds, with several workers, resumable.

Each submission gets a folder with a results.json; grades.csv and summary.md give an overview. A
submission whose results are complete is not graded again.
"""

import argparse
import fcntl
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import add_positions
from a3lib.kit.grading.discovery import find_submissions
from a3lib.kit.grading.fingerprint import Settings, file_fingerprint, fingerprint
from a3lib.kit.grading.gradebook import Row, summarise, write_gradebook
from a3lib.kit.grading.grader import all_checks, grade_submission
from a3lib.kit.grading.gradescope import AUTOGRADER_SECONDS, write_autograder
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import (
    RESULTS_FILE,
    Grading,
    is_finished,
    plain,
    points_of,
    read_results,
    results_of,
    write_results,
)
from a3lib.kit.sandbox.worker import Limits, Worker
from a3lib.util.cpu import cores
from a3lib.util.numbers import trimmed
from a3lib.util.text import described

LOG_FILE, LOCK_FILE = "grading.log", ".lock"
# A submission on which the grader itself failed is tried once more, with a new worker.
TRIES = 2
SECONDS_TO_STOP = 5


class Stopped(Exception):
    """The grader was asked to stop, so a grading is abandoned."""


@dataclass(frozen=True)
class Job:
    """A submission to grade, what its grading depends on, and which try it is."""

    name: str
    file: Path
    identity: dict[str, Any]
    tries: int = 1


@dataclass
class Session:
    """What the threads of one grader share; `done` gets None or an error for each submission."""

    checks: Sequence[Check]
    settings: Settings
    out: Path
    waiting: SimpleQueue[Job] = field(default_factory=SimpleQueue)
    done: SimpleQueue[Exception | None] = field(default_factory=SimpleQueue)
    stop: Event = field(default_factory=Event)
    failures: list[str] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `grade`."""
    parser.add_argument("files", nargs="*", type=Path, help=".py or .ipynb, or folders of them")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the results")
    parser.add_argument("--workers", type=int, help="submissions at a time (default: one a core)")
    add_positions(parser)
    parser.add_argument("--seconds", type=float, help="time limit of one check (default: 60)")
    parser.add_argument(
        "--solution",
        action="store_true",
        help="the files are the course's own: they may import answers, and are not sandboxed",
    )
    parser.add_argument(
        "--gradescope", type=Path, metavar="OUT.zip", help="write Gradescope's autograder instead"
    )


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `grade` and return what to print.

    Raises InputError for options and files that cannot be used.
    """
    if arguments.seconds is not None and not 0 < arguments.seconds < math.inf:
        raise InputError(f"--seconds is {arguments.seconds:g}; give a number above 0.")
    if arguments.gradescope is not None:
        if arguments.files:
            raise InputError("--gradescope grades no files; leave the files out.")
        seconds = arguments.seconds or AUTOGRADER_SECONDS
        return write_autograder(arguments.gradescope, arguments.positions, seconds)
    if not arguments.files:
        raise InputError("There is nothing to grade; name .py or .ipynb files, or folders of them.")
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers is {arguments.workers}; give a whole number from 1 on.")
    settings = Settings(
        arguments.positions, arguments.seconds or Settings.seconds, arguments.solution
    )
    return grade_all(arguments.files, arguments.out, settings, arguments.workers or cores())


def grade_all(files: Sequence[Path], out: Path, settings: Settings, workers: int) -> str:
    """Grade every submission that is not graded yet, write the grade book, and return an overview.

    Ctrl-C ends it with status 130 and leaves the grade book of what is graded.

    Raises InputError where `out` is a file.
    """
    submissions, passed_over = find_submissions(files)
    checks = all_checks()
    if out.exists() and not out.is_dir():
        raise InputError(f"{str(out)!r} is a file; give a folder with --out.")
    # No submission may read the results of others.
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    interrupted = False
    with locked(out):
        everything = fingerprint(checks, settings)
        jobs = [Job(s.name, s.file, file_fingerprint(s.file) | everything) for s in submissions]
        todo = [job for job in jobs if not is_finished(results_in(out, job), job.identity)]
        session = Session(checks, settings, out)
        try:
            grade_jobs(session, todo, workers)
        except KeyboardInterrupt:
            interrupted = True
        rows = [
            Row(job.name, str(job.file), fresh(results_in(out, job), job.identity)) for job in jobs
        ]
        summary = summarise(rows, passed_over, session.failures)
        write_gradebook(rows, summary, sum(check.points for check in checks), out)
    text = overview(summary, rows, len(jobs) - len(todo), out)
    if interrupted:
        print(f"{text}\nStopped; the same command resumes the grading.", file=sys.stderr)
        raise SystemExit(130)
    return text


def results_in(out: Path, job: Job) -> dict[str, Any]:
    """Return the results of a submission, if there are any."""
    return read_results(out / job.name / RESULTS_FILE)


def fresh(results: dict[str, Any], identity: dict[str, Any]) -> dict[str, Any]:
    """Return results if they are of this file and these checks, and nothing if they are older."""
    extra = results.get("extra_data")
    same = isinstance(extra, dict) and identity == {key: extra.get(key) for key in identity}
    return results if same else {}


def overview(summary: dict[str, Any], rows: Sequence[Row], kept: int, out: Path) -> str:
    """Return what the command prints: how many are graded, the mean, what went wrong, where."""
    lines = [f"{summary['graded']} of {summary['submissions']} submissions are graded."]
    if kept:
        lines.append(f"{kept} of them were graded before and were not graded again.")
    if len(rows) == 1:
        lines.append(rows[0].results.get("output", ""))
        lines.append(f"Points for exercises 1 to 4: {trimmed(rows[0].score)}.")
    elif summary["graded"]:
        lines.append(f"Mean {trimmed(summary['mean'])}, median {trimmed(summary['median'])}.")
    for key, what in (
        ("stopped", "hung or died in an exercise"),
        ("unreadable", "cannot be read"),
        ("not_finished", "not graded to the end"),
    ):
        if summary[key]:
            lines.append(f"{len(summary[key])} {what}: {', '.join(list(summary[key])[:10])}.")
    if summary["passed_over"]:
        lines.append(f"{len(summary['passed_over'])} files are not submissions; see the summary.")
    lines += [f"The grader failed: {failure}" for failure in summary["failures"]]
    lines += [f"This platform lacks: {text}" for text in summary["missing_protections"]]
    return "\n".join([*lines, f"See {out / 'summary.md'} and {out / 'grades.csv'}."])


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold a results folder for this grader; raises InputError where another one has it."""
    # The lock is the system's, so it ends with the process that held it.
    with (out / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another grader writes to {str(out)!r}; wait for it or give another --out."
            ) from error
        yield


def grade_jobs(session: Session, jobs: Sequence[Job], workers: int) -> None:
    """Grade submissions, several at a time, with a progress bar.

    Raises the error of a worker that could not start, and KeyboardInterrupt.
    """
    for job in jobs:
        session.waiting.put(job)
    # Daemons, so that a slow check does not keep a grader from stopping.
    threads = [Thread(target=work, args=(session, slot), daemon=True) for slot in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for _ in tqdm(jobs, desc="grading", unit="submission"):
            error = session.done.get()
            if error is not None:
                raise error
    finally:
        session.stop.set()
        for thread in threads:
            thread.join(SECONDS_TO_STOP)


def work(session: Session, slot: int) -> None:
    """Grade waiting submissions with a worker, and with a new one where the grader failed."""
    settings = session.settings
    limits = Limits(seconds=settings.seconds)
    try:
        with Reader() as reader:
            job = take(session)
            while job is not None:
                with Worker(trusted=settings.trusted, limits=limits, slot=slot) as worker:
                    job = serve(session, worker, reader, job)
    except Stopped:
        return
    except Exception as error:
        session.done.put(error)


def serve(session: Session, worker: Worker, reader: Reader, job: Job | None) -> Job | None:
    """Grade this submission and waiting ones; return the one that needs a new worker, if any."""
    while job is not None:
        try:
            grade_one(session, job, worker, reader)
        except Stopped:
            raise
        except Exception as error:
            # Whatever failed is ours and not the submission's, and the others must go on.
            if job.tries < TRIES:
                return replace(job, tries=job.tries + 1)
            reason = plain(described(error))
            session.failures.append(f"{job.name}: {reason}")
            session.done.put(None)
            return take(session)
        session.done.put(None)
        job = take(session)
    return None


def take(session: Session) -> Job | None:
    """Return the next submission, or None where none waits or the grader is stopping."""
    try:
        return None if session.stop.is_set() else session.waiting.get_nowait()
    except Empty:
        return None


def grade_one(session: Session, job: Job, worker: Worker, reader: Reader) -> None:
    """Grade one submission into its folder, with a line in the log at its start and its end."""
    folder = session.out / job.name

    def keep(grading: Grading) -> None:
        if session.stop.is_set():
            raise Stopped
        write_results(folder / RESULTS_FILE, results_of(grading))

    mark = f"{job.name} {job.identity['file_sha256'][:12]}"
    log(session.out, f"begun {mark}")
    grading = grade_submission(
        job.file, worker, session.checks, session.settings, job.identity, keep, reader.read
    )
    log(session.out, f"finished {mark} score {trimmed(points_of(grading.outcomes))}")


def log(out: Path, line: str) -> None:
    """Append a line with the time to the folder's log."""
    with (out / LOG_FILE).open("a", encoding="utf-8") as stream:
        stream.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
