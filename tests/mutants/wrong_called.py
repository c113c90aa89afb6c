"""Loops that do the work of a function that they are given without calling it.

Each is told that, and nothing about reviews, pairs or gradients, which nobody could follow.
"""

from helpers.solutions import Wrong
from mutants.wrong_told import DPO

SAMPLING = "def compute_reward_for_mini_batch("
IN_TRAIN = "        reward, output_tokens, _ = compute_reward_for_mini_batch(\n"
LOSS = "def compute_reinforce_loss("
LOSS_IN_TRAIN = "        log_probs, loss = compute_reinforce_loss("
KL = "def compute_kl_divergence("
KL_IN_TRAIN = "            divergence = compute_kl_divergence("


def asked(name: str, own: str) -> str:
    """Return the asked function again, which does more than to call the student's own."""
    return f"""

def {name}(*given, **more):
    results = [{own}(*given, **more)]
    return results[0]
"""


def called(check: str, name: str, missing: str, *changes: tuple[str, str], more: str = "") -> Wrong:
    """Return a change of the plain solution that is told that a function is not called."""
    return Wrong(name, check, f"{missing} is not called", changes, functions=more)


OWN_SAMPLES = (
    (SAMPLING, "def sampled("),
    (IN_TRAIN, IN_TRAIN.replace("compute_reward_for_mini_batch", "sampled")),
)
OWN_LOSS = (
    (LOSS, "def loss_of("),
    (LOSS_IN_TRAIN, LOSS_IN_TRAIN.replace("compute_reinforce_loss", "loss_of")),
)
OF_SAMPLES = asked("compute_reward_for_mini_batch", "sampled")
OF_LOSS = asked("compute_reinforce_loss", "loss_of")

WRONG = (
    *[
        called(
            check,
            "train samples by a function of its own",
            "compute_reward_for_mini_batch",
            *OWN_SAMPLES,
            more=OF_SAMPLES,
        )
        for check in ("train.history", "train.rollouts")
    ],
    *[
        called(
            check,
            "train has a loss of its own",
            "compute_reinforce_loss",
            *OWN_LOSS,
            more=OF_LOSS,
        )
        for check in ("train.history", "train.learns", "train.optimizer")
    ],
    *[
        called(
            check,
            "train has a KL of its own",
            "compute_kl_divergence",
            (KL, "def divergence_of("),
            (KL_IN_TRAIN, KL_IN_TRAIN.replace("compute_kl_divergence", "divergence_of")),
            more=asked("compute_kl_divergence", "divergence_of"),
        )
        for check in ("train.penalty", "train.reference")
    ],
    called(
        "train_dpo.history",
        "the formula of DPO in the loop",
        "compute_DPO_loss",
        (
            DPO,
            "    gap = (chosen - rejected) - (reference_chosen - reference_rejected)\n"
            "    return -F.logsigmoid(beta * gap).mean()\n",
        ),
    ),
)
