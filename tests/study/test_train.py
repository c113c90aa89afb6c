"""Offline runs: the order of examples, the losses of a batch, and training."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from helpers.small_models import (
    completion_log_probs,
    tiny_gpt2,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from a3lib.errors import TrainingDiverged
from a3lib.preferences import tournament_pairs
from a3lib.study import train
from a3lib.study.candidates import Candidates
from a3lib.study.methods import METHODS, Method
from a3lib.study.train import (
    Preferences,
    example_batches,
    examples_of,
    held_out_loss,
    preference_losses,
    score_candidates,
    train_offline,
)

# Three prompts of different lengths with four completions each, of different lengths too.
PROMPTS = [[3], [5, 2, 7], [4, 4]]
COMPLETIONS = [
    [[1, 2, 3], [4, 0], [6, 6, 6, 6], [9]],
    [[8, 1], [2, 2, 11], [0], [5, 5, 1, 0]],
    [[12], [10, 3], [7, 8, 9], [1, 1]],
]
REWARDS = [[0.9, 0.1, 0.3, 0.5], [0.2, 0.8, 0.6, 0.55], [0.4, 0.47, 0.7, 0.05]]
EVERY_STEP: dict[str, Any] = {
    "steps": 6,
    "batch_size": 4,
    "learning_rate": 3e-3,
    "max_grad_norm": 1.0,
    "held_out_every": 2,
    "seed": 3,
}


def candidates_of(rewards: Sequence[Sequence[float]] = REWARDS) -> Candidates:
    """Prompts padded on the left and completions on the right, by hand."""
    left = max(len(prompt) for prompt in PROMPTS)
    right = max(len(ids) for several in COMPLETIONS for ids in several)
    tokens, attention, chosen = [], [], []
    for prompt, several in zip(PROMPTS, COMPLETIONS, strict=True):
        for ids in several:
            before, after = left - len(prompt), right - len(ids)
            tokens.append([0] * before + prompt + ids + [0] * after)
            attention.append([0] * before + [1] * (len(prompt) + len(ids)) + [0] * after)
            chosen.append([0] * left + [1] * len(ids) + [0] * after)
    return Candidates(
        torch.tensor(tokens), torch.tensor(attention), torch.tensor(chosen), torch.tensor(rewards)
    )


def preferences_of(
    reference: PreTrainedModel, rewards: Sequence[Sequence[float]] = REWARDS
) -> Preferences:
    candidates = candidates_of(rewards)
    pairs = tournament_pairs(candidates.rewards)
    return Preferences(candidates, pairs, score_candidates(reference, candidates))


def score_by_hand(model: PreTrainedModel, row: int) -> float:
    """One unpadded forward pass and a Python loop: the independent reference."""
    prompt, ids = PROMPTS[row // 4], COMPLETIONS[row // 4][row % 4]
    return math.fsum(completion_log_probs(model, prompt + ids, len(prompt)))


@pytest.fixture(scope="module")
def reference() -> PreTrainedModel:
    return tiny_gpt2(seed=1).requires_grad_(False)


@pytest.fixture(scope="module")
def moved() -> PreTrainedModel:
    """Another policy, so that no log-ratio is 0."""
    return tiny_gpt2(seed=2)


@pytest.fixture
def policy(reference: PreTrainedModel) -> PreTrainedModel:
    return copy.deepcopy(reference).requires_grad_(True)


@pytest.fixture(scope="module")
def data(reference: PreTrainedModel) -> Preferences:
    return preferences_of(reference)


def test_candidates_are_scored_each_as_it_would_be_alone(
    reference: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [score_by_hand(reference, row) for row in range(12)]
    for batch in (64, 5):
        monkeypatch.setattr(train, "SCORING_BATCH", batch)
        found = score_candidates(reference, candidates_of())
        assert found.tolist() == pytest.approx(expected, abs=1e-4)


def batches_of(count: int, size: int, steps: int, seed: int, curriculum: bool) -> list[Tensor]:
    """Batches of the numbers 0, 1, ... whose gaps are all different."""
    gaps = torch.tensor([(7 * number) % count + 0.5 for number in range(count)])
    generator = torch.Generator().manual_seed(seed)
    return example_batches(
        torch.arange(count),
        gaps,
        batch_size=size,
        steps=steps,
        generator=generator,
        curriculum=curriculum,
    )


@given(st.integers(1, 13), st.integers(1, 5), st.integers(1, 9), st.integers(0, 99), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=80)
def test_there_are_as_many_full_batches_as_steps(
    count: int, size: int, steps: int, seed: int, curriculum: bool
) -> None:
    found = batches_of(count, size, steps, seed, curriculum)
    assert [len(batch) for batch in found] == [size] * steps
    # Each time round every example is there once: how often two come differs by one at most.
    times = torch.cat(found).bincount(minlength=count).tolist()
    assert max(times) - min(times) <= 1


@given(st.sampled_from([1, 3, 8, 11]), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=80)
def test_a_curriculum_has_the_same_examples_and_the_largest_gaps_first(
    count: int, size: int, steps: int, seed: int
) -> None:
    plain = torch.cat(batches_of(count, size, steps, seed, False)).tolist()
    sorted_ = torch.cat(batches_of(count, size, steps, seed, True)).tolist()
    assert sorted(plain) == sorted(sorted_)
    gaps = [(7 * number) % count for number in sorted_]
    assert gaps == sorted(gaps, reverse=True)


def test_examples_come_in_a_new_order_each_time_round() -> None:
    order = torch.cat(batches_of(9, 9, 3, 5, False)).tolist()
    rounds = [order[:9], order[9:18], order[18:]]
    assert all(sorted(part) == list(range(9)) for part in rounds)
    assert len({tuple(part) for part in rounds}) == 3
    assert rounds[0] != list(range(9))


def test_the_order_depends_on_the_seed_alone() -> None:
    def order(seed: int) -> list[int]:
        return torch.cat(batches_of(9, 3, 6, seed, False)).tolist()

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_pairs_stay_together() -> None:
    pairs = torch.tensor([[0, 1], [3, 2], [5, 4]])
    found = example_batches(
        pairs, torch.ones(3), batch_size=2, steps=3, generator=torch.Generator().manual_seed(0)
    )
    assert all(batch.shape == (2, 2) for batch in found)
    assert {tuple(pair) for batch in found for pair in batch.tolist()} == {(0, 1), (3, 2), (5, 4)}


@pytest.mark.parametrize("name", [name for name in METHODS if name != "rrhf"])
def test_losses_of_pairs_equal_a_loop_over_pairs(
    name: str, moved: PreTrainedModel, reference: PreTrainedModel, data: Preferences
) -> None:
    method, beta = METHODS[name], 0.3
    batch = data.pairs[[4, 0, 3]]
    losses, ratios = preference_losses(moved, method, beta, data, batch)
    assert losses.shape == (3,) and ratios.shape == (2, 3)
    assert losses.requires_grad and not ratios.requires_grad
    for column, pair in enumerate(batch.tolist()):
        policy = [score_by_hand(moved, row) for row in pair]
        original = [score_by_hand(reference, row) for row in pair]
        expected = [new - old for new, old in zip(policy, original, strict=True)]
        assert ratios[:, column].tolist() == pytest.approx(expected, abs=2e-4)
        alone = method.pair_losses(
            torch.tensor(policy)[:, None], torch.tensor(original)[:, None], beta
        )
        assert losses[column].item() == pytest.approx(alone.item(), rel=1e-3, abs=1e-4)


def rrhf_by_hand(model: PreTrainedModel, prompt: int, weight: float) -> float:
    """The ranking and the best candidate's likelihood of one prompt, in plain loops."""
    rows = range(4 * prompt, 4 * prompt + 4)
    lengths = [len(ids) for ids in COMPLETIONS[prompt]]
    scores = [score_by_hand(model, row) / n for row, n in zip(rows, lengths, strict=True)]
    total, count = 0.0, 0
    for worse in range(4):
        for better in range(4):
            if REWARDS[prompt][better] > REWARDS[prompt][worse]:
                total += max(0.0, scores[worse] - scores[better])
                count += 1
    best = max(range(4), key=lambda k: REWARDS[prompt][k])
    return total / count - weight * scores[best]


def test_losses_of_prompts_equal_a_loop_over_all_their_candidates(
    moved: PreTrainedModel, reference: PreTrainedModel, data: Preferences
) -> None:
    batch = torch.tensor([2, 0])
    losses, ratios = preference_losses(moved, METHODS["rrhf"], 0.3, data, batch)
    assert losses.shape == (2,) and ratios.shape == (4, 2)
    assert losses.requires_grad and not ratios.requires_grad
    for column, prompt in enumerate(batch.tolist()):
        assert losses[column].item() == pytest.approx(rrhf_by_hand(moved, prompt, 0.3), abs=1e-4)
        for k in range(4):
            row = 4 * prompt + k
            expected = score_by_hand(moved, row) - score_by_hand(reference, row)
            assert ratios[k, column].item() == pytest.approx(expected, abs=2e-4)


def test_examples_are_pairs_or_prompts(data: Preferences) -> None:
    assert examples_of(METHODS["ipo"], data) is data.pairs
    assert examples_of(METHODS["rrhf"], data).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["sigmoid-reverse_kl", "hinge-forward_kl"])
def test_the_held_out_loss_is_a_mean_over_pairs_and_not_over_batches(
    name: str, moved: PreTrainedModel, data: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = METHODS[name]
    losses, right = [], []
    five = data._replace(pairs=data.pairs[:5])
    for pair in five.pairs:
        loss, ratios = preference_losses(moved, method, 0.3, data, pair[None])
        losses.append(loss.item())
        right.append(ratios[0].item() > ratios[1].item())
    assert 0 < sum(right) < 5
    # Batches of two pairs, so that the last one is smaller.
    monkeypatch.setattr(train, "SCORING_BATCH", 4)
    loss, accuracy = held_out_loss(moved, method, 0.3, five)
    assert loss == pytest.approx(math.fsum(losses) / 5, rel=1e-5)
    assert accuracy == pytest.approx(sum(right) / 5)


@pytest.mark.parametrize("name", ["sigmoid-reverse_kl", "rrhf"])
def test_a_pair_without_a_lead_counts_half(
    name: str, moved: PreTrainedModel, data: Preferences
) -> None:
    # A completion against itself, and one pair that is right.
    pairs = data.pairs[[1]].tolist()
    ratios = [held_out_loss(moved, METHODS[name], 0.3, data._replace(pairs=torch.tensor(pairs)))[1]]
    ties = data._replace(pairs=torch.tensor([*pairs, [4, 4], [7, 7]]))
    _, accuracy = held_out_loss(moved, METHODS[name], 0.3, ties)
    assert accuracy == pytest.approx((ratios[0] + 0.5 + 0.5) / 3)


def test_a_listwise_method_is_looked_at_on_prompts_and_its_accuracy_on_pairs(
    moved: PreTrainedModel,
    reference: PreTrainedModel,
    data: Preferences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train, "SCORING_BATCH", 4)
    five = data._replace(pairs=data.pairs[1:])
    loss, accuracy = held_out_loss(moved, METHODS["rrhf"], 0.3, five)
    expected = math.fsum(rrhf_by_hand(moved, prompt, 0.3) for prompt in range(3)) / 3
    assert loss == pytest.approx(expected, abs=1e-4)
    right = 0
    for better, worse in five.pairs.tolist():
        up = score_by_hand(moved, better) - score_by_hand(reference, better)
        down = score_by_hand(moved, worse) - score_by_hand(reference, worse)
        right += up > down
    assert accuracy == pytest.approx(right / 5)


@pytest.mark.parametrize("name", [*METHODS])
def test_training_begins_with_what_is_known_of_the_reference(
    name: str, policy: PreTrainedModel, data: Preferences
) -> None:
    method = METHODS[name]
    history, _ = train_offline(policy, method, 0.1, data, data, **EVERY_STEP | {"steps": 1})
    # What all log-ratios being 0 comes to; slic and rrhf know no reference.
    known = {"sigmoid": math.log(2), "hinge": 1.0, "ipo": 1 / (2 * method.coefficient(0.1)) ** 2}
    if method.loss in known:
        expected = pytest.approx(known[method.loss], rel=1e-5)
        assert history["held_out_losses"][0] == history["losses"][0] == expected
    assert history["beyond_threshold"] == [0.0]
    assert history["gradient_norms"][0] > 0


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, [0, 1]), (4, [0, 2, 4]), (5, [0, 2, 4, 5]), (2, [0, 2])]
)
def test_held_out_data_is_looked_at_before_now_and_then_and_at_the_end(
    steps: int, expected: list[int], policy: PreTrainedModel, data: Preferences
) -> None:
    history, _ = train_offline(
        policy, METHODS["sigmoid-reverse_kl"], 0.1, data, data, **EVERY_STEP | {"steps": steps}
    )
    assert history["held_out_steps"] == expected
    for key in ("held_out_losses", "held_out_accuracies"):
        assert len(history[key]) == len(expected)
    for key in ("losses", "gradient_norms", "beyond_threshold"):
        assert len(history[key]) == steps


def same_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in second)


@pytest.mark.parametrize(
    ("shown", "lowest"),
    [
        ([3.0, 1.0, 2.0, 4.0], 1),
        ([1.0, 2.0, 3.0, 4.0], 0),
        ([4.0, 3.0, 2.0, 1.0], 3),
        # Of two that are equal the first is taken.
        ([2.0, 1.0, 1.0, 2.0], 1),
    ],
)
def test_the_best_weights_are_those_of_the_lowest_look(
    shown: list[float],
    lowest: int,
    policy: PreTrainedModel,
    data: Preferences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[str, Tensor]] = []

    def scripted(model: PreTrainedModel, *_: Any) -> tuple[float, float]:
        seen.append(copy.deepcopy(model.state_dict()))
        return shown[len(seen) - 1], 0.5

    monkeypatch.setattr(train, "held_out_loss", scripted)
    history, best = train_offline(
        policy, METHODS["sigmoid-reverse_kl"], 0.1, data, data, **EVERY_STEP
    )
    assert history["held_out_losses"] == shown
    assert [same_weights(best, state) for state in seen].index(True) == lowest
    assert sum(same_weights(best, state) for state in seen) == 1
    # Trained in place: the policy itself is the one of the last step.
    assert same_weights(policy.state_dict(), seen[-1])


def test_the_best_weights_have_the_lowest_held_out_loss(
    policy: PreTrainedModel, reference: PreTrainedModel, data: Preferences
) -> None:
    # Other preferences than those that are learned, so that it gets worse at last.
    other = preferences_of(reference, [[-r for r in row] for row in REWARDS])
    method = METHODS["sigmoid-reverse_kl"]
    history, best = train_offline(policy, method, 0.1, data, other, **EVERY_STEP)
    assert history["held_out_losses"][-1] > min(history["held_out_losses"])
    policy.load_state_dict(best)
    loss, accuracy = held_out_loss(policy, method, 0.1, other)
    lowest = history["held_out_losses"].index(min(history["held_out_losses"]))
    assert loss == history["held_out_losses"][lowest]
    assert accuracy == history["held_out_accuracies"][lowest]


@pytest.mark.parametrize("name", [*METHODS])
def test_every_method_learns_its_tiny_data(
    name: str, policy: PreTrainedModel, data: Preferences
) -> None:
    options = EVERY_STEP | {"steps": 16, "held_out_every": 16}
    history, _ = train_offline(policy, METHODS[name], 0.3, data, data, **options)
    first, last = history["held_out_losses"]
    assert last < first
    # RRHF ranks likelihoods a token, so its log-ratios need not be in order.
    assert history["held_out_accuracies"][1] == 1.0 or name == "rrhf"


def test_training_is_repeatable_and_depends_on_its_seed(
    reference: PreTrainedModel, data: Preferences
) -> None:
    found = []
    for state, seed in ((1, 3), (2, 3), (1, 4)):
        torch.manual_seed(state)
        policy = copy.deepcopy(reference).requires_grad_(True)
        options = EVERY_STEP | {"seed": seed}
        method = METHODS["sigmoid-alpha_0.5"]
        found.append(train_offline(policy, method, 0.3, data, data, **options)[0])
    assert found[0] == found[1]
    assert found[0]["losses"] != found[2]["losses"]


def trained_batches(
    method: Method,
    policy: PreTrainedModel,
    data: Preferences,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> list[list[Any]]:
    """The batches that a policy is trained on, without those it is only looked at with."""
    seen: list[list[Any]] = []

    def watched(*arguments: Any) -> Any:
        if torch.is_grad_enabled():
            seen.append(arguments[-1].tolist())
        return preference_losses(*arguments)

    monkeypatch.setattr(train, "preference_losses", watched)
    train_offline(policy, method, 0.1, data, data, **EVERY_STEP | options)
    return seen


def test_a_curriculum_is_trained_on_the_same_pairs_in_another_order(
    reference: PreTrainedModel, data: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for name in ("sigmoid-reverse_kl", "curriculum"):
        policy = copy.deepcopy(reference).requires_grad_(True)
        seen = trained_batches(METHODS[name], policy, data, monkeypatch)
        assert [len(batch) for batch in seen] == [4] * 6
        found[name] = [tuple(pair) for batch in seen for pair in batch]
    plain, ordered = found.values()
    assert sorted(plain) == sorted(ordered) and plain != ordered
    flat = [reward for row in REWARDS for reward in row]
    gaps = [flat[better] - flat[worse] for better, worse in ordered]
    assert gaps == sorted(gaps, reverse=True)


def test_a_listwise_batch_has_as_many_candidates_as_the_pairs_of_another(
    policy: PreTrainedModel, data: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four pairs are eight candidates, which are two prompts of four.
    method = Method("listwise curriculum", "rrhf", curriculum=True)
    seen = trained_batches(method, policy, data, monkeypatch)
    assert [len(batch) for batch in seen] == [2] * 6
    prompts = [prompt for batch in seen for prompt in batch]
    # The prompts' gaps between best and worst are 0.8, 0.6 and 0.65.
    assert prompts == sorted(prompts, key=[0, 2, 1].index)
    assert sorted(prompts) == [0] * 4 + [1] * 4 + [2] * 4


def test_a_listwise_batch_has_one_prompt_at_least(
    policy: PreTrainedModel, data: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = trained_batches(METHODS["rrhf"], policy, data, monkeypatch, batch_size=1, steps=2)
    assert [len(batch) for batch in seen] == [1, 1]


def test_the_share_of_pairs_beyond_the_threshold_is_kept(
    policy: PreTrainedModel, data: Preferences
) -> None:
    # One side of one of six pairs has a log-ratio of -6, and exp(6) is beyond exp(5).
    scores = data.log_probs.clone()
    scores[data.pairs[2, 1]] += 6
    far = data._replace(log_probs=scores)
    for name, expected in (
        ("sigmoid-forward_kl", 1 / 6),
        ("sigmoid-alpha_0.7", 0.0),
        ("sigmoid-reverse_kl", 0.0),
    ):
        options = EVERY_STEP | {"steps": 1, "batch_size": 6}
        history, _ = train_offline(copy.deepcopy(policy), METHODS[name], 0.1, far, data, **options)
        assert history["beyond_threshold"] == pytest.approx([expected])


def test_a_run_that_diverges_carries_the_steps_before(
    policy: PreTrainedModel, data: Preferences
) -> None:
    # One pair is poisoned, and the step at which it comes is known from the order of examples.
    scores = data.log_probs.clone()
    scores[data.pairs[5, 0]] = math.nan
    poisoned = data._replace(log_probs=scores)
    order = example_batches(
        torch.arange(6),
        torch.ones(6),
        batch_size=1,
        steps=6,
        generator=torch.Generator().manual_seed(3),
    )
    step = torch.cat(order).tolist().index(5)
    assert step > 0
    with pytest.raises(
        TrainingDiverged, match=f"^sigmoid-reverse_kl: .* at step {step} "
    ) as caught:
        train_offline(
            policy,
            METHODS["sigmoid-reverse_kl"],
            0.1,
            poisoned,
            data,
            **EVERY_STEP | {"batch_size": 1},
        )
    assert len(caught.value.history["losses"]) == step
    assert all(map(math.isfinite, caught.value.history["losses"]))
