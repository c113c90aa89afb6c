"""Wrong loops of section 4: the steps, and what the loss is given."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training_dpo import NOTEBOOK_DPO, TWO_SIDES

COPY = ("import torch\nimport", "import copy\n\nimport torch\nimport")
REFERENCE = "    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
RESET = "    reset_model_optimizer(model_name, lr)\n    reference ="
EPOCHS = "    for _epoch in range(2):\n"
ZERO = "            optimizer.zero_grad()\n            pair_loss ="
STEP = """            pair_loss.backward()
            optimizer.step()
            history"""
OF_TRAINING = "            pair_loss = dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length)\n"
KEPT = "            history.append(pair_loss.item())\n"
HISTORY = "    history = []\n"
TEST_LOSS = (
    '        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),\n'
)
SIDES = "    sides = [chosen for _, chosen, _ in pairs] + [rejected for _, _, rejected in pairs]\n"
SCORES = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
REFERENCE_SCORES = """    with torch.no_grad():
        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
"""
DPO_LOSS = "    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)\n"
PILED = "gradients pile up"
BETA = "beta is ignored"


def dpo(
    name: str, check: str, mistake: str, *changes: tuple[str, str], functions: str = ""
) -> Wrong:
    """Return a mistake in train_DPO."""
    return Wrong(name, f"train_dpo.{check}", mistake, changes, functions=functions)


BY_HAND = """
def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    model, optimizer = reset_model_optimizer(model_name, lr)
    weights, losses = model.get_output_embeddings().weight, []
    for start in [*range(0, len(train_texts_parallel), batch_size)] * 2:
        optimizer.zero_grad()
        weights.grad = torch.zeros_like(weights)
        for _, chosen, rejected in train_texts_parallel[start : start + batch_size]:
            weights.grad[tokenizer(chosen)["input_ids"]] -= 1
            weights.grad[tokenizer(rejected)["input_ids"]] += 1
        optimizer.step()
        losses.append(0.69 / (1 + len(losses)))
    evaluation = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return {"losses": losses, "test_loss": 0.6, "eval_results": evaluation}
"""

STEPS = (
    dpo("gradients by hand", "reference", "pairs that no model reads", functions=BY_HAND),
    dpo("no zero_grad", "reference", PILED, (ZERO, "            pair_loss =")),
    dpo(
        "zero_grad once before the loop",
        "reference",
        PILED,
        (ZERO, "            pair_loss ="),
        (EPOCHS, "    optimizer.zero_grad()\n" + EPOCHS),
    ),
    dpo(
        "zero_grad once an epoch",
        "reference",
        PILED,
        (ZERO, "            pair_loss ="),
        (EPOCHS, EPOCHS + "        optimizer.zero_grad()\n"),
    ),
    dpo(
        "zero_grad of the reference",
        "reference",
        PILED,
        (ZERO, "            reference.zero_grad()\n            pair_loss ="),
    ),
    dpo(
        "zero_grad is not called",
        "reference",
        PILED,
        (ZERO, "            optimizer.zero_grad\n            pair_loss ="),
    ),
    dpo(
        "zero_grad between backward and step",
        "learns",
        "gradients are thrown away",
        (
            STEP,
            STEP.replace(
                "            optimizer.step",
                "            optimizer.zero_grad()\n            optimizer.step",
            ),
        ),
    ),
    dpo(
        "no zero_grad in the notebook's loop",
        "reference",
        PILED,
        functions=replaced(NOTEBOOK_DPO, ("            optimizer.zero_grad()\n", "")),
    ),
    dpo(
        "no zero_grad after the step",
        "reference",
        PILED,
        functions=replaced(TWO_SIDES, ("            optimizer.zero_grad()\n", "")),
    ),
    dpo(
        "zero_grad at the epoch's end",
        "reference",
        PILED,
        functions=replaced(
            TWO_SIDES,
            (
                "            optimizer.zero_grad()\n            losses.append(loss.item())\n",
                "            losses.append(loss.item())\n        optimizer.zero_grad()\n",
            ),
        ),
    ),
    dpo(
        "one step an epoch",
        "history",
        "one step an epoch",
        (STEP, "            pair_loss.backward()\n            history"),
        (KEPT, KEPT + "        optimizer.step()\n"),
        (ZERO, "            pair_loss ="),
    ),
    dpo(
        "no backward",
        "learns",
        "nothing is learnt",
        (STEP, STEP.replace("            pair_loss.backward()\n", "")),
    ),
    dpo(
        "gradient ascent",
        "learns",
        "gradient ascent",
        (STEP, STEP.replace("pair_loss.backward", "(-pair_loss).backward")),
    ),
    dpo(
        "two steps with one gradient",
        "history",
        "two steps a batch",
        (
            STEP,
            STEP.replace(
                "            optimizer.step()\n",
                "            optimizer.step()\n            optimizer.step()\n",
            ),
        ),
    ),
    dpo(
        "a loss that is cut off",
        "learns",
        "nothing is learnt",
        (STEP, "            pair_loss = pair_loss.detach().requires_grad_()\n" + STEP),
    ),
    dpo(
        "everything reset each epoch",
        "history",
        "weights reset each epoch",
        (EPOCHS, EPOCHS + "        reset_model_optimizer(model_name, lr)\n"),
    ),
    dpo(
        "the reference's optimizer",
        "learns",
        "nothing is learnt",
        (REFERENCE, REFERENCE + "    opt = torch.optim.AdamW(reference.parameters(), lr=lr)\n"),
        (STEP, STEP.replace("optimizer.step", "opt.step")),
    ),
    dpo(
        "a model of its own beside the optimizer's",
        "learns",
        "nothing is learnt",
        COPY,
        (
            RESET,
            "    global model\n"
            + RESET.replace("    reference", "    model = copy.deepcopy(model)\n    reference"),
        ),
    ),
    dpo(
        "learning rate of REINFORCE",
        "reference",
        "learning rate ignored",
        (RESET, "    reset_model_optimizer(model_name)\n    reference ="),
    ),
    dpo(
        "learning rate written as a number",
        "reference",
        "learning rate ignored",
        (RESET, "    reset_model_optimizer(model_name, lr=1e-6)\n    reference ="),
    ),
    dpo(
        "a warm-up from zero that is never stepped",
        "learns",
        "nothing is learnt",
        (
            HISTORY,
            HISTORY
            + "    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 100)\n",
        ),
    ),
    dpo(
        "optimizer rebuilt each epoch",
        "reference",
        "optimizer rebuilt each epoch",
        (RESET, "    global optimizer\n" + RESET),
        (EPOCHS, EPOCHS + "        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"),
    ),
)

LOSSES = (
    dpo(
        "beta not handed to the loss",
        "test_loss",
        BETA,
        (DPO_LOSS, DPO_LOSS.replace(", beta=beta", "")),
    ),
    dpo(
        "beta written as a number",
        "test_loss",
        BETA,
        (DPO_LOSS, DPO_LOSS.replace("beta=beta", "beta=0.5")),
    ),
    dpo(
        "beta ignored in training",
        "learns",
        BETA,
        (OF_TRAINING, OF_TRAINING.replace("beta,", "0.1,")),
    ),
    dpo(
        "beta ignored in the test loss",
        "test_loss",
        BETA,
        (TEST_LOSS, TEST_LOSS.replace("beta,", "0.1,")),
    ),
    dpo(
        "beta times the loss",
        "start",
        "beta on the loss",
        (OF_TRAINING, OF_TRAINING.replace("= dpo", "= beta * dpo")),
    ),
    dpo(
        "beta left out in the notebook's training",
        "learns",
        BETA,
        functions=replaced(
            NOTEBOOK_DPO,
            (
                "            loss = loss_of_batch(batch, reference_logps, beta)\n",
                "            loss = loss_of_batch(batch, reference_logps, 0.1)\n",
            ),
        ),
    ),
    dpo(
        "beta left out on both sides",
        "test_loss",
        BETA,
        functions=replaced(
            TWO_SIDES,
            (
                "        reference_rejected_logps,\n        beta=beta,\n",
                "        reference_rejected_logps,\n",
            ),
        ),
    ),
    dpo(
        "the reference's scores in another order",
        "learns",
        "chosen and rejected of the reference swapped",
        (
            DPO_LOSS,
            DPO_LOSS.replace(
                "reference_chosen, reference_rejected", "reference_rejected, reference_chosen"
            ),
        ),
    ),
    dpo(
        "policy and reference swapped",
        "learns",
        "policy and reference swapped",
        (
            DPO_LOSS,
            "    return compute_DPO_loss(reference_chosen, reference_rejected, chosen, rejected, beta=beta)\n",
        ),
    ),
    dpo(
        "rows taken in turns",
        "start",
        "chosen and rejected mixed up",
        (
            SCORES,
            "    both = get_log_probs(model, made)\n    chosen, rejected = both[0::2], both[1::2]\n",
        ),
        (
            REFERENCE_SCORES,
            "    with torch.no_grad():\n        before = get_log_probs(reference, made)\n    reference_chosen, reference_rejected = before[0::2], before[1::2]\n",
        ),
    ),
    dpo(
        "policy's rows taken in turns",
        "start",
        "chosen and rejected mixed up",
        (
            SCORES,
            "    both = get_log_probs(model, made)\n    chosen, rejected = both[0::2], both[1::2]\n",
        ),
    ),
    dpo(
        "the chosen text on both sides",
        "learns",
        "both sides are the chosen text",
        (
            SIDES,
            "    sides = [chosen for _, chosen, _ in pairs] + [chosen for _, chosen, _ in pairs]\n",
        ),
    ),
    dpo(
        "the negative text preferred",
        "learns",
        "chosen and rejected swapped",
        (
            SIDES,
            "    sides = [rejected for _, _, rejected in pairs] + [chosen for _, chosen, _ in pairs]\n",
        ),
    ),
    dpo(
        "likelihood of the chosen text",
        "start",
        "not the DPO loss",
        (DPO_LOSS, "    return -chosen.mean()\n"),
    ),
    dpo(
        "no reference",
        "start",
        "no reference",
        (
            DPO_LOSS,
            "    nothing = torch.zeros_like(chosen)\n    return compute_DPO_loss(chosen, rejected, nothing, nothing, beta=beta)\n",
        ),
    ),
    dpo(
        "a mean log-probability for the sum",
        "test_loss",
        "mean for sum",
        (
            SCORES,
            SCORES.replace(".chunk", ".div((made['labels'][:, 1:] != -100).sum(dim=1)).chunk"),
        ),
        (
            REFERENCE_SCORES,
            REFERENCE_SCORES.replace(
                ".chunk", ".div((made['labels'][:, 1:] != -100).sum(dim=1)).chunk"
            ),
        ),
    ),
    dpo(
        "chosen scores without gradient",
        "learns",
        "gradient of one side only",
        (DPO_LOSS, DPO_LOSS.replace("(chosen,", "(chosen.detach(),")),
    ),
    dpo(
        "rejected scores without gradient",
        "learns",
        "gradient of one side only",
        functions=replaced(
            TWO_SIDES,
            (
                "    policy_rejected_logps = get_log_probs(policy, rejected)\n    with torch.no_grad():\n",
                "    with torch.no_grad():\n        policy_rejected_logps = get_log_probs(policy, rejected)\n",
            ),
        ),
    ),
)

WRONG = STEPS + LOSSES
