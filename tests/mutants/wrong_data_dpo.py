"""Wrong loops of section 4 that run over other pairs than they should."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training_dpo import HANDOUT_KEYS, NOTEBOOK_DPO, TWO_SIDES

PAIRS = "    train_pairs, test_pairs = train_texts_parallel[:rows], test_texts_parallel[:rows]\n"
ROWS = "    rows = 2 * batch_size if debug else None\n"
OF_BATCH = "train_pairs[k : k + batch_size]"
PAIR_STARTS = "tqdm(range(0, len(train_pairs), batch_size))"
KEPT_LOSS = "            history.append(pair_loss.item())\n"
PART = "        part = test_pairs[j : j + batch_size]\n"
ADDED = "            total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)\n"
DIVIDED = "    return total / len(test_pairs)\n"
TWICE = "the same batch every step"
OTHER_PAIRS = "not all pairs are trained on"


def dpo(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a train_DPO that runs over other pairs."""
    return Wrong(name, "train_dpo.history", mistake, changes, functions=functions)


def of_tests(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a train_DPO whose test loss is of other pairs."""
    return Wrong(name, "train_dpo.test_loss", mistake, changes, functions=functions)


TEST_PAIRS = "trained on the test pairs"

DPO = (
    dpo(
        "trained on the test pairs",
        TEST_PAIRS,
        (
            PAIRS,
            "    train_pairs, test_pairs = test_texts_parallel[:rows], test_texts_parallel[:rows]\n",
        ),
    ),
    dpo(
        "trained on both splits' pairs",
        TEST_PAIRS,
        (PAIRS, PAIRS + "    train_pairs = list(train_pairs) + list(test_pairs)\n"),
    ),
    dpo(
        "the two splits mixed up",
        TEST_PAIRS,
        (
            PAIRS,
            "    test_pairs, train_pairs = train_texts_parallel[:rows], test_texts_parallel[:rows]\n",
        ),
    ),
    dpo("the first pairs each step", TWICE, (OF_BATCH, "train_pairs[:batch_size]")),
    dpo(
        "a slice of 64 pairs left in",
        OTHER_PAIRS,
        (PAIRS, PAIRS + "    train_pairs = train_pairs[:64]\n"),
    ),
    dpo(
        "a slice of one batch left in",
        OTHER_PAIRS,
        (PAIRS, PAIRS.replace("train_texts_parallel[:rows]", "train_texts_parallel[:batch_size]")),
    ),
    dpo("always as in debug, both splits", OTHER_PAIRS, (ROWS, "    rows = 2 * batch_size\n")),
    dpo("break left in the epoch", OTHER_PAIRS, (KEPT_LOSS, KEPT_LOSS + "            break\n")),
    dpo(
        "half of the pairs each epoch",
        OTHER_PAIRS,
        (PAIR_STARTS, "tqdm(range(_epoch * batch_size, len(train_pairs), 2 * batch_size))"),
    ),
    dpo(
        "the first half of each batch",
        OTHER_PAIRS,
        (OF_BATCH, "train_pairs[k : k + batch_size // 2]"),
    ),
    dpo(
        "pairs drawn with replacement",
        OTHER_PAIRS,
        ("import torch\nimport", "import random\n\nimport torch\nimport"),
        (OF_BATCH, "random.choices(train_pairs, k=min(batch_size, len(train_pairs) - k))"),
    ),
    dpo("three epochs", "more than two epochs", ("in range(2):", "in range(3):")),
    dpo(
        "an iterator that is empty in the second epoch",
        "one epoch",
        functions=replaced(
            NOTEBOOK_DPO,
            (
                '    for epoch in range(2):\n        loop = progress([*zip(train_batches, train_reference)], f"epoch {epoch + 1}")\n',
                "    loop = iter([*zip(train_batches, train_reference)])\n    for _ in range(2):\n",
            ),
            ('            loop.set_postfix(loss=f"{loss.item():.3f}")\n', ""),
        ),
    ),
    dpo(
        "reference scores of other batches",
        "scores of another batch",
        functions=replaced(
            NOTEBOOK_DPO,
            (
                "progress([*zip(train_batches, train_reference)]",
                "progress([*zip(train_batches, train_reference[::-1])]",
            ),
        ),
    ),
    dpo(
        "a shuffle that reference scores do not follow",
        "scores of another batch",
        functions=replaced(
            NOTEBOOK_DPO,
            (
                "    for epoch in range(2):\n",
                "    import random\n\n    for epoch in range(2):\n        random.shuffle(train_batches)\n",
            ),
        ),
    ),
    dpo(
        "each side shuffled by itself",
        "chosen and rejected of different pairs",
        functions=replaced(
            HANDOUT_KEYS,
            (
                '    for index, side in ((1, "chosen"), (2, "rejected")):\n',
                '    import random\n\n    for index, side in ((1, "chosen"), (2, "rejected")):\n        pairs = random.sample(list(pairs), len(pairs))\n',
            ),
        ),
    ),
    dpo(
        "a loader over the test pairs",
        TEST_PAIRS,
        functions=replaced(
            HANDOUT_KEYS,
            ("        train_texts_parallel[:rows],", "        test_texts_parallel[:rows],"),
        ),
    ),
    of_tests(
        "test loss of the training pairs",
        "the training pairs are tested",
        (PAIRS, PAIRS.replace("test_texts_parallel", "train_texts_parallel")),
    ),
    of_tests(
        "test loss of the pairs just trained on",
        "the training pairs are tested",
        (
            "average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),",
            "average_dpo_loss(reference, beta, batch_size, max_length, train_pairs),",
        ),
    ),
    of_tests(
        "test loss of the first pairs each time",
        TWICE,
        (PART, "        part = test_pairs[:batch_size]\n"),
    ),
    of_tests(
        "a slice left in the test pairs",
        "not all pairs are tested",
        (PAIRS, PAIRS + "    test_pairs = test_pairs[:2]\n"),
    ),
    of_tests(
        "break left in the test loss",
        "not all pairs are tested",
        (ADDED, ADDED + "        break\n"),
    ),
    of_tests(
        "test loss of the last batch",
        "only the last batch",
        (ADDED, "            average = dpo_loss_of(part, reference, beta, max_length).item()\n"),
        (DIVIDED, "    return average\n"),
        ("    total = 0.0\n", ""),
    ),
    of_tests(
        "test loss in the notebook's way on the training batches",
        "the training pairs are tested",
        functions=replaced(
            NOTEBOOK_DPO,
            ("in zip(test_batches, test_reference):", "in zip(train_batches, train_reference):"),
        ),
    ),
    of_tests(
        "test batches of the training pairs",
        "the training pairs are tested",
        functions=replaced(
            NOTEBOOK_DPO,
            ("make_batches(test_texts_parallel[:rows]", "make_batches(train_texts_parallel[:rows]"),
        ),
    ),
    of_tests(
        "test pairs cut to one batch",
        "not all pairs are tested",
        functions=replaced(
            TWO_SIDES,
            (
                "    test_losses, sizes = [], []\n",
                "    test_losses, sizes = [], []\n    test_data = test_data[:batch_size]\n",
            ),
        ),
    ),
)

WRONG = DPO
