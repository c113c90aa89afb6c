"""Wrong loops of sections 1 and 2 that run over other texts than they should."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import EVALUATION, NOTEBOOK, STEPWISE, ZIPPED_EVALUATION

REVIEWS = "    reviews = train_texts[: 2 * batch_size] if debug else train_texts\n"
GROUP = "        group = reviews[start : start + batch_size]\n"
STARTS = "tqdm(range(0, len(reviews), batch_size))"
KEPT_REWARD = "        rewards.append(reward.mean().item())\n"
TESTS = "tqdm(range(0, len(test_texts), batch_size))"
BATCH = "        batch = test_texts[i : i + batch_size]\n"
GENERATIONS = "        generations += texts\n"
TEST_TEXTS = "trained on the test texts"
FEWER = "not all texts are trained on"
TWICE = "the same batch every step"


def training(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a train that runs over other reviews."""
    return Wrong(name, "train.history", mistake, changes, functions=functions)


def evaluation(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return an evaluate that runs over other reviews."""
    return Wrong(name, "evaluate.generations", mistake, changes, functions=functions)


TRAIN = (
    training(
        "trained on the test reviews",
        TEST_TEXTS,
        (REVIEWS, REVIEWS.replace("train_texts", "test_texts")),
    ),
    training(
        "the test reviews in the notebook's batches",
        TEST_TEXTS,
        functions=replaced(
            NOTEBOOK, ("batches(texts, batch_size)", "batches(test_texts, batch_size)")
        ),
    ),
    training(
        "trained on both splits",
        TEST_TEXTS,
        (REVIEWS, REVIEWS.replace("else train_texts", "else train_texts + test_texts")),
    ),
    training("a slice of two left in", FEWER, (REVIEWS, "    reviews = train_texts[:2]\n")),
    training("a slice of 64 left in", FEWER, (REVIEWS, REVIEWS + "    reviews = reviews[:64]\n")),
    training(
        "always as in debug", FEWER, (REVIEWS, "    reviews = train_texts[: 2 * batch_size]\n")
    ),
    training(
        "debug the wrong way round",
        FEWER,
        (REVIEWS, "    reviews = train_texts if debug else train_texts[: 2 * batch_size]\n"),
    ),
    training("the first batch each step", TWICE, (GROUP, "        group = reviews[:batch_size]\n")),
    training("the last batch each step", TWICE, (GROUP, "        group = reviews[-batch_size:]\n")),
    training(
        "batches drawn with replacement",
        FEWER,
        ("import torch\nimport", "import random\n\nimport torch\nimport"),
        (
            GROUP,
            "        group = random.choices(reviews, k=min(batch_size, len(reviews) - start))\n",
        ),
    ),
    training(
        "batches drawn anew each step",
        FEWER,
        ("import torch\nimport", "import random\n\nimport torch\nimport"),
        (GROUP, "        group = random.sample(reviews, min(batch_size, len(reviews) - start))\n"),
    ),
    training(
        "half of each batch",
        FEWER,
        (GROUP, "        group = reviews[start : start + batch_size // 2]\n"),
    ),
    training("one text of each batch", FEWER, (GROUP, "        group = [reviews[start]]\n")),
    training("every second batch", FEWER, (STARTS, "tqdm(range(0, len(reviews), 2 * batch_size))")),
    training(
        "batches that overlap",
        FEWER,
        (GROUP, "        group = reviews[start // 2 : start // 2 + batch_size]\n"),
    ),
    training(
        "the first batch left out",
        FEWER,
        (STARTS, "tqdm(range(batch_size, len(reviews), batch_size))"),
    ),
    training("break left in", FEWER, (KEPT_REWARD, KEPT_REWARD + "        break\n")),
    training(
        "stopped after two steps",
        FEWER,
        (KEPT_REWARD, KEPT_REWARD + "        if len(losses) >= 2:\n            break\n"),
    ),
    training(
        "short reviews left out",
        FEWER,
        (
            REVIEWS,
            REVIEWS + "    reviews = [text for text in reviews if len(text.split()) >= 16]\n",
        ),
    ),
    training(
        "two epochs",
        "more than one epoch",
        (STARTS, "tqdm([*range(0, len(reviews), batch_size)] * 2)"),
    ),
    training(
        "break in the notebook's loop",
        FEWER,
        functions=replaced(
            NOTEBOOK,
            (
                "    for batch in loop:\n",
                "    for step, batch in enumerate(loop):\n        if step == 1:\n            break\n",
            ),
        ),
    ),
    training(
        "one batch in the notebook's loop",
        TWICE,
        functions=replaced(
            NOTEBOOK,
            (
                "            batch, tokenizer, model,",
                "            texts[:batch_size], tokenizer, model,",
            ),
        ),
    ),
    training(
        "the debug break for all",
        FEWER,
        functions=replaced(
            STEPWISE, ("        if debug and number == 2:\n", "        if number == 2:\n")
        ),
    ),
    training(
        "a loader that drops the last batch",
        "last partial batch dropped",
        functions=replaced(
            STEPWISE,
            ("shuffle=True, collate_fn=list", "shuffle=True, drop_last=True, collate_fn=list"),
        ),
    ),
    training(
        "a new loader for each batch",
        FEWER,
        functions=replaced(
            STEPWISE,
            (
                "    for number, texts in enumerate(tqdm(loader)):\n",
                "    for number in range(len(loader)):\n        texts = next(iter(loader))\n",
            ),
        ),
    ),
    training(
        "a loader over the test reviews",
        TEST_TEXTS,
        functions=replaced(STEPWISE, ("DataLoader(train_texts,", "DataLoader(test_texts,")),
    ),
)

EVALUATE = (
    evaluation(
        "evaluated on the training reviews",
        "the training texts are evaluated",
        (TESTS, TESTS.replace("test_texts", "train_texts")),
        (BATCH, BATCH.replace("test_texts", "train_texts")),
    ),
    evaluation(
        "a slice left in the evaluation",
        "not all texts are evaluated",
        (TESTS, "tqdm(range(0, len(test_texts[:2]), batch_size))"),
    ),
    evaluation(
        "break left in the evaluation",
        "not all texts are evaluated",
        (GENERATIONS, GENERATIONS + "        break\n"),
    ),
    evaluation(
        "the first batch each time in the evaluation",
        TWICE,
        (BATCH, "        batch = test_texts[:batch_size]\n"),
    ),
    evaluation(
        "reviews sorted by their length",
        "the texts are in another order",
        (BATCH, "        batch = sorted(test_texts, key=len)[i : i + batch_size]\n"),
    ),
    evaluation(
        "texts sorted by their rewards",
        "the texts are in another order",
        (
            '        "generations": generations,\n',
            '        "generations": [text for _, text in sorted(zip(torch.cat(rewards).tolist(), generations))],\n',
        ),
    ),
    evaluation(
        "the reviews for the texts",
        "the reviews are returned and not the texts",
        (GENERATIONS, "        generations += batch\n"),
    ),
    evaluation(
        "every second batch of the evaluation",
        "not all texts are evaluated",
        (TESTS, "tqdm(range(0, len(test_texts), 2 * batch_size))"),
    ),
    evaluation(
        "shuffled by the loader",
        "the texts are in another order",
        functions=replaced(
            ZIPPED_EVALUATION,
            (
                "test_texts, batch_size, collate_fn=tuple",
                "test_texts, batch_size, shuffle=True, collate_fn=tuple",
            ),
        ),
    ),
    evaluation(
        "the last batch dropped by the loader",
        "last partial batch dropped",
        functions=replaced(
            ZIPPED_EVALUATION,
            (
                "test_texts, batch_size, collate_fn=tuple",
                "test_texts, batch_size, drop_last=True, collate_fn=tuple",
            ),
        ),
    ),
    Wrong(
        "rewards of the last batch left at zero",
        "evaluate.mean",
        "last partial batch dropped",
        (),
        functions=replaced(
            EVALUATION,
            (
                "range(0, len(test_texts), batch_size), desc",
                "range(0, len(test_texts) - batch_size + 1, batch_size), desc",
            ),
        ),
    ),
)

WRONG = TRAIN + EVALUATE
