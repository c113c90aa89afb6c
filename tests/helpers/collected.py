"""What is collected of a folder of files, with one of the asked functions or none."""

from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.odd_files import CODE

from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.discovery import Collection, find_submissions

__all__ = ["CODE", "collected", "graded", "names", "put"]


def put(folder: Path, *paths: str, text: str = "x = 1\n") -> None:
    """Write files of this text below a folder."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def collected(*given: Path, out: Path | None = None) -> Collection:
    """Return what is found in these paths."""
    with TemporaryDirectory() as folder:
        return find_submissions(given, Room(Path(folder)), out)


def names(*given: Path) -> list[str]:
    """Return the names of the submissions in these paths."""
    return [item.name for item in collected(*given).submissions]


def graded(*given: Path) -> dict[str, str]:
    """Return the path of each graded file, in the folder of the students, by its name."""
    return {item.name: "/".join(item.parts) for item in collected(*given).submissions}
