"""Reviews and pairs that cannot be used, and what is made of odd ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset
from helpers.byte_tokenizers import END, PROMPT, make_tokenizer, plain_ids
from helpers.refusals import refused
from helpers.review_files import (
    keep_datasets_here,
    numbered,
    pair_row,
    pair_rows,
    pairs_from,
    reviews_from,
    write_rows,
)
from transformers import PreTrainedTokenizerBase

from a3lib import data
from a3lib.data import (
    count_blank,
    load_pairs,
    load_reviews,
    make_pair,
)
from a3lib.errors import InputError
from a3lib.profiles import Profile, get_profile
from a3lib.tokenization import PreferencePair, tokenize_completions
from a3lib.util.files import PROJECT

REAL = PROJECT / "shared" / "real"


@pytest.fixture(autouse=True)
def kept_datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_datasets_here(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return make_tokenizer()


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


# Prompts that are too long


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
