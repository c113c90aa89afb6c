"""The students' own functions as files for a similarity checker, and what JPlag or Dolos says.

What the release gives to students is left out: only functions and classes that differ from it are
written, and its own are given to the checker as code that everybody has. The checkers are programs
of their own, used where they are installed.
"""

import csv
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from a3lib.kit.grading.discovery import SubmissionFile
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import plain
from a3lib.kit.source.submission import Submission, SubmissionError
from a3lib.util.files import write_at_once
from a3lib.util.numbers import trimmed
from a3lib.util.text import printable

if TYPE_CHECKING:
    from nbformat import NotebookNode

# With a dot, as all names of the grader's own; see owners.name_of.
FILES_FOLDER, STARTER_FOLDER, REPORT_FOLDER = (
    "similarity.files",
    "similarity.starter",
    "similarity.report",
)
SECONDS = 1800
PAIRS_SHOWN = 10
DEFINITION = re.compile(r"@|def\b|async\s+def\b|class\b")
# Blank lines and comments above a statement.
ABOVE = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)+")
ABSENT = (
    "Neither JPlag nor Dolos is installed, so no similarity was computed; the files for one are in "
    "{folder}."
)
# What each program calls the columns of its table of pairs.
JPLAG_COLUMNS = ("submissionName1", "submissionName2", "averageSimilarity")
DOLOS_COLUMNS = ("leftFilePath", "rightFilePath", "similarity")


@dataclass(frozen=True)
class Pair:
    """Two submissions and how similar they are, from 0 to 1."""

    first: str
    second: str
    similarity: float


def similar_submissions(
    starter: "NotebookNode", submissions: Iterable[SubmissionFile], out: Path
) -> list[str]:
    """Write the students' own functions below `out`, and return what a checker says of them."""
    with Reader() as reader, TemporaryDirectory() as folder:
        notebook = Path(folder) / "starter.ipynb"
        # Only --similarity needs it, and it takes seconds to load.
        import nbformat

        nbformat.write(starter, notebook)
        given = [kept.text for kept in reader.read(notebook).kept]
        files = [(submission.name, submission.file) for submission in submissions]
        return compare(out, write_files(files, reader.read, given, out))


def compacted(text: str) -> str:
    """Return code without blanks and comment lines, to see whether it is the same."""
    lines = (line.strip() for line in text.splitlines())
    return re.sub(r"\s+", " ", " ".join(line for line in lines if not line.startswith("#"))).strip()


def definitions(statements: Iterable[str]) -> list[str]:
    """Return the functions and classes among statements, without what stands above them."""
    texts = [ABOVE.sub("", text).rstrip() for text in statements]
    return [text for text in texts if DEFINITION.match(text)]


def own_functions(submission: Submission, starter: Iterable[str]) -> list[str]:
    """Return the functions and classes of a submission that the starter code has not."""
    given = {compacted(text) for text in definitions(starter)}
    own = definitions(kept.text for kept in submission.kept)
    return [text for text in own if compacted(text) not in given]


def write_files(
    submissions: Iterable[tuple[str, Path]],
    read: Callable[[Path], Submission],
    starter: Sequence[str],
    out: Path,
) -> int:
    """Write each submission's own functions below `out`, and return how many have any."""
    for folder in (FILES_FOLDER, STARTER_FOLDER, REPORT_FOLDER):
        shutil.rmtree(out / folder, ignore_errors=True)
    write_at_once(out / STARTER_FOLDER / "starter.py", joined(definitions(starter)))
    (out / FILES_FOLDER).mkdir()
    written = 0
    for name, file in submissions:
        try:
            own = own_functions(read(file), starter)
        except SubmissionError:
            continue  # The grade book says that it cannot be read.
        if own:
            write_at_once(out / FILES_FOLDER / name / f"{name}.py", joined(own))
            written += 1
    return written


def joined(texts: Sequence[str]) -> str:
    """Return statements as one file."""
    # A lone surrogate is allowed in Python's texts and in no file.
    return "\n\n\n".join(texts).encode(errors="replace").decode() + "\n"


def checker() -> tuple[str, str] | None:
    """Return the name and the program of the checker that is installed, if one is."""
    for name, program in (("JPlag", "jplag"), ("Dolos", "dolos")):
        found = shutil.which(program)
        if found:
            return name, found
    return None


def compare(out: Path, written: int) -> list[str]:
    """Run the checker that is installed on the files; return sentences for the summary."""
    found = checker()
    if found is None:
        return [ABSENT.format(folder=out / FILES_FOLDER)]
    if written < 2:
        return [f"{written} submissions have functions of their own; two can be compared."]
    name, program = found
    report = out / REPORT_FOLDER
    report.mkdir()
    command = jplag_command(program, out) if name == "JPlag" else dolos_command(program, out)
    try:
        subprocess.run(
            command,
            cwd=report,
            check=True,
            timeout=SECONDS,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        text = (error.stderr or error.stdout).decode(errors="replace")
        last = printable(text[-200:], tags=False, noise=False)
        return [f"{name} failed with status {error.returncode}: {last or 'it said nothing'}."]
    except subprocess.TimeoutExpired:
        return [f"{name} was stopped after {SECONDS} seconds; run it yourself on the files."]
    except OSError as error:
        return [f"{name} could not be started ({error.strerror})."]
    return sentences(name, pairs_of(report), report)


def jplag_command(program: str, out: Path) -> list[str]:
    """Return JPlag's command line."""
    files, starter = (str((out / folder).resolve()) for folder in (FILES_FOLDER, STARTER_FOLDER))
    options = ["--mode", "RUN", "--language", "python3", "--base-code", starter, "--csv-export"]
    return [program, *options, "--result-file", "jplag", files]


def dolos_command(program: str, out: Path) -> list[str]:
    """Return Dolos's command line."""
    files = sorted(str(file.resolve()) for file in (out / FILES_FOLDER).glob("*/*.py"))
    starter = str((out / STARTER_FOLDER / "starter.py").resolve())
    options = ["--output-format", "csv", "--output-destination", "dolos", "--language", "python"]
    return [program, "run", *options, "--ignore", starter, *files]


def pairs_of(report: Path) -> list[Pair]:
    """Return the pairs in any table of pairs below a folder, the most similar first."""
    pairs = []
    for file in sorted(report.rglob("*.csv")):
        with file.open(encoding="utf-8", errors="replace", newline="") as stream:
            for line in csv.DictReader(stream):
                for first, second, similarity in (JPLAG_COLUMNS, DOLOS_COLUMNS):
                    try:
                        names = (submission_of(line[first]), submission_of(line[second]))
                        pairs.append(Pair(*names, float(line[similarity])))
                    except (KeyError, TypeError, ValueError):
                        continue
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def submission_of(text: str) -> str:
    """Return a submission's name from what a checker calls it: its folder or its file."""
    return Path(text).name.removesuffix(".py")


def sentences(name: str, pairs: Sequence[Pair], report: Path) -> list[str]:
    """Return what a checker found, for the summary."""
    if not pairs:
        return [f"{name} ran, and no table of pairs is in {report}; look there."]
    shown = [
        f"{plain(pair.first)} and {plain(pair.second)}: {trimmed(100 * pair.similarity)}%"
        for pair in pairs[:PAIRS_SHOWN]
    ]
    first = f"{name} compared {len(pairs)} pairs; its report is in {report}. A person has to judge."
    return [first, *shown]
