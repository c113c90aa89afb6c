"""Wrong loops of section 4: which model is the reference or evaluated, and what is returned."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training_dpo import TWO_SIDES

COPY = ("import torch\nimport", "import copy\n\nimport torch\nimport")
REFERENCE = "    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
EPOCHS = "    for _epoch in range(2):\n"
KEPT = "            history.append(pair_loss.item())\n"
HISTORY = "    history = []\n"
TEST_LOSS = (
    '        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),\n'
)
EVALUATED = '        "eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),\n'
RETURNED = '    return {\n        "losses": history,\n'
SCORES = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
REFERENCE_SCORES = """    with torch.no_grad():
        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
"""
TESTED = "total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)"
FOLLOWS = "the reference follows the policy"
OWN = "the policy is its own reference"
UNTRAINED = "the untrained model is evaluated"
NOT_LOSS = "not the batch's loss"


def dpo(
    name: str, check: str, mistake: str, *changes: tuple[str, str], functions: str = ""
) -> Wrong:
    """Return a mistake in train_DPO."""
    return Wrong(name, f"train_dpo.{check}", mistake, changes, functions=functions)


MODELS = (
    dpo(
        "reference in training mode",
        "reference",
        "dropout is on in the reference",
        (REFERENCE, REFERENCE.replace("eval", "train")),
    ),
    dpo(
        "a copy of a model in training mode",
        "reference",
        "dropout is on in the reference",
        COPY,
        (REFERENCE, "    model.train()\n    reference = copy.deepcopy(model)\n"),
    ),
    dpo(
        "both models set to training each epoch",
        "reference",
        "dropout is on in the reference",
        (EPOCHS, EPOCHS + "        model.train()\n        reference.train()\n"),
    ),
    dpo(
        "a frozen reference in training mode",
        "reference",
        "dropout is on in the reference",
        functions=replaced(TWO_SIDES, ("    ref_model.eval()\n", "    ref_model.train()\n")),
    ),
    dpo(
        "training mode in get_log_probs",
        "reference",
        "dropout is on in the reference",
        (
            '    mask = batch["attention_mask"]\n',
            '    mask = batch["attention_mask"]\n    model.train()\n',
        ),
    ),
    dpo(
        "dropout on in the test loss",
        "test_loss",
        "dropout is on in the test loss",
        functions=replaced(TWO_SIDES, ("    model.eval()\n    test_losses", "    test_losses")),
    ),
    dpo(
        "the policy scored twice",
        "start",
        OWN,
        (REFERENCE_SCORES, REFERENCE_SCORES.replace("reference, made", "model, made")),
    ),
    dpo(
        "detached scores of the policy",
        "start",
        OWN,
        (
            REFERENCE_SCORES,
            "    reference_chosen, reference_rejected = chosen.detach(), rejected.detach()\n",
        ),
    ),
    dpo(
        "reference copied each epoch",
        "reference",
        FOLLOWS,
        COPY,
        (EPOCHS, EPOCHS + "        reference = copy.deepcopy(model)\n"),
    ),
    dpo(
        "reference copied each step",
        "reference",
        FOLLOWS,
        (KEPT, KEPT + "            reference.load_state_dict(model.state_dict())\n"),
    ),
    dpo(
        "reference with new weights",
        "reference",
        "the reference is not the original",
        (
            REFERENCE,
            "    reference = AutoModelForCausalLM.from_config(model.config).to(device).eval()\n",
        ),
    ),
    dpo(
        "the trained model as reference of the test",
        "test_loss",
        OWN,
        (TEST_LOSS, TEST_LOSS.replace("(reference", "(model")),
    ),
    dpo(
        "policy and reference mixed up in the scores",
        "learns",
        "policy and reference swapped",
        (SCORES, SCORES.replace("(model", "(reference")),
        (REFERENCE_SCORES, REFERENCE_SCORES.replace("(reference, made", "(model, made")),
    ),
    dpo(
        "evaluated before training",
        "history",
        UNTRAINED,
        (
            EPOCHS,
            "    before = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n" + EPOCHS,
        ),
        (EVALUATED, '        "eval_results": before,\n'),
    ),
    dpo(
        "the reference evaluated",
        "history",
        UNTRAINED,
        (EVALUATED, EVALUATED.replace("model,", "reference,", 1)),
    ),
    dpo(
        "evaluated after the first epoch",
        "history",
        UNTRAINED,
        (
            KEPT,
            KEPT
            + "        if _epoch == 0:\n            middle = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n",
        ),
        (EVALUATED, '        "eval_results": middle,\n'),
    ),
    dpo(
        "a fresh model evaluated",
        "history",
        UNTRAINED,
        (
            EVALUATED,
            EVALUATED.replace(
                "model,", "AutoModelForCausalLM.from_pretrained(model_name).to(device),", 1
            ),
        ),
    ),
    dpo(
        "a trained copy beside the global",
        "history",
        UNTRAINED,
        functions=replaced(
            TWO_SIDES,
            (
                "    losses = []\n",
                "    policy = copy.deepcopy(model)\n    policy_optimizer = torch.optim.AdamW(policy.parameters(), lr=lr)\n    losses = []\n",
            ),
            (
                "            loss = pair_loss(model, ref_model, batch, beta, max_length)\n",
                "            loss = pair_loss(policy, ref_model, batch, beta, max_length)\n",
            ),
            (
                "            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)\n            optimizer.step()\n            optimizer.zero_grad()\n",
                "            policy_optimizer.step()\n            policy_optimizer.zero_grad()\n",
            ),
        ),
    ),
    dpo(
        "test loss before training",
        "test_loss",
        "the untrained model is tested",
        (
            EPOCHS,
            "    test_loss = average_dpo_loss(reference, beta, batch_size, max_length, test_pairs)\n"
            + EPOCHS,
        ),
        (TEST_LOSS, '        "test_loss": test_loss,\n'),
    ),
    dpo(
        "test loss after the first epoch",
        "test_loss",
        "the untrained model is tested",
        (
            KEPT,
            KEPT
            + "        if _epoch == 0:\n            test_loss = average_dpo_loss(reference, beta, batch_size, max_length, test_pairs)\n",
        ),
        (TEST_LOSS, '        "test_loss": test_loss,\n'),
    ),
    dpo(
        "test loss of the reference",
        "test_loss",
        "the untrained model is tested",
        functions=replaced(
            TWO_SIDES,
            (
                "            test_losses.append(pair_loss(model, ref_model, batch, beta, max_length))\n",
                "            test_losses.append(pair_loss(ref_model, ref_model, batch, beta, max_length))\n",
            ),
        ),
    ),
    dpo(
        "reset before the results",
        "history",
        UNTRAINED,
        (RETURNED, "    reset_model_optimizer(model_name, lr)\n" + RETURNED),
    ),
    dpo(
        "training on the test pairs as well while testing",
        "test_loss",
        "trained on the test pairs",
        (
            "        with torch.no_grad():\n            " + TESTED + "\n",
            "        test_pair_loss = dpo_loss_of(part, reference, beta, max_length)\n        test_pair_loss.backward()\n        optimizer.step()\n        optimizer.zero_grad()\n        total += test_pair_loss.item() * len(part)\n",
        ),
    ),
)

RESULTS = (
    dpo(
        "running mean of losses",
        "history",
        NOT_LOSS,
        (HISTORY, HISTORY + "    total = 0.0\n"),
        (
            KEPT,
            "            total += pair_loss.item()\n            history.append(total / (len(history) + 1))\n",
        ),
    ),
    dpo(
        "running sum of losses",
        "history",
        NOT_LOSS,
        (HISTORY, HISTORY + "    total = 0.0\n"),
        (KEPT, "            total += pair_loss.item()\n            history.append(total)\n"),
    ),
    dpo(
        "largest loss so far",
        "history",
        NOT_LOSS,
        (KEPT, "            history.append(max([pair_loss.item(), *history]))\n"),
    ),
    dpo(
        "a mean an epoch",
        "history",
        "not one entry a step",
        (EPOCHS, EPOCHS + "        of_epoch = []\n"),
        (
            KEPT,
            "            of_epoch.append(pair_loss.item())\n        history.append(sum(of_epoch) / len(of_epoch))\n",
        ),
    ),
    dpo(
        "losses of the last epoch",
        "history",
        "not one entry a step",
        (HISTORY, ""),
        (EPOCHS, EPOCHS + "        history = []\n"),
    ),
    dpo(
        "losses after the step",
        "start",
        NOT_LOSS,
        (
            KEPT,
            KEPT.replace(
                "pair_loss.item()",
                "dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length).item()",
            ),
        ),
    ),
    dpo(
        "losses times the batch's size",
        "start",
        NOT_LOSS,
        (KEPT, KEPT.replace(".item()", ".item() * batch_size")),
    ),
    dpo(
        "the test loss at the end of the losses",
        "history",
        "not one entry a step",
        (
            RETURNED,
            "    history.append(\n        average_dpo_loss(reference, beta, batch_size, max_length, test_pairs)\n    )\n"
            + RETURNED,
        ),
    ),
    dpo(
        "the last training loss as test loss",
        "test_loss",
        "the training loss for the test loss",
        (TEST_LOSS, '        "test_loss": history[-1],\n'),
    ),
    dpo(
        "the mean training loss as test loss",
        "test_loss",
        "the training loss for the test loss",
        (TEST_LOSS, '        "test_loss": sum(history) / len(history),\n'),
    ),
    dpo(
        "share of pairs in the right order as test loss",
        "test_loss",
        "an accuracy for the loss",
        (
            TESTED,
            "made = make_batch(part, max_length)\n            chosen, rejected = get_log_probs(model, made).chunk(2)\n            total += (chosen > rejected).float().sum().item()",
        ),
    ),
    dpo("no test loss", "test_loss", "test_loss is missing", (TEST_LOSS, "")),
    dpo(
        "test_losses for test_loss",
        "test_loss",
        "test_loss is missing",
        (TEST_LOSS, TEST_LOSS.replace('"test_loss"', '"test_losses"')),
    ),
    dpo("no evaluation", "history", "eval_results is missing", (EVALUATED, "")),
    dpo(
        "evaluation for eval_results",
        "history",
        "eval_results is missing",
        (EVALUATED, EVALUATED.replace("eval_results", "evaluation")),
    ),
    dpo(
        "the evaluation's mean alone",
        "history",
        "eval_results is no dictionary",
        (EVALUATED, EVALUATED.replace("reward_model),", 'reward_model)["reward"],')),
    ),
    dpo(
        "loss for losses",
        "history",
        "losses is missing",
        (RETURNED, RETURNED.replace('"losses"', '"loss"')),
    ),
    dpo(
        "a list of the test batches' losses",
        "test_loss",
        "a list is returned",
        functions=replaced(
            TWO_SIDES,
            ('"test_loss": test_loss,', '"test_loss": [loss.item() for loss in test_losses],'),
        ),
    ),
)

WRONG = MODELS + RESULTS
