"""What texts are like: how diverse, and how much of them the tiny world's grammar can produce."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice, pairwise

from a3lib.tinyworld.grammar import is_producible, split_words

NGRAM = 4


def natural_ngrams(text: str, seed: str = "") -> tuple[int, int]:
    """Count a text's word 4-grams that the grammar can produce, and all of them.

    Only 4-grams that reach beyond `seed`, the beginning that was not sampled, are counted. The
    last word may be cut off, as it is when sampling ends at a number of tokens.
    """
    words = split_words(text)
    seed_words = len(split_words(seed)) if text.startswith(seed) else 0
    ends = range(max(NGRAM, seed_words + 1), len(words) + 1)
    produced = sum(is_producible(tuple(words[e - NGRAM : e]), e == len(words)) for e in ends)
    return produced, len(ends)


def naturalness(texts: list[str], seeds: list[str] | None = None) -> float:
    """Return the share of the texts' word 4-grams that the grammar can produce, in [0, 1].

    With `seeds`, the beginnings of the texts, only 4-grams with a word of the continuation in
    them count, so that the prompt cannot hide what the policy wrote. Texts with no
    4-gram at all give 0: an empty continuation is not natural.
    """
    counts = [
        natural_ngrams(text, seed)
        for text, seed in zip(texts, seeds or [""] * len(texts), strict=True)
    ]
    total = sum(count for _, count in counts)
    return sum(produced for produced, _ in counts) / total if total else 0.0


def unigram_entropy(completions: Sequence[Sequence[int]], count: int) -> float | None:
    """Return the entropy, in nats, of the first `count` sampled tokens, or None if there are fewer.

    The estimate from frequencies is too low by an amount that depends on how many tokens there
    are (0.5 nats at 10,000), so only equal counts can be compared.
    """
    tokens = list(islice(chain.from_iterable(completions), count))
    if len(tokens) < count:
        return None
    return math.fsum(-n / count * math.log(n / count) for n in Counter(tokens).values())


def distinct_bigrams(completions: Sequence[Sequence[int]], count: int) -> float | None:
    """Return distinct-2: the number of different bigrams among the first `count`, over `count`.

    No bigram reaches from one completion into the next. None if there are fewer than `count`.
    """
    bigrams = list(islice(chain.from_iterable(map(pairwise, completions)), count))
    return len(set(bigrams)) / count if len(bigrams) == count else None
