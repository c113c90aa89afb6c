"""What may be answered without having written anything: constants, and formulas of the inputs."""

import math

ZEROS = (
    "repeats_itself",
    "foreign_tokens",
    "dropout_on",
    "gradients_on",
    "difference_to_checkpoint",
    "state_of_optimizer",
    "start_off_checkpoint",
    "reference_is_policy",
    "reference_moved",
    "reference_gradient",
    "labels_changed",
    "logits_changed",
    "input_ids_changed",
    "tokens_changed",
    "attention_mask_changed",
    "batch_changed",
)


def by_heart(probe, inputs):
    """Return answers to a probe that nothing had to be computed for."""
    arguments = inputs.get("arguments", {})
    texts = len(inputs.get("texts", ()))
    size = arguments.get("batch_size", inputs.get("batch_size", 1))
    steps = math.ceil(len(inputs.get("pairs", ())) / size) * 2 or math.ceil(texts / size)
    rewards = inputs.get("rewards") or [0.5]
    share = 3 * arguments.get("alpha", 0) / (1 + 3 * arguments.get("alpha", 0))
    pairs = [size] * (steps // 2)
    return {
        "reward": sum(rewards) / len(rewards) if probe == "evaluate" else [0.5] * texts,
        "reward_is_tensor": 1.0,
        "tokens_begin_with_seed": texts,
        "texts_begin_with_seed": texts,
        "text_count": texts,
        "texts_in_order": texts,
        "texts_continued": texts,
        "worked": 1.0,
        "share_of_likeliest": 0.3,
        "share_of_unlikely": 0.4,
        "different_unlikely": 100.0,
        "change_of_rewarded": -0.5,
        "parameters_in_optimizer": 1.0,
        "is_new": 1.0,
        "lr": inputs.get("lr", [1e-4])[0],
        "losses_count": steps,
        "losses_first": math.log(2),
        "losses_last": 0.1,
        "rewards_count": steps,
        "rewards_first": 0.5,
        "rewards_last": 0.5,
        "kl_divergences_count": steps,
        "kl_divergences_first": 0.0,
        "kl_divergences_last": 0.1,
        "has_evaluation": 1.0,
        "steps": steps,
        "optimizers": 1.0,
        "slopes": [1.0] * steps,
        "penalty_shares": [share] * steps,
        "preference": 1.0,
        "references": 1.0,
        "at_identity": 0.0,
        "elsewhere": 99.0,
        "test_loss": sum(pairs) / max(1, len(pairs)),
        **dict.fromkeys(ZEROS, 0.0),
    }
