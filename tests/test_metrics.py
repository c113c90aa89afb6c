"""Naturalness: which 4-grams are counted, and the share that is returned. Diversity."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib import metrics
from a3lib.metrics import (
    distinct_bigrams,
    natural_ngrams,
    naturalness,
    unigram_entropy,
)
from a3lib.tinyworld.grammar import write_reviews

Asked = list[tuple[tuple[str, ...], bool]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Every 4-gram that is asked for; those with an x in them cannot be produced."""
    calls: Asked = []

    def fake(ngram: tuple[str, ...], cut_off: bool = False) -> bool:
        calls.append((ngram, cut_off))
        return "x" not in ngram

    monkeypatch.setattr(metrics, "is_producible", fake)
    return calls


def test_all_4_grams_are_asked_and_only_the_last_may_be_cut_off(asked: Asked) -> None:
    assert natural_ngrams("a b c d e f") == (3, 3)
    assert asked == [
        (("a", "b", "c", "d"), False),
        (("b", "c", "d", "e"), False),
        (("c", "d", "e", "f"), True),
    ]


def test_only_producible_ones_are_in_the_first_count(asked: Asked) -> None:
    assert natural_ngrams("x b c d e f") == (2, 3)
    assert natural_ngrams("a b c x e f") == (0, 3)


def test_4_grams_inside_the_seed_do_not_count(asked: Asked) -> None:
    assert natural_ngrams("a b c d e f g", seed="a b c d e") == (2, 2)
    assert asked == [(("c", "d", "e", "f"), False), (("d", "e", "f", "g"), True)]


def test_a_seed_of_three_words_takes_nothing_away(asked: Asked) -> None:
    assert natural_ngrams("a b c d e", seed="a b c") == (2, 2)
    assert natural_ngrams("a b c d e", seed="a b c d") == (1, 1)


def test_a_seed_that_the_text_does_not_begin_with_takes_nothing_away(asked: Asked) -> None:
    assert natural_ngrams("a b c d e f", seed="b c d e f") == (3, 3)


@pytest.mark.parametrize(
    ("text", "seed"),
    [("", ""), ("a b c", ""), ("a b c d e", "a b c d e"), ("a b c d e  ", "a b c d e")],
)
def test_nothing_written_means_nothing_counted(asked: Asked, text: str, seed: str) -> None:
    assert natural_ngrams(text, seed) == (0, 0)
    assert asked == []


def test_punctuation_marks_are_words_of_their_own() -> None:
    assert natural_ngrams("I loved it.") == (1, 1)
    # Of film-is-great-. and is-great-.-great only the first is a review's.
    assert natural_ngrams("film is great. great") == (1, 2)


def test_by_hand_on_the_real_grammar() -> None:
    # Of This-film-is-about, film-is-about-a, is-about-a-banana only the last is not a review's.
    assert natural_ngrams("This film is about a banana") == (2, 3)
    # The last word is cut off: "tea" is the beginning of "teacher".
    assert natural_ngrams("This film is about a tea") == (3, 3)
    # The same word is not cut off where another one follows.
    assert natural_ngrams("This film is about a tea who") == (2, 4)


def test_the_share_is_of_all_4_grams_and_not_a_mean_over_texts(asked: Asked) -> None:
    assert naturalness(["a b c d", "a b x d e f"]) == 1 / 4


def test_empty_continuations_are_not_natural(asked: Asked) -> None:
    assert naturalness([]) == 0.0
    assert naturalness(["", "a b"]) == 0.0
    assert naturalness(["a b c d e"], ["a b c d e"]) == 0.0


def test_an_empty_text_takes_nothing_from_the_others(asked: Asked) -> None:
    assert naturalness(["", "a b c d"]) == 1.0


def test_each_text_has_its_own_seed(asked: Asked) -> None:
    texts = ["a b c d e", "x b c d e f"]
    assert naturalness(texts) == 4 / 5
    assert naturalness(texts, ["a b c d", ""]) == 3 / 4
    assert naturalness(texts, ["", "x b c d"]) == 1.0


def test_as_many_seeds_as_texts_are_needed() -> None:
    with pytest.raises(ValueError, match="shorter than"):
        naturalness(["a b c d", "a b c d"], ["a"])


def test_a_natural_seed_cannot_hide_an_unnatural_continuation() -> None:
    seed = "I watched this film with my brother last night. The acting"
    text = f"{seed} great great great great great"
    assert naturalness([text]) > 0.5
    assert naturalness([text], [seed]) == 0.0


def test_reviews_are_natural_and_their_shuffled_words_are_not() -> None:
    texts = [review.text for review in write_reviews(200, seed=501)]
    choices = random.Random(0)
    mixed = []
    for text in texts:
        words = text.split()
        choices.shuffle(words)
        mixed.append(" ".join(words))
    assert naturalness(texts) == 1.0
    assert naturalness(mixed) < 0.1


def test_reviews_that_end_in_the_middle_of_a_word_are_natural() -> None:
    texts = [review.text for review in write_reviews(50, seed=502)]
    assert naturalness([text[: len(text) * 2 // 3] for text in texts]) == 1.0


# Diversity


rows_of_tokens = st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=6)
many = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@many
@given(rows_of_tokens, st.integers(1, 20))
def test_diversity_equals_the_loop(completions: list[list[int]], count: int) -> None:
    tokens = [token for row in completions for token in row]
    found = unigram_entropy(completions, count)
    if len(tokens) < count:
        assert found is None
    else:
        tokens = tokens[:count]
        shares = [tokens.count(token) / count for token in set(tokens)]
        assert found == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-12)

    bigrams = []
    for row in completions:
        bigrams += [(row[place], row[place + 1]) for place in range(len(row) - 1)]
    found = distinct_bigrams(completions, count)
    if len(bigrams) < count:
        assert found is None
    else:
        assert found == len(set(bigrams[:count])) / count


def test_the_entropy_of_tokens_by_hand() -> None:
    assert unigram_entropy([[3, 1], [2, 0]], 4) == pytest.approx(math.log(4), abs=1e-12)
    assert unigram_entropy([[5, 5, 5]], 3) == 0.0
    assert unigram_entropy([[5]], 1) == 0.0
    halves = unigram_entropy([[1, 1], [2], [], [3]], 4)
    assert halves == pytest.approx(1.5 * math.log(2), abs=1e-12)


def test_only_the_first_tokens_count() -> None:
    assert unigram_entropy([[1, 1], [2, 3]], 2) == 0.0
    assert unigram_entropy([[1, 1], [2, 3]], 3) == pytest.approx(
        -2 / 3 * math.log(2 / 3) - 1 / 3 * math.log(1 / 3), abs=1e-12
    )


def test_too_few_tokens_give_nothing() -> None:
    assert unigram_entropy([[1, 2], [3]], 4) is None
    assert unigram_entropy([], 1) is None
    assert distinct_bigrams([[1, 2, 3]], 3) is None
    assert distinct_bigrams([], 1) is None


def test_no_bigram_reaches_into_the_next_completion() -> None:
    # Joined, the tokens would have (2, 1) too, and (1, 2) a third time.
    assert distinct_bigrams([[1, 2], [1, 2]], 2) == 1 / 2
    assert distinct_bigrams([[1, 2], [1, 2]], 3) is None
    assert distinct_bigrams([[1], [2], [], [3]], 1) is None


def test_distinct_bigrams_by_hand() -> None:
    assert distinct_bigrams([[1, 2, 3, 4]], 3) == 1.0
    assert distinct_bigrams([[7, 7, 7, 7]], 3) == 1 / 3
    assert distinct_bigrams([[1, 2, 1]], 2) == 1.0  # the order matters
    assert distinct_bigrams([[1, 1, 1], [1, 2, 3]], 2) == 1 / 2  # only the first two count
