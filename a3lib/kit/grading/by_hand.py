"""by_hand.csv: points that a person gives; a later grading keeps them and adds them up.

No line that a person wrote is ever changed: lines of new submissions are added below, and a file
that cannot be understood is left as it is.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.grading.owners import comparable
from a3lib.util.files import write_at_once
from a3lib.util.numbers import trimmed

BY_HAND_FILE = "by_hand.csv"
NAME, COMMENT = "name", "comment"
# What a column gives at most for which no rubric says it.
MOST = 100.0
NUMBER = re.compile(r"[0-9]{1,6}(?:[.,][0-9]{0,9})?")


@dataclass(frozen=True)
class Marks:
    """What by_hand.csv holds: its columns, its lines as they are, and how cells are divided."""

    header: list[str]
    lines: list[list[str]]
    delimiter: str = ","
    points: Mapping[str, Mapping[str, float]] | None = None
    comments: Mapping[str, str] | None = None

    def of(self, name: str) -> dict[str, float]:
        """Return a submission's points by column; what is not marked yet is not in it."""
        return dict((self.points or {}).get(comparable(name), {}))

    def comment_on(self, name: str) -> str:
        """Return the comment on a submission, or ""."""
        return (self.comments or {}).get(comparable(name), "")


def read_marks(file: Path, columns: Mapping[str, float | None]) -> Marks:
    """Return the marks in a by_hand.csv, none where there is no such file.

    Raises InputError, naming the line, where a cell cannot be understood.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Marks([NAME, *columns, COMMENT], [])
    except IsADirectoryError as error:
        raise InputError(f"{str(file)!r} is a folder; move it away.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{str(file)!r} is not UTF-8; save it as 'CSV UTF-8'.") from error
    except OSError as error:
        raise InputError(
            f"{str(file)!r} cannot be read ({error.strerror}); give it back its permissions."
        ) from error
    first = text.split("\n", 1)[0]
    # Spreadsheets of many countries divide by semicolons, because a comma stands in numbers.
    delimiter = max(",;\t", key=first.count)
    try:
        header, *lines = table_of(text, delimiter) or [[]]
    except csv.Error as error:
        raise InputError(f"{str(file)!r} is no CSV ({error}); mend it.") from error
    ours = {name.casefold(): name for name in (NAME, *columns, COMMENT)}
    header = [" ".join(cell.split()) for cell in header]
    header = [ours.get(cell.casefold(), cell) for cell in header]
    if NAME not in header:
        raise InputError(f"{str(file)!r} has no column {NAME!r}; put it back, or delete the file.")
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise InputError(f"{str(file)!r} has two columns {twice[0]!r}; rename one.")
    numbered = [
        (number, line)
        for number, line in enumerate(lines, start=2)
        if any(cell.strip(" ,;\t") for cell in line)
    ]
    for number, line in numbered:
        other = ";" if delimiter != ";" else ","
        if len(line) > len(header):
            raise InputError(
                f"{str(file)!r} has more cells than columns in line {number}; put a text with "
                f"{delimiter!r} in quotation marks, and a number as 12.5."
            )
        if len(header) > 1 and len(line) == 1 and other in line[0]:
            raise InputError(
                f"{str(file)!r} has {delimiter!r} between columns, and line {number} has "
                f"{other!r}; use the same in all lines."
            )
    points, comments = understood(file, header, numbered, columns)
    lines = [line for _, line in numbered]
    return Marks(header, lines, delimiter, points, comments)


def table_of(text: str, delimiter: str) -> list[list[str]]:
    """Return the cells of a CSV; raises csv.Error where a quotation mark is left open."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def understood(
    file: Path,
    header: Sequence[str],
    lines: Sequence[tuple[int, Sequence[str]]],
    columns: Mapping[str, float | None],
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return points and comments by submission; raises InputError for a cell that is unclear."""
    points: dict[str, dict[str, float]] = {}
    comments: dict[str, str] = {}
    for number, line in lines:
        cells = dict(zip(header, line))
        name = key_of(line, header)
        if not name or name in points:
            what = f"two lines of {cells[NAME]!r}, the second is" if name else "no name in"
            raise InputError(
                f"{str(file)!r} has {what} line {number}; give the line another name, or delete it."
            )
        points[name] = {
            column: marked(file, number, column, cells[column], most)
            for column, most in columns.items()
            if cells.get(column, "").strip()
        }
        comments[name] = cells.get(COMMENT, "").strip()
    return points, comments


def marked(file: Path, line: int, column: str, cell: str, most: float | None) -> float:
    """Return the points in a cell; raises InputError where they are no points of that column."""
    number = NUMBER.fullmatch(cell.strip())
    points = float(number[0].replace(",", ".")) if number else None
    most = MOST if most is None else most
    if points is None or points > most:
        bound = f"from 0 to {trimmed(most)}"
        raise InputError(
            f"{str(file)!r} has {cell.strip()!r} for {column} in line {line}; give a number "
            f"{bound}, or nothing where it is not marked yet."
        )
    return points


def with_lines(marks: Marks, names: Iterable[str], columns: Iterable[str]) -> Marks:
    """Return marks with a line for each of these submissions and with all of these columns."""
    header = [*marks.header, *(column for column in columns if column not in marks.header)]
    known = {key_of(line, header) for line in marks.lines}
    new = [
        [name if column == NAME else "" for column in header]
        for name in names
        if comparable(name) not in known
    ]
    return Marks(header, [*marks.lines, *new], marks.delimiter, marks.points, marks.comments)


def key_of(line: Sequence[str], header: Sequence[str]) -> str:
    """Return whose line it is, in the way in which names are compared; "" where it has no name."""
    name = dict(zip(header, line)).get(NAME, "")
    # Spreadsheets put the mark before what would be a formula.
    return comparable(name.strip().removeprefix("'"))


def keep_marks(file: Path, columns: Mapping[str, float | None], names: Sequence[str]) -> Marks:
    """Read a by_hand.csv, add lines and columns that it lacks, and return what it holds.

    Raises InputError where it cannot be understood, and then leaves it as it is.
    """
    marks = read_marks(file, columns)
    more = with_lines(marks, names, columns)
    if not file.exists() or (more.header, more.lines) != (marks.header, marks.lines):
        table = io.StringIO()
        writer = csv.writer(table, delimiter=more.delimiter, lineterminator="\n")
        writer.writerows([more.header, *more.lines])
        # Spreadsheets know by this mark that it is UTF-8.
        write_at_once(file, "\ufeff" + table.getvalue())
    return more


def without_submission(marks: Marks, names: Iterable[str]) -> list[str]:
    """Return the names in a by_hand.csv that have points and are no submission now."""
    known = {comparable(name) for name in names}
    place = marks.header.index(NAME)
    keys = [(key_of(line, marks.header), line) for line in marks.lines]
    return [line[place] for key, line in keys if key not in known and marks.of(key)]


def without_points(marks: Marks, columns: Iterable[str]) -> list[str]:
    """Return the columns in a by_hand.csv that hold numbers and give no points."""
    known = {NAME, COMMENT, *columns}
    return [
        column
        for place, column in enumerate(marks.header)
        if column not in known
        and any(NUMBER.fullmatch(line[place].strip()) for line in marks.lines if place < len(line))
    ]
