"""Reviews and preference pairs, from the hub, a file or the tiny world, as texts.

A source is "tiny", a hub name, or a path: a file (parquet, csv, jsonl, json); a path with
`{split}` in it; or a file named ...train... with a ...test... beside it. A single file without
such a partner is split: its last tenth is the test data.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset, load_dataset
from transformers import PreTrainedTokenizerBase

from a3lib import tinyworld
from a3lib.errors import InputError
from a3lib.profiles import SEED, TINY, Profile
from a3lib.tokenization import PreferencePair, check_room, tokenize_prompts
from a3lib.util.csv_files import read_csv
from a3lib.util.hub import HUB_REMEDY, first_line, looks_local, use_local_cache_if_unreachable

SPLITS = ("train", "test")
# Values stay as they are written: "NA" and "2020" are texts.
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": read_csv,
    ".jsonl": lambda file: pd.read_json(file, lines=True, dtype=False),
    ".json": lambda file: pd.read_json(file, dtype=False),
}
TEXT_TYPES = ("string", "large_string", "null")
REVIEW_COLUMNS = ("text",)
PAIR_COLUMNS = ("prompt", "positive_completion", "negative_completion")


def is_path(source: str) -> bool:
    """Say whether a source is a local path and not a hub's owner/name."""
    return looks_local(source) or "{split}" in source or Path(source).suffix.lower() in READERS


def split_files(source: str) -> dict[str, str]:
    """Return the file of each split of a local source; a lone file gives `{"all": file}`."""
    if "{split}" in source:
        return {split: source.replace("{split}", split) for split in ("train", "test")}
    path = Path(source)
    partner = path.with_name(path.name.replace("train", "test"))
    if partner != path and partner.exists():
        return {"train": source, "test": str(partner)}
    return {"all": source}


def read_file(file: str) -> Dataset:
    """Read one local file.

    Raises InputError for a missing file, an unknown ending, no rows, or a file that cannot be read.
    """
    path = Path(file)
    if not path.is_file():
        raise InputError(f"There is no file {file!r}; check the path or give a hub name.")
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{file!r} is none of {', '.join(READERS)}; convert it to one of them.")
    try:
        frame = read(path) if path.stat().st_size else pd.DataFrame()
        # Columns that nobody reads may hold anything; as text they do no harm.
        unread = frame.columns.difference([*REVIEW_COLUMNS, *PAIR_COLUMNS])
        rows = Dataset.from_pandas(frame.astype(dict.fromkeys(unread, str)), preserve_index=False)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{file!r} cannot be read as {path.suffix[1:].lower()} ({first_line(error)}); check "
            "that it is what its name says."
        ) from error
    if frame.empty:
        raise InputError(f"{file!r} is empty; give a file with rows.")
    return rows


def read_source(source: str, kind: str) -> dict[str, Dataset]:
    """Return the train and the test rows of a source; `kind` is "reviews" or "pairs".

    Raises InputError where it cannot be read.
    """
    if source == TINY:
        rows = tinyworld.reviews if kind == "reviews" else tinyworld.pairs
        return {split: Dataset.from_list(rows(split)) for split in SPLITS}
    if is_path(source):
        files = split_files(str(Path(source).expanduser()))
        if "all" not in files:
            return {split: read_file(file) for split, file in files.items()}
        rows = read_file(files["all"])
        cut = len(rows) - max(1, len(rows) // 10)
        return {"train": rows.select(range(cut)), "test": rows.select(range(cut, len(rows)))}
    use_local_cache_if_unreachable()
    try:
        splits = load_dataset(source)
    except Exception as error:
        raise InputError(
            f"The {kind} {source!r} cannot be loaded ({first_line(error)}); {HUB_REMEDY}."
        ) from error
    missing = [split for split in SPLITS if split not in splits]
    if missing:
        raise InputError(
            f"The {kind} {source!r} have no split {' and '.join(missing)} (they have "
            f"{', '.join(splits)}); take others or give files."
        )
    return {split: splits[split] for split in SPLITS}


def check_rows(rows: Dataset, columns: tuple[str, ...], source: str, split: str) -> None:
    """Raise InputError where a split has no rows, or lacks columns with text in them."""
    missing = [name for name in columns if name not in rows.column_names]
    if missing:
        raise InputError(
            f"{source!r} has no column {', '.join(missing)} (it has "
            f"{', '.join(rows.column_names)}); rename its columns to {', '.join(columns)}."
        )
    if len(rows) == 0:
        raise InputError(
            f"The {split} split of {source!r} is empty; give a source with rows in it."
        )
    for name in columns:
        kind = getattr(rows.features[name], "dtype", "list")
        if kind not in TEXT_TYPES:
            raise InputError(f"The column {name} of {source!r} holds {kind}; it must hold text.")


def shuffled(count: int, limit: int | None) -> list[int]:
    """Return up to `limit` row numbers in an order that is the same every time.

    Shuffled before it is cut: IMDB's first 12,500 reviews are all negative.
    """
    order = list(range(count))
    random.Random(SEED).shuffle(order)
    return order[:limit]


def review_texts(
    source: str, limit_train: int | None = None, limit_test: int | None = None
) -> tuple[list[str], list[str]]:
    """Return the train and test texts of a source of reviews, shuffled and limited.

    Raises InputError where the source is missing, lacks the column `text` or has an empty split.
    """
    splits = read_source(source, "reviews")
    limits = {"train": limit_train, "test": limit_test}
    texts = {}
    for split, rows in splits.items():
        check_rows(rows, REVIEW_COLUMNS, source, split)
        chosen = rows.select(shuffled(len(rows), limits[split]))
        texts[split] = [text or "" for text in chosen["text"]]
    return texts["train"], texts["test"]


def load_reviews(profile: Profile) -> tuple[list[str], list[str]]:
    """Return the train and test texts of a profile's reviews; raises as `review_texts` does."""
    return review_texts(profile.reviews, profile.limit_train, profile.limit_test)


def count_blank(texts: list[str]) -> int:
    """Count the texts that are empty or white space, which are seeded with EOS."""
    return sum(not text.strip() for text in texts)


def make_pair(row: dict[str, Any], number: int) -> PreferencePair:
    """Make a pair from a row whose completions may or may not repeat the prompt.

    Raises InputError where a side has nothing after the prompt.
    """
    prompt = row["prompt"] or ""
    sides = []
    for column in ("positive_completion", "negative_completion"):
        completion = row[column] or ""
        if prompt and completion.startswith(prompt):
            completion = completion[len(prompt) :]
        if not completion.strip():
            raise InputError(f"Row {number} of the pairs has an empty {column}; take the row out.")
        sides.append(prompt + completion)
    return PreferencePair(prompt, *sides)


def load_pairs(
    profile: Profile, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """Return the train and test pairs of a profile, shuffled and limited.

    Raises InputError where the source is missing, lacks a column or has an empty split or side;
    with a tokenizer, also where a prompt fills the profile's `max_length`. Rows count from 0.
    """
    splits = read_source(profile.pairs, "pairs")
    limits = {
        "train": profile.limit_train_pairs or profile.limit_train,
        "test": profile.limit_test_pairs or profile.limit_test,
    }
    pairs = {}
    for split, rows in splits.items():
        check_rows(rows, PAIR_COLUMNS, profile.pairs, split)
        order = shuffled(len(rows), limits[split])
        chosen = rows.select_columns([*PAIR_COLUMNS]).select(order).to_list()
        pairs[split] = [make_pair(row, n) for row, n in zip(chosen, order, strict=True)]
        if tokenizer is not None:
            prompts = [pair.prompt for pair in pairs[split]]
            check_room(prompts, tokenize_prompts(prompts, tokenizer), profile.max_length, order)
    return pairs["train"], pairs["test"]
