"""Candidates in a folder: fingerprints, a description, a card, and nothing is lost."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from datasets import Dataset, load_dataset  # type: ignore[import-untyped]
from helpers.refusals import refused
from helpers.small_models import (
    EOS,
    tiny_gpt2,
)

from a3lib.study import candidates
from a3lib.study.candidates import (
    CARD_FILE,
    DATA_FILE,
    SETTINGS_FILE,
    check_same_settings,
    describe,
    fingerprint,
    load_candidates,
    save_candidates,
)

# Fingerprints


def test_a_fingerprint_is_of_the_weights_and_of_nothing_else() -> None:
    model, same = tiny_gpt2(seed=3), tiny_gpt2(seed=3).train()
    found = fingerprint(model)
    assert len(found) == 12 and set(found) <= set("0123456789abcdef")
    assert fingerprint(same) == found
    assert fingerprint(tiny_gpt2(seed=4)) != found


@pytest.mark.parametrize("name", ["transformer.wte.weight", "transformer.ln_f.bias"])
def test_one_weight_that_differs_shows(name: str) -> None:
    model = tiny_gpt2()
    before = fingerprint(model)
    weight = model.state_dict()[name].flatten()
    old = weight[-1].item()
    weight[-1] = math.nextafter(old, 1.0) + 1e-6
    assert fingerprint(model) != before
    weight[-1] = old
    assert fingerprint(model) == before


def test_weights_that_changed_places_or_names_show() -> None:
    layer = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in ("a", "b")})
    turned = torch.nn.ModuleDict({"a": layer["b"], "b": layer["a"]})
    renamed = torch.nn.ModuleDict({"a": layer["a"], "c": layer["b"]})
    assert len({fingerprint(layer), fingerprint(turned), fingerprint(renamed)}) == 3
    # The order in which layers were added does not matter.
    again = torch.nn.ModuleDict()
    again["b"], again["a"] = layer["b"], layer["a"]
    assert fingerprint(layer) == fingerprint(again)


def test_a_half_precision_model_has_a_fingerprint() -> None:
    assert len(fingerprint(tiny_gpt2(dtype=torch.bfloat16))) == 12


def test_a_fingerprint_of_anything_else_is_of_its_content() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    contents: list[Any] = [{"a": 1}, {"a": 2}, {"b": 1}, ["a"], ["a", "b"], ["b", "a"], "a", ""]
    assert len({fingerprint(content) for content in contents}) == len(contents)


# Description


def rows_with(
    rewards: Sequence[Sequence[float]], texts: Sequence[Sequence[str]] | None = None
) -> Dataset:
    """A data set with these rewards and texts, whatever else."""
    texts = texts or [["text"] * len(row) for row in rewards]
    return Dataset.from_list(
        [
            {
                "prompt": "The",
                "prompt_ids": [5],
                "completion_ids": [[6, EOS]] * len(row),
                "completions": [*several],
                "rewards": [*row],
            }
            for row, several in zip(rewards, texts, strict=True)
        ]
    )


UNEVEN = [[0.9, 0.1, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2], [0.1, 0.4, 0.3, 0.8]]


def test_a_description_by_hand() -> None:
    texts = [["a", "", "b", "c"], ["", " \n", "", ""], ["d", "e", "f", "g"]]
    found = describe(rows_with(UNEVEN, texts))
    assert found == {
        "prompts": 3,
        "candidates": 12,
        "mean_reward": pytest.approx(4.4 / 12, abs=1e-12),
        "empty_completions": 5,
        "prompts_all_equal": 1,
        # 0.9 beats 0.1; 0.4 beats 0.1 and 0.8 beats 0.3; the other three are ties.
        "first_round_pairs": 3,
        "first_round_ties": 3,
        "first_round_mean_gap": pytest.approx((0.8 + 0.3 + 0.5) / 3, abs=1e-12),
        # 0.9 beats 0.5, 0.8 beats 0.4, and the middle one is a tie.
        "final_pairs": 2,
        "final_ties": 1,
        "final_mean_gap": pytest.approx((0.4 + 0.4) / 2, abs=1e-12),
    }


def test_only_prompts_whose_candidates_are_all_equal_count_as_such() -> None:
    rows = rows_with([[0.5, 0.5, 0.5, 0.6], [0.5] * 4, [0.6, 0.5, 0.5, 0.5], [0.0] * 4])
    assert describe(rows)["prompts_all_equal"] == 2


@pytest.mark.parametrize(
    ("candidates", "pairings"),
    [(1, set()), (2, {"first_round", "final"}), (3, set()), (6, {"first_round"}), (7, set())],
)
def test_only_tournaments_that_can_be_held_are_described(
    candidates: int, pairings: set[str]
) -> None:
    found = describe(rows_with([[k / 10 for k in range(candidates)]] * 2))
    assert {key.removesuffix("_pairs") for key in found if key.endswith("_pairs")} == pairings
    for pairing in pairings:
        assert found[f"{pairing}_pairs"] == candidates if pairing == "first_round" else 2
        assert found[f"{pairing}_ties"] == 0


def test_ties_everywhere_make_no_pair() -> None:
    found = describe(rows_with([[0.5] * 4] * 3))
    assert (found["first_round_pairs"], found["first_round_ties"]) == (0, 6)
    assert (found["final_pairs"], found["final_ties"]) == (0, 3)
    assert found["prompts_all_equal"] == 3


# Files

SETTINGS: dict[str, Any] = {
    "policy": "0123456789ab",
    "tokenizer": "cdefcdefcdef",
    "max_new_tokens": 9,
    "temperature": 0.7,
    "seed": 3,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study" / "candidates"


@pytest.fixture
def kept(folder: Path) -> Dataset:
    """A data set that lies in `folder`."""
    texts = [["a", "über\n| film", "", "👍"], ["b"] * 4, ["c"] * 4]
    rows = rows_with([[1 / 3, *row[1:]] for row in UNEVEN], texts)
    save_candidates(rows, folder, SETTINGS)
    return rows


def test_what_is_loaded_is_what_was_saved(kept: Dataset, folder: Path) -> None:
    loaded = load_candidates(folder, SETTINGS)
    assert loaded is not None
    assert loaded.to_list() == kept.to_list()
    assert loaded.features == kept.features
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        [DATA_FILE, SETTINGS_FILE, CARD_FILE]
    )


def test_the_file_is_read_by_pandas(kept: Dataset, folder: Path) -> None:
    frame = pd.read_parquet(folder / DATA_FILE)
    assert [*frame.columns] == kept.column_names
    for row, expected in zip(frame.to_dict("records"), kept.to_list(), strict=True):
        assert row["prompt"] == expected["prompt"]
        assert [*row["completions"]] == expected["completions"]
        assert [*row["rewards"]] == expected["rewards"]
        assert [[*ids] for ids in row["completion_ids"]] == expected["completion_ids"]


def test_the_folder_is_a_data_set_as_its_card_says(
    kept: Dataset, folder: Path, tmp_path: Path
) -> None:
    loaded = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == kept.to_list()


def test_no_data_set_is_none(folder: Path) -> None:
    assert load_candidates(folder, SETTINGS) is None
    folder.mkdir(parents=True)
    assert load_candidates(folder, SETTINGS) is None


def test_a_folder_that_was_not_finished_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(rows: Dataset) -> dict[str, float]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(candidates, "describe", interrupted)
        save_candidates(rows_with(UNEVEN), folder, SETTINGS)
    assert folder.is_dir()
    assert load_candidates(folder, SETTINGS) is None
    save_candidates(rows_with(UNEVEN), folder, SETTINGS)
    assert load_candidates(folder, SETTINGS) is not None


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"tokenizer": "another"}, ("tokenizer = 'cdefcdefcdef'", "'another'")),
        ({"temperature": 0.8}, ("temperature = 0.7", "0.8")),
        ({"seed": 4}, ("seed = 3", "asks for 4")),
        ({"candidates": 4}, ("candidates = None", "asks for 4")),
        # The first in order of their names is told.
        ({"seed": 4, "policy": "x"}, ("policy = '0123456789ab'", "'x'")),
    ],
)
@pytest.mark.usefixtures("kept")
def test_other_settings_are_refused_with_the_difference(
    folder: Path, change: dict[str, Any], fragments: tuple[str, ...]
) -> None:
    with refused("The data set", repr(str(folder)), *fragments):
        load_candidates(folder, SETTINGS | change)


@pytest.mark.usefixtures("kept")
def test_a_setting_that_is_gone_is_refused(folder: Path) -> None:
    fewer = {key: value for key, value in SETTINGS.items() if key != "seed"}
    with refused("seed = 3", "asks for None"):
        load_candidates(folder, fewer)


def test_the_order_of_settings_does_not_matter(kept: Dataset, folder: Path) -> None:
    turned = dict(reversed(SETTINGS.items()))
    check_same_settings(SETTINGS, turned, "It")
    loaded = load_candidates(folder, turned)
    assert loaded is not None and len(loaded) == len(kept)


@pytest.mark.parametrize("damage", ["cut off", "another kind", "empty", "gone"])
@pytest.mark.usefixtures("kept")
def test_a_broken_file_is_refused_by_name(folder: Path, damage: str) -> None:
    file = folder / DATA_FILE
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        damaged = {"cut off": content[: len(content) // 2], "another kind": b"{}", "empty": b""}
        file.write_bytes(damaged[damage])
    with refused(repr(str(file)), "cannot be read; delete the folder and run again"):
        load_candidates(folder, SETTINGS)


def card_table(folder: Path) -> dict[str, str]:
    """The values of the card's table, by name; each name is there once."""
    lines = (folder / CARD_FILE).read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert all(len(row) == 2 for row in cells)
    table = {name: value for name, value in cells}
    assert len(table) == len(cells)
    return table


@pytest.mark.usefixtures("kept")
def test_the_card_has_counts_rewards_gaps_and_settings(folder: Path) -> None:
    table = card_table(folder)
    for name, value in SETTINGS.items():
        assert table[f"made with {name}"] == str(value)
    assert (table["prompts"], table["candidates"]) == ("3", "12")
    assert (table["first_round_pairs"], table["first_round_ties"]) == ("4", "2")
    assert table["empty_completions"] == "1"
    mean = (1 / 3 + 0.1 + 0.5 + 0.5 + 1 / 3 + 0.6 + 1 / 3 + 0.4 + 0.3 + 0.8) / 12
    assert float(table["mean_reward"]) == pytest.approx(mean, abs=1e-9)
    gaps = [1 / 3 - 0.1, 1 / 3 - 0.2, 0.4 - 1 / 3, 0.5]
    assert float(table["first_round_mean_gap"]) == pytest.approx(sum(gaps) / 4, abs=1e-9)


def test_counts_and_settings_of_the_same_name_are_both_in_the_card(folder: Path) -> None:
    # The study's settings hold the prompts' fingerprint and the candidates of one prompt.
    settings = SETTINGS | {"prompts": "fedcba987654", "candidates": 4, "number_of_prompts": 5}
    save_candidates(rows_with(UNEVEN), folder, settings)
    values = [*card_table(folder).values()]
    assert "3" in values and "12" in values
    assert "fedcba987654" in values and "4" in values


@pytest.mark.usefixtures("kept")
def test_settings_are_plain_json(folder: Path) -> None:
    assert json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8")) == SETTINGS
