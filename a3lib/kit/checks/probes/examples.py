"""The reviews and pairs that the training loops get: many, all different, each with a known number.

A row's number stands in its text, so whatever a loop does with it can be followed.
"""

from typing import Any

from torch import Tensor

from a3lib.kit.checks import fixtures
from a3lib.tokenization import PreferencePair

# Test texts and pairs are numbered from here on.
HELD_OUT = 10_000
# A text that is none of the examples.
UNKNOWN = -1


def shares(count: int, seed: int) -> Tensor:
    """Return numbers (N,) between 0 and 1 from a formula, in float64; N is `count`."""
    return 0.5 + fixtures.noise(count, seed=seed) / 12**0.5


def numbered_reviews(inputs: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the training texts and the test texts of a check."""
    texts, count = inputs["texts"], inputs.get("count", len(inputs["texts"]))
    train = [f"{n}: {texts[n % len(texts)]}" for n in range(count)]
    return train, [f"{HELD_OUT + n}: {text}" for n, text in enumerate(texts)]


def places_of(train: list[str], test: list[str]) -> dict[str, int]:
    """Return the number of each training text and each test text."""
    places = {text: number for number, text in enumerate(train)}
    return places | {text: HELD_OUT + number for number, text in enumerate(test)}


def rewards_of_reviews(inputs: dict[str, Any]) -> Tensor:
    """Return the reward that sampling gives for each training text, (N,), from 0.05 to 0.95."""
    count = inputs.get("count", len(inputs["texts"]))
    return 0.05 + 0.9 * shares(count, inputs["noise"])


def numbered_pairs(inputs: dict[str, Any]) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """Return the training pairs and the test pairs of a check, with prompts of several lengths."""
    counts, words = inputs["pairs"], inputs.get("long", 0)

    def pair(number: int) -> PreferencePair:
        prompt = f"Number {number} on my list was" + " really" * (number % 4)
        # Some texts may be longer than a check's max_length.
        chosen = prompt + " great" * (1 + number % 3 + words * (number % 5 == 1)) + "."
        return PreferencePair(prompt, chosen, prompt + " bad" * (1 + number % 2) + ".")

    train, test = range(counts[0]), range(HELD_OUT, HELD_OUT + counts[1])
    return [pair(n) for n in train], [pair(n) for n in test]


def loss_of_pairs(inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the loss of each training pair (N,) and each test pair (M,) with stand-ins."""
    train, test = (
        0.3 + 0.4 * shares(n, inputs["noise"] + k) for k, n in enumerate(inputs["pairs"])
    )
    return train, test
