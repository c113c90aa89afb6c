"""Wrong loops that once kept all of their points: late, rare, at the end, or on real sizes only."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

RESET = "    reset_model_optimizer(model_name, lr)\n    original ="
RESET_DPO = "    reset_model_optimizer(model_name, lr)\n    reference ="
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"
OTHER = "    optimizer = torch.optim.{}(model.parameters(), lr=lr)\n"
SAMPLE = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
"""
LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
KL = "            divergence = compute_kl_divergence(log_probs, output_tokens, original)\n"
PENALTY = "            loss = loss + alpha * divergence\n"
KEPT = "        rewards.append(reward.mean().item())\n"
EVALUATED = (
    '    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n'
)
KEPT_DPO = "            history.append(pair_loss.item())\n"
RESULTS_DPO = '    return {\n        "losses": history,\n'
LAST_DPO = (
    '        "eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),\n    }'
)
MADE = "    made = make_batch(pairs, max_length)\n    chosen"
SAMPLED = """            reward, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
"""
TRAIN_PAIRS = "train_pairs, test_pairs = train_texts_parallel[:rows], test_texts_parallel[:rows]"


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


GLOBAL = "the global model is not the trained one"

MODELS = (
    wrong(
        "train.history",
        "the global model reset at the end",
        GLOBAL,
        (EVALUATED, EVALUATED + "    reset_model_optimizer(model_name, lr)\n"),
    ),
    wrong(
        "train.history",
        "a local policy trained",
        GLOBAL,
        (RESET, RESET.replace("    original", "    policy, adam = model, optimizer\n    original")),
        ("    losses, rewards, div", '    globals()["model"] = original\n    losses, rewards, div'),
        (SAMPLE, SAMPLE.replace("model, r", "policy, r")),
        (LOSS, LOSS.replace("model)", "policy)")),
        ("        optimizer.zero_grad()\n        loss", "        adam.zero_grad()\n        loss"),
        (
            "        optimizer.step()\n        losses",
            "        adam.step()\n        losses",
        ),
        (EVALUATED, EVALUATED.replace(" model,", " policy,")),
    ),
    wrong(
        "train_dpo.history",
        "the global model reset at the end of DPO",
        GLOBAL,
        (RESULTS_DPO, RESULTS_DPO.replace("return", "result =")),
        (LAST_DPO, LAST_DPO + "\n    reset_model_optimizer(model_name, lr)\n    return result"),
    ),
    wrong(
        "train_dpo.history",
        "the original put back as the global model",
        GLOBAL,
        (RESULTS_DPO, RESULTS_DPO.replace("return", "result =")),
        (LAST_DPO, LAST_DPO + '\n    globals()["model"] = reference\n    return result'),
    ),
    wrong(
        "evaluate.generations",
        "the global classifier for the given one",
        "another classifier is used",
        (SAMPLED, SAMPLED.replace("reward_model\n", 'globals()["reward_model"]\n')),
    ),
)

STEPS = (
    wrong(
        "train.optimizer",
        "ten times the rate from the second step on",
        "learning rate raised",
        (KEPT, KEPT + '        optimizer.param_groups[0]["lr"] = 10 * lr\n'),
    ),
    wrong(
        "train_dpo.reference",
        "ten times the rate from DPO's second step on",
        "learning rate raised",
        (KEPT_DPO, KEPT_DPO + '            optimizer.param_groups[0]["lr"] = 10 * lr\n'),
    ),
    wrong(
        "train.optimizer",
        "a weight decay of 1",
        "weight decay",
        (
            RESET,
            f"    reset_model_optimizer(model_name, lr)\n{OPTIMIZER[:-2]}, weight_decay=1.0)\n    original =",
        ),
    ),
    wrong(
        "train_dpo.reference",
        "a weight decay of 1 in DPO",
        "weight decay",
        (
            RESET_DPO,
            f"    reset_model_optimizer(model_name, lr)\n{OPTIMIZER[:-2]}, weight_decay=1.0)\n    reference =",
        ),
    ),
    wrong(
        "reset.optimizer",
        "a weight decay of 1 in the reset",
        "weight decay",
        (OPTIMIZER, OPTIMIZER[:-2] + ", weight_decay=1.0)\n"),
    ),
    wrong(
        "reset.optimizer",
        "stochastic gradient descent",
        "another optimizer than AdamW",
        (OPTIMIZER, OPTIMIZER.replace("AdamW", "SGD")),
    ),
    wrong(
        "reset.optimizer",
        "an epsilon of 1",
        "another optimizer than AdamW",
        (OPTIMIZER, OPTIMIZER[:-2] + ", eps=1.0)\n"),
    ),
    wrong(
        "train.optimizer",
        "an optimizer of train's own",
        "another optimizer than AdamW",
        (RESET, RESET.replace("    original", f"{OTHER.format('SGD')}    original")),
    ),
    wrong(
        "train_dpo.history",
        "an optimizer of train_DPO's own",
        "another optimizer than AdamW",
        (RESET_DPO, RESET_DPO.replace("    reference", f"{OTHER.format('SGD')}    reference")),
    ),
    wrong(
        "train.history",
        "a hundred steps at most",
        "reviews left out",
        (KEPT, KEPT + "        if len(losses) >= 100:\n            break\n"),
    ),
    wrong(
        "train.history",
        "stopped at a high reward",
        "reviews left out",
        (KEPT, KEPT + "        if rewards[-1] > 0.9:\n            break\n"),
    ),
    wrong(
        "train.penalty",
        "stopped at a high KL",
        "reviews left out",
        (PENALTY, PENALTY + "            if divergence > 10:\n                break\n"),
    ),
    wrong(
        "train_dpo.history",
        "an epoch stopped where the loss rises",
        "pairs left out",
        (
            KEPT_DPO,
            KEPT_DPO
            + "            if len(history) > 1 and history[-1] > history[-2] + 0.5:\n                break\n",
        ),
    ),
    wrong(
        "train.optimizer",
        "the loss clamped",
        "no gradient in some steps",
        (LOSS, LOSS + "        loss = loss.clamp(max=5.0)\n"),
    ),
)

REFERENCE = (
    wrong(
        "train.reference",
        "the reference refreshed every tenth step",
        "reference not frozen",
        (
            KEPT,
            KEPT
            + "        if len(losses) % 10 == 9:\n            original.load_state_dict(model.state_dict())\n",
        ),
    ),
    wrong(
        "train_dpo.reference",
        "DPO's reference refreshed every tenth step",
        "reference not frozen",
        (
            KEPT_DPO,
            KEPT_DPO
            + "            if len(history) % 10 == 9:\n                reference.load_state_dict(model.state_dict())\n",
        ),
    ),
    wrong(
        "train.penalty",
        "the KL of the first text",
        "KL of a part of the batch",
        (KL, KL.replace("log_probs, output_tokens", "log_probs[:1], output_tokens[:1]")),
    ),
    wrong(
        "train.penalty",
        "the KL of half the batch",
        "KL of a part of the batch",
        (
            KL,
            "            half = max(1, len(output_tokens) // 2)\n"
            + KL.replace("log_probs, output_tokens", "log_probs[:half], output_tokens[:half]"),
        ),
    ),
)

LENGTHS = (
    wrong(
        "train.rollouts",
        "ten new tokens in training",
        "another number of tokens",
        (SAMPLE, SAMPLE.replace("reward_model\n", "reward_model, max_new_tokens=10\n")),
    ),
    wrong(
        "evaluate.generations",
        "ten new tokens in the evaluation",
        "another number of tokens",
        (SAMPLED, SAMPLED.replace("reward_model\n", "reward_model, max_new_tokens=10\n")),
    ),
    wrong(
        "evaluate.generations",
        "a seed of five tokens",
        "another number of tokens",
        (SAMPLED, SAMPLED.replace("reward_model\n", "reward_model, 5\n")),
    ),
    wrong(
        "train_dpo.reference",
        "max_length not passed on",
        "max_length ignored",
        (MADE, MADE.replace("max_length", "128")),
    ),
    wrong(
        "train_dpo.reference",
        "half of max_length",
        "texts are cut too short",
        (MADE, MADE.replace("max_length", "max(8, max_length // 2)")),
    ),
)

EVALUATION = (
    wrong(
        "evaluate.generations",
        "train mode in the evaluation",
        "dropout on",
        ("    model.eval()\n", ""),
        (
            "    rewards, generations = [], []\n",
            "    model.train()\n    rewards, generations = [], []\n",
        ),
    ),
    wrong(
        "evaluate.generations",
        "the best of three samples",
        "several samples of each review",
        (
            SAMPLED,
            "            samples = [\n"
            "                compute_reward_for_mini_batch(batch, tokenizer, model, reward_tokenizer, reward_model)\n"
            "                for _ in range(3)\n"
            "            ]\n"
            "            reward = torch.stack([sample[0] for sample in samples]).max(dim=0).values\n"
            "            texts = samples[0][2]\n",
        ),
    ),
    wrong(
        "train.history",
        "the better of two samples",
        "several samples of each review",
        (
            SAMPLE,
            SAMPLE
            + SAMPLE.replace("reward, output_tokens, _", "other, other_tokens, _")
            + "        if other.mean() > reward.mean():\n"
            "            reward, output_tokens = other, other_tokens\n",
        ),
    ),
    wrong(
        "train.history",
        "eval_results of the first reviews",
        "eval_results is cut",
        (
            EVALUATED,
            EVALUATED.replace('results["eval_results"]', "full")
            + '    kept = full["rewards"][:64]\n'
            '    results["eval_results"] = {\n'
            '        "reward": full["reward"],\n'
            '        "generations": full["generations"][:64],\n'
            '        "rewards": kept,\n'
            "    }\n",
        ),
    ),
)

WRONG = (*MODELS, *STEPS, *REFERENCE, *LENGTHS, *EVALUATION)
