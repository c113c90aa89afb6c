"""Run LaTeX, and read what it says: the first error, and the pages that each section takes."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from a3lib.errors import InputError

# The better one first: LuaLaTeX shows every script that it finds a font for.
ENGINES = ("lualatex", "pdflatex")
# The Debian packages that writeup/A3.tex needs; other systems' have similar names.
PACKAGES = "texlive-latex-recommended, texlive-luatex, lmodern and fonts-dejavu-core"
# For one run; the first may have to look through all fonts.
SECONDS = 180
# Page numbers settle in the second run, references sometimes in the third.
MOST_RUNS = 3
# What LaTeX calls its files. Not the document's name: where LuaLaTeX fails, it removes a PDF of
# that name beside the document, which would be the last good one.
JOB = "a3lib-typeset"
# Files are read and written only below the write-up, whatever a text says; lines of the log are not
# broken; no font is made on the fly.
ENVIRONMENT = {
    "openin_any": "p",
    "openout_any": "p",
    "max_print_line": "10000",
    "MKTEXPK": "0",
    "MKTEXTFM": "0",
}
ERROR = re.compile(r"^(?:(?P<file>[^\n]+?):(?P<line>\d+): |! ?)(?P<what>\S[^\n]*)$", re.MULTILINE)
# What TeX says where it stops and no line is to blame.
STOPPED = re.compile(r"^\*\*\* \((.*)\)", re.MULTILINE)
SECTION = re.compile(r"^\\sectionpages\{(\d+)\}\{(\d+)\}\{(\d+)\}\{(\d+) pages?\}", re.MULTILINE)


@dataclass(frozen=True)
class SectionPages:
    """How many pages a section takes, and how many it may take."""

    section: int
    pages: int
    limit: int

    @property
    def is_over(self) -> bool:
        """Whether the section is too long."""
        return self.pages > self.limit

    def __str__(self) -> str:
        noun = "page" if self.pages == 1 else "pages"
        note = ": TOO LONG" if self.is_over else ""
        return f"section {self.section}: {self.pages} {noun} of at most {self.limit}{note}"


@dataclass(frozen=True)
class Typeset:
    """A typeset document: the LaTeX program, the PDF, its sections' pages and the log."""

    engine: str
    pdf: bytes
    sections: tuple[SectionPages, ...]
    log: str


def installed_engines() -> list[str]:
    """Return the LaTeX programs that are installed, the better one first."""
    return [engine for engine in ENGINES if shutil.which(engine)]


def first_error(log: str) -> str:
    """Return the first error in LaTeX's log with its file, line and place, or an empty text."""
    error = ERROR.search(log)
    if error is None:
        return ""
    what = error["what"].rstrip(". ")
    if error["line"] is None:
        stopped = STOPPED.search(log, error.end())
        return f"{what} ({stopped[1]})" if stopped else what
    # How far the line had been read when the error came up.
    place = re.compile(rf"^l\.{error['line']} (.*)$", re.MULTILINE).search(log, error.end())
    at = f" at {place[1].strip()[-60:]!r}" if place and place[1].strip() else ""
    return f"{error['file'].removeprefix('./')}, line {error['line']}: {what}{at}"


def section_pages(auxiliary: str) -> tuple[SectionPages, ...]:
    """Return the pages of each section, as a3.sty notes them in the .aux file."""
    rows = ([int(number) for number in row] for row in SECTION.findall(auxiliary))
    return tuple(
        SectionPages(section, last - first + 1, limit) for section, first, last, limit in rows
    )


def read(file: Path) -> bytes:
    """Return a file's content, or nothing where there is no file."""
    return file.read_bytes() if file.is_file() else b""


def run_engine(engine: str, document: Path, output: Path) -> None:
    """Run LaTeX once; raises InputError, with the first error, where it makes no PDF."""
    command = [
        engine,
        "-no-shell-escape",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-file-line-error",
        f"-output-directory={output}",
        f"-jobname={JOB}",
        document.name,
    ]
    environment: Mapping[str, str] = os.environ | ENVIRONMENT
    try:
        process = subprocess.run(
            command,
            cwd=document.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{engine} had not finished {document.name} after {SECONDS} s; look for something that "
            "never ends in it."
        ) from error
    if process.returncode != 0:
        text = read(output / f"{JOB}.log") or process.stdout
        reason = first_error(text.decode("utf-8", "replace")) or f"status {process.returncode}"
        is_package = re.search(r"File `.*\.(sty|cls|ltx|def)' not found", reason)
        remedy = f"install {PACKAGES}" if is_package else "mend it and try again"
        raise InputError(f"{engine} cannot make the PDF: {reason}; {remedy}.")


def typeset(engine: str, document: Path) -> Typeset:
    """Make a PDF of a .tex file, and leave nothing beside the file.

    Raises InputError where LaTeX finds an error or does not finish.
    """
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / JOB
        notes = b""
        for _ in range(MOST_RUNS):
            run_engine(engine, document, output.parent)
            before, notes = notes, read(output.with_suffix(".aux"))
            if notes == before:
                break
        pdf = read(output.with_suffix(".pdf"))
        log = read(output.with_suffix(".log"))
    if not pdf:
        raise InputError(f"{engine} made no page from {document.name}; write something in it.")
    sections = section_pages(notes.decode("utf-8", "replace"))
    return Typeset(engine, pdf, sections, log.decode("utf-8", "replace"))
