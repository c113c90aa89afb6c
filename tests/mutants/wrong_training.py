"""Wrong training loops of section 2: which model, the histories and the results."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import NOTEBOOK, STEPWISE

ROLLOUT = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
"""
LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
RESET = "    reset_model_optimizer(model_name, lr)\n    original ="
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
KEPT_LOSS = "        losses.append(loss.item())\n"
KEPT_REWARD = "        rewards.append(reward.mean().item())\n"
RESULTS = '    results = {"losses": losses, "rewards": rewards}\n'
LAST = "evaluate(tokenizer, model, reward_tokenizer, reward_model)\n    return results\n"
EVALUATED = '    results["eval_results"] = ' + LAST
LISTS = "    losses, rewards, divergences = [], [], []\n"


def noted(name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a loop that notes something else in its histories."""
    return Wrong(name, "train.history", mistake, changes)


def in_notebook(name: str, check: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake in a loop as the notebook begins it."""
    return Wrong(name, check, mistake, (), functions=replaced(NOTEBOOK, *changes))


def stepwise(name: str, check: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake in a loop made of small functions."""
    return Wrong(name, check, mistake, (), functions=replaced(STEPWISE, *changes))


UNTRAINED = "the untrained model is evaluated"
NOT_LEARNT = "nothing is learnt"

MODELS = (
    noted(
        "evaluated before training",
        UNTRAINED,
        (
            LISTS,
            "    eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n"
            + LISTS,
        ),
        (EVALUATED, '    results["eval_results"] = eval_results\n    return results\n'),
    ),
    noted("the original evaluated", UNTRAINED, (LAST, LAST.replace("model,", "original,", 1))),
    noted(
        "a fresh model evaluated",
        UNTRAINED,
        (
            EVALUATED,
            "    model = AutoModelForCausalLM.from_pretrained(model_name).to(device)\n" + EVALUATED,
        ),
        (
            "    reset_model_optimizer(model_name, lr)\n    original",
            "    model, optimizer = reset_model_optimizer(model_name, lr)\n    original",
        ),
    ),
    noted(
        "reset before the evaluation",
        UNTRAINED,
        (EVALUATED, "    reset_model_optimizer(model_name, lr)\n" + EVALUATED),
    ),
    noted(
        "evaluated after the first step",
        UNTRAINED,
        (
            KEPT_LOSS,
            KEPT_LOSS
            + "        if start == 0:\n            eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n",
        ),
        (EVALUATED, '    results["eval_results"] = eval_results\n    return results\n'),
    ),
    noted(
        "evaluated before the last step",
        UNTRAINED,
        (
            STEP,
            "        eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n"
            + STEP,
        ),
        (EVALUATED, '    results["eval_results"] = eval_results\n    return results\n'),
    ),
    stepwise(
        "a trained copy beside the global that is evaluated",
        "train.history",
        UNTRAINED,
        (
            "    policy, opt = model, optimizer\n",
            "    policy = copy.deepcopy(model)\n    opt = torch.optim.AdamW(policy.parameters(), lr=lr)\n",
        ),
        ("evaluate(tokenizer, policy,", "evaluate(tokenizer, model,"),
    ),
    in_notebook(
        "the best weights of the beginning put back",
        "train.history",
        UNTRAINED,
        (
            '    history = {"losses"',
            '    best_state = {key: value.clone() for key, value in model.state_dict().items()}\n    history = {"losses"',
        ),
        ("    return history |", "    model.load_state_dict(best_state)\n    return history |"),
    ),
    Wrong(
        "the optimizer has another model's parameters",
        "train.learns",
        NOT_LEARNT,
        (
            (
                RESET,
                RESET.replace(
                    "    original",
                    "    model = AutoModelForCausalLM.from_pretrained(model_name).to(device)\n    original",
                ),
            ),
        ),
    ),
    stepwise(
        "the optimizer of the model that was copied",
        "train.learns",
        NOT_LEARNT,
        (
            "    policy, opt = model, optimizer\n",
            "    policy, opt = copy.deepcopy(model), optimizer\n",
        ),
    ),
    Wrong(
        "texts sampled from the original",
        "train.rollouts",
        "texts of another model",
        ((ROLLOUT, ROLLOUT.replace("tokenizer, model,", "tokenizer, original,")),),
    ),
    stepwise(
        "texts sampled from the model that was copied",
        "train.rollouts",
        "texts of another model",
        (
            "    policy, opt = model, optimizer\n",
            "    policy = copy.deepcopy(model)\n    opt = torch.optim.AdamW(policy.parameters(), lr=lr)\n",
        ),
        ("rollout(policy, texts)\n    log_probs", "rollout(model, texts)\n    log_probs"),
    ),
    Wrong(
        "the loss of the original",
        "train.learns",
        NOT_LEARNT,
        ((LOSS, LOSS.replace("output_tokens, model", "output_tokens, original")),),
    ),
    Wrong(
        "weights reset at each step, optimizer kept",
        "train.learns",
        NOT_LEARNT,
        ((KEPT_LOSS, KEPT_LOSS + "        model.load_state_dict(original.state_dict())\n"),),
    ),
    Wrong(
        "a warm-up from zero that is never stepped",
        "train.learns",
        NOT_LEARNT,
        (
            (
                LISTS,
                LISTS
                + "    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))\n",
            ),
        ),
    ),
    Wrong(
        "all but the positions frozen",
        "train.learns",
        "part of the weights is frozen",
        (
            (
                LISTS,
                LISTS
                + "    for name, parameter in model.named_parameters():\n        parameter.requires_grad = name.startswith('transformer.wpe')\n",
            ),
        ),
    ),
)
NOT_MEAN = "not the batch's mean reward"
NOT_LOSS = "not the batch's loss"

HISTORIES = (
    noted("largest reward", NOT_MEAN, (KEPT_REWARD, KEPT_REWARD.replace("mean()", "max()"))),
    noted("summed reward", NOT_MEAN, (KEPT_REWARD, KEPT_REWARD.replace("mean()", "sum()"))),
    noted("median reward", NOT_MEAN, (KEPT_REWARD, KEPT_REWARD.replace("mean()", "median()"))),
    noted(
        "the last text's reward", NOT_MEAN, (KEPT_REWARD, KEPT_REWARD.replace(".mean()", "[-1]"))
    ),
    noted(
        "the first text's reward", NOT_MEAN, (KEPT_REWARD, KEPT_REWARD.replace(".mean()", "[0]"))
    ),
    noted(
        "running mean of rewards",
        NOT_MEAN,
        (LISTS, LISTS + "    total = 0.0\n"),
        (
            KEPT_REWARD,
            "        total += reward.mean().item()\n        rewards.append(total / (len(rewards) + 1))\n",
        ),
    ),
    noted(
        "smoothed rewards",
        NOT_MEAN,
        (
            KEPT_REWARD,
            "        smoothed = reward.mean().item()\n        if rewards:\n            smoothed = 0.9 * rewards[-1] + 0.1 * smoothed\n        rewards.append(smoothed)\n",
        ),
    ),
    noted(
        "summed rewards over the full batch size",
        NOT_MEAN,
        (KEPT_REWARD, "        rewards.append(reward.sum().item() / batch_size)\n"),
    ),
    noted(
        "running mean of losses",
        NOT_LOSS,
        (LISTS, LISTS + "    running_loss = 0.0\n"),
        (
            KEPT_LOSS,
            "        running_loss += loss.item()\n        losses.append(running_loss / (start // batch_size + 1))\n",
        ),
    ),
    noted(
        "running sum of losses",
        NOT_LOSS,
        (LISTS, LISTS + "    running_loss = 0.0\n"),
        (KEPT_LOSS, "        running_loss += loss.item()\n        losses.append(running_loss)\n"),
    ),
    noted(
        "smallest loss so far",
        NOT_LOSS,
        (KEPT_LOSS, "        losses.append(min([loss.item(), *losses]))\n"),
    ),
    noted(
        "largest loss so far",
        NOT_LOSS,
        (KEPT_LOSS, "        losses.append(max([loss.item(), *losses]))\n"),
    ),
    noted(
        "losses with the other sign", NOT_LOSS, (KEPT_LOSS, "        losses.append(-loss.item())\n")
    ),
    noted(
        "losses times the batch's size",
        NOT_LOSS,
        (KEPT_LOSS, "        losses.append(loss.item() * len(group))\n"),
    ),
    noted("losses a token", NOT_LOSS, (KEPT_LOSS, "        losses.append(loss.item() / 20)\n")),
    noted(
        "the two lists mixed up",
        "losses and rewards swapped",
        (RESULTS, '    results = {"losses": rewards, "rewards": losses}\n'),
    ),
    noted(
        "rewards of the evaluation in each step",
        NOT_MEAN,
        (
            KEPT_REWARD,
            '        rewards.append(\n            evaluate(tokenizer, model, reward_tokenizer, reward_model)["reward"]\n        )\n',
        ),
    ),
    noted(
        "every second step noted",
        "not one entry a step",
        (
            KEPT_LOSS + KEPT_REWARD,
            "        if start // batch_size % 2 == 0:\n            losses.append(loss.item())\n            rewards.append(reward.mean().item())\n",
        ),
    ),
    noted(
        "one mean over the epoch",
        "not one entry a step",
        (
            RESULTS,
            '    results = {"losses": [sum(losses) / len(losses)], "rewards": [sum(rewards) / len(rewards)]}\n',
        ),
    ),
    noted(
        "a zero at the beginning",
        "not one entry a step",
        (LISTS, "    losses, rewards, divergences = [0.0], [0.0], []\n"),
    ),
    noted(
        "all rewards of each step",
        "not the batch's mean reward",
        (KEPT_REWARD, "        rewards.append(reward.tolist())\n"),
    ),
    in_notebook(
        "largest reward in the notebook's loop",
        "train.history",
        NOT_MEAN,
        (
            'history["rewards"].append(reward.mean().item())',
            'history["rewards"].append(max(reward.tolist()))',
        ),
    ),
)

KEYS = (
    noted("no losses", "losses is missing", (RESULTS, '    results = {"rewards": rewards}\n')),
    noted("loss for losses", "losses is missing", (RESULTS, RESULTS.replace('"losses"', '"loss"'))),
    noted(
        "reward for rewards",
        "rewards is missing",
        (RESULTS, RESULTS.replace('"rewards"', '"reward"')),
    ),
    noted(
        "no evaluation",
        "eval_results is missing",
        (
            EVALUATED,
            "    evaluate(tokenizer, model, reward_tokenizer, reward_model)\n    return results\n",
        ),
    ),
    noted(
        "evaluation for eval_results",
        "eval_results is missing",
        (EVALUATED, EVALUATED.replace("eval_results", "evaluation")),
    ),
    noted(
        "the evaluation's mean alone",
        "eval_results is no dictionary",
        (EVALUATED, EVALUATED.replace("reward_model)\n", 'reward_model)["reward"]\n')),
    ),
    noted(
        "a tuple for a dictionary",
        "no dictionary is returned",
        (
            EVALUATED,
            EVALUATED.replace("return results", 'return losses, rewards, results["eval_results"]'),
        ),
    ),
    noted(
        "nothing returned",
        "nothing is returned",
        (EVALUATED, EVALUATED.replace("    return results\n", "")),
    ),
    in_notebook(
        "the evaluation's keys among the history's",
        "train.history",
        "eval_results is missing",
        (
            '{"eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model)}',
            "evaluate(tokenizer, model, reward_tokenizer, reward_model)",
        ),
    ),
)

WRONG = MODELS + HISTORIES + KEYS
