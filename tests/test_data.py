"""Reviews and pairs from every kind of source."""

import random
from pathlib import Path

import pytest
from datasets import Dataset
from helpers.review_files import (
    keep_datasets_here,
    numbered,
    pair_rows,
    pairs_from,
    reviews_from,
    write_rows,
)

from a3lib import data, tinyworld
from a3lib.data import (
    is_path,
    load_pairs,
    load_reviews,
    read_file,
    read_source,
)
from a3lib.profiles import get_profile


@pytest.fixture(autouse=True)
def asked_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Notes each time that the library looks whether the hub is there."""
    return keep_datasets_here(monkeypatch, tmp_path)


# Sources

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
