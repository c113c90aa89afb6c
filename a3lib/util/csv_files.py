"""CSV files that people wrote: every value stays text."""

import csv
import warnings
from pathlib import Path

import pandas as pd

from a3lib.errors import InputError


def read_csv(file: Path, *, skip_blank_lines: bool = True) -> pd.DataFrame:
    """Return a UTF-8 CSV file's rows as texts: "NA" and "2020" are texts, not a gap and a number.

    Raises InputError where a row has more values than the header has columns or two columns have
    one name, and OSError or ValueError where the file cannot be read as CSV.
    """
    check_columns(file)
    with warnings.catch_warnings():
        # Where the first row is too long, pandas drops its end and only warns.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                file,
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skip_blank_lines=skip_blank_lines,
                encoding="utf-8",
                compression=None,
            )
        except pd.errors.ParserWarning as error:
            raise InputError(
                f"{str(file)!r} has more values in a row than columns; put texts with a comma in "
                "quotes."
            ) from error


def check_columns(file: Path) -> None:
    """Raise InputError where two columns have one name: pandas would rename the second.

    Raises OSError or ValueError where the header cannot be read.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = next((row for row in csv.reader(lines) if any(row)), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for name in header:
        if name and header.count(name) > 1:
            raise InputError(f"{str(file)!r} has the column {name!r} twice; remove one of them.")
