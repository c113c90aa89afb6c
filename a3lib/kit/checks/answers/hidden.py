"""The hidden checks: some of the public ones on inputs of other sizes, not shown to students."""

from dataclasses import replace

from a3lib.kit.checks.answers.graded import other_rewards
from a3lib.kit.checks.catalogue import (
    NEUTRAL,
    REVIEWS,
    Check,
    public_checks,
    tokens,
)

REWARDS = [0.15, 0.95, 0.55, 0.25, 0.6, 0.75, 0.3]
SEEDS = (
    "The music was dull but my brother liked the ending a lot.",
    "It",
    "We saw a great picture.",
)


def hidden_checks() -> tuple[Check, ...]:
    """Return all hidden checks, in the order of the assignment."""
    public = {check.name: check for check in public_checks()}

    def other(name: str, points: float, **inputs: object) -> Check:
        check = public[name]
        changed = check.inputs | inputs
        title = f"{check.title} (other inputs)"
        again = other_rewards(check.second_try, REWARDS)
        return replace(
            check,
            name=f"{name}.hidden",
            title=title,
            inputs=changed,
            points=points,
            hidden=True,
            second_try=again,
        )

    slower = {"lr": 0.01, "batch_size": 3, "alpha": 0.4, "use_kl_divergence": True}
    sizes = {"seed_token_length": 4, "max_new_tokens": 7}
    return (
        other("reward.shapes", 1, texts=[*SEEDS, *REVIEWS[:2]], sizes=sizes),
        other("reward.values", 1, texts=[*SEEDS], logits=[[NEUTRAL + 41, 0.0]]),
        other("evaluate.mean", 1, texts=[*SEEDS, *REVIEWS[1:]], batch_size=3),
        other(
            "reinforce_loss.values", 2, model=8, tokens=tokens(4, 11), reward=[0.2, 0.0, 1.0, 0.6]
        ),
        other("reinforce_loss.batches", 1, model=9, tokens=tokens(5, 3), sizes=[4, 1]),
        other("kl.values", 2, model=7, tokens=tokens(2, 5), noise=9),
        other(
            "train.penalty",
            1,
            texts=[*REVIEWS[:4]],
            noise=55,
            count=40,
            arguments=slower | {"batch_size": 9},
        ),
        other(
            "dpo_loss.values",
            1,
            chosen=[-3.0, -40.0, -7.5, -8.0],
            rejected=[-9.0, -35.0, -7.0, -8.25],
            reference_chosen=[-4.0, -41.0, -7.0, -8.5],
            reference_rejected=[-8.0, -37.5, -7.25, -8.0],
            beta=0.3,
        ),
        other(
            "labels.values",
            1,
            input_ids=[[0, 0, 0, 0, 3, 1, 2, 9], [0, 5, 6, 7, 8, 9, 10, 11]],
            attention_mask=[[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1, 1]],
            prompt_lengths=[3, 5],
        ),
        other(
            "labels.eos",
            1,
            input_ids=[[0, 0, 0, 0, 3, 0, 0, 9], [0, 0, 6, 7, 8, 9, 0, 0]],
            attention_mask=[[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1, 1]],
            prompt_lengths=[2, 3],
        ),
        other(
            "batch_logps.values", 1, labels=[[-100, 1, 2, 0], [-100, -100, -100, 10]], vocabulary=11
        ),
        other("log_probs.values", 1, model=12),
    )
