"""The builder: its small functions, and a build of a few steps from few reviews."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from a3lib.models import load_policy, load_reward_model, load_tokenizer
from a3lib.tinyworld import build, grammar
from a3lib.tinyworld.build import (
    END,
    MAXIMUM_LENGTH,
    VOCABULARY_SIZE,
    accuracy,
    build_policy_tokenizer,
    build_reward_tokenizer,
    calibration_bins,
    calibration_error,
    encode_texts,
    first_words,
    learning_rate_scale,
    positive_probabilities,
    shuffled_batches,
    write_card,
)

TEXTS = [review.text for review in grammar.write_reviews(200, 61)]


class Built(NamedTuple):
    """A small build: its folder, its figures, and the (count, seed) of the reviews it asked for."""

    folder: Path
    figures: dict[str, str]
    asked: list[tuple[int, int]]


def build_small(folder: Path) -> Built:
    """Build with one review for every hundred, and three steps for each model."""
    asked = []

    def write_fewer(count: int, seed: int) -> list[grammar.Review]:
        asked.append((count, seed))
        return grammar.write_reviews(max(count // 100, 20), seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "write_reviews", write_fewer)
        figures = build.build(folder, policy_steps=3, classifier_steps=3)
    return Built(folder, figures, asked)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_small(tmp_path_factory.mktemp("world"))


def test_a_build_can_be_loaded_like_any_checkpoint(built: Built) -> None:
    policy = load_policy(str(built.folder / "policy"))
    tokenizer = load_tokenizer(str(built.folder / "policy"))
    classifier, reward_tokenizer = load_reward_model(str(built.folder / "reward_model"))
    assert policy.config.vocab_size == len(tokenizer)
    assert policy.config.eos_token_id == tokenizer.eos_token_id
    assert classifier.config.vocab_size == len(reward_tokenizer)
    assert classifier.config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}
    assert classifier.config.label2id == {"NEGATIVE": 0, "POSITIVE": 1}
    assert classifier.config.pad_token_id == reward_tokenizer.pad_token_id


@pytest.mark.parametrize("name", ["policy", "reward_model"])
def test_a_built_tokenizer_names_a_class_that_older_transformers_know(
    built: Built, name: str
) -> None:
    config = json.loads((built.folder / name / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_a_build_measures_on_reviews_of_another_seed(built: Built) -> None:
    assert built.asked == [(24_000, build.TRAIN_SEED), (2_000, build.HELD_OUT_SEED)]
    assert build.TRAIN_SEED != build.HELD_OUT_SEED


def test_the_card_has_every_figure_and_both_calibrations(built: Built) -> None:
    card = (built.folder / "CARD.md").read_text(encoding="utf-8")
    for name, value in built.figures.items():
        assert (f"| {name} | {value} |" in card) == (name != "seconds")
    assert "## Calibration of the classifier on whole reviews" in card
    assert "## Calibration of the classifier on the first 24 words" in card
    assert list(built.figures) == [
        "policy parameters",
        "classifier parameters",
        "vocabulary",
        "policy perplexity per token",
        "classifier accuracy, whole reviews",
        "expected calibration error, whole reviews",
        "classifier accuracy, the first 24 words",
        "expected calibration error, the first 24 words",
        "seconds",
    ]


def test_the_same_seed_builds_the_same_weights(built: Built, tmp_path: Path) -> None:
    torch.manual_seed(123)
    again = build_small(tmp_path)
    for name in ("policy", "reward_model"):
        files = [folder / name / "model.safetensors" for folder in (built.folder, again.folder)]
        assert files[0].read_bytes() == files[1].read_bytes()
    first, second = ({**some.figures, "seconds": ""} for some in (built, again))
    assert first == second


def test_a_built_policy_is_of_the_shipped_ones_shape(built: Built) -> None:
    small, shipped = (
        load_policy(str(folder / "policy")).config
        for folder in (built.folder, Path(build.__file__).parent)
    )
    assert (small.n_embd, small.n_layer, small.n_head, small.n_positions) == (
        shipped.n_embd,
        shipped.n_layer,
        shipped.n_head,
        shipped.n_positions,
    )


# Tokenizers


def test_the_policys_tokenizer_has_one_special_token_and_adds_none() -> None:
    tokenizer = build_policy_tokenizer(TEXTS)
    assert {tokenizer.eos_token, tokenizer.bos_token, tokenizer.unk_token} == {END}
    assert tokenizer.all_special_ids == [tokenizer.eos_token_id]
    assert len(tokenizer) <= VOCABULARY_SIZE
    assert tokenizer.model_max_length == MAXIMUM_LENGTH
    assert tokenizer.eos_token_id not in tokenizer(TEXTS[0])["input_ids"]


def test_both_tokenizers_spell_any_text() -> None:
    for text in [*TEXTS[:20], "Ça vaut 10 €! <br />\n🙂"]:
        for tokenizer in (build_policy_tokenizer(TEXTS), build_reward_tokenizer(TEXTS)):
            assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_classifiers_tokenizer_frames_a_text() -> None:
    tokenizer = build_reward_tokenizer(TEXTS)
    ids = tokenizer(TEXTS[0])["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert tokenizer.pad_token_id not in ids
    assert len({tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}) == 3


def test_texts_are_padded_and_cut_for_the_classifier() -> None:
    tokenizer = build_reward_tokenizer(TEXTS)
    encoded = encode_texts(tokenizer, ["Good.", "good " * 300])
    assert set(encoded) == {"input_ids", "attention_mask"}
    assert encoded["input_ids"].shape == (2, MAXIMUM_LENGTH)
    assert encoded["attention_mask"].sum(dim=1).tolist() == [
        len(tokenizer("Good.")["input_ids"]),
        MAXIMUM_LENGTH,
    ]


# Training


@pytest.mark.parametrize(("rows", "size", "steps"), [(100, 10, 25), (25, 10, 40), (65, 64, 4)])
def test_batches_are_whole_and_as_many_as_steps(rows: int, size: int, steps: int) -> None:
    torch.manual_seed(0)
    found = [batch.tolist() for batch in shuffled_batches(rows, size, steps)]
    assert len(found) == steps
    for batch in found:
        assert len(set(batch)) == size
        assert set(batch) <= set(range(rows))


def test_batches_of_one_round_share_no_row_and_rounds_differ() -> None:
    torch.manual_seed(0)
    found = [batch.tolist() for batch in shuffled_batches(100, 10, 27)]
    first, second = found[:9], found[9:18]
    assert len({row for batch in first for row in batch}) == 90
    assert len({row for batch in second for row in batch}) == 90
    assert first != second
    assert {row for batch in found for row in batch} == set(range(100))


def test_the_learning_rate_warms_up_and_then_falls_to_zero() -> None:
    steps = 450
    scales = [learning_rate_scale(step, steps) for step in range(steps)]
    assert scales[0] == pytest.approx(1 / 50)
    assert scales[24] == pytest.approx(1 / 2)
    assert scales[49] == scales[50] == 1
    assert scales[250] == pytest.approx(1 / 2)
    assert 0 < scales[-1] < 1e-3
    assert scales[:50] == sorted(scales[:50])
    assert scales[50:] == sorted(scales[50:], reverse=True)


# Measuring


def test_probabilities_are_those_of_the_positive_label_in_order(built: Built) -> None:
    model, tokenizer = load_reward_model(str(built.folder / "reward_model"))
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([-1.0, 1.0]))
    texts = TEXTS[:70]
    found = positive_probabilities(model, tokenizer, texts)
    assert found.shape == (70,)
    for number in (0, 63, 64, 69):
        with torch.no_grad():
            logits = model(**tokenizer(texts[number], return_tensors="pt")).logits[0]
        odds = math.exp(logits[1] - logits[0])
        assert odds > 1
        assert float(found[number]) == pytest.approx(odds / (1 + odds), abs=1e-5)


def test_accuracy_is_the_share_on_the_right_side_of_one_half() -> None:
    forecasts = torch.tensor([0.9, 0.51, 0.5, 0.1, 0.8])
    assert accuracy(forecasts, torch.tensor([1, 1, 0, 0, 0])) == pytest.approx(0.8)
    assert accuracy(forecasts, torch.tensor([0, 0, 1, 1, 0])) == 0.0


def test_calibration_bins_by_hand() -> None:
    forecasts = torch.tensor([0.0, 0.1, 0.25, 0.85, 0.95, 1.0])
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    rows = calibration_bins(forecasts, labels)
    assert [count for *_, count in rows] == [2, 1, 3]
    assert [forecast for forecast, *_ in rows] == pytest.approx([0.05, 0.25, 2.8 / 3])
    assert [share for _, share, _ in rows] == pytest.approx([0.5, 0.0, 2 / 3])


def test_as_many_bins_as_asked() -> None:
    forecasts = torch.tensor([0.1, 0.6, 0.9])
    assert [row[2] for row in calibration_bins(forecasts, torch.ones(3), bins=2)] == [1, 2]


def test_calibration_error_weighs_the_bins_by_their_counts() -> None:
    assert calibration_error([(0.1, 0.2, 30), (0.9, 0.5, 10)]) == pytest.approx(0.175)
    assert calibration_error([(0.3, 0.3, 5)]) == 0


@pytest.mark.parametrize(("count", "words"), [(0, ""), (2, "I loved"), (9, "I loved it.")])
def test_the_first_words_of_a_text(count: int, words: str) -> None:
    assert first_words("I loved it.", count) == words


def test_a_card_lists_figures_and_tables(tmp_path: Path) -> None:
    write_card(tmp_path, {"size": "7"}, {"whole reviews": [(0.1234, 0.5, 12)]})
    lines = (tmp_path / "CARD.md").read_text(encoding="utf-8").splitlines()
    assert "| size | 7 |" in lines
    assert lines[-1] == "| 0.123 | 0.500 | 12 |"
    assert lines[lines.index("| size | 7 |") + 2].endswith("on whole reviews")


def test_the_command_builds_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Path] = []

    def fake(folder: Path) -> dict[str, str]:
        asked.append(folder)
        return {"vocabulary": "7 tokens"}

    monkeypatch.setattr(build, "build", fake)
    build.main(["--out", str(tmp_path)])
    assert asked == [tmp_path]
    assert capsys.readouterr().out == "vocabulary: 7 tokens\n"
