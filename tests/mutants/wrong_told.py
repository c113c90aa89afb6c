"""Wrong loops that were once told something untrue; each is told these names, and no others.

Where a program gives several checks wrong numbers, `mistake` is the one that its own check tells,
and `meanings` says which others are true of it as well.
"""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

RESET = "    reset_model_optimizer(model_name, lr)\n    original ="
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"
SAMPLE = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
"""
LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
LISTS = "    losses, rewards, divergences = [], [], []\n"
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
PENALTY = "            loss = loss + alpha * divergence\n"
KEPT = "        rewards.append(reward.mean().item())\n"
EVALUATED = (
    '    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n'
)
STEP_DPO = "            pair_loss.backward()\n            optimizer.step()\n"
KEPT_DPO = "            history.append(pair_loss.item())\n"
OF_PAIRS = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
OF_REFERENCE = (
    "        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)\n"
)
DPO = "    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)\n"
SIDES = "    sides = [chosen for _, chosen, _ in pairs] + [rejected for _, _, rejected in pairs]\n"
TESTED = "            total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)\n"
AVERAGE = '"test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs)'
EPOCHS = "    for _epoch in range(2):\n"
HISTORY = "    history = []\n"


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


def by(optimizer: str) -> str:
    """Return the line that makes an optimizer, with other arguments."""
    return f"    optimizer = torch.optim.{optimizer}\n"


OPTIMIZERS = (
    wrong(
        "reset.optimizer",
        "the transformer without its head in the optimizer",
        "optimizer of other parameters",
        (OPTIMIZER, by("AdamW(model.transformer.parameters(), lr=lr)")),
    ),
    wrong(
        "train.history",
        "the head alone in the optimizer",
        "part of the weights in the optimizer",
        (OPTIMIZER, by("AdamW(model.lm_head.parameters(), lr=lr)")),
    ),
    wrong(
        "train.history",
        "the biases alone in the optimizer",
        "part of the weights in the optimizer",
        (
            OPTIMIZER,
            by('AdamW([p for n, p in model.named_parameters() if n.endswith("bias")], lr=lr)'),
        ),
    ),
    wrong(
        "train_dpo.history",
        "the head alone in DPO's optimizer",
        "part of the weights in the optimizer",
        (
            "    reset_model_optimizer(model_name, lr)\n    reference =",
            "    reset_model_optimizer(model_name, lr)\n"
            + by("AdamW(model.lm_head.parameters(), lr=lr)")
            + "    reference =",
        ),
    ),
    wrong(
        "train.history",
        "no global statement",
        "weights not reset",
        ("    global model, optimizer\n", ""),
    ),
    wrong(
        "train.history",
        "a deep copy of the model samples and gives the loss",
        "optimizer of another model",
        ("import torch\nimport", "import copy\n\nimport torch\nimport"),
        (LISTS, "    policy = copy.deepcopy(model)\n" + LISTS),
        (SAMPLE, SAMPLE.replace("model, r", "policy, r")),
        (LOSS, LOSS.replace("model)", "policy)")),
    ),
    wrong(
        "train.learns",
        "gradients clipped at nothing",
        "too little is learnt",
        (
            "        optimizer.step()\n        losses",
            "        torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-9)\n        optimizer.step()\n        losses",
        ),
    ),
    wrong(
        "train_dpo.learns",
        "gradients of pairs clipped at nothing",
        "too little is learnt",
        (
            STEP_DPO,
            STEP_DPO.replace(
                "            opt",
                "            torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-9)\n            opt",
            ),
        ),
    ),
    wrong(
        "train.optimizer",
        "a new model in the middle",
        "weights reset in the middle",
        (
            KEPT,
            KEPT
            + "        if len(losses) == 3:\n            reset_model_optimizer(model_name, lr)\n",
        ),
    ),
    wrong(
        "train_dpo.reference",
        "a new model each epoch",
        "weights reset in the middle",
        (EPOCHS, EPOCHS + "        reset_model_optimizer(model_name, lr)\n"),
    ),
)

STEPS = (
    wrong(
        "train.optimizer",
        "a step every fourth batch",
        "fewer steps than batches",
        (
            STEP,
            "        loss.backward()\n        if len(losses) % 4 == 3:\n            optimizer.step()\n            optimizer.zero_grad()\n        losses",
        ),
    ),
    wrong(
        "train.optimizer",
        "one step at the end",
        "fewer steps than batches",
        (STEP, "        loss.backward()\n        losses"),
        (EVALUATED, "    optimizer.step()\n" + EVALUATED),
    ),
    wrong(
        "train_dpo.history",
        "a step every second batch of pairs",
        "fewer steps than batches",
        ("            optimizer.zero_grad()\n", ""),
        (
            STEP_DPO,
            "            pair_loss.backward()\n"
            "            if k // batch_size % 2 == 1:\n"
            "                optimizer.step()\n"
            "                optimizer.zero_grad()\n",
        ),
    ),
    wrong(
        "train.history",
        "a second step with the gradient of the first",
        "more steps than batches",
        (STEP, STEP.replace("        losses", "        optimizer.step()\n        losses")),
    ),
    wrong(
        "train_dpo.history",
        "two steps for the pairs of a batch",
        "more steps than batches",
        (STEP_DPO, STEP_DPO + "            optimizer.step()\n"),
    ),
    wrong(
        "train.optimizer",
        "batches of thirty-two",
        "batch_size ignored",
        (LISTS, "    batch_size = 32\n" + LISTS),
    ),
    wrong(
        "train_dpo.history",
        "batches of sixteen pairs",
        "batch_size ignored",
        (HISTORY, HISTORY + "    batch_size = 16\n"),
    ),
    wrong(
        "train.optimizer",
        "batches of low reward skipped",
        "reviews left out",
        (SAMPLE, SAMPLE + "        if reward.mean() < 0.4:\n            continue\n"),
    ),
    wrong(
        "train.history",
        "a penalty in all runs",
        "a penalty that was not asked for",
        (
            "        if use_kl_divergence:\n            divergence =",
            "        if True:\n            divergence =",
        ),
    ),
    wrong(
        "train.learns",
        "the rewards of the batch before",
        "rewards changed",
        (
            LOSS,
            "        if not rewards:\n"
            "            previous = torch.zeros(batch_size)\n"
            + LOSS.replace("(reward,", "(previous[: len(reward)],")
            + "        previous = reward\n",
        ),
    ),
    wrong(
        "train.history",
        "the last training batch as evaluation",
        "eval_results is not evaluate's",
        (SAMPLE, SAMPLE.replace("_ =", "texts =")),
        (
            EVALUATED,
            '    results["eval_results"] = {"reward": rewards[-1], "generations": texts, "rewards": reward.tolist()}\n',
        ),
    ),
    wrong(
        "train.penalty",
        "the penalty clamped",
        "penalty left out of some steps",
        (PENALTY, PENALTY.replace("alpha * divergence", "(alpha * divergence).clamp(max=0.1)")),
    ),
    wrong(
        "train.penalty",
        "the penalty from a threshold on",
        "penalty left out of some steps",
        (PENALTY, "            if divergence > 1:\n    " + PENALTY),
    ),
    wrong(
        "train.penalty",
        "one minus alpha times the loss",
        "the loss is weighed as well",
        (PENALTY, PENALTY.replace("= loss", "= (1 - alpha) * loss")),
    ),
    wrong(
        "train.learns",
        "the last layer norm alone trained",
        "all but a layer norm is frozen",
        (
            LISTS,
            '    for name, parameter in model.named_parameters():\n        parameter.requires_grad_("ln_f" in name)\n'
            + LISTS,
        ),
    ),
    wrong(
        "train.reference",
        "the reference refreshed every second step",
        "reference not frozen",
        (
            KEPT,
            KEPT
            + "        if len(losses) % 2 == 1:\n            original.load_state_dict(model.state_dict())\n",
        ),
    ),
)

PAIRS = (
    wrong(
        "train_dpo.history",
        "policy and reference swapped in the loss",
        "models mixed up in the loss",
        (
            DPO,
            DPO.replace(
                "chosen, rejected, reference_chosen, reference_rejected",
                "reference_chosen, reference_rejected, chosen, rejected",
            ),
        ),
    ),
    wrong(
        "train_dpo.test_loss",
        "test loss of the first batch",
        "test pairs left out",
        (AVERAGE, AVERAGE.replace("test_pairs)", "test_pairs[:batch_size])")),
    ),
    wrong(
        "train_dpo.test_loss",
        "test loss of sixty-four pairs",
        "test pairs left out",
        (HISTORY, HISTORY + "    test_pairs = test_pairs[:64]\n"),
    ),
    wrong(
        "train_dpo.history",
        "rows taken as interleaved",
        "chosen and rejected mixed up in the rows",
        (
            OF_PAIRS,
            "    scores = get_log_probs(model, made)\n    chosen, rejected = scores[::2], scores[1::2]\n",
        ),
        (
            OF_REFERENCE,
            "        scores = get_log_probs(reference, made)\n        reference_chosen, reference_rejected = scores[::2], scores[1::2]\n",
        ),
    ),
    wrong(
        "train_dpo.history",
        "beta squared in training",
        "another beta in training",
        (
            "reference, beta, max_length)\n            pair_loss",
            "reference, beta * beta, max_length)\n            pair_loss",
        ),
    ),
    wrong(
        "train_dpo.test_loss",
        "beta squared in the test loss",
        "another beta in the test loss",
        (TESTED, TESTED.replace("beta,", "beta * beta,")),
    ),
    wrong(
        "train_dpo.history",
        "scores detached, with a gradient of their own",
        "pairs' scores detached",
        (OF_PAIRS, OF_PAIRS.replace(".chunk", ".detach().requires_grad_().chunk")),
    ),
    wrong(
        "train_dpo.history",
        "means as reference scores",
        "reference scores of another kind",
        (
            OF_REFERENCE,
            "        mask = made['attention_mask']\n"
            "        outputs = reference(input_ids=made['input_ids'], attention_mask=mask, position_ids=count_positions(mask))\n"
            "        scores = _get_batch_logps(outputs.logits, made['labels'], average_log_prob=True)\n"
            "        reference_chosen, reference_rejected = scores.chunk(2)\n",
        ),
    ),
    wrong(
        "train_dpo.history",
        "a cache that forgets which pairs it is of",
        "reference scores of other pairs",
        ("def dpo_loss_of(", "CACHE = {}\n\n\ndef dpo_loss_of("),
        (
            OF_REFERENCE,
            "        key = len(made['input_ids'])\n"
            "        if key not in CACHE:\n"
            "            CACHE[key] = get_log_probs(reference, made)\n"
            "        reference_chosen, reference_rejected = CACHE[key].chunk(2)\n",
        ),
    ),
    wrong(
        "train_dpo.test_loss",
        "the policy as reference of the test",
        "policy and reference are the same in the test loss",
        (AVERAGE, AVERAGE.replace("(reference,", "(model,")),
    ),
    wrong(
        "train_dpo.history",
        "no gradient of the rejected texts",
        "gradient of one side only",
        (OF_PAIRS, OF_PAIRS + "    rejected = rejected.detach()\n"),
    ),
    wrong(
        "train_dpo.history",
        "sides swapped in the second epoch",
        "chosen and rejected swapped",
        (
            EPOCHS,
            EPOCHS
            + "        if _epoch == 1:\n            train_pairs = [(p, r, c) for p, c, r in train_pairs]\n",
        ),
    ),
    wrong(
        "train_dpo.history",
        "rejected rows first",
        "chosen and rejected swapped",
        (
            SIDES,
            "    sides = [rejected for _, _, rejected in pairs] + [chosen for _, chosen, _ in pairs]\n",
        ),
    ),
    wrong(
        "train_dpo.test_loss",
        "no reference in the test loss",
        "no reference",
        (
            TESTED,
            "            chosen, rejected = get_log_probs(model, make_batch(part, max_length)).chunk(2)\n"
            "            none = torch.zeros_like(chosen)\n"
            "            total += compute_DPO_loss(chosen, rejected, none, none, beta=beta).item() * len(part)\n",
        ),
    ),
    wrong(
        "train_dpo.test_loss",
        "share of wrong pairs as test loss",
        "test loss without compute_DPO_loss",
        (
            TESTED,
            "            chosen, rejected = get_log_probs(model, make_batch(part, max_length)).chunk(2)\n"
            "            total += (chosen <= rejected).sum().item()\n",
        ),
    ),
    wrong(
        "train_dpo.history",
        "backward of minus the loss",
        "gradient ascent",
        (STEP_DPO, STEP_DPO.replace("pair_loss", "(-pair_loss)")),
    ),
    wrong(
        "train_dpo.reference",
        "the reference refreshed every second batch",
        "reference not frozen",
        (
            KEPT_DPO,
            KEPT_DPO
            + "            if len(history) % 2 == 1:\n                reference.load_state_dict(model.state_dict())\n",
        ),
    ),
)

DPO_STEPS = (
    wrong(
        "train_dpo.history",
        "the test loss as DPO's evaluation",
        "eval_results is not evaluate's",
        (
            '"eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),',
            '"eval_results": {"reward": history[-1], "generations": [], "rewards": history},',
        ),
    ),
    wrong(
        "train_dpo.learns",
        "the last layer norm alone trained on pairs",
        "all but a layer norm is frozen",
        (
            HISTORY,
            '    for name, parameter in model.named_parameters():\n        parameter.requires_grad_("ln_f" in name)\n'
            + HISTORY,
        ),
    ),
    wrong(
        "train_dpo.history",
        "the loss of pairs clamped",
        "no gradient in some steps",
        (STEP_DPO, STEP_DPO.replace("pair_loss", "pair_loss.clamp(max=3.0)")),
    ),
    wrong(
        "train_dpo.history",
        "a deep copy of the model scores the pairs",
        "optimizer of another model",
        ("import torch\nimport", "import copy\n\nimport torch\nimport"),
        (HISTORY, '    copied = globals()["model"] = copy.deepcopy(model)\n' + HISTORY),
    ),
    wrong(
        "train_dpo.history",
        "DPO's eval_results of the first reviews",
        "eval_results is cut",
        (
            '"eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),',
            '"eval_results": {k: v[:64] if isinstance(v, list) else v for k, v in evaluate(tokenizer, model, reward_tokenizer, reward_model).items()},',
        ),
    ),
)

EVALUATIONS = (
    wrong(
        "evaluate.generations",
        "batches that overlap by half",
        "reviews counted more than once",
        (
            "range(0, len(test_texts), batch_size)",
            "range(0, len(test_texts), max(1, batch_size // 2))",
        ),
    ),
    wrong(
        "evaluate.mean",
        "the first batch twice",
        "the first batch counts twice",
        (
            "        rewards.append(reward)\n",
            "        rewards.append(reward)\n        if i == 0:\n            rewards.append(reward)\n",
        ),
    ),
    wrong(
        "evaluate.mean",
        "share of rewards above a half",
        "the share of positive texts",
        ("torch.cat(rewards).mean()", "(torch.cat(rewards) > 0.5).float().mean()"),
    ),
    wrong(
        "evaluate.mean",
        "the median of the rewards",
        "the median",
        ("torch.cat(rewards).mean()", "torch.cat(rewards).median()"),
    ),
)

LISTS = "    losses, rewards, divergences = [], [], []\n"
SIGNATURE = "use_kl_divergence=False, debug=False):\n    reset_model_optimizer(model_name, lr)\n"
CALLS = (
    wrong(
        "train.optimizer",
        "lists at the top level",
        "the history of an earlier call",
        (LISTS, "    divergences = []\n"),
        ("def train(model_name", "losses, rewards = [], []\n\n\ndef train(model_name"),
    ),
    wrong(
        "train.optimizer",
        "lists as defaults",
        "the history of an earlier call",
        (LISTS, "    losses, divergences = [], []\n"),
        (SIGNATURE, SIGNATURE.replace("debug=False", "debug=False, rewards=[]")),
    ),
    wrong(
        "train.penalty",
        "a list of KLs that a function keeps",
        "the history of an earlier call",
        (LISTS, '    losses, rewards, divergences = [], [], vars(train).setdefault("kls", [])\n'),
    ),
    wrong(
        "train_dpo.start",
        "one history for all betas",
        "the history of an earlier call",
        ("    history = []\n", ""),
        ("def train_DPO(", "history = []\n\n\ndef train_DPO("),
    ),
)

WRONG = (*OPTIMIZERS, *STEPS, *PAIRS, *DPO_STEPS, *EVALUATIONS, *CALLS)
