"""Wrong loops that call a helper of a function of the assignment, in place of the function."""

from helpers.solutions import Wrong

LOSS = "def compute_reinforce_loss(reward, output_tokens, model):\n"
TRAINED = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
EVALUATE = "def evaluate("
EVALUATED = "evaluate(tokenizer, model, reward_tokenizer, reward_model)\n    return results"
OF_LOSS = """
def compute_reinforce_loss(reward, output_tokens, model):
    return _reinforce(reward, output_tokens, model)
"""
OF_EVALUATION = """
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    return _evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size)
"""

WRONG = (
    Wrong(
        "rewards negated for a helper",
        "train.learns",
        "rewards negated",
        (
            (LOSS, "def _reinforce(reward, output_tokens, model):\n"),
            (TRAINED, TRAINED.replace("compute_reinforce_loss(", "_reinforce(-")),
        ),
        functions=OF_LOSS,
    ),
    Wrong(
        "a helper's evaluation is cut",
        "train.history",
        "eval_results is cut",
        (
            (EVALUATE, "def _evaluate("),
            (
                EVALUATED,
                f"_{EVALUATED}".replace(
                    "\n    return",
                    '\n    results["eval_results"]["rewards"] = []\n    return',
                ),
            ),
        ),
        functions=OF_EVALUATION,
    ),
    # The function turns its helper's loss round, and the loop does not.
    Wrong(
        "a helper of the other sign",
        "train.learns",
        "compute_reinforce_loss is not called",
        (
            (LOSS, "def _reinforce(reward, output_tokens, model):\n"),
            (
                "    loss = -(reward.detach() * of_texts).mean()\n",
                "    loss = (reward.detach() * of_texts).mean()\n",
            ),
            (TRAINED, TRAINED.replace("compute_reinforce_loss(", "_reinforce(")),
        ),
        functions="""
def compute_reinforce_loss(reward, output_tokens, model):
    log_probs, loss = _reinforce(reward, output_tokens, model)
    return log_probs, -loss
""",
    ),
)
