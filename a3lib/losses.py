"""REINFORCE, KL, entropy, preference losses: tensors in, tensors out, no model, no tokenizer."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

DIVERGENCES = ("reverse_kl", "forward_kl", "jensen_shannon", "alpha")
LINKS = ("sigmoid", "hinge", "ipo")

# Where exp(x) is exact; outside it continues as its tangent. Above, exp would overflow and its
# gradient drown every other pair; below, it would underflow to a gradient of exactly 0.
HIGHEST_EXPONENT = 5.0
LOWEST_EXPONENT = -40.0


def check_same_shape(**tensors: Tensor) -> None:
    """Raise ValueError unless all tensors have one shape: (B,) with (B, 1) would become (B, B)."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"These must have one shape and have {shapes}; reshape them first.")


def reinforce_loss(log_probs: Tensor, rewards: Tensor, mask: Tensor) -> Tensor:
    """Return the REINFORCE loss, a scalar: mean over b of -r_b * sum over t of m_bt log p(y_bt).

    log_probs (B, T-1) of the sampled tokens, rewards (B,), mask (B, T-1) with 1 for tokens that
    the policy chose. No gradient goes into the rewards. A sum over tokens, a mean over sequences.
    Source: handout, section 2; Williams 1992.

    Raises ValueError where the shapes do not fit.
    """
    check_same_shape(log_probs=log_probs, mask=mask)
    if rewards.shape != log_probs.shape[:1]:
        raise ValueError(
            f"rewards must have shape ({len(log_probs)},), one a row of log_probs, and has "
            f"{tuple(rewards.shape)}; reshape it first."
        )
    sequence_log_probs = log_probs.masked_fill(~mask.bool(), 0.0).sum(dim=1)
    return -(rewards.detach() * sequence_log_probs).mean()


def kl_divergence(log_probs: Tensor, reference_log_probs: Tensor, mask: Tensor) -> Tensor:
    """Return KL(policy || reference), a scalar: exact per position, summed, averaged over rows.

    log_probs and reference_log_probs (B, T, V) over the whole vocabulary, mask (B, T) with 1 at
    the positions that predict a completion token. In nats per sequence. No gradient goes into the
    reference. The gradient is that of the per-position penalty on the sampled prefixes; how the
    prefixes depend on the policy is left out. Source: handout, section 3.

    Raises ValueError where the shapes do not fit.
    """
    check_same_shape(log_probs=log_probs, reference_log_probs=reference_log_probs)
    check_same_shape(log_probs=log_probs[..., 0], mask=mask)
    current, reference = log_probs[mask.bool()], reference_log_probs[mask.bool()].detach()
    return kl_terms(current, reference).sum() / len(log_probs)


def exp_minus_1(exponent: Tensor) -> Tensor:
    """Return exp(x) - 1 without cancellation near 0 and with the slope exp(x) everywhere.

    A pure number in, one of the same shape out. torch.expm1's own slope is expm1(x) + 1, which in
    float32 is 0 below -17.
    """
    return torch.where(exponent > -1, exponent.clamp(min=-1).expm1(), exponent.exp() - 1)


def continued_exp(exponent: Tensor, function: Callable[[Tensor], Tensor] = torch.exp) -> Tensor:
    """Return exp(x), or `exp_minus_1`, continued as a straight line below -40 and above 5.

    A pure number in, one of the same shape out. Value and slope are continuous, and the slope is
    never 0 and never overflows.
    """
    # No gradient flows through clamp outside, so there the slope is that of the last factor.
    exact = exponent.clamp(LOWEST_EXPONENT, HIGHEST_EXPONENT)
    line = function(exact) + exact.exp() * (exponent - exact)
    return torch.where(exponent == exact, function(exact), line)


def check_divergence_name(divergence: str) -> None:
    """Raise ValueError for an unknown divergence."""
    if divergence not in DIVERGENCES:
        raise ValueError(
            f"There is no divergence {divergence!r}; take one of {', '.join(DIVERGENCES)}."
        )


def check_divergence(divergence: str, alpha: float | None) -> None:
    """Raise ValueError for an unknown divergence, and for an alpha that is missing or left over."""
    check_divergence_name(divergence)
    if divergence != "alpha" and alpha is not None:
        raise ValueError(f"alpha = {alpha} means nothing with {divergence}; leave it out.")
    if divergence == "alpha" and not (alpha is not None and 0 < alpha < 1):
        raise ValueError(
            f"alpha is {alpha}; give a number between 0 and 1, or take the limits by name: "
            "reverse_kl (0) and forward_kl (1)."
        )


def divergence_score(log_ratio: Tensor, divergence: str, alpha: float | None = None) -> Tensor:
    """Return the score s(u) of log-ratios u = log policy - log reference, in the shape of u.

    s is f' of the f-divergence up to a constant: u for reverse KL, -exp(-u) for forward KL,
    log 2 + logsigmoid(u) for Jensen-Shannon, (1 - exp(-alpha u)) / alpha for alpha, which goes to
    the first as alpha goes to 0 and to the second (but for the constant) as it goes to 1.
    Exponentials are `continued_exp`. Source: f-DPO, arXiv 2309.16240, table 1 and theorem 1.

    Raises ValueError for an unknown divergence or an alpha outside (0, 1).
    """
    check_divergence(divergence, alpha)
    if divergence == "reverse_kl":
        return log_ratio
    if divergence == "jensen_shannon":
        # logsigmoid, written out so that its gradient does not underflow to 0 at a high ratio.
        above = -continued_exp(-log_ratio).log1p()
        below = log_ratio - continued_exp(log_ratio).log1p()
        return math.log(2) + torch.where(log_ratio >= 0, above, below)
    if alpha is None:
        return -continued_exp(-log_ratio)
    return -continued_exp(-alpha * log_ratio, exp_minus_1) / alpha


def initial_slope(divergence: str) -> float:
    """Return s'(0), by which beta is divided to compare divergences at equal initial gradient.

    A pure number: the slope of `divergence_score` in the log-ratio. Raises ValueError for an
    unknown divergence.
    """
    check_divergence_name(divergence)
    return 0.5 if divergence == "jensen_shannon" else 1.0


def beyond_threshold(log_ratio: Tensor, divergence: str, alpha: float | None = None) -> Tensor:
    """Return whether each log-ratio's score grows as the tangent, no longer as exp: bool.

    log_ratio of any shape, in nats; the result has the same shape.
    Always False for reverse KL and Jensen-Shannon, whose scores have no growing exponential.
    """
    check_divergence(divergence, alpha)
    rate = {"forward_kl": 1.0, "alpha": alpha}.get(divergence)
    if rate is None:
        return torch.zeros_like(log_ratio, dtype=torch.bool)
    return -rate * log_ratio > HIGHEST_EXPONENT


def check_preference(
    beta: float, link: str, divergence: str, alpha: float | None, label_smoothing: float
) -> None:
    """Raise ValueError for a number out of range or a combination that means nothing."""
    if not 0 < beta < math.inf:
        raise ValueError(f"beta is {beta}; give a number above 0.")
    if link not in LINKS:
        raise ValueError(f"There is no link {link!r}; take one of {', '.join(LINKS)}.")
    check_divergence(divergence, alpha)
    if link == "ipo" and divergence != "reverse_kl":
        raise ValueError(
            f"The link ipo with the divergence {divergence} means nothing: it is defined on "
            "log-ratios; take reverse_kl or another link."
        )
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing is {label_smoothing}; give a number from 0 below 0.5.")
    if label_smoothing and link != "sigmoid":
        raise ValueError(
            f"label_smoothing with the link {link} means nothing; take sigmoid or leave it at 0."
        )


def preference_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    link: str = "sigmoid",
    divergence: str = "reverse_kl",
    alpha: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the loss of each pair, (B,): a link on Delta = s(u_chosen) - s(u_rejected).

    All four arguments are summed log-probabilities of completions, (B,); u is policy minus
    reference and s the divergence's score. The link sigmoid with reverse KL is DPO (arXiv
    2305.18290, equation 7), with other divergences f-DPO (2309.16240); hinge is RSO's normalised
    form max(0, 1 - beta Delta) (2309.06657); ipo is (Delta - 1 / (2 beta))^2 on summed log-ratios
    (2310.12036, equation 17).

    Raises ValueError where the shapes do not fit, a number is out of range or the combination
    means nothing.
    """
    check_same_shape(
        policy_chosen=policy_chosen,
        policy_rejected=policy_rejected,
        reference_chosen=reference_chosen,
        reference_rejected=reference_rejected,
    )
    check_preference(beta, link, divergence, alpha, label_smoothing)
    chosen = divergence_score(policy_chosen - reference_chosen, divergence, alpha)
    rejected = divergence_score(policy_rejected - reference_rejected, divergence, alpha)
    margin = chosen - rejected
    if link == "ipo":
        return (margin - 1 / (2 * beta)) ** 2
    if link == "hinge":
        return (1 - beta * margin).clamp(min=0)
    right, wrong = -F.logsigmoid(beta * margin), -F.logsigmoid(-beta * margin)
    return torch.lerp(right, wrong, label_smoothing) if label_smoothing else right


def check_target_weight(target_weight: float) -> None:
    """Raise ValueError for a weight of the target's likelihood that is not from 0 on."""
    if not 0 <= target_weight < math.inf:
        raise ValueError(f"target_weight is {target_weight}; give a number from 0 on.")


def slic_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    policy_target: Tensor,
    *,
    delta: float = 1.0,
    target_weight: float = 0.1,
) -> Tensor:
    """Return SLiC-HF's loss of each pair, (B,), in its original form without a reference model.

    max(0, delta - log p(chosen) + log p(rejected)) - target_weight * log p(target): a ranking
    term, and one that holds the policy at a target text (the paper's y_ref). All three arguments
    are summed log-probabilities, (B,). Source: arXiv 2305.10425, equation 1.

    Raises ValueError where the shapes do not fit, delta is not above 0 or the weight is below 0.
    """
    check_same_shape(
        policy_chosen=policy_chosen, policy_rejected=policy_rejected, policy_target=policy_target
    )
    if not 0 < delta < math.inf:
        raise ValueError(f"delta is {delta}; give a number above 0.")
    check_target_weight(target_weight)
    ranking = (delta - policy_chosen + policy_rejected).clamp(min=0)
    return ranking - target_weight * policy_target


def rrhf_loss(
    log_probs: Tensor,
    lengths: Tensor,
    rewards: Tensor,
    *,
    length_exponent: float = 1.0,
    target_weight: float = 1.0,
) -> Tensor:
    """Return RRHF's loss of each prompt, (B,): a ranking of its K candidates plus an SFT term.

    log_probs (B, K) are summed, lengths (B, K) count completion tokens, rewards (B, K). With
    p = log_probs / lengths^length_exponent: the mean of max(0, p_i - p_j) over the pairs with
    r_j > r_i, plus target_weight times the best candidate's negative log-likelihood a token. Ties
    count for nothing; the first of several best is taken. Source: arXiv 2304.05302, equations 2
    to 4.

    Raises ValueError where the shapes do not fit, a length is 0 or the weight is below 0.
    """
    check_same_shape(log_probs=log_probs, lengths=lengths, rewards=rewards)
    if log_probs.ndim != 2:
        raise ValueError(f"log_probs have shape {tuple(log_probs.shape)}; give (B, K).")
    if not bool((lengths > 0).all()):
        raise ValueError("A completion has length 0; leave out candidates without a token.")
    check_target_weight(target_weight)
    lengths = lengths.to(log_probs.dtype)
    scores = log_probs / lengths**length_exponent
    # [b, i, j]: whether candidate j is better than i, and by how much i is ahead of it regardless.
    better = rewards[:, None, :] > rewards[:, :, None]
    ahead = (scores[:, :, None] - scores[:, None, :]).clamp(min=0) * better
    ranking = ahead.sum(dim=(1, 2)) / better.sum(dim=(1, 2)).clamp(min=1)
    best = rewards.argmax(dim=1, keepdim=True)
    likelihood = (log_probs.gather(1, best) / lengths.gather(1, best)).squeeze(1)
    return ranking - target_weight * likelihood


def entropy(log_probs: Tensor) -> Tensor:
    """Return the entropy of each distribution in nats: log_probs (..., V) -> (...)."""
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def kl_terms(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """Return p log(p / q) of each token of the vocabulary in nats: (..., V), (..., V) -> (..., V).

    Their sum over the vocabulary is the KL(policy || reference) of a position.
    """
    return log_probs.exp() * (log_probs - reference_log_probs)


def token_kl(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """Return KL(policy || reference) at each position in nats: (..., V), (..., V) -> (...)."""
    return kl_terms(log_probs, reference_log_probs).sum(dim=-1)
