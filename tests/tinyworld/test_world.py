"""The shipped checkpoints: small, loadable, and as good as a run on the tiny world needs."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib import tinyworld
from a3lib.generation import Rollout, decode_rollout, sample_continuations
from a3lib.logprobs import perplexity
from a3lib.metrics import naturalness
from a3lib.models import load_policy, load_reward_model, load_tokenizer
from a3lib.profiles import MAX_NEW_TOKENS, SEED_TOKEN_LENGTH
from a3lib.results.tables import seed_texts
from a3lib.rewards import positive_probability
from a3lib.tinyworld import POLICY_FOLDER, REWARD_MODEL_FOLDER
from a3lib.tinyworld.build import (
    MAXIMUM_LENGTH,
    accuracy,
    calibration_bins,
    calibration_error,
    first_words,
)
from a3lib.tinyworld.grammar import write_reviews
from a3lib.tokenization import seed_prompts

# Seeds of reviews that nothing else is made of.
CLASSIFIER_SEED, POLICY_SEED, PROMPT_SEED = 7001, 7002, 7003


class World(NamedTuple):
    """The shipped models with their tokenizers."""

    policy: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reward_model: PreTrainedModel
    reward_tokenizer: PreTrainedTokenizerBase


class Baseline(NamedTuple):
    """What the shipped policy writes after 256 prompts."""

    prompts: list[str]
    rollout: Rollout
    texts: list[str]


@pytest.fixture(scope="module")
def world() -> World:
    policy = load_policy(str(POLICY_FOLDER)), load_tokenizer(str(POLICY_FOLDER))
    return World(*policy, *load_reward_model(str(REWARD_MODEL_FOLDER)))


@pytest.fixture(scope="module")
def baseline(world: World) -> Baseline:
    prompts = [review.text for review in write_reviews(256, PROMPT_SEED)]
    torch.manual_seed(0)
    rollout = sample_continuations(
        world.policy,
        *seed_prompts(prompts, world.tokenizer, SEED_TOKEN_LENGTH),
        max_new_tokens=MAX_NEW_TOKENS,
        eos_token_id=world.tokenizer.eos_token_id,
        pad_token_id=world.tokenizer.pad_token_id,
    )
    return Baseline(prompts, rollout, decode_rollout(rollout, world.tokenizer))


@pytest.fixture(scope="module")
def card() -> str:
    return Path(tinyworld.__file__).with_name("CARD.md").read_text(encoding="utf-8")


def figure(card: str, name: str) -> float:
    """A figure of the card's first table."""
    found = re.search(rf"^\| {re.escape(name)} \| ([\d.,]+)", card, re.MULTILINE)
    assert found is not None, name
    return float(found[1].replace(",", ""))


def test_models_and_tokenizers_together_are_below_5_mb() -> None:
    files = [file for folder in (POLICY_FOLDER, REWARD_MODEL_FOLDER) for file in folder.iterdir()]
    assert sum(file.stat().st_size for file in files) < 5_000_000


@pytest.mark.parametrize("folder", [POLICY_FOLDER, REWARD_MODEL_FOLDER])
def test_a_folder_has_what_save_pretrained_writes(folder: Path) -> None:
    names = {file.name for file in folder.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    } <= names


@pytest.mark.parametrize("folder", [POLICY_FOLDER, REWARD_MODEL_FOLDER])
def test_a_tokenizer_names_a_class_that_older_transformers_know(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_both_models_together_have_between_half_a_million_and_two_million_parameters(
    world: World,
) -> None:
    counts = [world.policy.num_parameters(), world.reward_model.num_parameters()]
    assert 500_000 <= counts[0] <= 2_000_000
    assert 500_000 <= sum(counts) <= 2_000_000


@pytest.mark.parametrize("folder", [POLICY_FOLDER, REWARD_MODEL_FOLDER])
def test_no_setting_names_a_folder_of_the_machine_that_made_it(folder: Path) -> None:
    for file in folder.glob("*config.json"):
        assert '"/' not in file.read_text(encoding="utf-8"), file.name


def test_the_policys_end_token_is_its_tokenizers(world: World) -> None:
    assert world.tokenizer.eos_token == "<|endoftext|>"
    assert world.policy.config.eos_token_id == world.tokenizer.eos_token_id
    assert world.policy.generation_config.eos_token_id == world.tokenizer.eos_token_id
    assert world.policy.config.vocab_size == len(world.tokenizer)


def test_the_classifier_names_its_labels(world: World) -> None:
    assert world.reward_model.config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}


def test_the_card_tells_a_good_classifier(card: str) -> None:
    assert figure(card, "classifier accuracy, whole reviews") >= 0.90
    assert figure(card, "expected calibration error, whole reviews") <= 0.05
    assert figure(card, "classifier accuracy, the first 24 words") >= 0.80


def test_the_card_is_of_these_models(card: str, world: World) -> None:
    assert figure(card, "policy parameters") == world.policy.num_parameters()
    assert figure(card, "classifier parameters") == world.reward_model.num_parameters()
    assert figure(card, "vocabulary") == len(world.tokenizer)


@pytest.mark.parametrize(
    ("words", "least", "largest_error"), [(1000, 0.90, 0.05), (24, 0.80, 0.08)]
)
def test_the_classifier_is_right_and_calibrated_on_new_reviews(
    world: World, words: int, least: float, largest_error: float
) -> None:
    reviews = write_reviews(500, CLASSIFIER_SEED)
    labels = torch.tensor([review.label for review in reviews])
    texts = [first_words(review.text, words) for review in reviews]
    forecasts = positive_probability(texts, world.reward_model, world.reward_tokenizer)
    assert accuracy(forecasts, labels) >= least
    assert calibration_error(calibration_bins(forecasts, labels)) <= largest_error


def test_the_classifier_is_as_good_as_the_card_says(world: World, card: str) -> None:
    reviews = write_reviews(500, CLASSIFIER_SEED + 10)
    labels = torch.tensor([review.label for review in reviews])
    texts = [review.text for review in reviews]
    forecasts = positive_probability(texts, world.reward_model, world.reward_tokenizer)
    told = figure(card, "classifier accuracy, whole reviews")
    assert accuracy(forecasts, labels) == pytest.approx(told, abs=0.02)


def test_an_undecided_beginning_scores_about_one_half(world: World) -> None:
    texts = ["This film is about a teacher who falls in love in a small town."]
    score = positive_probability(texts, world.reward_model, world.reward_tokenizer)
    assert 0.3 < float(score) < 0.7


def test_the_policys_perplexity_is_that_of_a_grammar_and_as_the_card_says(
    world: World, card: str
) -> None:
    reviews = write_reviews(150, POLICY_SEED)
    found = perplexity(
        world.policy,
        world.tokenizer,
        [review.text for review in reviews],
        max_length=MAXIMUM_LENGTH,
    )
    assert 1.5 < found < 2.2
    assert found == pytest.approx(figure(card, "policy perplexity per token"), rel=0.05)


def test_the_baseline_writes_natural_text(baseline: Baseline, world: World) -> None:
    seeds = seed_texts(baseline.prompts, world.tokenizer)
    assert naturalness(baseline.texts, seeds) >= 0.90


def test_the_baselines_reward_leaves_room_on_both_sides(baseline: Baseline, world: World) -> None:
    rewards = positive_probability(baseline.texts, world.reward_model, world.reward_tokenizer)
    assert 0.40 <= float(rewards.mean()) <= 0.60
    assert float((rewards > 0.8).float().mean()) > 0.15
    assert float((rewards < 0.2).float().mean()) > 0.15


def test_the_baseline_is_not_always_the_same_text(baseline: Baseline) -> None:
    assert len(set(baseline.texts)) > 230


def test_some_baseline_texts_end_before_20_tokens_and_most_do_not(baseline: Baseline) -> None:
    lengths = baseline.rollout.completion_mask.sum(dim=1)
    assert lengths.max() == 20
    assert 0.01 < float((lengths < 20).float().mean()) < 0.5
