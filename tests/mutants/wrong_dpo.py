"""Wrong solutions of section 4: the DPO loss, labels, log-probabilities and the training loop."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

LOSS = "    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n"
COMPLETION = "    in_completion = (real == 1) & (real.cumsum(dim=1) > lengths)\n"
LABELS = '    labels = tokenized_input["input_ids"].clone()\n'
PLACES = "torch.arange(labels.shape[1])"
SCORED = "    scored = targets != -100\n"
SOFTMAX = "    next_log_probs = logits[:, :-1].log_softmax(dim=-1)\n"
TARGETS = "    targets = labels[:, 1:].clone()\n"
AVERAGE = "        return per_token.sum(dim=1) / scored.sum(dim=1)\n"
TOTAL = "    return per_token.sum(dim=1)\n"
MODEL_CALL = """    scores = model(
        input_ids=batch["input_ids"], attention_mask=mask, position_ids=count_positions(mask)
    )
"""
RETURNED = '    return _get_batch_logps(scores.logits, batch["labels"])\n'
POLICY = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
REFERENCE_LOGPS = """    with torch.no_grad():
        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
"""
DPO = "    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)\n"
RESET = "    reset_model_optimizer(model_name, lr)\n    reference ="
REFERENCE = "    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
STEP = "            optimizer.zero_grad()\n            pair_loss"
ADDED = "            total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)\n"
DIVIDED = "    return total / len(test_pairs)\n"


def loss(name: str, mistake: str, *changes: tuple[str, str], check: str = "values") -> Wrong:
    """Return a mistake that the DPO loss of known sums shows."""
    return Wrong(name, f"dpo_loss.{check}", mistake, changes)


def line(text: str, name: str, mistake: str, check: str = "values") -> Wrong:
    """Return a DPO loss with another last line."""
    return loss(name, mistake, (LOSS, f"    return {text}\n"), check=check)


def labels(name: str, mistake: str, kept: str, check: str = "values") -> Wrong:
    """Return labels where another condition says which tokens are kept."""
    return Wrong(name, f"labels.{check}", mistake, ((COMPLETION, f"    in_completion = {kept}\n"),))


def sums(name: str, mistake: str, *changes: tuple[str, str], check: str = "values") -> Wrong:
    """Return a mistake in _get_batch_logps."""
    return Wrong(name, f"batch_logps.{check}", mistake, changes)


def scores(name: str, mistake: str, *changes: tuple[str, str], check: str = "values") -> Wrong:
    """Return a mistake in get_log_probs."""
    return Wrong(name, f"log_probs.{check}", mistake, changes)


LOSSES = (
    line(
        "-F.logsigmoid(-beta * (policy_gap - reference_gap)).mean()",
        "chosen and rejected swapped",
        "chosen and rejected swapped",
    ),
    line(
        "-F.logsigmoid(beta * (reference_gap - policy_gap)).mean()",
        "policy and reference swapped",
        "chosen and rejected swapped",
    ),
    line("-F.logsigmoid(beta * policy_gap).mean()", "no reference", "no reference"),
    line("-F.logsigmoid(policy_gap - reference_gap).mean()", "no beta", "beta is missing"),
    line(
        "-F.logsigmoid(beta * policy_gap - reference_gap).mean()",
        "brackets forgotten",
        "beta on one side",
    ),
    line(
        "-torch.sigmoid(beta * (policy_gap - reference_gap)).mean()", "no logarithm", "no logarithm"
    ),
    line("-(beta * (policy_gap - reference_gap)).mean()", "no sigmoid", "no sigmoid"),
    line(
        "F.logsigmoid(beta * (policy_gap - reference_gap)).mean()", "no minus", "minus sign missing"
    ),
    line(
        "-F.logsigmoid(beta * (policy_gap - reference_gap)).sum()",
        "sum over pairs",
        "sum over pairs",
    ),
    loss(
        "beta 0.5 by default",
        "another default beta",
        ("    beta=0.1,\n", "    beta=0.5,\n"),
        check="default_beta",
    ),
    line(
        "-torch.sigmoid(beta * (policy_gap - reference_gap)).log().mean()",
        "log of sigmoid",
        "log of sigmoid",
        "extreme",
    ),
    loss(
        "policy detached",
        "no gradient",
        (LOSS, LOSS.replace("policy_gap -", "policy_gap.detach() -")),
        check="gradient",
    ),
    loss(
        "loss as a number",
        "no gradient",
        (LOSS, LOSS.replace("mean()", "mean().item()")),
        check="gradient",
    ),
    Wrong(
        "one side detached",
        "dpo_loss.gradient",
        "gradient of one side only",
        (
            (
                "    policy_gap = policy_chosen_logps - policy_rejected_logps\n",
                "    policy_gap = policy_chosen_logps - policy_rejected_logps.detach()\n",
            ),
        ),
    ),
)

LABELS_MISTAKES = (
    labels("prompt not masked", "prompt not masked", "real == 1"),
    labels(
        "prompt masked from column 0",
        "padding side ignored",
        f"(real == 1) & ({PLACES} >= lengths)",
    ),
    labels(
        "first columns masked only",
        "padding side ignored",
        f"({PLACES} >= lengths).expand_as(labels)",
    ),
    labels(
        "padding not masked", "padding not masked", "(real == 0) | (real.cumsum(dim=1) > lengths)"
    ),
    labels("nothing masked", "nothing masked", "real >= 0"),
    labels("everything masked", "everything masked", "real < 0"),
    labels(
        "a prompt token kept",
        "prompt boundary off by one",
        "(real == 1) & (real.cumsum(dim=1) >= lengths)",
    ),
    labels(
        "first token of the completion lost",
        "prompt boundary off by one",
        "(real == 1) & (real.cumsum(dim=1) > lengths + 1)",
    ),
    labels(
        "padding found by its id",
        "EOS masked because pad = EOS",
        "(real == 1) & (real.cumsum(dim=1) > lengths) & (labels != tokenizer.eos_token_id)",
        "eos",
    ),
    Wrong(
        "labels as lists",
        "labels.values",
        "a list is returned",
        (("    return labels\n", "    return labels.tolist()\n"),),
    ),
    Wrong(
        "labels written into input_ids",
        "labels.unchanged",
        "input_ids changed in place",
        ((LABELS, LABELS.replace(".clone()", "")),),
    ),
)

SCORES = (
    sums(
        "no shift",
        "off by one",
        (TARGETS, "    targets = labels.clone()\n"),
        (SOFTMAX, SOFTMAX.replace("[:, :-1]", "")),
    ),
    sums(
        "shifted the wrong way",
        "shifted the wrong way",
        (TARGETS, "    targets = labels[:, :-1].clone()\n"),
        (SOFTMAX, SOFTMAX.replace("[:, :-1]", "[:, 1:]")),
    ),
    sums(
        "mask forgotten", "masked labels are scored", (".squeeze(-1) * scored\n", ".squeeze(-1)\n")
    ),
    sums("logits gathered", "raw scores", (SOFTMAX, "    next_log_probs = logits[:, :-1]\n")),
    sums(
        "softmax without log", "probabilities", (SOFTMAX, SOFTMAX.replace("log_softmax", "softmax"))
    ),
    sums("minus", "minus sign", (TOTAL, "    return -per_token.sum(dim=1)\n")),
    sums("always the mean", "mean for sum", ("    if average_log_prob:\n", "    if True:\n")),
    sums(
        "kept dimension",
        "shape (B, 1)",
        (
            "    return per_token.sum(dim=1)\n\n",
            "    return per_token.sum(dim=1, keepdim=True)\n\n",
        ),
    ),
    sums(
        "average_log_prob ignored",
        "sum for mean",
        ("    if average_log_prob:\n", "    if False:\n"),
        check="average",
    ),
    sums(
        "mean over all columns",
        "divided by all columns",
        (AVERAGE, "        return per_token.mean(dim=1)\n"),
        check="average",
    ),
    sums(
        "under no_grad",
        "no gradient",
        (SOFTMAX, SOFTMAX.replace("logits[", "logits.detach()[")),
        check="gradient",
    ),
    sums(
        "labels set to 0 in place",
        "labels changed in place",
        (TARGETS, TARGETS.replace(".clone()", "")),
        check="unchanged",
    ),
    sums(
        "logits shifted in place",
        "logits changed in place",
        (SOFTMAX, "    logits.data -= logits.data.amax(dim=-1, keepdim=True)\n" + SOFTMAX),
        check="unchanged",
    ),
    scores(
        "mask as labels",
        "prompt is scored",
        (
            RETURNED,
            '    real = batch["input_ids"].masked_fill(mask == 0, -100)\n    return _get_batch_logps(scores.logits, real)\n',
        ),
    ),
    scores(
        "mean log-probabilities",
        "mean for sum",
        (RETURNED, RETURNED.replace('"])', '"], average_log_prob=True)')),
    ),
    scores("a loss", "minus sign", (RETURNED, RETURNED.replace("return ", "return -"))),
    scores(
        "policy under no_grad",
        "no gradient",
        (
            '    mask = batch["attention_mask"]\n    scores = model(\n        input_ids=batch["input_ids"], attention_mask=mask, position_ids=count_positions(mask)\n    )\n',
            '    mask = batch["attention_mask"]\n    with torch.no_grad():\n        scores = model(input_ids=batch["input_ids"], attention_mask=mask)\n',
        ),
        check="gradient",
    ),
    scores(
        "no attention mask",
        "no attention mask",
        (MODEL_CALL, '    scores = model(input_ids=batch["input_ids"])\n'),
        check="left_padding",
    ),
    scores(
        "no position ids",
        "no position ids",
        (MODEL_CALL, '    scores = model(input_ids=batch["input_ids"], attention_mask=mask)\n'),
        check="left_padding",
    ),
    scores(
        "mask from the pad token's id",
        "mask rebuilt as ids != pad",
        (
            '    mask = batch["attention_mask"]\n',
            '    mask = (batch["input_ids"] != tokenizer.pad_token_id).long()\n',
        ),
        check="left_padding",
    ),
)


def loop(name: str, check: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake in train_DPO."""
    return Wrong(name, f"train_dpo.{check}", mistake, changes)


TRAINING = (
    loop("one epoch", "history", "one epoch", ("in range(2):", "in range(1):")),
    loop(
        "last pairs left out",
        "history",
        "last partial batch dropped",
        (
            "tqdm(range(0, len(train_pairs), batch_size))",
            "range(0, len(train_pairs) - batch_size + 1, batch_size)",
        ),
    ),
    loop(
        "the model as the cell before left it",
        "history",
        "weights not reset",
        (
            RESET,
            "    global optimizer\n    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n    reference =",
        ),
    ),
    loop(
        "the policy as reference",
        "start",
        "the policy is its own reference",
        (REFERENCE, "    reference = model\n"),
    ),
    loop(
        "chosen and rejected swapped",
        "learns",
        "chosen and rejected swapped",
        (
            DPO,
            DPO.replace(
                "(chosen, rejected, reference_chosen, reference_rejected",
                "(rejected, chosen, reference_rejected, reference_chosen",
            ),
        ),
    ),
    loop(
        "no step",
        "learns",
        "nothing is learnt",
        (
            "            pair_loss.backward()\n            optimizer.step()\n",
            "            pair_loss.backward()\n",
        ),
    ),
    loop(
        "policy under no_grad",
        "learns",
        "no gradient",
        (
            POLICY,
            "    with torch.no_grad():\n        chosen, rejected = get_log_probs(model, made).chunk(2)\n",
        ),
    ),
    loop(
        "mean of the batches' means",
        "test_loss",
        "last partial batch weighted as a full one",
        (ADDED, ADDED.replace(" * len(part)", "")),
        (DIVIDED, "    return total / -(-len(test_pairs) // batch_size)\n"),
    ),
    loop(
        "floor of the batch count",
        "test_loss",
        "divided by the floor of the batch count",
        (ADDED, ADDED.replace(" * len(part)", "")),
        (DIVIDED, "    return total / (len(test_pairs) // batch_size)\n"),
    ),
    loop(
        "whole batches only",
        "test_loss",
        "last partial batch dropped",
        (
            "range(0, len(test_pairs), batch_size)",
            "range(0, len(test_pairs) - batch_size + 1, batch_size)",
        ),
        (DIVIDED, "    return total / (len(test_pairs) // batch_size * batch_size)\n"),
    ),
    loop(
        "sum of the batches' means",
        "test_loss",
        "sum, not mean",
        (ADDED, ADDED.replace(" * len(part)", "")),
        (DIVIDED, "    return total\n"),
    ),
    loop(
        "an optimizer each step",
        "reference",
        "optimizer rebuilt each step",
        (RESET, "    global optimizer\n" + RESET),
        (STEP, "            optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n" + STEP),
    ),
    loop(
        "reference trained",
        "reference",
        "reference not frozen",
        (
            REFERENCE,
            REFERENCE + "    optimizer.add_param_group({'params': list(reference.parameters())})\n",
        ),
        (
            REFERENCE_LOGPS,
            "    reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)\n",
        ),
    ),
)

WRONG = LOSSES + LABELS_MISTAKES + SCORES + TRAINING
