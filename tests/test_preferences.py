"""Pairs and samples from rewards: against plain loops, laws by enumeration, and by hand."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from a3lib.preferences import (
    acceptance_probability,
    check_pairing,
    curriculum_order,
    rejection_pairs,
    rejection_sample,
    tournament_pairs,
)

BAD = [math.nan, math.inf, -math.inf]
# The upper 0.1 % point of the chi-square distribution, by degrees of freedom.
CRITICAL = {3: 16.27, 5: 20.52}

many = settings(max_examples=100, deadline=None, derandomize=True, database=None)

each_pairing = pytest.mark.parametrize("pairing", ["first_round", "final"])


def doubles(values: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def tournaments(draw: st.DrawFn) -> tuple[list[list[float]], str]:
    """Rewards of some prompts, ties often among them, with a pairing that they can have."""
    pairing = draw(st.sampled_from(["first_round", "final"]))
    candidates = draw(st.sampled_from([2, 4, 8] + [6] * (pairing == "first_round")))
    reward = st.sampled_from([0.0, 0.25, 0.5]) | st.floats(-5, 5)
    row = st.lists(reward, min_size=candidates, max_size=candidates)
    return draw(st.lists(row, min_size=1, max_size=4)), pairing


def plain_pairs(rewards: Sequence[Sequence[float]], pairing: str) -> list[list[int]]:
    """The tournament in plain Python, prompt by prompt and match by match."""
    pairs = []
    for prompt, row in enumerate(rewards):
        players = list(range(len(row)))
        while pairing == "final" and len(players) > 2:
            matches = zip(players[::2], players[1::2], strict=True)
            players = [a if row[a] >= row[b] else b for a, b in matches]
        for a, b in zip(players[::2], players[1::2], strict=True):
            start = prompt * len(row)
            if row[a] > row[b]:
                pairs.append([start + a, start + b])
            elif row[b] > row[a]:
                pairs.append([start + b, start + a])
    return pairs


# Tournaments


def test_the_first_round_by_hand() -> None:
    rewards = doubles([[0.9, 0.1, 0.2, 0.3], [0.5, 0.6, 0.8, 0.7]])
    assert tournament_pairs(rewards).tolist() == [[0, 1], [3, 2], [5, 4], [6, 7]]


def test_the_final_by_hand() -> None:
    rewards = doubles([[0.9, 0.1, 0.2, 0.3], [0.5, 0.6, 0.8, 0.7]])
    assert tournament_pairs(rewards, "final").tolist() == [[0, 3], [6, 5]]


def test_the_final_of_eight_has_two_rounds_before_it() -> None:
    # 1 beats 0, 2 beats 3, 4 beats 5, 7 beats 6; then 2 beats 1 and 7 beats 4.
    rewards = doubles([[0.1, 0.5, 0.6, 0.4, 0.3, 0.2, 0.7, 0.8]])
    assert tournament_pairs(rewards, "final").tolist() == [[7, 2]]
    # The second best of all met the best at once, so it is not in the final.
    rewards = doubles([[0.9, 0.8, 0.1, 0.2, 0.3, 0.4, 0.6, 0.5]])
    assert tournament_pairs(rewards, "final").tolist() == [[0, 6]]


@each_pairing
def test_two_candidates_are_a_final_of_their_own(pairing: str) -> None:
    rewards = doubles([[0.1, 0.2], [0.4, 0.3], [0.5, 0.5]])
    assert tournament_pairs(rewards, pairing).tolist() == [[1, 0], [2, 3]]


def test_a_tie_makes_no_pair() -> None:
    rewards = doubles([[0.5, 0.5, 0.1, 0.2], [0.3, 0.3, 0.3, 0.3]])
    assert tournament_pairs(rewards).tolist() == [[3, 2]]
    assert tournament_pairs(rewards, "final").tolist() == [[0, 3]]


def test_the_first_of_two_equals_goes_on_to_the_final() -> None:
    # The winners 0 and 3 meet; had the second of the equals gone on, it would be 1 and 3.
    assert tournament_pairs(doubles([[0.5, 0.5, 0.1, 0.7]]), "final").tolist() == [[3, 0]]
    assert tournament_pairs(doubles([[0.1, 0.7, 0.5, 0.5]]), "final").tolist() == [[1, 2]]


def test_a_tie_in_the_final_makes_no_pair() -> None:
    assert tournament_pairs(doubles([[0.5, 0.1, 0.2, 0.5]]), "final").shape == (0, 2)


@each_pairing
@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_equal_rewards_make_no_pair_at_all(pairing: str, candidates: int) -> None:
    pairs = tournament_pairs(torch.full((3, candidates), 0.7), pairing)
    assert pairs.shape == (0, 2)
    assert pairs.dtype == torch.long


@many
@given(tournaments())
def test_tournament_pairs_equal_the_loop(case: tuple[list[list[float]], str]) -> None:
    rewards, pairing = case
    assert tournament_pairs(doubles(rewards), pairing).tolist() == plain_pairs(rewards, pairing)


@many
@given(tournaments())
def test_the_better_one_is_first_and_of_the_same_prompt(
    case: tuple[list[list[float]], str],
) -> None:
    rewards, pairing = case
    pairs = tournament_pairs(doubles(rewards), pairing)
    flat, candidates = [r for row in rewards for r in row], len(rewards[0])
    for better, worse in pairs.tolist():
        assert flat[better] > flat[worse]
        assert better // candidates == worse // candidates
    assert len(set(pairs.flatten().tolist())) == pairs.numel()


@many
@given(tournaments())
def test_what_is_missing_of_the_first_round_was_tied(case: tuple[list[list[float]], str]) -> None:
    rewards, _ = case
    ties = sum(a == b for row in rewards for a, b in zip(row[::2], row[1::2], strict=True))
    matches = len(rewards) * len(rewards[0]) // 2
    assert matches - len(tournament_pairs(doubles(rewards))) == ties


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_rewards_may_be_of_any_kind(dtype: torch.dtype) -> None:
    assert tournament_pairs(torch.tensor([[1, 2, 4, 3]], dtype=dtype)).tolist() == [[1, 0], [2, 3]]


@each_pairing
@pytest.mark.parametrize("candidates", [0, 1, 3, 5, 7])
def test_a_number_of_candidates_that_leaves_one_over_is_refused(
    pairing: str, candidates: int
) -> None:
    with pytest.raises(ValueError, match=rf"tournament of {candidates} candidates.*even number"):
        tournament_pairs(torch.rand(3, candidates), pairing)


@pytest.mark.parametrize("candidates", [6, 10, 12])
def test_a_final_needs_a_power_of_two(candidates: int) -> None:
    rewards = torch.arange(candidates)[None].double()
    with pytest.raises(ValueError, match=f"{candidates} candidates have no final"):
        tournament_pairs(rewards, "final")
    assert len(tournament_pairs(rewards, "first_round")) == candidates // 2


def test_a_pairing_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"'finals'.*first_round, final"):
        check_pairing(4, "finals")


@each_pairing
@pytest.mark.parametrize("bad", BAD)
def test_a_reward_that_is_no_number_is_refused_with_its_place(pairing: str, bad: float) -> None:
    with pytest.raises(ValueError, match=rf"reward at \(1, 2\) is {bad}"):
        tournament_pairs(doubles([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, bad, 0.4]]), pairing)


@pytest.mark.parametrize("shape", [(4,), (1, 2, 2), ()])
def test_rewards_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rewards have shape"):
        tournament_pairs(torch.zeros(shape))


# Rejection sampling


def chi_square(counts: Sequence[int], probabilities: Sequence[float]) -> float:
    """Pearson's statistic of counts against the probabilities that they should have."""
    total = sum(counts)
    return sum(
        (count - total * p) ** 2 / (total * p)
        for count, p in zip(counts, probabilities, strict=True)
    )


def normalised(weights: Sequence[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def test_the_accepted_follow_the_policy_times_exp_of_reward_over_beta() -> None:
    policy, rewards, beta = [0.4, 0.3, 0.2, 0.1], [0.3, 0.9, 1.0, 0.1], 0.5
    values, generator = doubles(rewards), seeded(3)
    counts: Counter[int] = Counter()
    for _ in range(500):
        # Of 64 draws one is the best outcome but for a chance of 0.8 ** 64 = 6e-7, and about 30
        # are accepted, so that M is the true largest reward and the first round brings enough.
        drawn = torch.multinomial(doubles(policy), 64, replacement=True, generator=generator)
        accepted = rejection_sample(values[drawn], 8, beta, generator)
        counts.update(drawn[accepted].tolist())
    found = [counts[outcome] for outcome in range(4)]
    assert sum(found) == 4000
    weights = [p * math.exp(r / beta) for p, r in zip(policy, rewards, strict=True)]
    assert chi_square(found, normalised(weights)) < CRITICAL[3]
    # The statistic is able to tell: neither the policy itself nor twice the beta fits.
    assert chi_square(found, policy) > 10 * CRITICAL[3]
    weights = [p * math.exp(r / beta / 2) for p, r in zip(policy, rewards, strict=True)]
    assert chi_square(found, normalised(weights)) > 10 * CRITICAL[3]


def plain_law(
    rewards: Sequence[float], remaining: tuple[int, ...], n: int, beta: float
) -> dict[tuple[int, ...], float]:
    """The probability of each sequence of n accepted: over all outcomes of all rounds."""
    if n == 0:
        return {(): 1.0}
    law: dict[tuple[int, ...], float] = {}
    highest = max(rewards[i] for i in remaining)
    chances = [math.exp((rewards[i] - highest) / beta) for i in remaining]
    for outcome in itertools.product([False, True], repeat=len(remaining)):
        chance = math.prod(c if taken else 1 - c for c, taken in zip(chances, outcome, strict=True))
        taken = [i for i, yes in zip(remaining, outcome, strict=True) if yes]
        if chance == 0:
            continue
        left = tuple(i for i in remaining if i not in taken)
        now = min(n, len(taken))
        orders = list(itertools.permutations(taken, now))
        after = plain_law(rewards, left, n - now, beta)
        for order, (rest, share) in itertools.product(orders, after.items()):
            law[order + rest] = law.get(order + rest, 0.0) + chance * share / len(orders)
    return law


@pytest.mark.parametrize(
    ("rewards", "n", "beta"),
    # Far apart, so that two or three rounds are needed; and sorted, so that an order that is not
    # random shows.
    [([0.0, 1.0, 1.4], 2, 0.5), ([1.5, 1.0, 0.0], 3, 0.6), ([0.9, 0.6, 0.3, 0.0], 1, 0.7)],
)
def test_every_sequence_is_as_frequent_as_an_enumeration_of_all_rounds_says(
    rewards: list[float], n: int, beta: float
) -> None:
    law = plain_law(rewards, tuple(range(len(rewards))), n, beta)
    assert sum(law.values()) == pytest.approx(1, abs=1e-12)
    generator = seeded(1)
    found = Counter(
        tuple(rejection_sample(doubles(rewards), n, beta, generator).tolist()) for _ in range(3000)
    )
    assert found.keys() <= law.keys()
    statistic = chi_square([found[key] for key in law], list(law.values()))
    assert statistic < CRITICAL[len(law) - 1]


def count_rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the number of remaining candidates with every round."""
    rounds: list[int] = []
    shuffle = torch.randperm

    def counting(count: int, *, generator: torch.Generator | None = None) -> Tensor:
        rounds.append(count)
        assert len(rounds) < 100
        return shuffle(count, generator=generator)

    monkeypatch.setattr(torch, "randperm", counting)
    return rounds


@pytest.mark.parametrize("beta", [5e-324, 1e-300, 1e-12, 1e-4])
def test_a_tiny_beta_takes_the_best_one_a_round(
    monkeypatch: pytest.MonkeyPatch, beta: float
) -> None:
    rounds = count_rounds(monkeypatch)
    rewards = doubles([0.3, 0.9, 0.1, 0.8, 0.5])
    assert rejection_sample(rewards, 4, beta, seeded()).tolist() == [1, 3, 4, 0]
    assert rounds == [5, 4, 3, 2]


@pytest.mark.parametrize("beta", [1e12, math.inf])
def test_a_huge_beta_takes_all_in_one_round(monkeypatch: pytest.MonkeyPatch, beta: float) -> None:
    rounds = count_rounds(monkeypatch)
    found = rejection_sample(doubles([0.3, 0.9, 0.1, 0.8]), 4, beta, seeded())
    assert sorted(found.tolist()) == [0, 1, 2, 3]
    assert rounds == [4]


@pytest.mark.parametrize(
    "rewards", [[1e308, -1e308, 0.0, 1.0], [-1e308, -1e307, -1e306, -1.7e308], [1e-320, 0, 0, 1]]
)
@pytest.mark.parametrize("beta", [1e-300, 1.0, 1e300])
def test_extreme_rewards_end_after_n_rounds_at_most(
    monkeypatch: pytest.MonkeyPatch, rewards: list[float], beta: float
) -> None:
    rounds = count_rounds(monkeypatch)
    found = rejection_sample(doubles(rewards), 3, beta, seeded())
    assert len(set(found.tolist())) == 3
    assert len(rounds) <= 3


@many
@given(
    st.lists(st.sampled_from([0.0, 0.5]) | st.floats(-50, 50), min_size=1, max_size=12),
    st.floats(1e-6, 1e6),
    st.data(),
)
def test_the_accepted_are_n_different_indices(
    rewards: list[float], beta: float, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(rewards)))
    found = rejection_sample(doubles(rewards), n, beta, seeded())
    assert found.shape == (n,)
    assert found.dtype == torch.long
    assert len({*found.tolist()} & {*range(len(rewards))}) == n


def test_equal_rewards_stay_apart() -> None:
    found = rejection_sample(doubles([0.5] * 6), 6, 0.1, seeded())
    assert sorted(found.tolist()) == [0, 1, 2, 3, 4, 5]
    # All are accepted in the first round, so that only the random order decides who is taken.
    generator = seeded()
    counts = Counter(
        int(rejection_sample(doubles([0.5] * 6), 1, 0.1, generator)) for _ in range(300)
    )
    assert counts.keys() == set(range(6))


@pytest.mark.parametrize("beta", [1e-9, 0.1, 10.0])
def test_as_many_as_there_are_returns_all(beta: float) -> None:
    found = rejection_sample(doubles([0.1, 0.9, 0.4, 0.4, 0.8]), 5, beta, seeded())
    assert sorted(found.tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n", [-1, 0, 5])
def test_a_number_that_cannot_be_accepted_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n}; give a number from 1 to 4"):
        rejection_sample(torch.rand(4), n, 0.5)


@pytest.mark.parametrize("beta", [0.0, -0.1, -math.inf, math.nan])
def test_a_beta_that_is_not_above_zero_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match=f"beta is {beta}; give a number above 0"):
        rejection_sample(torch.rand(4), 2, beta)


@pytest.mark.parametrize("bad", BAD)
def test_a_reward_that_is_no_number_is_not_sampled_from(bad: float) -> None:
    with pytest.raises(ValueError, match=rf"reward at \(2,\) is {bad}"):
        rejection_sample(doubles([0.1, 0.2, bad]), 2, 0.5)


def test_rewards_of_several_prompts_are_refused() -> None:
    with pytest.raises(ValueError, match="1 dimension"):
        rejection_sample(torch.rand(2, 4), 2, 0.5)


def test_a_generator_makes_it_repeatable_and_leaves_the_global_one_alone() -> None:
    rewards = torch.rand(20, generator=seeded())
    before = torch.get_rng_state()
    found = [rejection_sample(rewards, 10, 0.3, seeded(seed)).tolist() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1] != found[2]


def test_without_a_generator_the_global_one_is_used() -> None:
    rewards = torch.rand(20, generator=seeded())
    found = []
    for _ in range(2):
        torch.manual_seed(4)
        found.append(rejection_sample(rewards, 10, 0.3).tolist())
    assert found[0] == found[1] != rejection_sample(rewards, 10, 0.3).tolist()


def test_rewards_keep_their_values_and_may_have_a_gradient() -> None:
    rewards = torch.rand(6, generator=seeded(), dtype=torch.float64, requires_grad=True)
    before = rewards.detach().clone()
    rejection_sample(rewards, 3, 0.3, seeded())
    assert torch.equal(rewards.detach(), before)


def test_the_first_rounds_chance_by_hand() -> None:
    rewards = doubles([[0.5, 0.2, 0.5], [-1.0, 0.0, -3.0]])
    expected = [[1.0, math.exp(-0.6), 1.0], [math.exp(-2), 1.0, math.exp(-6)]]
    found = acceptance_probability(rewards, 0.5)
    torch.testing.assert_close(found, doubles(expected), rtol=0, atol=1e-12)
    torch.testing.assert_close(acceptance_probability(rewards[1], 0.5), found[1])


# Pairs of accepted candidates


def test_pairs_of_the_accepted_by_hand() -> None:
    # A tiny beta accepts from the best downwards, so first and second meet, then third and fourth.
    rewards = doubles([[0.1, 0.9, 0.3, 0.5, 0.2], [0.7, 0.6, 0.1, 0.2, 0.3]])
    pairs = rejection_pairs(rewards, 4, 1e-9, "first_round", seeded())
    assert pairs.tolist() == [[1, 3], [2, 4], [5, 6], [9, 8]]
    pairs = rejection_pairs(rewards, 4, 1e-9, "final", seeded())
    assert pairs.tolist() == [[1, 2], [5, 9]]


@each_pairing
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pairs_of_the_accepted_are_the_tournament_among_them(pairing: str, seed: int) -> None:
    rewards = torch.randint(6, (5, 9), generator=seeded(seed)) / 5
    generator = seeded(seed)
    expected = []
    for prompt, row in enumerate(rewards):
        accepted = rejection_sample(row, 4, 0.5, generator).tolist()
        for better, worse in plain_pairs([[row[i].item() for i in accepted]], pairing):
            expected.append([prompt * 9 + accepted[better], prompt * 9 + accepted[worse]])
    found = rejection_pairs(rewards, 4, 0.5, pairing, seeded(seed))
    assert found.tolist() == expected
    flat = rewards.flatten()
    assert (flat[found[:, 0]] > flat[found[:, 1]]).all()


def test_equal_candidates_are_accepted_and_make_no_pair() -> None:
    assert rejection_pairs(torch.full((2, 8), 0.5), 4, 0.1, "final", seeded()).shape == (0, 2)


@pytest.mark.parametrize(
    ("n", "pairing", "message"),
    [
        (3, "first_round", "tournament of 3 candidates"),
        (1, "first_round", "tournament of 1 candidates"),
        (6, "final", "6 candidates have no final"),
        (9, "first_round", "n is 9; give a number from 1 to 8"),
        (4, "last", "no pairing 'last'"),
    ],
)
def test_pairs_that_cannot_be_made_are_refused(n: int, pairing: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rejection_pairs(torch.rand(2, 8), n, 0.5, pairing)


def test_pairs_of_rewards_that_are_no_numbers_are_refused_with_the_prompts_place() -> None:
    rewards = torch.rand(3, 4)
    rewards[2, 1] = math.nan
    with pytest.raises(ValueError, match=r"reward at \(2, 1\) is nan"):
        rejection_pairs(rewards, 2, 0.5, "first_round")


# Curriculum


def test_the_largest_gap_comes_first() -> None:
    assert curriculum_order(doubles([0.1, 0.9, 0.5])).tolist() == [1, 2, 0]
    assert curriculum_order(doubles([])).tolist() == []


@many
@given(st.lists(st.sampled_from([0.1, 0.2]) | st.floats(-5, 5), max_size=40))
def test_equal_gaps_keep_their_order(gaps: list[float]) -> None:
    # Python's sort is stable in both directions.
    expected = sorted(range(len(gaps)), key=lambda i: gaps[i], reverse=True)
    assert curriculum_order(doubles(gaps)).tolist() == expected


def test_many_equal_gaps_keep_their_order() -> None:
    # An unstable sort of so few different values shows from a few dozen on.
    gaps = torch.arange(5000) % 3 / 3
    expected = sorted(range(5000), key=lambda i: gaps[i].item(), reverse=True)
    assert curriculum_order(gaps).tolist() == expected


@pytest.mark.parametrize("bad", BAD)
def test_a_gap_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=rf"at \(1,\) is {bad}"):
        curriculum_order(doubles([0.1, bad]))
