"""Wrong solutions that return other things than they were asked for.

The names of `mistake` are what a person would say of them.
"""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import EVALUATION

REWARD = "    reward = class_logits.softmax(dim=-1)[:, 1]\n"
TRIPLE = "    return reward, output_tokens, texts\n"
LOSS = "    loss = -(reward.detach() * of_texts).mean()\n"
PAIR = "    return log_probs, loss\n"
DIVERGENCE = "    return (at_positions * divergent).sum(dim=1).mean()\n"
DPO = "    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n"
LABELS = "    return labels\n"
SUM = "    return per_token.sum(dim=1)\n"
SCORES = '    return _get_batch_logps(scores.logits, batch["labels"])\n'
# The whole dictionary of evaluate, as a function of its own.
RESULT = """    return {
        "rewards": scores.tolist(), "generations": written, "reward": float(scores.mean()),
        "std": float(scores.std()),
    }
"""


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


def evaluated(check: str, name: str, mistake: str, returned: str) -> Wrong:
    """Return an evaluate that returns something else."""
    return Wrong(name, check, mistake, (), functions=replaced(EVALUATION, (RESULT, returned)))


RETURNED = (
    wrong(
        "reward.shapes",
        "reward and tokens alone",
        "returned 2 values",
        (TRIPLE, "    return reward, output_tokens\n"),
    ),
    wrong("reward.shapes", "the reward alone", "returned 1 value", (TRIPLE, "    return reward\n")),
    wrong(
        "reward.shapes",
        "four values",
        "returned 4 values",
        (TRIPLE, "    return reward, output_tokens, texts, class_logits\n"),
    ),
    wrong(
        "reward.shapes",
        "texts before tokens",
        "values in the wrong order",
        (TRIPLE, "    return reward, texts, output_tokens\n"),
    ),
    wrong(
        "reward.shapes",
        "tokens before the reward",
        "values in the wrong order",
        (TRIPLE, "    return output_tokens, reward, texts\n"),
    ),
    wrong(
        "reward.shapes",
        "a dictionary of the three",
        "a dictionary is returned",
        (TRIPLE, '    return {"reward": reward, "output_tokens": output_tokens, "texts": texts}\n'),
    ),
    wrong(
        "reward.shapes", "nothing", "nothing is returned", (TRIPLE, "    print(reward, texts)\n")
    ),
    wrong(
        "reward.shapes",
        "texts in one string",
        "texts are no list",
        (TRIPLE, '    return reward, output_tokens, "\\n".join(texts)\n'),
    ),
    wrong(
        "reward.shapes",
        "tokens as lists",
        "a list is returned",
        (TRIPLE, "    return reward, output_tokens.tolist(), texts\n"),
    ),
    wrong(
        "reward.shapes",
        "rewards as a column",
        "shape (B, 1)",
        (REWARD, "    reward = class_logits.softmax(dim=-1)[:, 1:]\n"),
    ),
    wrong(
        "reward.shapes",
        "both classes' probabilities",
        "shape (B, 2)",
        (REWARD, "    reward = class_logits.softmax(dim=-1)\n"),
    ),
    wrong(
        "reinforce_loss.values", "the loss alone", "returned 1 value", (PAIR, "    return loss\n")
    ),
    wrong(
        "reinforce_loss.values",
        "loss before log_probs",
        "values in the wrong order",
        (PAIR, "    return loss, log_probs\n"),
    ),
    wrong(
        "reinforce_loss.values",
        "three values",
        "returned 3 values",
        (PAIR, "    return log_probs, loss, of_texts\n"),
    ),
    wrong(
        "reinforce_loss.values",
        "a loss a text",
        "shape (B,)",
        (LOSS, "    loss = -(reward.detach() * of_texts)\n"),
    ),
    wrong(
        "kl.values",
        "a divergence a text",
        "shape (B,)",
        (DIVERGENCE, "    return (at_positions * divergent).sum(dim=1)\n"),
    ),
    wrong(
        "kl.values",
        "a divergence a position",
        "shape (B, 20)",
        (DIVERGENCE, "    return at_positions * divergent\n"),
    ),
    wrong(
        "kl.values",
        "the divergence and its terms",
        "returned 2 values",
        (DIVERGENCE, "    return (at_positions * divergent).sum(dim=1).mean(), at_positions\n"),
    ),
    wrong(
        "dpo_loss.values",
        "rewards before the loss",
        "values in the wrong order",
        (
            DPO,
            "    rewards = beta * policy_gap.detach()\n    return rewards, -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n",
        ),
    ),
    wrong(
        "labels.values",
        "labels and their mask",
        "returned 2 values",
        (LABELS, "    return labels, in_completion\n"),
    ),
    wrong(
        "labels.values",
        "a batch with its labels",
        "a dictionary is returned",
        (LABELS, '    return {**tokenized_input, "labels": labels}\n'),
    ),
    wrong(
        "labels.values",
        "a mask for the labels",
        "a mask is returned",
        (LABELS, "    return in_completion\n"),
    ),
    wrong(
        "batch_logps.values",
        "sums as numbers",
        "a list is returned",
        (
            SUM + "\n\ndef get_log_probs",
            "    return per_token.sum(dim=1).tolist()\n\n\ndef get_log_probs",
        ),
    ),
    wrong(
        "batch_logps.values",
        "one sum for the batch",
        "one number for the batch",
        (SUM + "\n\ndef get_log_probs", "    return per_token.sum()\n\n\ndef get_log_probs"),
    ),
    wrong(
        "batch_logps.values",
        "a log-probability a token",
        "not summed",
        (SUM + "\n\ndef get_log_probs", "    return per_token\n\n\ndef get_log_probs"),
    ),
    wrong(
        "log_probs.values",
        "log-probabilities in two halves",
        "returned 2 values",
        (SCORES, '    return _get_batch_logps(scores.logits, batch["labels"]).chunk(2)\n'),
    ),
    wrong(
        "log_probs.values",
        "logits beside log-probabilities",
        "returned 2 values",
        (SCORES, '    return _get_batch_logps(scores.logits, batch["labels"]), scores.logits\n'),
    ),
    evaluated(
        "evaluate.mean",
        "the mean alone",
        "no dictionary is returned",
        "    return float(scores.mean())\n",
    ),
    evaluated(
        "evaluate.mean",
        "a tuple",
        "no dictionary is returned",
        "    return float(scores.mean()), written\n",
    ),
    evaluated(
        "evaluate.mean", "nothing returned", "nothing is returned", "    print(scores.mean())\n"
    ),
    evaluated(
        "evaluate.mean",
        "no rewards",
        "rewards is missing",
        '    return {"reward": float(scores.mean()), "generations": written}\n',
    ),
    evaluated(
        "evaluate.mean",
        "rewards for reward",
        "reward is missing",
        '    return {"rewards": scores.tolist(), "generations": written}\n',
    ),
    evaluated(
        "evaluate.mean",
        "the list under the mean's name",
        "reward is no number",
        '    return {"reward": scores.tolist(), "generations": written, "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.generations",
        "no generations",
        "generations is missing",
        '    return {"reward": float(scores.mean()), "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.generations",
        "texts for generations",
        "generations is missing",
        '    return {"reward": float(scores.mean()), "texts": written, "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.generations",
        "generations in one string",
        "generations is no list",
        '    return {"reward": float(scores.mean()), "generations": "\\n".join(written), "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.mean",
        "rewards sorted",
        "rewards in another order",
        '    return {"reward": float(scores.mean()), "generations": written, "rewards": sorted(scores.tolist())}\n',
    ),
    evaluated(
        "evaluate.mean",
        "the mean in each place of rewards",
        "rewards are not the reviews' own",
        '    return {"reward": float(scores.mean()), "generations": written, "rewards": [float(scores.mean())] * len(scores)}\n',
    ),
    evaluated(
        "evaluate.mean",
        "means of batches as rewards",
        "rewards are not the reviews' own",
        '    means = [part.mean().item() for part in scores.split(batch_size)]\n    return {"reward": float(scores.mean()), "generations": written, "rewards": means}\n',
    ),
    evaluated(
        "evaluate.mean",
        "the median for the mean",
        "not the mean",
        '    return {"reward": float(scores.median()), "generations": written, "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.mean",
        "the largest for the mean",
        "not the mean",
        '    return {"reward": float(scores.max()), "generations": written, "rewards": scores.tolist()}\n',
    ),
    evaluated(
        "evaluate.mean",
        "share of positive texts for the mean",
        "not the mean",
        '    return {"reward": float((scores > 0.5).float().mean()), "generations": written, "rewards": scores.tolist()}\n',
    ),
)

WRONG = RETURNED
