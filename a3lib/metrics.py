"""What texts are like: how much of them the tiny world's grammar can produce."""

from a3lib.tinyworld.grammar import is_producible, split_words

NGRAM = 4


def natural_ngrams(text: str, seed: str = "") -> tuple[int, int]:
    """Count a text's word 4-grams that the grammar can produce, and all of them.

    Only 4-grams that reach beyond `seed`, the part of the text that was given, are counted. The
    last word may be cut off, as it is when sampling ends at a number of tokens.
    """
    words = split_words(text)
    given = len(split_words(seed)) if text.startswith(seed) else 0
    ends = range(max(NGRAM, given + 1), len(words) + 1)
    produced = sum(is_producible(tuple(words[e - NGRAM : e]), e == len(words)) for e in ends)
    return produced, len(ends)


def naturalness(texts: list[str], seeds: list[str] | None = None) -> float:
    """Return the share of the texts' word 4-grams that the grammar can produce, in [0, 1].

    With `seeds`, the beginnings that the texts were given, only 4-grams with a word of the
    continuation in them count, so the prompt cannot hide what the policy wrote. Texts with no
    4-gram at all give 0: an empty continuation is not natural.
    """
    counts = [
        natural_ngrams(text, seed)
        for text, seed in zip(texts, seeds or [""] * len(texts), strict=True)
    ]
    total = sum(count for _, count in counts)
    return sum(produced for produced, _ in counts) / total if total else 0.0
