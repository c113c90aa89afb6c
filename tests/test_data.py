"""Reviews and pairs from every kind of source, and the tokens that are made of them."""

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from datasets import Dataset
from datasets import config as datasets_config
from helpers.refusals import refused
from helpers.tiny_checkpoints import byte_level_tokenizer, review_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from a3lib import data, tinyworld
from a3lib.data import (
    count_blank,
    is_path,
    load_pairs,
    load_reviews,
    make_pair,
    read_file,
    read_source,
)
from a3lib.errors import InputError
from a3lib.logprobs import completion_labels
from a3lib.profiles import Profile, get_profile
from a3lib.tokenization import PreferencePair, seed_prompts, tokenize_completions, tokenize_sides
from a3lib.util.files import PROJECT

Row = dict[str, Any]

END = "<|endoftext|>"
REAL = PROJECT / "shared" / "real"


@pytest.fixture(autouse=True)
def asked_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let `datasets` keep its copies in this test's folder and do as with HF_HUB_OFFLINE=1.

    Notes each time that the library looks whether the hub is there.
    """
    monkeypatch.setattr(datasets_config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    asked: list[str] = []
    monkeypatch.setattr(data, "use_local_cache_if_unreachable", lambda: asked.append("hub"))
    return asked


@cache
def make_tokenizer(bos: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose EOS has id 1; with `bos` it begins each text with that token."""
    special = ["<unk>", END] + ([bos] if bos else [])
    tokenizer = byte_level_tokenizer(review_texts(), special)
    if bos:
        tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos or END,
        eos_token=END,
        pad_token=END,
        unk_token="<unk>",
        padding_side="left",
        model_max_length=128,
    )


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """Like GPT-2's: the only token that it could add is EOS, and it adds nothing."""
    return make_tokenizer()


@pytest.fixture(scope="module")
def tokenizer_with_bos() -> PreTrainedTokenizerBase:
    """Like Llama's: it begins each text with a token of its own."""
    return make_tokenizer("<s>")


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The text's ids with nothing added and nothing in it taken for a special token."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    return ids


# Sources


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


ENDINGS = ("parquet", "csv", "jsonl", "json", "CSV")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_each_kind_gives_its_rows(tmp_path: Path, ending: str) -> None:
    rows = [{"text": 'Two\nlines, a comma and "quotes".', "label": 1}, {"text": "é", "label": 0}]
    found = read_file(write_rows(tmp_path / f"reviews.{ending}", rows)).to_list()
    # A csv file does not say what is a number, and "2020" may be a review.
    assert [row | {"label": int(row["label"])} for row in found] == rows


@pytest.mark.parametrize("text", ["NA", "2020", "null", "1e5", "True"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_text_is_read_as_it_is_written(tmp_path: Path, ending: str, text: str) -> None:
    file = write_rows(tmp_path / f"reviews.{ending}", [{"text": text, "label": 1}] * 2)
    assert read_file(file)["text"][0] == text


def test_no_local_source_looks_for_the_hub(tmp_path: Path, asked_hub: list[str]) -> None:
    file = write_rows(tmp_path / "reviews.csv", numbered(2))
    for source in ("tiny", file):
        read_source(source, "reviews")
    assert asked_hub == []


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("stanfordnlp/imdb", False),
        ("imdb", False),
        ("reviews.csv", True),
        ("some/reviews.PARQUET", True),
        ("some/{split}", True),
        ("./reviews", True),
        ("~/reviews", True),
    ],
)
def test_a_source_is_a_path_by_its_look(source: str, path: bool) -> None:
    assert is_path(source) == path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_lone_file_keeps_its_last_tenth_for_the_test(tmp_path: Path, ending: str) -> None:
    file = write_rows(tmp_path / f"reviews.{ending}", numbered(25))
    splits = read_source(file, "reviews")
    assert [row["text"] for row in splits["train"]] == [f"review {n}" for n in range(23)]
    assert [row["text"] for row in splits["test"]] == ["review 23", "review 24"]


@pytest.mark.parametrize(("rows", "tested"), [(2, 1), (9, 1), (19, 1), (20, 2), (100, 10)])
def test_at_least_one_row_is_for_the_test(tmp_path: Path, rows: int, tested: int) -> None:
    file = write_rows(tmp_path / "reviews.jsonl", numbered(rows))
    splits = read_source(file, "reviews")
    assert (len(splits["train"]), len(splits["test"])) == (rows - tested, tested)


@pytest.mark.parametrize("name", ["reviews_{split}.csv", "{split}/reviews.csv"])
def test_a_pattern_names_the_file_of_each_split(tmp_path: Path, name: str) -> None:
    for split in ("train", "test"):
        write_rows(tmp_path / name.replace("{split}", split), numbered(3, split))
    train, test = load_reviews(reviews_from(str(tmp_path / name)))
    assert sorted(train) == ["train 0", "train 1", "train 2"]
    assert sorted(test) == ["test 0", "test 1", "test 2"]


def test_a_relative_pattern_is_no_hub_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        write_rows(Path(f"{split}.jsonl"), numbered(2, split))
    train, _ = load_reviews(reviews_from("{split}.jsonl"))
    assert sorted(train) == ["train 0", "train 1"]


def test_a_train_file_finds_its_test_file(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "my_train.jsonl", numbered(3, "train"))
    write_rows(tmp_path / "my_test.jsonl", numbered(2, "test"))
    train, test = load_reviews(reviews_from(source))
    assert sorted(train) == ["train 0", "train 1", "train 2"]
    assert sorted(test) == ["test 0", "test 1"]


def test_a_folder_called_train_is_no_partner(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "train" / "reviews.jsonl", numbered(10))
    write_rows(tmp_path / "test" / "reviews.jsonl", numbered(10, "other"))
    train, test = load_reviews(reviews_from(source))
    assert (len(train), test) == (9, ["review 9"])


def test_a_train_file_without_a_test_file_is_split(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "my_train.jsonl", numbered(10))
    train, test = load_reviews(reviews_from(source))
    assert (len(train), test) == (9, ["review 9"])


def test_a_path_may_begin_with_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_rows(tmp_path / "reviews.jsonl", numbered(10))
    assert len(load_reviews(reviews_from("~/reviews.jsonl"))[0]) == 9


def test_a_partner_is_found_in_the_home_folder_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_rows(tmp_path / "my_train.jsonl", numbered(3, "train"))
    write_rows(tmp_path / "my_test.jsonl", numbered(2, "test"))
    assert sorted(load_reviews(reviews_from("~/my_train.jsonl"))[1]) == ["test 0", "test 1"]


def test_a_folder_name_may_have_brackets(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "data [1]" / "reviews.csv", numbered(10))
    assert len(load_reviews(reviews_from(source))[0]) == 9


def test_a_star_in_a_path_does_not_collect_other_files(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "a*" / "reviews.csv", numbered(2))
    write_rows(tmp_path / "ab" / "reviews.csv", numbered(2, "other"))
    assert [row["text"] for row in read_file(source)] == ["review 0", "review 1"]


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    write_rows(file, numbered(2, "old"))
    read_file(str(file))
    write_rows(file, numbered(2, "newer"))
    assert read_file(str(file))["text"][0] == "newer 0"


def test_the_tiny_world_has_reviews_and_pairs_in_both_splits() -> None:
    profile = get_profile("tiny")
    train, test = load_reviews(profile)
    assert (len(train), len(test)) == (3200, 512)
    assert sorted(test) == sorted(str(row["text"]) for row in tinyworld.reviews("test"))
    train_pairs, test_pairs = load_pairs(profile)
    assert (len(train_pairs), len(test_pairs)) == (960, 240)
    rows = sorted(
        (row["prompt"], row["prompt"] + row["positive_completion"])
        for row in tinyworld.pairs("test")
    )
    assert sorted((pair.prompt, pair.chosen) for pair in test_pairs) == rows


def test_a_hub_name_gives_the_hubs_train_and_test_rows(
    monkeypatch: pytest.MonkeyPatch, asked_hub: list[str]
) -> None:
    splits = {
        split: Dataset.from_list(numbered(3, split)) for split in ("train", "test", "unsupervised")
    }

    def fake(name: str) -> dict[str, Dataset]:
        asked_hub.append(name)
        return splits

    monkeypatch.setattr(data, "load_dataset", fake)
    train, test = load_reviews(reviews_from("stanfordnlp/imdb"))
    assert asked_hub == ["hub", "stanfordnlp/imdb"]
    assert sorted(train) == ["train 0", "train 1", "train 2"]
    assert sorted(test) == ["test 0", "test 1", "test 2"]


# Limits and order


def test_a_limit_takes_both_labels_from_a_file_sorted_by_label(tmp_path: Path) -> None:
    rows = numbered(100, "bad") + numbered(100, "good")
    for split in ("train", "test"):
        write_rows(tmp_path / f"{split}.jsonl", rows)
    profile = reviews_from(str(tmp_path / "{split}.jsonl"), limit_train=20, limit_test=30)
    for texts, limit in zip(load_reviews(profile), (20, 30), strict=True):
        assert len(texts) == limit
        bad = sum(text.startswith("bad") for text in texts)
        assert 0.2 * limit <= bad <= 0.8 * limit


def test_pairs_are_shuffled_before_the_cut_too(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_rows(tmp_path / f"{split}.jsonl", pair_rows(200))
    profile = pairs_from(str(tmp_path / "{split}.jsonl"), limit_train_pairs=20, limit_test_pairs=30)
    train, test = load_pairs(profile)
    assert (len(train), len(test)) == (20, 30)
    for pairs in (train, test):
        late = sum(int(pair.prompt.split()[1]) >= 100 for pair in pairs)
        assert 0.2 * len(pairs) <= late <= 0.8 * len(pairs)


def test_the_order_is_the_same_each_time_and_not_the_files() -> None:
    random.seed(1)
    first = load_reviews(get_profile("tiny"))
    random.seed(2)
    assert load_reviews(get_profile("tiny")) == first
    assert first[1] != [row["text"] for row in tinyworld.reviews("test")]
    assert load_pairs(get_profile("tiny")) == load_pairs(get_profile("tiny"))


def test_a_smaller_limit_takes_the_beginning_of_the_larger_one() -> None:
    few = load_reviews(get_profile("tiny", limit_train=5, limit_test=4))
    more = load_reviews(get_profile("tiny", limit_train=9, limit_test=6))
    assert (few[0], few[1]) == (more[0][:5], more[1][:4])
    assert len(set(more[0])) > 1


def test_a_limit_above_the_rows_takes_them_all(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "reviews.jsonl", numbered(10))
    train, test = load_reviews(reviews_from(source, limit_train=50, limit_test=50))
    assert sorted(train) == sorted(f"review {n}" for n in range(9))
    assert test == ["review 9"]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({}, (36, 4)),
        ({"limit_train": 7, "limit_test": 2}, (7, 2)),
        ({"limit_train": 7, "limit_train_pairs": 11}, (11, 4)),
        ({"limit_test": 3, "limit_test_pairs": 2}, (36, 2)),
    ],
)
def test_limits_of_reviews_hold_for_pairs_unless_these_have_their_own(
    tmp_path: Path, limits: dict[str, int], sizes: tuple[int, int]
) -> None:
    source = write_rows(tmp_path / "pairs.jsonl", pair_rows(40))
    train, test = load_pairs(pairs_from(source, **limits))
    assert (len(train), len(test)) == sizes


def test_limits_of_pairs_do_not_hold_for_reviews() -> None:
    profile = get_profile("tiny", limit_train_pairs=3, limit_test_pairs=3)
    assert [len(texts) for texts in load_reviews(profile)] == [3200, 512]


# What cannot be used


def test_a_missing_file_is_named() -> None:
    with refused("There is no file '/nowhere/reviews.csv'", "check the path or give a hub name"):
        load_reviews(reviews_from("/nowhere/reviews.csv"))


def test_a_missing_relative_file_is_not_looked_for_on_the_hub() -> None:
    with refused("There is no file 'nowhere.parquet'", "check the path"):
        load_reviews(reviews_from("nowhere.parquet"))


def test_the_missing_file_of_a_pattern_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", numbered(3))
    with refused(f"There is no file '{tmp_path / 'test.csv'}'", "check the path"):
        load_reviews(reviews_from(str(tmp_path / "{split}.csv")))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with refused(f"There is no file '{tmp_path}'", "check the path"):
        load_reviews(reviews_from(str(tmp_path)))


@pytest.mark.parametrize("name", ["reviews.txt", "reviews.xlsx", "reviews"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("text\nfine\n", encoding="utf-8")
    with refused(f"'{file}' is none of .parquet, .csv, .jsonl, .json", "convert it"):
        load_reviews(reviews_from(str(file)))


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "json"])
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"reviews.{ending}"
    file.touch()
    with refused(f"'{file}' is empty", "give a file with rows"):
        load_reviews(reviews_from(str(file)))


@pytest.mark.parametrize(
    ("ending", "content", "reason"),
    [
        ("parquet", b"PAR1 and then something else", "Could not open Parquet"),
        ("json", b"not json", "Unexpected"),
        ("jsonl", b'{"text": "fine"}\n{"text": \n', "Expected"),
        ("csv", b"text\n\xff\xfe\x00\n", "'utf-8' codec can't decode"),
    ],
    ids=["parquet", "json", "jsonl", "csv"],
)
def test_a_broken_file_is_refused_with_the_reason(
    tmp_path: Path, ending: str, content: bytes, reason: str
) -> None:
    file = tmp_path / f"reviews.{ending}"
    file.write_bytes(content)
    with refused(
        f"'{file}' cannot be read as {ending} ({reason}", "check that it is what its name says"
    ):
        load_reviews(reviews_from(str(file)))


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "reviews.csv", [{"review": "fine", "stars": 5}] * 3)
    with refused(
        f"'{source}' has no column text", "(it has review, stars)", "rename its columns to text"
    ):
        load_reviews(reviews_from(source))


def test_every_missing_column_of_pairs_is_named(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "pairs.jsonl", [{"prompt": "A", "chosen": "b"}] * 3)
    with refused(
        "has no column positive_completion, negative_completion",
        "(it has prompt, chosen)",
        "rename its columns to prompt, positive_completion, negative_completion",
    ):
        load_pairs(pairs_from(source))


def test_a_file_of_one_row_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "reviews.csv", numbered(1))
    with refused(f"The train split of '{source}' is empty", "give a source with rows"):
        load_reviews(reviews_from(source))


@pytest.mark.parametrize(
    ("name", "content"),
    [("test.csv", "text,label\n"), ("test.jsonl", "\n"), ("test.json", "[]")],
    ids=["csv", "jsonl", "json"],
)
def test_a_file_without_rows_is_called_empty(tmp_path: Path, name: str, content: str) -> None:
    ending = name.partition(".")[2]
    write_rows(tmp_path / f"train.{ending}", numbered(3))
    (tmp_path / name).write_text(content, encoding="utf-8")
    with refused("empty", name):
        load_reviews(reviews_from(str(tmp_path / f"{{split}}.{ending}")))


def test_a_parquet_file_without_rows_is_called_empty(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.parquet", numbered(3))
    Dataset.from_dict({"text": [], "label": []}).to_parquet(tmp_path / "test.parquet")
    with refused("empty", "test"):
        load_reviews(reviews_from(str(tmp_path / "{split}.parquet")))


def test_an_empty_split_of_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Dataset.from_list(numbered(3))
    splits = {"train": rows, "test": rows.select([])}
    monkeypatch.setattr(data, "load_dataset", lambda name: splits)
    with refused("The test split of 'some/reviews' is empty", "give a source with rows"):
        load_reviews(reviews_from("some/reviews"))


def test_a_hub_name_without_a_test_split_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {"train": Dataset.from_list(numbered(3))}
    monkeypatch.setattr(data, "load_dataset", lambda name: splits)
    with refused("'some/reviews'", "split"):
        load_reviews(reviews_from("some/reviews"))


@pytest.mark.parametrize("kind", ["reviews", "pairs"])
def test_an_unknown_hub_name_is_refused_with_what_to_give_instead(kind: str) -> None:
    load: Callable[[Profile], object] = load_reviews if kind == "reviews" else load_pairs
    with refused(f"The {kind} 'nobody/nothing'", "--reviews", "--pairs", "--profile tiny"):
        load(get_profile("tiny", **{kind: "nobody/nothing"}))


def test_a_column_of_texts_and_numbers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    file.write_text('{"text": "fine"}\n{"text": 5}\n' * 5, encoding="utf-8")
    with refused(str(file), "text"):
        load_reviews(reviews_from(str(file)))


def test_mixed_values_in_a_column_that_is_not_read_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    rows = '{"text": "fine", "label": 1}\n{"text": "dull", "label": "bad"}\n'
    file.write_text(rows * 5, encoding="utf-8")
    train, _ = load_reviews(reviews_from(str(file)))
    assert set(train) == {"fine", "dull"}


def test_a_comma_at_the_end_of_each_row_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\n" + "good film,1,\nbad film,0,\n" * 5, encoding="utf-8")
    with refused(f"'{file}' has more values in a row than columns; put texts with a comma in"):
        load_reviews(reviews_from(str(file)))


def test_a_review_with_a_comma_does_not_lose_its_end(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text\n" + "good, bad and ugly\n" * 10, encoding="utf-8")
    with refused("has more values in a row than columns"):
        load_reviews(reviews_from(str(file)))
    file.write_text("text\n" + '"good, bad and ugly"\n' * 10, encoding="utf-8")
    assert set(load_reviews(reviews_from(str(file)))[0]) == {"good, bad and ugly"}


def test_a_column_of_numbers_is_no_text(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "reviews.jsonl", [{"text": 5}] * 10)
    try:
        train, _ = load_reviews(reviews_from(source))
    except InputError:
        return
    assert all(isinstance(text, str) for text in train)


# Blank reviews and the shape of pairs


def test_blank_reviews_are_kept_and_counted(tmp_path: Path) -> None:
    rows = [{"text": text} for text in ("", None, " \n", "fine")] * 5
    train, test = load_reviews(reviews_from(write_rows(tmp_path / "reviews.jsonl", rows)))
    assert (len(train), len(test)) == (18, 2)
    assert sorted(set(train)) == ["", " \n", "fine"]
    assert count_blank(train) == 14
    assert count_blank(["a", ""]) == 1
    assert count_blank([]) == 0


def test_completions_that_repeat_the_prompt_are_decided_row_by_row(tmp_path: Path) -> None:
    rows = [
        pair_row("The film is", "The film is good.", "The film is bad."),
        pair_row("The film is", " fine.", " poor."),
        pair_row("The film is", "The film is nice.", " ugly."),
        pair_row("The end", " was great.", "The end was weak."),
    ]
    file = str(tmp_path / "{split}.jsonl")
    for split in ("train", "test"):
        write_rows(Path(file.replace("{split}", split)), rows)
    train, test = load_pairs(pairs_from(file))
    assert (
        sorted(train)
        == sorted(test)
        == [
            ("The end", "The end was great.", "The end was weak."),
            ("The film is", "The film is fine.", "The film is poor."),
            ("The film is", "The film is good.", "The film is bad."),
            ("The film is", "The film is nice.", "The film is ugly."),
        ]
    )


def test_a_prompt_is_taken_off_once() -> None:
    pair = make_pair(pair_row("Ha", "HaHaHa!", "Ha. Ha?"), 0)
    assert pair == PreferencePair("Ha", "HaHaHa!", "Ha. Ha?")


@pytest.mark.parametrize("prompt", ["", None])
def test_a_pair_may_have_no_prompt(prompt: str | None) -> None:
    assert make_pair(pair_row(prompt, "Good.", "Bad."), 0) == ("", "Good.", "Bad.")


@pytest.mark.parametrize("completion", ["", None, "  \n", "The film", "The film  "])
@pytest.mark.parametrize("side", ["positive_completion", "negative_completion"])
def test_a_side_with_nothing_after_the_prompt_is_refused(side: str, completion: str | None) -> None:
    row = pair_row("The film", " good.", " bad.") | {side: completion}
    with refused(f"Row 7 of the pairs has an empty {side}", "take the row out"):
        make_pair(row, 7)


def test_the_row_with_an_empty_side_is_counted_as_in_the_file(tmp_path: Path) -> None:
    rows = pair_rows(40)
    rows[3] = pair_row("Film 3 is", " good.", "")
    source = write_rows(tmp_path / "pairs.jsonl", rows)
    with refused("Row 3 of the pairs has an empty negative_completion"):
        load_pairs(pairs_from(source))


# Seeds of reviews


def test_seeds_are_the_tokenizers_own_first_ten(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = review_texts()
    ids, mask = seed_prompts(texts, tokenizer, 10)
    assert ids.shape == mask.shape == (len(texts), 10)
    assert ids.dtype == mask.dtype == torch.long
    assert ids.tolist() == [tokenizer(text)["input_ids"][:10] for text in texts]
    assert bool(mask.all())


def test_seeds_begin_with_what_the_tokenizer_adds(
    tokenizer_with_bos: PreTrainedTokenizerBase,
) -> None:
    texts = review_texts()
    ids, _ = seed_prompts(texts, tokenizer_with_bos, 10)
    assert ids.tolist() == [tokenizer_with_bos(text)["input_ids"][:10] for text in texts]
    assert ids[:, 0].tolist() == [tokenizer_with_bos.bos_token_id] * len(texts)


def test_short_reviews_are_padded_on_the_left_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "xyz"
    own = tokenizer(text)["input_ids"]
    assert len(own) == 3
    ids, mask = seed_prompts([text, review_texts()[0]], tokenizer, 10)
    assert ids[0].tolist() == [tokenizer.eos_token_id] * 7 + own
    assert mask[0].tolist() == [0] * 7 + [1] * 3


def test_seeds_have_their_width_even_where_all_reviews_are_shorter(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids, mask = seed_prompts(["x", ""], tokenizer, 10)
    assert ids.shape == mask.shape == (2, 10)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_blank_reviews_are_seeded_with_one_eos(
    tokenizer: PreTrainedTokenizerBase, tokenizer_with_bos: PreTrainedTokenizerBase, text: str
) -> None:
    for some in (tokenizer, tokenizer_with_bos):
        ids, mask = seed_prompts([text], some, 10)
        assert ids[0].tolist() == [some.eos_token_id] * 10
        assert mask[0].tolist() == [0] * 9 + [1]


def test_a_written_out_eos_is_text_in_a_seed(tokenizer: PreTrainedTokenizerBase) -> None:
    ids, mask = seed_prompts([f"{END} fine", f"ok {END}"], tokenizer, 30)
    assert tokenizer.eos_token_id not in ids[mask.bool()].tolist()
    assert tokenizer.decode(ids[0][mask[0].bool()]) == f"{END} fine"


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5), st.integers(1, 12))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_any_texts_give_seeds_of_the_asked_width(texts: list[str], width: int) -> None:
    tokenizer = make_tokenizer()
    ids, mask = seed_prompts(texts, tokenizer, width)
    for text, row, real in zip(texts, ids.tolist(), mask.tolist(), strict=True):
        wanted = plain_ids(tokenizer, text)[:width] if text.strip() else [tokenizer.eos_token_id]
        missing = width - len(wanted)
        assert row == [tokenizer.eos_token_id] * missing + wanted
        assert real == [0] * missing + [1] * len(wanted)


# Prompts with their completions

PROMPT = "This film is wonderful, and"


def test_ids_are_those_of_the_prompt_and_the_completion_joined(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompts = [PROMPT, "The plot makes no s"]
    endings = [" I would watch it again.", "ense and the acting is worse."]
    texts = [prompt + ending for prompt, ending in zip(prompts, endings, strict=True)]
    found = tokenize_completions(prompts, texts, tokenizer, 64)
    for row, (prompt, ending) in enumerate(zip(prompts, endings, strict=True)):
        wanted = plain_ids(tokenizer, prompt) + plain_ids(tokenizer, ending)
        ids, mask = found["input_ids"][row], found["attention_mask"][row]
        assert ids[mask.bool()].tolist() == wanted
        assert found["prompt_lengths"][row] == len(plain_ids(tokenizer, prompt))


def test_no_token_straddles_the_boundary(tokenizer: PreTrainedTokenizerBase) -> None:
    # As one text, "sense" is written with a token that begins before the boundary.
    prompt, text = "The plot makes no s", "The plot makes no sense"
    joint = plain_ids(tokenizer, text)
    parts = plain_ids(tokenizer, prompt) + plain_ids(tokenizer, "ense")
    assert joint != parts
    assert tokenize_completions([prompt], [text], tokenizer, 64)["input_ids"].tolist() == [parts]


def test_a_batch_is_padded_on_the_left_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [PROMPT + " x", PROMPT + " wonderful, wonderful, wonderful"]
    found = tokenize_completions([PROMPT] * 2, texts, tokenizer, 64)
    lengths = found["attention_mask"].sum(dim=1).tolist()
    width = found["input_ids"].shape[1]
    assert lengths[0] < lengths[1] == width
    gap = width - lengths[0]
    assert found["attention_mask"][0].tolist() == [0] * gap + [1] * lengths[0]
    assert found["input_ids"][0, :gap].tolist() == [tokenizer.eos_token_id] * gap


def test_both_sides_of_a_long_pair_keep_the_prompt_and_lose_their_end(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    sides = [PROMPT + " wonderful" * 40, PROMPT + " worse" * 60]
    prompt_ids = plain_ids(tokenizer, PROMPT)
    found = tokenize_completions([PROMPT] * 2, sides, tokenizer, 30)
    assert found["input_ids"].shape == (2, 30)
    assert bool(found["attention_mask"].all())
    assert found["prompt_lengths"].tolist() == [len(prompt_ids)] * 2
    for row, side in zip(found["input_ids"].tolist(), sides, strict=True):
        whole = prompt_ids + plain_ids(tokenizer, side[len(PROMPT) :])
        assert len(whole) > 30
        assert row == whole[:30]


def test_an_empty_prompt_is_one_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    found = tokenize_completions([""], ["Fine."], tokenizer, 64)
    assert found["input_ids"].tolist() == [[tokenizer.eos_token_id, *plain_ids(tokenizer, "Fine.")]]
    assert found["prompt_lengths"].tolist() == [1]


def test_what_a_tokenizer_adds_is_in_front_of_the_prompt_only(
    tokenizer_with_bos: PreTrainedTokenizerBase,
) -> None:
    some = tokenizer_with_bos
    found = tokenize_completions([PROMPT, ""], [PROMPT + " ok", "ok"], some, 64)
    first, second = (
        ids[mask.bool()].tolist()
        for ids, mask in zip(found["input_ids"], found["attention_mask"], strict=True)
    )
    assert first == [some.bos_token_id, *plain_ids(some, PROMPT), *plain_ids(some, " ok")]
    assert second == [some.bos_token_id, *plain_ids(some, "ok")]
    assert found["prompt_lengths"].tolist() == [1 + len(plain_ids(some, PROMPT)), 1]


def test_a_written_out_eos_is_text_in_prompt_and_completion(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompt, text = f"{END} film", f"{END} film {END} fine"
    found = tokenize_completions([prompt], [text], tokenizer, 64)
    assert tokenizer.eos_token_id not in found["input_ids"][0].tolist()
    assert tokenizer.decode(found["input_ids"][0]) == text


def test_a_prompt_that_fills_the_limit_is_refused_with_its_row(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    length = len(plain_ids(tokenizer, PROMPT))
    prompts, texts = ["The", PROMPT], ["The x", PROMPT + " x"]
    with refused(
        f"Row 1 of the pairs has a prompt of {length} tokens",
        PROMPT,
        f"no room for a completion in {length}",
        "raise max_length or take the row out",
    ):
        tokenize_completions(prompts, texts, tokenizer, length)
    found = tokenize_completions(prompts, texts, tokenizer, length + 1)
    assert int(found["attention_mask"][1].sum()) == length + 1


def test_loading_pairs_names_the_files_row_whose_prompt_is_too_long(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = pair_rows(40)
    rows[3] = pair_row(PROMPT, " good.", " bad.")
    source = write_rows(tmp_path / "pairs.jsonl", rows)
    length = len(plain_ids(tokenizer, PROMPT))
    assert length > max(len(plain_ids(tokenizer, row["prompt"])) for row in rows[4:])
    profile = get_profile("tiny", pairs=source, max_length=length + 1)
    assert len(load_pairs(profile, tokenizer)[0]) == 36
    with refused("Row 3 of the pairs", f"{length} tokens", "raise max_length"):
        load_pairs(get_profile("tiny", pairs=source, max_length=length), tokenizer)


def test_loading_pairs_says_what_tokenising_will_say(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    prompt = END * 4
    length = len(plain_ids(tokenizer, prompt))
    source = write_rows(tmp_path / "pairs.jsonl", [pair_row(prompt, " a", " b")] * 3)
    with refused("Row 0 of the pairs", f"{length} tokens"):
        tokenize_completions([prompt], [prompt + " a"], tokenizer, length)
    with refused("of the pairs", f"{length} tokens"):
        load_pairs(get_profile("tiny", pairs=source, max_length=length), tokenizer)


# Labels


def test_labels_of_tokenised_pairs_spell_the_completions(
    tokenizer: PreTrainedTokenizerBase, tokenizer_with_bos: PreTrainedTokenizerBase
) -> None:
    rows = tinyworld.pairs("test")[:8]
    prompts = [row["prompt"] for row in rows]
    for some in (tokenizer, tokenizer_with_bos):
        for side in ("positive_completion", "negative_completion"):
            texts = [row["prompt"] + row[side] for row in rows]
            found = tokenize_completions(prompts, texts, some, 200)
            labels = completion_labels(
                found["attention_mask"], found["input_ids"], found["prompt_lengths"]
            )
            for row, label in zip(rows, labels, strict=True):
                assert some.decode(label[label != -100]) == row[side]


def test_sides_are_tokenised_chosen_first(tokenizer: PreTrainedTokenizerBase) -> None:
    pairs = [
        PreferencePair("The plot", "The plot is good.", "The plot is bad and long."),
        PreferencePair("", "Great", "Awful and dull"),
    ]
    sides = tokenize_sides(pairs, tokenizer, 64, torch.device("cpu"))
    texts = tokenizer.batch_decode(sides["input_ids"], skip_special_tokens=True)
    assert texts == [p.chosen for p in pairs] + [p.rejected for p in pairs]
    assert sides["prompt_lengths"].shape == (4,)


# Real data


@pytest.mark.skipif(not (REAL / "pairs_train.parquet").is_file(), reason="no real pairs here")
def test_real_pairs_are_read_with_their_partner_and_keep_their_prompts(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    profile = pairs_from(str(REAL / "pairs_train.parquet"), limit_train=50)
    train, test = load_pairs(profile)
    assert (len(train), len(test)) == (50, 398)
    for pair in train + test:
        assert pair.chosen.startswith(pair.prompt)
        assert pair.rejected.startswith(pair.prompt)
        assert pair.chosen != pair.rejected
    sides = [train[0].chosen, train[0].rejected]
    found = tokenize_completions([train[0].prompt] * 2, sides, tokenizer, 128)
    length = int(found["prompt_lengths"][0])
    first, second = (
        ids[mask.bool()][:length].tolist()
        for ids, mask in zip(found["input_ids"], found["attention_mask"], strict=True)
    )
    assert first == second
