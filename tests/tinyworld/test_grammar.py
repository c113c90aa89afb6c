"""The grammar: what it writes, and that its word graph accepts that and nothing else."""

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import pytest

from a3lib.tinyworld import PAIR_SPLITS, REVIEW_SPLITS, pairs, reviews
from a3lib.tinyworld.build import HELD_OUT_SEED, TRAIN_SEED
from a3lib.tinyworld.grammar import (
    NEUTRAL_RULES,
    POLAR_RULES,
    REVIEW_WEIGHTS,
    Review,
    is_producible,
    split_words,
    to_text,
    word_graph,
    write_pairs,
    write_reviews,
)

Words = tuple[str, ...]

# Reviews are written once for all tests that look at many.
SAMPLE_SEED = 4321


@cache
def sample() -> list[Review]:
    return write_reviews(20_000, SAMPLE_SEED)


@cache
def sampled_ngrams() -> set[Words]:
    return {gram for review in sample() for gram in ngrams(split_words(review.text))}


def ngrams(words: Sequence[str], length: int = 4) -> Iterator[Words]:
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def sentences(text: str) -> list[str]:
    return [part.strip() + "." for part in text.split(".") if part.strip()]


def share(reviews: list[Review], pattern: str) -> float:
    """The share of reviews in which a pattern occurs."""
    return sum(re.search(pattern, review.text) is not None for review in reviews) / len(reviews)


# An independent account of which 4-grams there are: instead of places that follow each other, what
# the texts of a rule can begin with, end with and have in them.

SPAN = 5


class Texts(NamedTuple):
    """The texts of a rule: the whole short ones, how the others begin and end, and all 5-grams."""

    short: frozenset[Words] = frozenset()
    heads: frozenset[Words] = frozenset()
    tails: frozenset[Words] = frozenset()
    grams: frozenset[Words] = frozenset()


def join(left: Texts, right: Texts) -> Texts:
    """The texts that are a text of `left` followed by one of `right`."""
    before, after = left.short | left.tails, right.short | right.heads
    grams = set(left.grams | right.grams)
    for size in range(1, SPAN):
        ends = {words[-size:] for words in before if len(words) >= size}
        starts = {words[: SPAN - size] for words in after if len(words) >= SPAN - size}
        grams |= {end + start for end, start in product(ends, starts)}
    # A short text in the middle of longer ones: its joint with both is made when it is an edge.
    whole = {first + second for first, second in product(left.short, right.short)}
    edge = SPAN - 1
    heads = {first + second for first, second in product(left.short, after)}
    tails = {first + second for first, second in product(before, right.short)}
    return Texts(
        frozenset(words for words in whole if len(words) < edge),
        left.heads | {words[:edge] for words in heads if len(words) >= edge},
        right.tails | {words[-edge:] for words in tails if len(words) >= edge},
        frozenset(grams),
    )


@cache
def texts_of(name: str, positive: bool) -> Texts:
    """The texts of a rule for a sentiment, read from the rules anew."""
    if name in NEUTRAL_RULES:
        lines = NEUTRAL_RULES[name]
    else:
        lines = POLAR_RULES[name][0 if positive else 1]
    found = []
    for line in lines:
        whole = Texts(short=frozenset({()}))
        for part in re.findall(r"<[a-z_]+[*!]?>|[A-Za-z']+|[.,]", line):
            if part.startswith("<"):
                turned = part.endswith("!>")
                inner = texts_of(part.strip("<>*!"), positive != turned)
            else:
                inner = Texts(short=frozenset({(part,)}))
            whole = join(whole, inner)
        found.append(whole)
    return Texts(*(frozenset().union(*sets) for sets in zip(*found, strict=True)))


@cache
def all_ngrams() -> set[Words]:
    """Every 4-gram of the grammar: the ends of all 5-grams of reviews with a mark before them."""
    mark = Texts(short=frozenset({("^",)}))
    found = set()
    for positive in (True, False):
        for first, *rest in join(mark, texts_of("review", positive)).grams:
            if first == "^":
                rest[0] = rest[0][:1].upper() + rest[0][1:]
            found.add(tuple(rest))
    return found


def accepted_ngrams() -> set[Words]:
    """Every 4-gram that can be walked on the word graph."""
    graph = word_graph()
    assert sum(map(len, graph.follow)) < 100_000
    walks = [(place,) for place in range(len(graph.words))]
    for _ in range(3):
        walks = [(*walk, after) for walk in walks for after in graph.follow[walk[-1]]]
    return {tuple(graph.words[place] for place in walk) for walk in walks}


def test_every_4_gram_of_20_000_reviews_is_producible() -> None:
    refused = [gram for gram in sampled_ngrams() if not is_producible(gram)]
    assert refused == []
    assert len(sampled_ngrams()) > 8000


def test_the_independent_account_has_every_4_gram_of_the_reviews() -> None:
    assert sampled_ngrams() <= all_ngrams()


def test_the_graph_accepts_exactly_what_the_rules_can_write() -> None:
    assert accepted_ngrams() == all_ngrams()


def test_is_producible_accepts_every_walk_of_the_graph() -> None:
    assert all(is_producible(gram) for gram in all_ngrams())


def test_4_grams_with_one_word_changed_are_accepted_only_if_the_rules_write_them() -> None:
    choices = random.Random(5)
    words = sorted({word for gram in all_ngrams() for word in gram})
    known = sorted(all_ngrams())
    for _ in range(5000):
        gram = list(choices.choice(known))
        gram[choices.randrange(4)] = choices.choice(words)
        assert is_producible(tuple(gram)) == (tuple(gram) in all_ngrams())


def test_words_in_any_order_are_hardly_ever_producible() -> None:
    choices = random.Random(6)
    words = sorted({word for gram in all_ngrams() for word in gram})
    drawn = [tuple(choices.choices(words, k=4)) for _ in range(5000)]
    assert sum(is_producible(gram) for gram in drawn) / len(drawn) < 0.01


def test_shuffled_reviews_are_hardly_producible() -> None:
    choices = random.Random(7)
    found = []
    for review in sample()[:300]:
        words = split_words(review.text)
        choices.shuffle(words)
        found += [is_producible(gram) for gram in ngrams(words)]
    assert sum(found) / len(found) < 0.05


@pytest.mark.parametrize(
    "ngram",
    [
        ("great", "film", "great", "film"),
        ("not", "great", "at", "all"),
        # One sentence has one sentiment: adjective and trait agree.
        ("great", "and", "cold", "."),
        # A capital stands at the beginning of a review only.
        ("is", "Best", "film", "ever"),
        ("best", "film", "ever", "."),
    ],
)
def test_4_grams_by_hand(ngram: Words) -> None:
    assert is_producible(ngram) == (ngram == ("not", "great", "at", "all"))


@pytest.mark.parametrize(
    ("ngram", "whole", "cut_off"),
    [
        (("This", "film", "is", "about"), True, True),
        (("This", "film", "is", "abo"), False, True),
        (("This", "film", "is", "abu"), False, False),
        # Only the last word may be cut off, and only its end.
        (("This", "fil", "is", "about"), False, False),
        (("This", "film", "is", "bout"), False, False),
        (("wonderf",), False, True),
        (("wonderful",), True, True),
        (("zzz",), False, False),
        # The beginning of a word that exists, but not after these.
        (("This", "film", "is", "docto"), False, False),
    ],
)
def test_with_cut_off_the_last_word_may_be_the_beginning_of_one(
    ngram: Words, whole: bool, cut_off: bool
) -> None:
    assert is_producible(ngram) == whole
    assert is_producible(ngram, True) == cut_off


def test_words_and_marks_are_split_as_they_are_written() -> None:
    assert split_words("Still, I've seen it.") == ["Still", ",", "I've", "seen", "it", "."]
    assert to_text(["best", "film", ",", "ever", "."]) == "Best film, ever."
    assert to_text([]) == ""
    for review in sample()[:500]:
        assert to_text(split_words(review.text)) == review.text


# What is written


def test_the_same_seed_writes_the_same_text_and_another_seed_another() -> None:
    first = write_reviews(50, 3)
    random.seed(0)
    assert write_reviews(50, 3) == first
    assert write_reviews(50, 4) != first
    assert write_reviews(20, 3) == first[:20]
    assert write_pairs(20, 3) == write_pairs(20, 3) != write_pairs(20, 4)


def test_half_of_the_reviews_are_positive() -> None:
    labels = [review.label for review in sample()]
    assert set(labels) == {0, 1}
    assert 0.49 < sum(labels) / len(labels) < 0.51


@pytest.mark.parametrize("positive", [True, False])
def test_a_label_is_the_sentiment_of_the_last_word(positive: bool) -> None:
    patterns = {
        True: r"(recommend it to everyone|give it (eight|nine|ten) out of ten|Do not miss it)\.$",
        False: r"(recommend it to anyone|give it (one|two|three) out of ten|Do not watch it)\.$",
    }
    ended = [review for review in sample() if re.search(patterns[positive], review.text)]
    assert len(ended) > 1000
    assert {review.label for review in ended} == {int(positive)}


def test_negation_turns_the_sentiment_round() -> None:
    negated = [r for r in sample() if re.fullmatch(r"Not (\w+) at all\.", r.text)]
    good, bad = POLAR_RULES["adjective"]
    assert {review.label for review in negated if review.text.split()[1] in bad} == {1}
    assert {review.label for review in negated if review.text.split()[1] in good} == {0}


@pytest.mark.parametrize(
    ("kind", "pattern", "least", "most"),
    [
        ("short", r"^\S+( \S+){1,5}$", 0.03, 0.05),
        ("mixed", r"\. (But|Still,) ", 0.10, 0.14),
        ("negated", r"\b[Nn]ot \w+ at all\.", 0.05, 0.5),
        ("opener and one judgement", r"^[^.]+\. [^.]+\.$", 0.04, 0.06),
        ("sentiment in the first sentence", r"^(What an? |This is an? )", 0.02, 0.06),
    ],
)
def test_every_kind_of_review_occurs_as_often_as_it_should(
    kind: str, pattern: str, least: float, most: float
) -> None:
    assert least < share(sample(), pattern) < most, kind


def test_a_mixed_review_says_both() -> None:
    mixed = [r for r in sample() if re.search(r"But I (loved|hated)", r.text) and r.label == 1]
    assert any(re.search(r"\b(hated|terrible|awful|worst)\b", r.text) for r in mixed)


def test_reviews_end_early_and_late() -> None:
    counts = {len(sentences(review.text)) for review in sample()}
    assert counts == {1, 2, 4, 5}
    assert max(len(split_words(review.text)) for review in sample()) < 80


def test_reviews_are_sentences_with_nothing_left_to_fill_in() -> None:
    for review in sample()[:2000]:
        assert re.fullmatch(r"[A-Z][A-Za-z',. ]*\.", review.text)
        assert " ." not in review.text
        assert " ," not in review.text
        assert "  " not in review.text


# The rules


@pytest.mark.parametrize("name", POLAR_RULES)
def test_both_sides_of_a_rule_have_as_many_lines(name: str) -> None:
    positive, negative = POLAR_RULES[name]
    assert len(positive) == len(negative)


def test_every_kind_of_review_has_a_weight() -> None:
    assert [len(lines) for lines in POLAR_RULES["review"]] == [len(REVIEW_WEIGHTS)] * 2
    assert min(REVIEW_WEIGHTS) > 0


def test_every_slot_names_a_rule_and_says_a_sentiment_where_there_is_one() -> None:
    sides = [*NEUTRAL_RULES.values(), *(side for rule in POLAR_RULES.values() for side in rule)]
    slots = {slot for side in sides for line in side for slot in re.findall("<([^>]+)>", line)}
    assert {slot for slot in slots if slot[-1] not in "*!"} <= set(NEUTRAL_RULES)
    assert {slot[:-1] for slot in slots if slot[-1] in "*!"} <= set(POLAR_RULES)


# Parallel pairs


@cache
def neutral_forms() -> dict[str, str]:
    """For each polar line without slots, one name for it and its counterpart."""
    return {
        line: f"[{name} {number}]"
        for name, sides in POLAR_RULES.items()
        for side in sides
        for number, line in enumerate(side)
        if "<" not in line
    }


def without_sentiment(text: str) -> str:
    """The text with each polar line replaced by what it shares with its counterpart."""
    longest_first = sorted(neutral_forms(), key=len, reverse=True)
    lines = "|".join(rf"(?<!\w){re.escape(line)}(?!\w)" for line in longest_first)
    return re.sub(lines, lambda found: neutral_forms()[found[0]], text)


def test_parallel_texts_differ_only_in_their_sentiment() -> None:
    for row in write_pairs(1000, 31):
        positive, negative = row["positive_completion"], row["negative_completion"]
        assert positive != negative
        assert without_sentiment(positive) == without_sentiment(negative)
        assert len(sentences(positive)) == len(sentences(negative)) == 2


def test_the_positive_side_of_a_pair_is_the_positive_one() -> None:
    rows = write_pairs(1000, 32)
    for rule in ("felt", "best", "reaction"):
        for side, wrong in (("positive_completion", 1), ("negative_completion", 0)):
            right = POLAR_RULES[rule][1 - wrong]
            words = [set(split_words(row[side])) for row in rows]
            assert not any(found & set(POLAR_RULES[rule][wrong]) for found in words)
            assert any(found & set(right) for found in words)


def test_negation_turns_the_sentiment_round_in_a_judgement_too() -> None:
    good, bad = POLAR_RULES["adjective"]
    rows = write_pairs(1000, 35)
    for side, negated in (("positive_completion", bad), ("negative_completion", good)):
        found = {word for row in rows for word in re.findall(r"not (\w+) at all", row[side])}
        assert found == set(negated)


def test_a_pairs_prompt_is_one_sentence_and_its_completions_follow_a_space() -> None:
    for row in write_pairs(300, 33):
        assert list(row) == ["prompt", "positive_completion", "negative_completion"]
        assert len(sentences(row["prompt"])) == 1
        for side in ("positive_completion", "negative_completion"):
            assert re.match(r" [A-Z]", row[side])
            assert not row[side].startswith(row["prompt"])


def test_a_prompt_with_its_completion_is_what_reviews_are_like() -> None:
    for row in write_pairs(500, 34):
        for side in ("positive_completion", "negative_completion"):
            assert all(is_producible(g) for g in ngrams(split_words(row["prompt"] + row[side])))


# Splits


def test_splits_have_their_sizes_and_the_hubs_columns() -> None:
    for split, (size, _) in REVIEW_SPLITS.items():
        rows = reviews(split)
        assert len(rows) == size
        assert all(list(row) == ["text", "label"] for row in rows)
        assert {row["label"] for row in rows} == {0, 1}
    for split, (size, _) in PAIR_SPLITS.items():
        assert len(pairs(split)) == size


def test_no_split_is_written_with_the_builders_seeds_or_anothers() -> None:
    seeds = [seed for _, seed in (*REVIEW_SPLITS.values(), *PAIR_SPLITS.values())]
    assert len(set(seeds)) == len(seeds) == 4
    assert not {TRAIN_SEED, HELD_OUT_SEED} & set(seeds)


def test_long_test_reviews_are_not_among_the_training_reviews() -> None:
    train = {str(row["text"]) for row in reviews("train")}
    test = [str(row["text"]) for row in reviews("test") if len(str(row["text"]).split()) > 12]
    assert sum(text in train for text in test) / len(test) < 0.02
