"""Wrong solutions whose mistake is easily called by another one's name, which is worse than none."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import NOTEBOOK

DRAWN = "            do_sample=True,\n            top_k=0,\n"
LOSS = "    loss = -(reward.detach() * of_texts).mean()\n"
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"
RESET = "    reset_model_optimizer(model_name, lr)\n    original ="
STEP = "        optimizer.zero_grad()\n        loss.backward()\n"
TERM = "    at_positions = (current.exp() * (current - before)).sum(dim=2)\n"
DIVERGENCE = "    return (at_positions * divergent).sum(dim=1).mean()\n"
DPO = "    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n"
SCORES = '    return _get_batch_logps(scores.logits, batch["labels"])\n'
DPO_RETURNED = '    return {\n        "losses": history,\n'


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


SAMPLING = (
    wrong(
        "reward.sampling",
        "beam search without sampling",
        "beam search",
        (DRAWN, "            do_sample=False,\n            num_beams=4,\n"),
    ),
    wrong(
        "reward.sampling",
        "beam search with sampling",
        "beam search",
        (DRAWN, DRAWN + "            num_beams=4,\n"),
    ),
    wrong(
        "reward.sampling",
        "a penalty for words that were there",
        "repetition penalty",
        (DRAWN, DRAWN + "            repetition_penalty=1.5,\n"),
    ),
    wrong(
        "reward.sampling",
        "no two words twice",
        "words are forbidden",
        (DRAWN, DRAWN + "            no_repeat_ngram_size=1,\n"),
    ),
    wrong(
        "reward.sampling",
        "words below a probability cut off",
        "min-p",
        (DRAWN, DRAWN + "            min_p=0.02,\n"),
    ),
    wrong(
        "reward.sampling",
        "typical sampling",
        "typical sampling",
        (DRAWN, DRAWN + "            typical_p=0.8,\n"),
    ),
    wrong(
        "reward.sampling",
        "the likeliest word but one",
        "top-k",
        (DRAWN, "            do_sample=True,\n            top_k=2,\n"),
    ),
    wrong(
        "reward.sampling",
        "top-k one",
        "greedy",
        (DRAWN, "            do_sample=True,\n            top_k=1,\n"),
    ),
)

VALUES = (
    wrong(
        "reinforce_loss.values",
        "twice the loss",
        "a factor is wrong",
        (LOSS, LOSS.replace("-(", "-2 * (")),
    ),
    wrong(
        "reinforce_loss.values",
        "half the loss",
        "a factor is wrong",
        (LOSS, LOSS.replace("-(", "-0.5 * (")),
    ),
    wrong(
        "reinforce_loss.values",
        "a loss that is never positive",
        "minus sign missing",
        (LOSS, LOSS + "    loss = -loss.abs()\n"),
    ),
    wrong(
        "reinforce_loss.values",
        "an entropy bonus",
        "a term is added",
        (
            LOSS,
            LOSS + "    loss = loss + 0.1 * (log_probs.exp() * log_probs).sum(dim=(1, 2)).mean()\n",
        ),
    ),
    wrong(
        "reinforce_loss.gradient",
        "a loss that is cut off",
        "no gradient",
        (LOSS, LOSS + "    loss = loss.detach().requires_grad_()\n"),
    ),
    wrong(
        "reinforce_loss.gradient",
        "a loss made anew of its number",
        "no gradient",
        (LOSS, LOSS + "    loss = torch.tensor(loss.item(), requires_grad=True)\n"),
    ),
    wrong(
        "kl.values",
        "terms clamped",
        "the divergence is clamped",
        (TERM, TERM + "    at_positions = at_positions.clamp(max=0.1)\n"),
    ),
    wrong(
        "kl.values",
        "divergence clamped",
        "the divergence is clamped",
        (DIVERGENCE, "    return (at_positions * divergent).sum(dim=1).mean().clamp(max=1.0)\n"),
    ),
    wrong(
        "kl.values",
        "squared log-ratios",
        "an approximation of the KL",
        (
            TERM,
            "    ratio = (current - before).gather(2, output_tokens[:, SEED_TOKENS:].unsqueeze(2)).squeeze(2)\n    at_positions = 0.5 * ratio ** 2\n",
        ),
    ),
    wrong(
        "kl.values",
        "an estimate from the sampled tokens",
        "an approximation of the KL",
        (
            TERM,
            "    ratio = (before - current).gather(2, output_tokens[:, SEED_TOKENS:].unsqueeze(2)).squeeze(2)\n    at_positions = ratio.exp() - 1 - ratio\n",
        ),
    ),
    wrong(
        "kl.values",
        "divergence in bits",
        "in bits and not in nats",
        (
            DIVERGENCE,
            "    return (at_positions * divergent).sum(dim=1).mean() / torch.log(torch.tensor(2.0))\n",
        ),
    ),
    wrong(
        "kl.values",
        "the symmetric divergence",
        "the symmetric divergence",
        (
            TERM,
            "    at_positions = 0.5 * ((current.exp() - before.exp()) * (current - before)).sum(dim=2)\n",
        ),
    ),
    wrong(
        "kl.values",
        "cross-entropy for the divergence",
        "the cross-entropy",
        (TERM, "    at_positions = -(current.exp() * before).sum(dim=2)\n"),
    ),
    wrong(
        "dpo_loss.values",
        "a hinge",
        "a hinge",
        (DPO, "    return F.relu(1 - beta * (policy_gap - reference_gap)).mean()\n"),
    ),
    wrong(
        "dpo_loss.values",
        "the squared loss of IPO",
        "another loss",
        (DPO, "    return ((policy_gap - reference_gap) - 1 / (2 * beta)).pow(2).mean()\n"),
    ),
    wrong(
        "dpo_loss.values",
        "labels smoothed",
        "label smoothing",
        (
            DPO,
            "    scaled = beta * (policy_gap - reference_gap)\n    return (-0.9 * F.logsigmoid(scaled) - 0.1 * F.logsigmoid(-scaled)).mean()\n",
        ),
    ),
    wrong(
        "dpo_loss.values",
        "log-ratios clamped",
        "the margin is clamped",
        (
            DPO,
            "    margin = (policy_gap - reference_gap).clamp(-1, 1)\n    return -F.logsigmoid(beta * margin).mean()\n",
        ),
    ),
    wrong(
        "dpo_loss.values",
        "sigmoid taken twice",
        "sigmoid twice",
        (
            DPO,
            "    return -F.logsigmoid(torch.sigmoid(beta * (policy_gap - reference_gap))).mean()\n",
        ),
    ),
    wrong(
        "labels.values",
        "padding marked by zero",
        "-1 or 0 for -100",
        ("    labels[~in_completion] = -100\n", "    labels[~in_completion] = 0\n"),
    ),
    wrong(
        "labels.values",
        "minus one for the mask",
        "-1 or 0 for -100",
        ("    labels[~in_completion] = -100\n", "    labels[~in_completion] = -1\n"),
    ),
    wrong(
        "log_probs.values",
        "a key that is not there",
        "KeyError",
        (SCORES, SCORES.replace('"labels"', '"label"')),
    ),
)

TRAINING = (
    wrong(
        "train.learns",
        "learning rate of the default",
        "learning rate ignored",
        (RESET, RESET.replace(", lr", "")),
    ),
    wrong(
        "reset.optimizer",
        "learning rate written in the reset",
        "learning rate ignored",
        (OPTIMIZER, OPTIMIZER.replace("lr=lr", "lr=1e-4")),
    ),
    wrong(
        "train.learns",
        "a loss that is cut off in training",
        "the loss is cut off from the model",
        (STEP, "        loss = loss.detach().requires_grad_()\n" + STEP),
    ),
    wrong(
        "train.learns",
        "a loss made anew of its number in training",
        "the loss is cut off from the model",
        (STEP, "        loss = torch.tensor(loss.item(), requires_grad=True)\n" + STEP),
    ),
    Wrong(
        "the learning rate's default in the notebook's loop",
        "train.learns",
        "learning rate ignored",
        (),
        functions=replaced(
            NOTEBOOK,
            (
                "    reset_model_optimizer(model_name, lr)\n",
                "    reset_model_optimizer(model_name)\n",
            ),
        ),
    ),
    Wrong(
        "a cut-off loss in the notebook's loop",
        "train.learns",
        "the loss is cut off from the model",
        (),
        functions=replaced(
            NOTEBOOK,
            (
                "        loss.backward()\n",
                "        loss = torch.tensor(loss.item(), requires_grad=True)\n        loss.backward()\n",
            ),
        ),
    ),
    wrong(
        "train_dpo.history",
        "a tuple of the three",
        "no dictionary is returned",
        (
            DPO_RETURNED,
            "    return history, average_dpo_loss(reference, beta, batch_size, max_length, test_pairs), {\n",
        ),
    ),
    wrong(
        "train_dpo.history",
        "nothing of the DPO loop",
        "nothing is returned",
        (DPO_RETURNED, '    results = {\n        "losses": history,\n'),
    ),
)

WRONG = SAMPLING + VALUES + TRAINING
