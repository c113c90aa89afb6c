"""What several policies write after the same beginnings, by the notebook's own functions.

Those functions are the reader's own, so they are passed in at each call: a corrected cell takes
effect at once.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.profiles import ORIGINAL, SEED
from a3lib.results.samples import ModelSamples, Samples, model_samples
from a3lib.results.tables import seed_texts

# The tiny world's model has 128 positions, and its continuation takes 20 of them.
LONGEST_START = 100

# compute_reward_for_mini_batch: rewards (B,), output_tokens (B, 30) and B texts.
ComputeReward = Callable[..., tuple[Tensor, Tensor, list[str]]]
# compute_reinforce_loss: log_probs (B, 30, V) and the loss.
ComputeLoss = Callable[[Tensor, Tensor, PreTrainedModel], tuple[Tensor, Tensor]]
# compute_kl_divergence: a scalar in nats.
ComputeKL = Callable[[Tensor, Tensor, PreTrainedModel], Tensor]


def without_gradients(policy: PreTrainedModel) -> PreTrainedModel:
    """Return a policy to be kept, without its gradients, which take as much memory again."""
    policy.zero_grad()
    return policy


def compare_policies(
    policies: Mapping[str, PreTrainedModel],
    reviews: Sequence[str],
    compute_reward: ComputeReward,
    tokenizer: PreTrainedTokenizerBase,
    reward_tokenizer: PreTrainedTokenizerBase,
    reward_model: PreTrainedModel,
    kl_functions: tuple[ComputeLoss, ComputeKL] | None = None,
) -> Samples:
    """Let every policy continue the same reviews with the same seed; return what each wrote.

    The samples have each text's reward, P(positive). With `kl_functions`, compute_reinforce_loss
    and compute_kl_divergence, they also have its KL to the policy called `ORIGINAL`, in nats.
    """
    prompts = seed_texts([*reviews], tokenizer)
    models = []
    for name, policy in policies.items():
        torch.manual_seed(SEED)
        rewards, tokens, texts = compute_reward(
            [*reviews], tokenizer, policy, reward_tokenizer, reward_model
        )
        kl = None
        if kl_functions is not None:
            kl = kl_of_each(rewards, tokens, policy, policies[ORIGINAL], *kl_functions)
        models.append(model_samples(name, prompts, texts, rewards.tolist(), kl))
    return Samples(tuple(prompts), tuple(models))


@torch.no_grad()
def kl_of_each(
    rewards: Tensor,
    output_tokens: Tensor,
    policy: PreTrainedModel,
    original: PreTrainedModel,
    compute_reinforce_loss: ComputeLoss,
    compute_kl_divergence: ComputeKL,
) -> list[float]:
    """Return KL(policy || original) of each text in nats: rewards (B,), output_tokens (B, 30)."""
    kl = []
    # One text at a time: the notebook's functions return means over a batch.
    for reward, tokens in zip(rewards.split(1), output_tokens.split(1), strict=True):
        log_probs, _ = compute_reinforce_loss(reward, tokens, policy)
        kl.append(float(compute_kl_divergence(log_probs, tokens, original)))
    return kl


def read_start(start: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, int]:
    """Return the start of a review as the tokenizer reads it, and how many tokens it has.

    Raises InputError where it has more than `LONGEST_START`.
    """
    input_ids = tokenizer(start, split_special_tokens=True)["input_ids"]
    if len(input_ids) > LONGEST_START:
        raise InputError(
            f"The start has {len(input_ids)} tokens; type fewer words, {LONGEST_START} tokens at "
            "most."
        )
    return tokenizer.batch_decode([input_ids], skip_special_tokens=True)[0], len(input_ids)


def continue_start(
    policies: Mapping[str, PreTrainedModel],
    compute_reward: ComputeReward,
    tokenizer: PreTrainedTokenizerBase,
    reward_tokenizer: PreTrainedTokenizerBase,
    reward_model: PreTrainedModel,
    start: str,
) -> Samples:
    """Return what every policy writes after the start of a review: samples of one prompt.

    Raises InputError where the start is too long.
    """
    prompt, seed_token_length = read_start(start, tokenizer)
    models: list[ModelSamples] = []
    for name, policy in policies.items():
        rewards, _, texts = compute_reward(
            [prompt],
            tokenizer,
            policy,
            reward_tokenizer,
            reward_model,
            seed_token_length=seed_token_length,
        )
        models.append(model_samples(name, [prompt], texts, rewards.tolist()))
    return Samples((prompt,), tuple(models))
