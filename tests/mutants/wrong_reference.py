"""Wrong loops of section 3: a reference that is not the original, and histories of the KL."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import NOTEBOOK, STEPWISE

COPY = ("import torch\nimport", "import copy\n\nimport torch\nimport")
ORIGINAL = "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
LISTS = "    losses, rewards, divergences = [], [], []\n"
NOTED = "            divergences.append(divergence.item())\n"
PENALTY = "            loss = loss + alpha * divergence\n"
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
KL_RESULT = '        results["kl_divergences"] = divergences\n'
OF_ORIGINAL = "        log_probs_original = log_probs_of(orig_model, output_tokens)\n"
NOT_KL = "not the batch's KL"
DROPOUT = "dropout is on in the reference"


def penalty(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a loop whose penalty does not do what it should."""
    return Wrong(name, "train.penalty", mistake, changes, functions=functions)


def reference(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a loop whose reference is not the original as it was."""
    return Wrong(name, "train.reference", mistake, changes, functions=functions)


REFERENCES = (
    reference("reference in training mode", DROPOUT, (ORIGINAL, ORIGINAL.replace("eval", "train"))),
    reference(
        "a copy of a model in training mode",
        DROPOUT,
        COPY,
        (ORIGINAL, "    model.train()\n    original = copy.deepcopy(model)\n"),
    ),
    reference(
        "both models set to training",
        DROPOUT,
        (LISTS, "    for each in (model, original):\n        each.train()\n" + LISTS),
    ),
    reference(
        "training mode in the divergence",
        DROPOUT,
        (OF_ORIGINAL, "        orig_model.train()\n" + OF_ORIGINAL),
    ),
    reference(
        "training mode each step",
        DROPOUT,
        (STEP, "        model.train()\n        original.train()\n" + STEP),
    ),
    reference(
        "a frozen reference in training mode",
        DROPOUT,
        (
            ORIGINAL,
            "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device)\n    original.train().requires_grad_(False)\n",
        ),
    ),
    reference(
        "dropout in the notebook's loop",
        DROPOUT,
        functions=replaced(
            NOTEBOOK,
            (
                "    for batch in loop:\n",
                "    for batch in loop:\n        if use_kl_divergence:\n            orig_model.train()\n",
            ),
        ),
    ),
    reference(
        "a copy in training mode in small functions",
        DROPOUT,
        functions=replaced(
            STEPWISE,
            (
                "        frozen = copy.deepcopy(policy).eval()\n",
                "        frozen = copy.deepcopy(policy.train())\n        policy.eval()\n",
            ),
        ),
    ),
    reference(
        "reference copied from the policy each step",
        "the reference follows the policy",
        (
            STEP,
            STEP.replace(
                "        losses",
                "        original.load_state_dict(model.state_dict())\n        losses",
            ),
        ),
    ),
    reference(
        "reference follows slowly",
        "the reference follows the policy",
        (
            STEP,
            STEP.replace(
                "        losses",
                "        with torch.no_grad():\n            for old, new in zip(original.parameters(), model.parameters()):\n                old.lerp_(new, 0.5)\n        losses",
            ),
        ),
    ),
    reference(
        "reference is the policy in the notebook's loop",
        "the policy is its own reference",
        functions=replaced(
            NOTEBOOK,
            (
                "    orig_model = load_reference(model_name, device) if use_kl_divergence else None\n",
                "    orig_model = model if use_kl_divergence else None\n",
            ),
        ),
    ),
    reference(
        "a reference with the policy's own weights",
        "the policy is its own reference",
        functions=replaced(
            STEPWISE,
            (
                "        frozen = copy.deepcopy(policy).eval()\n        for parameter in frozen.parameters():\n            parameter.requires_grad_(False)\n",
                "        frozen = copy.copy(policy)\n",
            ),
        ),
    ),
    reference(
        "a reference with new weights",
        "the reference is not the original",
        (
            ORIGINAL,
            "    original = AutoModelForCausalLM.from_config(model.config).to(device).eval()\n",
        ),
    ),
)

HISTORIES = (
    penalty(
        "weighted divergences noted",
        NOT_KL,
        (NOTED, "            divergences.append((alpha * divergence).item())\n"),
    ),
    penalty(
        "summed divergences noted",
        NOT_KL,
        (NOTED, "            divergences.append(divergence.item() * len(group))\n"),
    ),
    penalty(
        "divergences a token noted",
        NOT_KL,
        (NOTED, "            divergences.append(divergence.item() / 20)\n"),
    ),
    penalty(
        "running mean of divergences",
        NOT_KL,
        (
            NOTED,
            "            count = len(divergences)\n            last = divergences[-1] if divergences else 0.0\n            divergences.append((count * last + divergence.item()) / (count + 1))\n",
        ),
    ),
    penalty(
        "largest divergence so far",
        NOT_KL,
        (NOTED, "            divergences.append(max([divergence.item(), *divergences]))\n"),
    ),
    penalty(
        "loss noted as divergence",
        NOT_KL,
        (NOTED, ""),
        (PENALTY, PENALTY + "            divergences.append(loss.item())\n"),
    ),
    penalty("no divergences", "kl_divergences is missing", (KL_RESULT, "        pass\n")),
    penalty(
        "kl for kl_divergences",
        "kl_divergences is missing",
        (KL_RESULT, KL_RESULT.replace("kl_divergences", "kl")),
    ),
    penalty("an empty list of divergences", "kl_divergences is empty", (NOTED, "")),
    penalty(
        "one divergence for the epoch",
        "not one entry a step",
        (KL_RESULT, '        results["kl_divergences"] = [sum(divergences) / len(divergences)]\n'),
    ),
    penalty(
        "divergences not kept in the notebook's loop",
        "kl_divergences is missing",
        functions=replaced(
            NOTEBOOK,
            ('    if use_kl_divergence:\n        history["kl_divergences"] = []\n', ""),
            ('            history["kl_divergences"].append(kl.item())\n', ""),
        ),
    ),
)

WRONG = REFERENCES + HISTORIES
