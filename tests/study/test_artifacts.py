"""What the runs of a study share: made once, kept in its folder, and refused where it differs."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.refusals import refused
from helpers.small_models import completion_log_probs
from torch import Tensor

from a3lib.logprobs import perplexity
from a3lib.models import load_tokenizer
from a3lib.study import artifacts
from a3lib.study.artifacts import (
    Tools,
    acceptance_rate,
    candidate_rows,
    load_candidate_pairs,
    load_preferences,
    load_tools,
    make_sft_policy,
    policy_source,
)
from a3lib.study.config import Study, get_study

KINDS = ("tournament", "held_out", "rejection")


def small_study(**overrides: Any) -> Study:
    sizes: dict[str, Any] = {
        "methods": ("sigmoid-reverse_kl", "rso"),
        "prompts": 4,
        "held_out_prompts": 2,
        "test_prompts": 3,
        "rejection_candidates": 6,
        "rejection_accepted": 4,
        "max_new_tokens": 8,
        "steps": 2,
        "batch_size": 2,
    }
    return get_study("tiny", debug=True, **sizes | overrides)


@pytest.fixture(autouse=True)
def nothing_kept_in_memory() -> Iterator[None]:
    """A second load is that of another process."""
    yield
    load_tools.cache_clear()
    load_candidate_pairs.cache_clear()
    load_preferences.cache_clear()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """Models and prompts of `small_study`, which its sizes do not change."""
    return load_tools(small_study(), tmp_path_factory.mktemp("tools"))


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many prompts were sampled from each time."""
    calls: list[int] = []
    sample = artifacts.sample_candidates

    def counted(prompts: list[str], *arguments: Any, **options: Any) -> Any:
        calls.append(len(prompts))
        return sample(prompts, *arguments, **options)

    monkeypatch.setattr(artifacts, "sample_candidates", counted)
    return calls


def test_candidates_are_sampled_once_and_read_again(
    tools: Tools, tmp_path: Path, sampled: list[int]
) -> None:
    study = small_study()
    first = candidate_rows(study, tmp_path, tools, "tournament", 1)
    again = candidate_rows(study, tmp_path, tools, "tournament", 1)
    assert sampled == [4]
    assert first.to_list() == again.to_list()
    assert (tmp_path / "data" / "tournament-seed-1" / "candidates.parquet").is_file()
    candidate_rows(study, tmp_path, tools, "tournament", 2)
    assert sampled == [4, 4]


def test_a_second_process_samples_nothing(tmp_path: Path, sampled: list[int]) -> None:
    study = small_study()
    found = []
    for _ in range(2):
        found.append([load_preferences(study, tmp_path, kind, 1) for kind in KINDS])
        load_candidate_pairs.cache_clear()
        load_preferences.cache_clear()
        load_tools.cache_clear()
    assert len(sampled) == 3
    for first, again in zip(*found, strict=True):
        assert torch.equal(first.candidates.tokens, again.candidates.tokens)
        assert torch.equal(first.candidates.rewards, again.candidates.rewards)
        assert torch.equal(first.pairs, again.pairs)
        assert torch.equal(first.log_probs, again.log_probs)


def test_within_a_process_everything_is_loaded_once(tmp_path: Path) -> None:
    study = small_study()
    assert load_tools(study, tmp_path) is load_tools(study, tmp_path)
    assert load_preferences(study, tmp_path, "held_out", 1) is load_preferences(
        study, tmp_path, "held_out", 1
    )


def test_candidates_depend_on_their_seed_and_leave_the_randomness_alone(
    tools: Tools, tmp_path: Path
) -> None:
    study = small_study()
    torch.manual_seed(7)
    expected = torch.rand(3).tolist()
    torch.manual_seed(7)
    first = candidate_rows(study, tmp_path / "a", tools, "tournament", 1)
    assert torch.rand(3).tolist() == expected
    # Another state of the global generator, and the same candidates.
    assert candidate_rows(study, tmp_path / "b", tools, "tournament", 1).to_list() == (
        first.to_list()
    )
    other = candidate_rows(study, tmp_path / "a", tools, "tournament", 2)
    assert other["completion_ids"] != first["completion_ids"]


def test_each_kind_has_its_prompts_and_so_many_candidates(
    tools: Tools, tmp_path: Path, sampled: list[int]
) -> None:
    study = small_study(prompts=6, candidates=2)
    rows = {kind: candidate_rows(study, tmp_path, tools, kind, 1) for kind in KINDS}
    # As many pairs as the tournament's 6 * 2 / 2: from 3 prompts that accept 4 each.
    assert sampled == [6, 2, 3]
    first = tools.train_prompts
    assert set(rows["held_out"]["prompt"]) <= set(first[:2])
    for kind, count in (("tournament", 6), ("rejection", 3)):
        assert set(rows[kind]["prompt"]) <= set(first[2 : 2 + count])
    for kind, count in (("tournament", 2), ("held_out", 2), ("rejection", 6)):
        assert all(len(rewards) == count for rewards in rows[kind]["rewards"])


def test_prompts_are_the_first_words_of_the_reviews(tools: Tools, tmp_path: Path) -> None:
    train, test = artifacts.review_texts("tiny")
    assert tools.train_prompts == [" ".join(text.split()[:4]) for text in train]
    assert tools.test_prompts == [" ".join(text.split()[:4]) for text in test[:3]]
    assert load_tools(small_study(prompt_words=0), tmp_path).test_prompts == [""] * 3


@pytest.mark.parametrize(
    ("overrides", "difference"),
    [
        ({"temperature": 0.9}, "temperature = 0.7"),
        ({"max_new_tokens": 9}, "max_new_tokens = 8"),
        ({"candidates": 2}, "candidates = 4"),
        ({"prompts": 5}, "number_of_prompts = 4"),
        ({"held_out_prompts": 3}, "prompts = "),
        ({"prompt_words": 5}, "prompt_words = 4"),
    ],
)
def test_candidates_made_with_other_settings_are_refused_with_the_difference(
    overrides: dict[str, Any], difference: str, tools: Tools, tmp_path: Path, sampled: list[int]
) -> None:
    candidate_rows(small_study(), tmp_path, tools, "tournament", 1)
    with refused("tournament-seed-1", difference, "another name"):
        candidate_rows(small_study(**overrides), tmp_path, tools, "tournament", 1)
    assert len(sampled) == 1


@pytest.mark.parametrize("part", ["policy", "tokenizer", "reward_model"])
def test_candidates_of_other_models_are_refused(part: str, tools: Tools, tmp_path: Path) -> None:
    candidate_rows(small_study(), tmp_path, tools, "tournament", 1)
    other = tools._replace(identity=tools.identity | {part: "0123456789ab"})
    with refused(f"{part} = ", "0123456789ab"):
        candidate_rows(small_study(), tmp_path, other, "tournament", 1)


def test_what_does_not_touch_the_candidates_may_change(
    tools: Tools, tmp_path: Path, sampled: list[int]
) -> None:
    candidate_rows(small_study(), tmp_path, tools, "tournament", 1)
    other = small_study(steps=3, learning_rate=0.5, batch_size=4, rejection_beta=2.0)
    candidate_rows(other, tmp_path, tools, "tournament", 1)
    assert sampled == [4]


def test_the_same_models_have_the_same_identity(tools: Tools, tmp_path: Path) -> None:
    again = load_tools(small_study(steps=3), tmp_path)
    assert again.identity == tools.identity
    assert sorted(again.identity) == ["policy", "reward_model", "tokenizer"]
    with torch.no_grad():
        next(again.reference.parameters()).add_(1e-3)
    assert artifacts.fingerprint(again.reference) != tools.identity["policy"]


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_between_candidates_of_one_prompt_and_the_better_one_is_first(
    kind: str, tmp_path: Path
) -> None:
    data = load_preferences(small_study(), tmp_path, kind, 1)
    count = data.candidates.rewards.shape[1]
    flat = data.candidates.rewards.flatten().tolist()
    assert len(data.pairs) > 0
    for better, worse in data.pairs.tolist():
        assert better // count == worse // count
        assert flat[better] > flat[worse]
        if kind != "rejection":
            assert better // 2 == worse // 2  # neighbours meet
    if kind == "rejection":
        # Two pairs a prompt at most, of the four that are accepted, each of them in one pair.
        used = data.pairs.flatten().tolist()
        assert len(set(used)) == len(used)
        assert max(sum(n // count == p for n in used) for p in range(len(flat) // count)) <= 4


def test_the_reference_is_scored_on_every_candidate(tmp_path: Path) -> None:
    study = small_study()
    data, tools = load_preferences(study, tmp_path, "held_out", 1), load_tools(study, tmp_path)
    rows = candidate_rows(study, tmp_path, tools, "held_out", 1)
    expected = [
        math.fsum(completion_log_probs(tools.reference, prompt + ids, len(prompt)))
        for prompt, several in zip(rows["prompt_ids"], rows["completion_ids"], strict=True)
        for ids in several
    ]
    assert data.log_probs.tolist() == pytest.approx(expected, rel=1e-4)
    assert not data.log_probs.requires_grad


def test_candidates_that_are_all_tied_are_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(texts: list[str], *_: Any, **__: Any) -> Tensor:
        return torch.full((len(texts),), 0.5)

    monkeypatch.setattr(artifacts, "positive_probability", same)
    for kind in KINDS:
        with refused(f"The {kind} data of seed 1 has no pair", "tied"):
            load_preferences(small_study(), tmp_path, kind, 1)


@pytest.mark.parametrize(
    ("overrides", "fragments"),
    [
        ({"prompts": 10**6}, ("The train reviews give 3200", "1000002", "--prompts")),
        ({"prompts": 3199}, ("needs 3201", "--prompts")),
        ({"test_prompts": 513}, ("The test reviews give 512", "513", "--test-prompts")),
    ],
)
def test_too_few_reviews_are_an_input_error(
    overrides: dict[str, Any], fragments: tuple[str, ...], tmp_path: Path
) -> None:
    with refused(*fragments):
        load_tools(small_study(**overrides), tmp_path)


def test_as_many_reviews_as_are_needed_are_enough(tmp_path: Path) -> None:
    tools = load_tools(small_study(prompts=3198, test_prompts=512), tmp_path)
    assert (len(tools.train_prompts), len(tools.test_prompts)) == (3200, 512)


def test_the_policy_is_tuned_once_and_used_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = small_study()
    study = replace(plain, sft_steps=3, sft_learning_rate=1e-3, batch_size=4)
    assert policy_source(plain, tmp_path) == plain.policy
    assert policy_source(study, tmp_path) == str(tmp_path / "sft")
    found = make_sft_policy(study, tmp_path)
    assert len(found["losses"]) == 3
    assert (tmp_path / "sft" / "perplexity.json").is_file()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("It is tuned already.")

    monkeypatch.setattr(artifacts, "fine_tune", refuse)
    assert make_sft_policy(study, tmp_path) == found
    tuned, given = load_tools(study, tmp_path), load_tools(plain, tmp_path)
    assert tuned.identity["policy"] != given.identity["policy"]
    assert tuned.identity["tokenizer"] == given.identity["tokenizer"]
    # The perplexities are those of the two policies on the first test reviews.
    _, texts = artifacts.review_texts("tiny")
    for key, model in (("perplexity_before", given), ("perplexity_after", tuned)):
        expected = perplexity(
            model.reference, load_tokenizer(plain.policy), texts[:3], max_length=128
        )
        assert found[key] == pytest.approx(expected, rel=1e-5)
    assert found["perplexity_before"] != found["perplexity_after"]
    assert json.loads((tmp_path / "sft" / "perplexity.json").read_text()) == found


def test_the_acceptance_rate_is_the_mean_over_all_candidates(tmp_path: Path) -> None:
    data = load_preferences(small_study(), tmp_path, "rejection", 1)
    total, count = 0.0, 0
    for row in data.candidates.rewards.tolist():
        for reward in row:
            total += math.exp((reward - max(row)) / 0.5)
            count += 1
    assert acceptance_rate(data.candidates.rewards, 0.5) == pytest.approx(total / count, rel=1e-5)
    assert acceptance_rate(data.candidates.rewards, 1e9) == pytest.approx(1.0)
