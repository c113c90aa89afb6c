"""Everything that the notebook loads, once and in an order that finds mistakes early."""

from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.data import load_pairs, load_reviews
from a3lib.models import load_policy, load_reward_model, load_tokenizer
from a3lib.profiles import Profile
from a3lib.tokenization import PreferencePair


class Inputs(NamedTuple):
    """What the notebook runs on: reviews, pairs, policy, reward model and their tokenizers."""

    train_texts: list[str]
    test_texts: list[str]
    train_pairs: list[PreferencePair]
    test_pairs: list[PreferencePair]
    tokenizer: PreTrainedTokenizerBase
    policy: PreTrainedModel
    reward_model: PreTrainedModel
    reward_tokenizer: PreTrainedTokenizerBase


def load_inputs(profile: Profile, device: torch.device) -> Inputs:
    """Load all that a run needs, the small things first.

    Raises InputError for every fault of models and data that shows when they are loaded.
    """
    train_texts, test_texts = load_reviews(profile)
    tokenizer = load_tokenizer(profile.policy)
    train_pairs, test_pairs = load_pairs(profile, tokenizer)
    reward_model, reward_tokenizer = load_reward_model(profile.reward_model, device)
    return Inputs(
        train_texts,
        test_texts,
        train_pairs,
        test_pairs,
        tokenizer,
        load_policy(profile.policy, device),
        reward_model,
        reward_tokenizer,
    )
