"""Files of reviews and pairs of every kind, and the profiles that name them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from datasets import Dataset
from datasets import config as datasets_config

from a3lib import data
from a3lib.profiles import Profile, get_profile

Row = dict[str, Any]


def write_rows(file: Path, rows: Sequence[Row]) -> str:
    """Write rows into a file of the kind that its ending says, and return its path as text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = Dataset.from_list([*rows])
    if file.suffix.lower() == ".parquet":
        table.to_parquet(file)
    elif file.suffix.lower() == ".csv":
        table.to_csv(file)
    elif file.suffix == ".json":
        file.write_text(json.dumps([*rows]), encoding="utf-8")
    else:
        lines = [json.dumps(row) + "\n" for row in rows]
        file.write_text("".join(lines), encoding="utf-8")
    return str(file)


def numbered(count: int, word: str = "review") -> list[Row]:
    return [{"text": f"{word} {number}", "label": number % 2} for number in range(count)]


def reviews_from(source: str, **overrides: Any) -> Profile:
    return get_profile("tiny", reviews=source, **overrides)


def pairs_from(source: str, **overrides: Any) -> Profile:
    return get_profile("tiny", pairs=source, **overrides)


def pair_row(prompt: str | None, positive: str | None, negative: str | None) -> Row:
    return {
        "prompt": prompt,
        "positive_completion": positive,
        "negative_completion": negative,
    }


def pair_rows(count: int) -> list[Row]:
    return [pair_row(f"Film {n} is", " good.", " bad.") for n in range(count)]


def keep_datasets_here(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Let `datasets` keep its copies in a folder and do as with HF_HUB_OFFLINE=1.

    Return the list that notes each time that the library looks whether the hub is there.
    """
    monkeypatch.setattr(datasets_config, "HF_DATASETS_CACHE", folder / "cache")
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    asked: list[str] = []
    monkeypatch.setattr(data, "use_local_cache_if_unreachable", lambda: asked.append("hub"))
    return asked
