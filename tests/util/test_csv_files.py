"""CSV files as people write them: texts stay texts, and none loses its end."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.refusals import refused

from a3lib.util.csv_files import read_csv


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "a.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_values_stay_as_they_are_written(mark: bytes, ends: str, tmp_path: Path) -> None:
    lines = ["text,n", "NA,007", '"a, b",1e5', ",null", ""]
    frame = read_csv(written(tmp_path, mark + ends.join(lines).encode()))
    assert frame.to_dict("list") == {"text": ["NA", "a, b", ""], "n": ["007", "1e5", "null"]}


def test_blank_lines_are_skipped_or_counted(tmp_path: Path) -> None:
    file = written(tmp_path, "a,b\n\n1,2\n")
    assert len(read_csv(file)) == 1
    assert len(read_csv(file, skip_blank_lines=False)) == 2


def test_a_file_that_is_named_like_a_packed_one_is_read_as_it_is(tmp_path: Path) -> None:
    file = written(tmp_path, "a,b\n1,2\n").rename(tmp_path / "a.csv.gz")
    assert len(read_csv(file)) == 1


def test_a_row_that_is_too_long_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    with refused("a.csv' has more values in a row than columns; put texts with a comma in quotes."):
        read_csv(written(tmp_path, "a,b\n1,2,3\n"))
    with pytest.raises(ValueError, match="Expected 2 fields in line 3, saw 3"):
        read_csv(written(tmp_path, "a,b\n1,2\n1,2,3\n"))


@pytest.mark.parametrize("header", ["a,b,a", "\ufeffa,b,a", '\n"a",b,a', "b,a,a,a"])
def test_a_column_that_is_there_twice_is_refused(header: str, tmp_path: Path) -> None:
    with refused("a.csv' has the column 'a' twice; remove one of them."):
        read_csv(written(tmp_path, f"{header}\n1,2,3\n"))


@pytest.mark.parametrize("header", ["a,A,b", "a,,", "a,a b,b"])
def test_columns_of_different_names_are_read(header: str, tmp_path: Path) -> None:
    assert len(read_csv(written(tmp_path, f"{header}\n1,2,3\n"))) == 1


def test_a_header_that_is_no_csv_is_no_csv(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="field larger than field limit"):
        read_csv(written(tmp_path, "a" * 200_000 + "\n1\n"))


def test_what_is_no_text_is_no_csv(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="codec can't decode"):
        read_csv(written(tmp_path, b"a\n\xff\n"))
    with pytest.raises(pd.errors.EmptyDataError):
        read_csv(written(tmp_path, ""))
    with pytest.raises(OSError, match="No such file"):
        read_csv(tmp_path / "absent.csv")
