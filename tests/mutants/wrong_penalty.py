"""Wrong loops of section 3 whose penalty does nothing, or something else."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import NOTEBOOK, STEPWISE

COPY = ("import torch\nimport", "import copy\n\nimport torch\nimport")
LISTS = "    losses, rewards, divergences = [], [], []\n"
LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
DIVERGENCE = "compute_kl_divergence(log_probs, output_tokens, original)"
PENALTY = "            loss = loss + alpha * divergence\n"
BACKWARD = "        loss.backward()\n        optimizer.step()\n        losses"
OF_ORIGINAL = "        log_probs_original = log_probs_of(orig_model, output_tokens)\n"
INERT = "the penalty has no gradient"
PAIR = "the KL of the wrong pair"


def penalty(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a loop whose penalty does not do what it should."""
    return Wrong(name, "train.penalty", mistake, changes, functions=functions)


PENALTIES = (
    penalty(
        "divergence detached",
        INERT,
        (PENALTY, PENALTY.replace("divergence", "divergence.detach()")),
    ),
    penalty(
        "divergence as data", INERT, (PENALTY, PENALTY.replace("divergence", "divergence.data"))
    ),
    penalty(
        "divergence as a new tensor",
        INERT,
        (
            PENALTY,
            PENALTY.replace("divergence", "torch.tensor(divergence.item(), requires_grad=True)"),
        ),
    ),
    penalty(
        "divergence of detached log-probabilities",
        INERT,
        (DIVERGENCE, DIVERGENCE.replace("log_probs,", "log_probs.detach(),")),
    ),
    penalty(
        "divergence of copied log-probabilities",
        INERT,
        (
            DIVERGENCE,
            DIVERGENCE.replace("log_probs,", "log_probs.detach().clone().requires_grad_(),"),
        ),
    ),
    penalty(
        "divergence under no_grad",
        INERT,
        (
            f"            divergence = {DIVERGENCE}\n",
            f"            with torch.no_grad():\n                divergence = {DIVERGENCE}\n",
        ),
    ),
    penalty("the sum is not kept", INERT, (PENALTY, "            loss + alpha * divergence\n")),
    penalty(
        "the sum under another name",
        INERT,
        (PENALTY, "            total_loss = loss + alpha * divergence\n"),
    ),
    penalty(
        "added to the loss's data",
        INERT,
        (PENALTY, "            loss.data += alpha * divergence.data\n"),
    ),
    penalty(
        "added after the step",
        INERT,
        (PENALTY, ""),
        (
            BACKWARD,
            "        loss.backward()\n        optimizer.step()\n        if use_kl_divergence:\n            loss = loss + alpha * divergence\n        losses",
        ),
    ),
    penalty(
        "its gradients cleared before the loss's",
        INERT,
        (PENALTY, "            (alpha * divergence).backward(retain_graph=True)\n"),
    ),
    penalty(
        "taken from the reward",
        INERT,
        (f"            divergence = {DIVERGENCE}\n", ""),
        (PENALTY, ""),
        (
            LOSS,
            LOSS
            + f"""        if use_kl_divergence:
            divergence = {DIVERGENCE}
            log_probs, loss = compute_reinforce_loss(
                reward - alpha * divergence.detach(), output_tokens, model
            )
""",
        ),
    ),
    penalty(
        "taken from the reward after the loss",
        INERT,
        (PENALTY, "            reward = reward - alpha * divergence.detach()\n"),
    ),
    penalty(
        "of a copy of the policy",
        INERT,
        COPY,
        (
            f"            divergence = {DIVERGENCE}\n",
            "            current = log_probs_of(copy.deepcopy(model), output_tokens)\n            divergence = compute_kl_divergence(current, output_tokens, original)\n",
        ),
    ),
    penalty(
        "log-probabilities of the original",
        PAIR,
        (
            f"            divergence = {DIVERGENCE}\n",
            "            before = log_probs_of(original, output_tokens)\n            divergence = compute_kl_divergence(before, output_tokens, original)\n",
        ),
    ),
    penalty(
        "compared with the policy", PAIR, (DIVERGENCE, DIVERGENCE.replace("original", "model"))
    ),
    penalty(
        "the two roles swapped",
        PAIR,
        (
            f"            divergence = {DIVERGENCE}\n",
            "            before = log_probs_of(original, output_tokens)\n            divergence = compute_kl_divergence(before, output_tokens, model)\n",
        ),
    ),
    penalty(
        "compared on other texts",
        PAIR,
        (
            f"            divergence = {DIVERGENCE}\n",
            "            _, others, _ = compute_reward_for_mini_batch(\n                group, tokenizer, original, reward_tokenizer, reward_model\n            )\n            divergence = compute_kl_divergence(log_probs, others, original)\n",
        ),
    ),
    penalty(
        "compared on rows turned round",
        PAIR,
        (DIVERGENCE, DIVERGENCE.replace("output_tokens", "output_tokens.flip(0)")),
    ),
    penalty(
        "alpha written as a number",
        "alpha is ignored",
        (PENALTY, PENALTY.replace("alpha", "0.001")),
    ),
    penalty("alpha set in the function", "alpha is ignored", (LISTS, LISTS + "    alpha = 0.1\n")),
    penalty(
        "divided by the batch once more",
        "alpha times the KL is not what is added",
        (PENALTY, PENALTY.replace("divergence", "divergence / len(group)")),
    ),
    penalty(
        "a mean of loss and penalty",
        "alpha times the KL is not what is added",
        (PENALTY, "            loss = (1 - alpha) * loss + alpha * divergence\n"),
    ),
    penalty(
        "squared",
        "alpha times the KL is not what is added",
        (PENALTY, PENALTY.replace("divergence", "divergence ** 2")),
    ),
    penalty("added twice", "alpha times the KL is not what is added", (PENALTY, PENALTY + PENALTY)),
    penalty(
        "in every second step",
        "penalty not added",
        (
            PENALTY,
            "            if start // batch_size % 2 == 0:\n                loss = loss + alpha * divergence\n",
        ),
    ),
    penalty(
        "in debug alone",
        "penalty not added",
        (PENALTY, "            if debug:\n                loss = loss + alpha * divergence\n"),
    ),
    penalty(
        "cut off above",
        "the penalty is clamped",
        (PENALTY, PENALTY.replace("divergence", "divergence.clamp(max=0.01)")),
    ),
    penalty(
        "detached in the notebook's loop",
        INERT,
        functions=replaced(
            NOTEBOOK,
            (
                "            loss = loss + alpha * kl\n",
                "            kl = kl.detach()\n            loss = loss + alpha * kl\n",
            ),
        ),
    ),
    penalty(
        "no penalty in the notebook's loop",
        "penalty not added",
        functions=replaced(NOTEBOOK, ("            loss = loss + alpha * kl\n", "")),
    ),
    penalty(
        "log-probabilities computed anew without gradients",
        INERT,
        functions=replaced(
            STEPWISE,
            (
                "    kl = compute_kl_divergence(log_probs, tokens, frozen)\n",
                "    with torch.no_grad():\n        current = log_probs_of(policy, tokens)\n    kl = compute_kl_divergence(current, tokens, frozen)\n",
            ),
        ),
    ),
    Wrong(
        "log-probabilities' data in the divergence",
        "kl.gradient",
        "no gradient",
        (
            (
                "    current = log_probs_current[:, SEED_TOKENS - 1 : -1]\n",
                "    current = log_probs_current.data[:, SEED_TOKENS - 1 : -1]\n",
            ),
        ),
    ),
    Wrong(
        "gradient in the original alone",
        "kl.gradient",
        "no gradient",
        (
            (
                "    with torch.no_grad():\n" + OF_ORIGINAL,
                "    log_probs_original = log_probs_of(orig_model, output_tokens)\n    log_probs_current = log_probs_current.detach()\n",
            ),
        ),
    ),
    Wrong(
        "weights of the sum detached",
        "kl.gradient",
        "no gradient",
        (
            (
                "(current.exp() * (current - before))",
                "(current.exp().detach() * (current - before))",
            ),
        ),
    ),
    Wrong(
        "always penalised",
        "train.history",
        "a penalty that was not asked for",
        (
            (
                "        if use_kl_divergence:\n            divergence =",
                "        if True:\n            divergence =",
            ),
        ),
    ),
)

WRONG = PENALTIES
