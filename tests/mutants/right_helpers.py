"""Correct solutions in which a function of the assignment only calls a helper that loops call too."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Right

SAMPLING = "def compute_reward_for_mini_batch(\n"
ALL_OF_SAMPLING = "batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20"
SAMPLED = "        reward, output_tokens, _ = compute_reward_for_mini_batch("
SAMPLED_TO_EVALUATE = "            reward, _, texts = compute_reward_for_mini_batch("
EVALUATE = "def evaluate("
EVALUATED = '    results["eval_results"] = evaluate('
EVALUATED_DPO = '        "eval_results": evaluate('
LOSS = "def compute_reinforce_loss("
TRAINED = "        log_probs, loss = compute_reinforce_loss("
KL = "def compute_kl_divergence("
PENALTY = "            divergence = compute_kl_divergence("
DPO = "def compute_DPO_loss(\n"
DPO_CALL = "    return compute_DPO_loss("


def helped(name: str, helper: str, function: str, *lines: str) -> Right:
    """Return a solution in which a helper has the work, and these lines call it."""
    asked = lines[0].removeprefix("def ").partition("(")[0]
    changes = tuple((line, line.replace(asked, helper)) for line in lines)
    return Right(name, function, changes)


RIGHT = (
    helped(
        "a helper of sampling",
        "_sample",
        f"""
def compute_reward_for_mini_batch({ALL_OF_SAMPLING}):
    return _sample(batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length, max_new_tokens)
""",
        SAMPLING,
        SAMPLED,
        SAMPLED_TO_EVALUATE,
    ),
    helped(
        "a helper of sampling, whatever it is given",
        "_sample",
        "\ndef compute_reward_for_mini_batch(*given, **more):\n    return _sample(*given, **more)\n",
        SAMPLING,
        SAMPLED,
    ),
    helped(
        "a helper of sampling, without gradients",
        "_sample",
        f'''
def compute_reward_for_mini_batch({ALL_OF_SAMPLING}):
    """Rewards, tokens and texts."""
    with torch.no_grad():
        rewards, tokens, texts = _sample(
            batch, tokenizer, model, reward_tokenizer, reward_model,
            seed_token_length=seed_token_length, max_new_tokens=max_new_tokens,
        )
    return rewards, tokens, texts
''',
        SAMPLING,
        SAMPLED,
        SAMPLED_TO_EVALUATE,
    ),
    helped(
        "a helper of the evaluation",
        "_evaluate",
        """
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    results = _evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size)
    return results
""",
        EVALUATE,
        EVALUATED,
        EVALUATED_DPO,
    ),
    helped(
        "a helper of the loss, which has other names",
        "_reinforce",
        "\ndef compute_reinforce_loss(r, tokens, policy):\n    return _reinforce(r, tokens, policy)\n",
        LOSS,
        TRAINED,
    ),
    helped(
        "a helper of the divergence",
        "_kl",
        "\ndef compute_kl_divergence(log_probs_current, output_tokens, orig_model):\n"
        "    return _kl(log_probs_current, output_tokens, orig_model)\n",
        KL,
        PENALTY,
    ),
    helped(
        "a helper of the loss of pairs, by names in another order",
        "_dpo",
        """
def compute_DPO_loss(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, beta=0.1
):
    return _dpo(
        reference_chosen_logps=reference_chosen_logps, reference_rejected_logps=reference_rejected_logps,
        policy_chosen_logps=policy_chosen_logps, policy_rejected_logps=policy_rejected_logps, beta=beta,
    )
""",
        DPO,
        DPO_CALL,
    ),
    Right(
        "a dict of functions that torch.no_grad decorates",
        changes=(
            (SAMPLING, "@torch.no_grad()\n" + SAMPLING),
            (EVALUATE, "@torch.no_grad()\n" + EVALUATE),
            (
                "def train(model_name, alpha",
                'TOOLS = {"sample": compute_reward_for_mini_batch, "evaluate": evaluate}\n\n\ndef train(model_name, alpha',
            ),
            (SAMPLED, '        reward, output_tokens, _ = TOOLS["sample"]('),
            (EVALUATED, '    results["eval_results"] = TOOLS["evaluate"]('),
        ),
    ),
)
