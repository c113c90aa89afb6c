"""Threads that grade waiting submissions, each with a worker; one that fails gets a new one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

from a3lib.errors import InputError
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.grader import grade_submission
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import (
    RESULTS_FILE,
    Grading,
    plain,
    points_of,
    results_of,
    write_results,
)
from a3lib.kit.sandbox.machine import PAUSES, looks_like_shortage
from a3lib.kit.sandbox.worker import Limits, Worker
from a3lib.util.numbers import trimmed
from a3lib.util.text import described

LOG_FILE = "grading.log"
# A submission on which the grader itself failed is tried once more, with a new worker.
TRIES = 2
SECONDS_TO_STOP = 5
SECONDS_BETWEEN_TRIES = 2


class Stopped(Exception):
    """The grader was asked to stop, so a grading is abandoned."""


@dataclass(frozen=True)
class Job:
    """A submission to grade, what its grading depends on, which path it has, and which try it is.

    The path is from the top of the file system; it keeps the submission its name in later calls.
    """

    name: str
    file: Path
    identity: dict[str, Any]
    path: str = ""
    tries: int = 1


@dataclass
class Session:
    """What the threads of one grader share; `done` gets None or an error for each submission.

    `begun` is set once a worker has started: it can be done here, unless room is short.
    """

    checks: Sequence[Check]
    settings: Settings
    out: Path
    waiting: SimpleQueue[Job] = field(default_factory=SimpleQueue)
    done: SimpleQueue[Exception | None] = field(default_factory=SimpleQueue)
    stop: Event = field(default_factory=Event)
    begun: Event = field(default_factory=Event)
    failures: list[str] = field(default_factory=list)


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
    try:
        with Reader() as reader:
            job = take(session)
            while job is not None:
                try:
                    started = start_worker(session, slot)
                except (OSError, InputError) as error:
                    # Room that was there before may come back: it costs this submission only.
                    if not (session.begun.is_set() and is_shortage(error)):
                        raise
                    give_up(session, job, error)
                    job = take(session)
                    continue
                session.begun.set()
                with started as worker:
                    job = serve(session, worker, reader, job)
    except Stopped:
        return
    except OSError as error:
        # Where one worker cannot be had, the next one could not either.
        reason = f"The machine has no room for a worker ({error.strerror}); make room."
        session.done.put(InputError(reason))
    except Exception as error:
        session.done.put(error)


def start_worker(session: Session, slot: int) -> Worker:
    """Start a worker, where the machine has no room for it after a pause.

    Raises Stopped, InputError, or the last OSError.
    """
    settings = session.settings
    limits = Limits(seconds=settings.seconds)
    *pauses, longest = PAUSES
    for pause in pauses:
        try:
            return Worker(trusted=settings.trusted, limits=limits, slot=slot)
        except (OSError, InputError) as error:
            if not is_shortage(error):
                raise
        if session.stop.wait(pause):
            raise Stopped
    time.sleep(longest)
    return Worker(trusted=settings.trusted, limits=limits, slot=slot)


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
                session.stop.wait(SECONDS_BETWEEN_TRIES)
                return replace(job, tries=job.tries + 1)
            give_up(session, job, error)
            return take(session)
        session.done.put(None)
        job = take(session)
    return None


def is_shortage(error: Exception) -> bool:
    """Say whether a worker did not start because the machine is short of something."""
    return isinstance(error, OSError) or looks_like_shortage(str(error))


def give_up(session: Session, job: Job, error: Exception) -> None:
    """Leave a submission unfinished, with the reason; the next call takes it up again."""
    session.failures.append(f"{job.name}: {plain(described(error))}")
    session.done.put(None)


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
    recorded = job.identity | {"path": job.path}
    grading = grade_submission(
        job.file, worker, session.checks, session.settings, recorded, keep, reader.read
    )
    log(session.out, f"finished {mark} score {trimmed(points_of(grading.outcomes))}")


def log(out: Path, line: str) -> None:
    """Append a line with the time to the folder's log."""
    with (out / LOG_FILE).open("a", encoding="utf-8") as stream:
        stream.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
