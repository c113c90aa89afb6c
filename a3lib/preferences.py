"""From rewards to preferences: tournaments, rejection sampling, curriculum. Tensors only."""

import torch
from torch import Tensor

PAIRINGS = ("first_round", "final")


def check_rewards(rewards: Tensor, dimensions: int) -> None:
    """Raise ValueError unless the rewards, of any shape, have so many dimensions and no NaN."""
    if rewards.ndim != dimensions:
        raise ValueError(
            f"rewards have shape {tuple(rewards.shape)}; give {dimensions} dimension(s)."
        )
    if not bool(rewards.isfinite().all()):
        place = tuple((~rewards.isfinite()).nonzero()[0].tolist())
        raise ValueError(f"The reward at {place} is {rewards[place]}; score that text again.")


def check_pairing(candidates: int, pairing: str) -> None:
    """Raise ValueError where a tournament of so many candidates cannot be held."""
    if pairing not in PAIRINGS:
        raise ValueError(f"There is no pairing {pairing!r}; take one of {', '.join(PAIRINGS)}.")
    if candidates < 2 or candidates % 2:
        raise ValueError(
            f"A tournament of {candidates} candidates leaves one without a partner; take an even "
            "number from 2 on."
        )
    if pairing == "final" and candidates & (candidates - 1):
        raise ValueError(
            f"{candidates} candidates have no final; take 2, 4, 8 and so on, or first_round."
        )


def tournament_pairs(rewards: Tensor, pairing: str = "first_round") -> Tensor:
    """Return who beat whom among each prompt's candidates: pairs (N, 2), the better one first.

    rewards (P, K); neighbours meet, (0, 1), (2, 3) and so on. "first_round" keeps all these pairs,
    "final" lets the winners meet until two are left and keeps that pair. A tie makes no pair; in
    a round before the final the first of two equals advances. A pair's numbers index
    `rewards.flatten()`, so candidate k of prompt p is p * K + k. At most P * K / 2 pairs
    (first_round) or P (final); the missing ones are ties.

    Raises ValueError for another pairing, an odd number of candidates or a reward that is NaN.
    """
    check_rewards(rewards, 2)
    check_pairing(rewards.shape[1], pairing)
    flat = rewards.flatten()
    players = torch.arange(len(flat), device=rewards.device).view(rewards.shape)
    while pairing == "final" and players.shape[1] > 2:
        players = by_reward(flat, players.reshape(-1, 2))[:, 0].view(len(rewards), -1)
    pairs = by_reward(flat, players.reshape(-1, 2))
    return pairs[flat[pairs[:, 0]] > flat[pairs[:, 1]]]


def by_reward(rewards: Tensor, pairs: Tensor) -> Tensor:
    """Return each pair (N, 2) of indices with the better one first; equals stay as they are."""
    swap = rewards[pairs[:, 1]] > rewards[pairs[:, 0]]
    return torch.where(swap[:, None], pairs.flip(1), pairs)


def rejection_sample(
    rewards: Tensor, n: int, beta: float, generator: torch.Generator | None = None
) -> Tensor:
    """Return the indices (n,) of the candidates that rejection sampling accepts, in that order.

    rewards (K,) of candidates drawn from a policy. Each round accepts a remaining candidate with
    probability exp((r - M) / beta), M being the largest remaining reward, so the accepted ones
    are distributed as policy * exp(r / beta) as long as the first round accepts enough. The
    candidates come in random order, each is an index of its own (equal texts stay apart), and a
    round always accepts its best, so there are at most n rounds. Source: RSO, arXiv 2309.06657,
    algorithm 1.

    Raises ValueError where n is not between 1 and K, beta is not above 0 or a reward is NaN.
    """
    check_rewards(rewards, 1)
    if not 1 <= n <= len(rewards):
        raise ValueError(f"n is {n}; give a number from 1 to {len(rewards)}, the candidates.")
    if not beta > 0:
        raise ValueError(f"beta is {beta}; give a number above 0.")
    scores = rewards.detach().double().cpu()
    remaining = torch.arange(len(scores))
    accepted = remaining[:0]
    while len(accepted) < n:
        remaining = remaining[torch.randperm(len(remaining), generator=generator)]
        chance = acceptance_probability(scores[remaining], beta)
        draws = torch.rand(len(remaining), generator=generator, dtype=torch.float64)
        accepted = torch.cat([accepted, remaining[draws < chance]])
        remaining = remaining[draws >= chance]
    return accepted[:n]


def rejection_pairs(
    rewards: Tensor, n: int, beta: float, pairing: str, generator: torch.Generator | None = None
) -> Tensor:
    """Return pairs (N, 2) as `tournament_pairs`, among n candidates a prompt that are accepted.

    rewards (P, K); neighbours in the order of acceptance meet. The numbers index
    `rewards.flatten()`. Source: RSO, arXiv 2309.06657, sections 3.2 and 3.3.

    Raises ValueError as `rejection_sample` and `tournament_pairs` do.
    """
    check_rewards(rewards, 2)
    accepted = torch.stack([rejection_sample(row, n, beta, generator) for row in rewards])
    accepted = accepted.to(rewards.device)
    pairs = tournament_pairs(rewards.gather(1, accepted), pairing)
    prompts, places = pairs // n, pairs % n
    return prompts * rewards.shape[1] + accepted[prompts, places]


def acceptance_probability(rewards: Tensor, beta: float) -> Tensor:
    """Return each candidate's chance in round one, exp((r - M) / beta), (..., K) in [0, 1]."""
    return ((rewards - rewards.amax(dim=-1, keepdim=True)) / beta).exp()


def curriculum_order(gaps: Tensor) -> Tensor:
    """Return the indices (N,) of pairs from the largest reward gap, the easiest, to the smallest.

    gaps (N,); equal gaps keep their order. Source: arXiv 2310.02263.

    Raises ValueError where a gap is NaN.
    """
    check_rewards(gaps, 1)
    return gaps.argsort(descending=True, stable=True)
