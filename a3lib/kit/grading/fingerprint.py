"""What a grade depends on: where any of it changes, a submission is graded again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from a3lib.kit.checks.catalogue import Check
from a3lib.util.files import LIBRARY

# Of this library, by file or folder: what reads a submission, what locks it in, what asks and
# judges it, and what its functions may call. How a figure, a report or a page looks is not in it.
GRADE_DEPENDS_ON = (
    "*.py",
    "util/",
    "tinyworld/",
    "kit/audience.py",
    "kit/checks/",
    "kit/source/",
    "kit/sandbox/",
    "kit/grading/fingerprint.py",
    "kit/grading/grader.py",
    "kit/grading/reader.py",
    "kit/grading/results.py",
)


@dataclass(frozen=True)
class Settings:
    """How to grade: positions of the REINFORCE loss, seconds of one check, trust in the code."""

    positions: str = "either"
    seconds: float = 60.0
    trusted: bool = False


def grading_files(library: Path = LIBRARY) -> list[Path]:
    """Return the library's files that can change a grade: code, data and weights, no prose."""
    patterns = [place + "**/*" if place.endswith("/") else place for place in GRADE_DEPENDS_ON]
    files = {file for pattern in patterns for file in library.glob(pattern) if file.is_file()}
    return sorted(f for f in files if f.suffix != ".md" and "__pycache__" not in f.parts)


def fingerprint(
    checks: Sequence[Check], settings: Settings, library: Path = LIBRARY
) -> dict[str, Any]:
    """Return what every grading depends on: the checks, all that judges them, the settings."""
    digest = hashlib.sha256(json.dumps([asdict(check) for check in checks]).encode())
    for file in grading_files(library):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(library).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return {"checks_sha256": digest.hexdigest(), "settings": asdict(settings)}


def file_fingerprint(file: Path) -> dict[str, str]:
    """Return the SHA-256 of a submission's file, "" where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return {"file_sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    except OSError:
        return {"file_sha256": ""}
