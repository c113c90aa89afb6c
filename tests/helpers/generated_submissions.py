"""A hundred small files as students hand them in: right, wrong, missing, clumsy and broken ones."""

import json
from pathlib import Path

RIGHT_DPO = """
import torch.nn.functional as F

def compute_DPO_loss(policy_chosen_logps, policy_rejected_logps,
                     reference_chosen_logps, reference_rejected_logps, beta=0.1):
    policy = policy_chosen_logps - policy_rejected_logps
    reference = reference_chosen_logps - reference_rejected_logps
    return -F.logsigmoid(beta * (policy - reference)).mean()
"""
SWAPPED_DPO = RIGHT_DPO.replace("policy - reference", "reference - policy")
NO_BETA_DPO = RIGHT_DPO.replace("beta * (policy - reference)", "policy - reference")
RIGHT_LABELS = """
import torch

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    labels = tokenized_input["input_ids"].clone()
    mask = tokenized_input["attention_mask"]
    for row, length in enumerate(prompt_lengths):
        start = int(mask.shape[1] - mask[row].sum())
        labels[row, : start + int(length)] = -100
    return labels
"""
RIGHT_LOGPS = """
import torch

def _get_batch_logps(logits, labels, average_log_prob=False):
    labels = labels[:, 1:].clone()
    mask = labels != -100
    labels[~mask] = 0
    found = torch.gather(logits[:, :-1].log_softmax(-1), 2, labels.unsqueeze(2)).squeeze(2)
    total = (found * mask).sum(-1)
    return total / mask.sum(-1) if average_log_prob else total
"""
NOT_WRITTEN = """
def compute_reinforce_loss(reward, output_tokens, model):
    raise NotImplementedError  # TODO
"""
TRAINS_AT_TOP_LEVEL = "!pip install transformers\n" + RIGHT_LABELS + "\nresult = train('gpt2')\n"
AUTHORS_DEVICE = "import torch\ndevice = torch.device('mps')\n" + RIGHT_DPO
EXITS = RIGHT_DPO + "\nimport sys\n\ndef compute_kl_divergence(*given):\n    sys.exit(0)\n"
ENDS_ITSELF = RIGHT_DPO + "\nimport os\n\ndef compute_kl_divergence(*given):\n    os._exit(0)\n"
HANGS = RIGHT_DPO + "\ndef compute_kl_divergence(*given):\n    while True:\n        pass\n"
OLD_NAMES = "from transformers import AdamW\nimport a_module_that_is_not_there\n" + RIGHT_LOGPS
BROKEN = "def compute_DPO_loss(:\n    pass\n"
TEXTS = (
    RIGHT_DPO,
    SWAPPED_DPO,
    NO_BETA_DPO,
    RIGHT_LABELS,
    RIGHT_LOGPS,
    NOT_WRITTEN,
    TRAINS_AT_TOP_LEVEL,
    AUTHORS_DEVICE,
    EXITS,
    OLD_NAMES,
    BROKEN,
    "",
    "print('this is my homework')\n",
    RIGHT_DPO + RIGHT_LABELS + RIGHT_LOGPS,
    NOT_WRITTEN + RIGHT_LABELS,
)


def notebook(text: str) -> str:
    """Return a notebook with one cell of code."""
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def write_submissions(folder: Path, count: int = 100) -> None:
    """Write so many submissions, each different from the others, in folders and as files.

    The second one ends its process and the fourth one hangs, in exercise 3.
    """
    for number in range(count):
        text = {1: ENDS_ITSELF, 3: HANGS}.get(number, TEXTS[number % len(TEXTS)])
        # An empty file stays one.
        text = f"# student {number}\n{text}" if text else text
        if number % 3 == 0:
            file = folder / f"student{number:03d}" / "A3.py"
        else:
            file = folder / f"student{number:03d}.{'ipynb' if number % 3 == 1 else 'py'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(notebook(text) if file.suffix == ".ipynb" and text else text)
