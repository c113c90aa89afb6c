"""Metadata as tables: what Ruby and YAML make of texts, and why a file cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from a3lib.kit.grading import metadata_files
from a3lib.kit.grading.metadata_files import DAMAGE, read_table, why_damaged


def table(tmp_path: Path, content: str | bytes, name: str = "submission_metadata.yml") -> Any:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(file)


def damage(tmp_path: Path, content: str | bytes, name: str = "submission_metadata.yml") -> str:
    with pytest.raises(DAMAGE) as raised:
        table(tmp_path, content, name)
    return why_damaged(raised.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("00123", "00123"),
        ("No", "No"),
        ("1.50", "1.50"),
        ("2026-02-30", "2026-02-30"),
        ("'x'", "x"),
        ("", None),
        ("[1, 2]", ["1", "2"]),
        ("!ruby/object:Set\n  - 1\n  - 2", ["1", "2"]),
        ("!ruby/hash:ActiveSupport::HashWithIndifferentAccess\n  b: [c]", {"b": ["c"]}),
        ("!ruby/object:Name {b: {c: d}}", {"b": {"c": "d"}}),
        ("!ruby/array:Names [b, [c]]", ["b", ["c"]]),
        ("!ruby/symbol score", "score"),
        ("!ruby/string 'x'", "x"),
    ],
)
def test_values_stay_the_texts_that_were_written(tmp_path: Path, written: str, value: Any) -> None:
    assert table(tmp_path, f"a: {written}\n") == {"a": value}


def test_json_is_read_by_its_ending_with_or_without_a_mark(tmp_path: Path) -> None:
    assert table(tmp_path, '{"a": 1}', "metadata.json") == {"a": 1}
    assert table(tmp_path, b'\xef\xbb\xbf{"a": 1}', "metadata.json") == {"a": 1}
    assert table(tmp_path, b"\xef\xbb\xbfa: b\n") == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        ("a: b\nc: {\n", "m.yml", "no YAML in line 3"),
        ("a: b\n\x00", "m.yml", "no YAML"),
        ('{"a": 1,\n "b" 2}', "m.json", "no JSON in line 2"),
        (b"a: \xff\n", "m.yml", "not UTF-8"),
        (b'{"a": "\xe4"}', "m.json", "not UTF-8"),
        ("- a\n- b\n", "m.yml", "a list or a lone value"),
        ("[1]", "m.json", "a list or a lone value"),
        ("a\n", "m.yml", "a list or a lone value"),
        ("a: b\nc: d\na: e\n", "m.yml", "'a' stands in it twice"),
        (":a: b\n:a: e\n", "m.yml", "'a' stands in it twice"),
        ('{"b": {"a": 1, "a": 2}}', "m.json", "'a' stands in it twice"),
        ("[" * 100_000, "m.json", "nested too deeply"),
    ],
)
def test_damage_is_said_in_a_few_words(
    tmp_path: Path, content: str | bytes, name: str, why: str
) -> None:
    assert damage(tmp_path, content, name) == why


def test_yaml_may_merge_several_tables(tmp_path: Path) -> None:
    merged = table(tmp_path, "x: &x {a: 1}\ny: &y {b: 2}\nz:\n  <<: *x\n  c: 3\n")
    assert merged["z"] == {"a": "1", "c": "3"}


def test_a_file_that_is_not_there_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError) as raised:
        read_table(tmp_path / "missing.yml")
    assert why_damaged(raised.value) == "No such file or directory"
    monkeypatch.setattr(metadata_files, "LARGEST_METADATA", 2_000_000)
    assert table(tmp_path, b"a: b\n" + b"#" * 1_999_995) == {"a": "b"}
    assert damage(tmp_path, b"a: b\n" + b"#" * 1_999_996) == "larger than 2 MB"
