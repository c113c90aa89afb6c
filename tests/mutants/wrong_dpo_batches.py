"""Wrong loops of section 4: the rows, their prompts and their labels."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training_dpo import CONCATENATED, HANDOUT_KEYS, TWO_SIDES

OF_TRAINING = "            pair_loss = dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length)\n"
SIDES = "    sides = [chosen for _, chosen, _ in pairs] + [rejected for _, _, rejected in pairs]\n"
LABELS = '    made["labels"] = create_labels_from_attention_mask(made, made["prompt_lengths"])\n'
LABELLED = "labels of another kind"


def dpo(
    name: str, check: str, mistake: str, *changes: tuple[str, str], functions: str = ""
) -> Wrong:
    """Return a mistake in train_DPO."""
    return Wrong(name, f"train_dpo.{check}", mistake, changes, functions=functions)


BATCHES = (
    dpo(
        "labels without a mask",
        "test_loss",
        LABELLED,
        (LABELS, '    made["labels"] = made["input_ids"].clone()\n'),
    ),
    dpo(
        "labels of completions from a mask of ones",
        "test_loss",
        LABELLED,
        (
            LABELS,
            '    ones = {**made, "attention_mask": torch.ones_like(made["attention_mask"])}\n    made["labels"] = create_labels_from_attention_mask(ones, made["prompt_lengths"])\n',
        ),
    ),
    dpo(
        "the padded length taken for the prompt's",
        "test_loss",
        "the padded length is not the prompt's",
        (
            LABELS,
            '    padded = tokenizer(prompts, padding=True, return_tensors="pt")["input_ids"]\n    lengths = torch.full((len(prompts),), padded.shape[1])\n    made["labels"] = create_labels_from_attention_mask(made, lengths)\n',
        ),
    ),
    dpo(
        "the first prompt's length for all",
        "test_loss",
        "one prompt length for all rows",
        (
            LABELS,
            '    lengths = made["prompt_lengths"][:1].expand(len(prompts))\n    made["labels"] = create_labels_from_attention_mask(made, lengths)\n',
        ),
    ),
    dpo(
        "the longest prompt's length for all",
        "test_loss",
        "one prompt length for all rows",
        (
            LABELS,
            LABELS.replace(
                'made["prompt_lengths"])', '[int(made["prompt_lengths"].max())] * len(prompts))'
            ),
        ),
    ),
    dpo(
        "prompt lengths in characters",
        "test_loss",
        "prompt lengths in characters",
        (LABELS, LABELS.replace('made["prompt_lengths"])', "[len(prompt) for prompt in prompts])")),
    ),
    dpo(
        "the whole text's length for the prompt's",
        "learns",
        "everything masked",
        (LABELS, LABELS.replace('made["prompt_lengths"])', 'made["attention_mask"].sum(dim=1))')),
    ),
    dpo(
        "the prompt twice",
        "test_loss",
        "the prompt twice in a row",
        (
            SIDES,
            "    sides = [prompt + chosen for prompt, chosen, _ in pairs]\n    sides += [prompt + rejected for prompt, _, rejected in pairs]\n",
        ),
    ),
    dpo(
        "the prompt twice in ids joined by hand",
        "test_loss",
        "the prompt twice in a row",
        functions=replaced(
            TWO_SIDES,
            (
                "    completion_ids = tokenizer(text[len(prompt):]).input_ids\n",
                "    completion_ids = tokenizer(text).input_ids\n",
            ),
        ),
    ),
    dpo(
        "no prompt",
        "test_loss",
        "the prompt is missing",
        functions=replaced(
            TWO_SIDES,
            (
                "    return (prompt_ids + completion_ids)[:max_length], len(prompt_ids)\n",
                "    return completion_ids[:max_length], 0\n",
            ),
        ),
    ),
    dpo(
        "prompts and texts without padding's mask",
        "test_loss",
        "no attention mask",
        functions=replaced(
            TWO_SIDES,
            (
                "    attention_mask = torch.zeros(len(encoded), width, dtype=torch.long)\n",
                "    attention_mask = torch.ones(len(encoded), width, dtype=torch.long)\n",
            ),
        ),
    ),
    dpo(
        "labels of the other side",
        "test_loss",
        LABELLED,
        functions=replaced(
            HANDOUT_KEYS,
            (
                '        f"{side}_labels": batch[f"{side}_labels"],\n',
                '        "labels": batch["chosen_labels"],\n',
            ),
        ),
    ),
    dpo(
        "rows cut to a few tokens",
        "test_loss",
        "completions are cut off",
        (
            "    made = tokenize_completions(prompts, sides, tokenizer, max_length)\n",
            '    made = tokenize_completions(prompts, sides, tokenizer, max_length)\n    for key in ("input_ids", "attention_mask"):\n        made[key] = made[key][:, :-2]\n',
        ),
    ),
    dpo(
        "labels padded with zeros",
        "test_loss",
        LABELLED,
        functions=replaced(CONCATENATED, ('"labels": -100}', '"labels": 0}')),
    ),
)

WRONG = BATCHES
