"""REINFORCE, KL and preference losses: tensors in, tensors out, no model and no tokenizer."""

import torch.nn.functional as F
from torch import Tensor


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
    return (current.exp() * (current - reference)).sum() / len(log_probs)


def preference_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
) -> Tensor:
    """Return the DPO loss of each pair, (B,): -logsigmoid(beta * (u_chosen - u_rejected)).

    All four arguments are summed log-probabilities of completions, (B,), and u is policy minus
    reference. Source: DPO, arXiv 2305.18290, equation 7.

    Raises ValueError where the shapes do not fit or beta is not above 0.
    """
    check_same_shape(
        policy_chosen=policy_chosen,
        policy_rejected=policy_rejected,
        reference_chosen=reference_chosen,
        reference_rejected=reference_rejected,
    )
    if not beta > 0:
        raise ValueError(f"beta is {beta}; give a number above 0.")
    margin = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)
    return -F.logsigmoid(beta * margin)
