"""The grammar of the tiny world: it writes movie reviews with a hidden sentiment.

The grammar has no recursion, so what it can produce is a regular language, and `naturalness` can
say exactly which word 4-grams belong to it. A slot `<name>` is replaced by one line of the rule of
that name; `<name*>` takes the rule's side for the sentence's own sentiment, `<name!>` the opposite
side. Both sides have the same number of lines, so the same random choices with the other sentiment
write a parallel text.
"""

import random
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

# Rules without a sentiment.
NEUTRAL_RULES: dict[str, list[str]] = {
    "film": ["movie", "film", "picture"],
    "part": ["acting", "story", "script", "ending"],
    "aspect": ["plot", "music", "dialogue", "camera work"],
    "hero": ["detective", "teacher", "soldier", "doctor", "singer", "lawyer", "pilot"],
    "name": ["Maria Lopez", "John Carter", "Anna Berg", "David Stone", "Peter Hall"],
    "place": ["cinema", "festival", "theater", "library"],
    "setting": ["a small town", "the big city", "a cold winter", "the old west", "a far country"],
    "company": ["my family", "my brother", "my sister", "a friend", "my wife", "some friends"],
    "time": ["last weekend", "last night", "on Sunday", "yesterday", "a week ago", "last summer"],
    "quest": [
        "goes back home",
        "looks for a lost child",
        "has to solve a crime",
        "wants to leave the army",
        "falls in love",
    ],
    "is": ["is", "was"],
    "opener": [
        "I watched this <film> with <company> <time>.",
        "My sister and I saw this <film> at the <place> <time>.",
        "This <film> is about a <hero> who <quest> in <setting>.",
        "The <film> tells the story of a <hero> who <quest>.",
        "<name> plays a <hero> who <quest> in <setting>.",
        "I saw this <film> at the <place> with <company> <time>.",
        "I had heard a lot about this <film> before I saw it <time>.",
        "We went to the <place> <time> and saw this <film> with <company>.",
    ],
    "fact": [
        "The story takes place in <setting>.",
        "It runs for about two hours.",
        "It was made by a small studio.",
        "<name> plays a <hero> in it.",
        "The music was written by <name>.",
        "We talked about it on the way home.",
    ],
}


def alike(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the same lines for both sides: only their slots differ."""
    return lines, lines


# Rules with a sentiment: the positive side, then the negative side, line by line.
POLAR_RULES: dict[str, tuple[list[str], list[str]]] = {
    "adjective": (
        ["great", "wonderful", "excellent", "beautiful", "funny", "clever", "brilliant", "moving"],
        ["bad", "terrible", "awful", "ugly", "boring", "stupid", "weak", "dull"],
    ),
    "trait": (["warm", "honest", "smart", "touching"], ["cold", "silly", "slow", "empty"]),
    "noun_phrase": (
        ["a great", "a wonderful", "an excellent", "a beautiful", "a funny", "a brilliant"],
        ["a bad", "a terrible", "an awful", "an ugly", "a boring", "a dull"],
    ),
    "quality": alike(
        [
            "<adjective*>",
            "very <adjective*>",
            "really <adjective*>",
            "<adjective*> and <trait*>",
            "not <adjective!> at all",
        ]
    ),
    "felt": (
        ["loved", "enjoyed", "liked", "admired"],
        ["hated", "disliked", "regretted", "missed"],
    ),
    "best": (["best", "finest", "greatest"], ["worst", "poorest", "weakest"]),
    "reaction": (["smile", "laugh", "happy"], ["yawn", "suffer", "angry"]),
    "score": (["eight", "nine", "ten"], ["one", "two", "three"]),
    "judgement": (
        [
            "The <part> <is> <quality*>.",
            "The <part> and the <aspect> are <quality*>.",
            "I <felt*> the <part> and the <aspect>.",
            "<name> is <quality*> as the <hero>.",
            "<name> gives <noun_phrase*> performance.",
            "It is one of the <best*> films I have ever seen.",
            "Every scene made me <reaction*>.",
            "I <felt*> every minute of it.",
            "It was worth every minute of my time.",
        ],
        [
            "The <part> <is> <quality*>.",
            "The <part> and the <aspect> are <quality*>.",
            "I <felt*> the <part> and the <aspect>.",
            "<name> is <quality*> as the <hero>.",
            "<name> gives <noun_phrase*> performance.",
            "It is one of the <best*> films I have ever seen.",
            "Every scene made me <reaction*>.",
            "I <felt*> every minute of it.",
            "It was a waste of my time.",
        ],
    ),
    "turn": alike(
        [
            "But the <part> <is> <quality*>.",
            "But I <felt*> the <part> and the <aspect>.",
            "Still, <name> is <quality*> as the <hero>.",
        ]
    ),
    "verdict": (
        [
            "I would recommend it to everyone.",
            "You should see it as soon as you can.",
            "In the end it is <noun_phrase*> <film>.",
            "I give it <score*> out of ten.",
            "Do not miss it.",
        ],
        [
            "I would not recommend it to anyone.",
            "You should stay away from it.",
            "In the end it is <noun_phrase*> <film>.",
            "I give it <score*> out of ten.",
            "Do not watch it.",
        ],
    ),
    "early": alike(
        [
            "This is <noun_phrase*> <film> and I <felt*> it.",
            "What <noun_phrase*> <film>.",
            "This <film> <is> <quality*>.",
            "I <felt*> this <film> <time>.",
        ]
    ),
    "short": alike(
        [
            "A <adjective*> <film>.",
            "<best*> <film> ever.",
            "I <felt*> it.",
            "Not <adjective!> at all.",
        ]
    ),
    # Whole reviews. In a mixed review the last word decides its sentiment.
    "review": alike(
        [
            "<opener> <judgement*> <judgement*> <verdict*>",
            "<opener> <judgement*> <judgement*> <judgement*> <verdict*>",
            "<opener> <fact> <judgement*> <judgement*> <verdict*>",
            "<opener> <judgement*> <fact> <judgement*>",
            "<opener> <judgement!> <turn*> <judgement*> <verdict*>",
            "<opener> <judgement*>",
            "<opener> <fact> <fact> <verdict*>",
            "<early*> <judgement*> <judgement*> <verdict*>",
            "<short*>",
        ]
    ),
}

# How often each line of "review" is chosen.
REVIEW_WEIGHTS = [26, 14, 14, 12, 12, 5, 5, 8, 4]

WORD = re.compile(r"[A-Za-z']+|\S")
_SLOT = re.compile(r"<(\w+)([*!]?)>|([A-Za-z']+|[.,])")


@dataclass(frozen=True)
class Review:
    """A review of the tiny world: its text and its sentiment (1 positive, 0 negative)."""

    text: str
    label: int


def rule_lines(name: str, positive: bool) -> list[str]:
    """Return the lines of a rule for a sentence of that sentiment."""
    if name in NEUTRAL_RULES:
        return NEUTRAL_RULES[name]
    return POLAR_RULES[name][0 if positive else 1]


def slot_is_positive(marker: str, positive: bool) -> bool:
    """Return the sentiment that a slot passes on: `!` reverses it."""
    return not positive if marker == "!" else positive


def expand(name: str, positive: bool, choices: random.Random) -> list[str]:
    """Return the words that a rule writes, each choice drawn from `choices`."""
    lines = rule_lines(name, positive)
    weights = REVIEW_WEIGHTS if name == "review" else None
    words: list[str] = []
    for slot, marker, word in _SLOT.findall(choices.choices(lines, weights)[0]):
        if word:
            words.append(word)
        else:
            words += expand(slot, slot_is_positive(marker, positive), choices)
    return words


def to_text(words: list[str]) -> str:
    """Join words with spaces, none before punctuation, and begin with a capital."""
    text = re.sub(r" ([.,])", r"\1", " ".join(words))
    return text[:1].upper() + text[1:]


def write_reviews(count: int, seed: int) -> list[Review]:
    """Write `count` reviews, half of them positive on average, the same ones for the same seed."""
    choices = random.Random(seed)
    reviews = []
    for _ in range(count):
        positive = choices.random() < 0.5
        reviews.append(Review(to_text(expand("review", positive, choices)), int(positive)))
    return reviews


def write_pairs(count: int, seed: int) -> list[dict[str, str]]:
    """Write `count` rows of a prompt with a positive and a negative completion, which are parallel.

    The columns are those of section 4's data: `prompt`, `positive_completion` and
    `negative_completion`; a completion begins with a space and does not repeat its prompt.
    """
    choices = random.Random(seed)
    rows = []
    for _ in range(count):
        prompt = to_text(expand("opener", True, choices))
        lines = choices.choice(
            [["judgement", "judgement"], ["judgement", "verdict"], ["fact", "judgement"]]
        )
        state = choices.getstate()
        completions = []
        for positive in (True, False):
            choices.setstate(state)
            completions.append(" " + " ".join(to_text(expand(n, positive, choices)) for n in lines))
        rows.append(
            {
                "prompt": prompt,
                "positive_completion": completions[0],
                "negative_completion": completions[1],
            }
        )
    return rows


def split_words(text: str) -> list[str]:
    """Split a text into words and punctuation marks, as `naturalness` counts them."""
    return WORD.findall(text)


class WordGraph:
    """Every word of the grammar in its place, and which places can follow which.

    This is the position automaton of the grammar (Glushkov 1961): `words[p]` is the word at place
    p and `follow[p]` are the places that can come directly after it.
    """

    def __init__(self) -> None:
        self.words: list[str] = []
        self.follow: list[set[int]] = []
        for positive in (True, False):
            self._add_rule("review", positive, at_start=True)
        self.places: dict[str, set[int]] = {}
        for place, word in enumerate(self.words):
            self.places.setdefault(word, set()).add(place)

    def _add_rule(self, name: str, positive: bool, at_start: bool) -> tuple[set[int], set[int]]:
        """Add one use of a rule; return its first and its last places."""
        first: set[int] = set()
        last: set[int] = set()
        for line in rule_lines(name, positive):
            parts = [
                self._add_word(word, at_start and index == 0)
                if word
                else self._add_rule(
                    slot, slot_is_positive(marker, positive), at_start and index == 0
                )
                for index, (slot, marker, word) in enumerate(_SLOT.findall(line))
            ]
            for (_, ends), (starts, _) in pairwise(parts):
                for place in ends:
                    self.follow[place] |= starts
            first |= parts[0][0]
            last |= parts[-1][1]
        return first, last

    def _add_word(self, word: str, at_start: bool) -> tuple[set[int], set[int]]:
        self.words.append(word[:1].upper() + word[1:] if at_start else word)
        self.follow.append(set())
        place = len(self.words) - 1
        return {place}, {place}

    def produces(self, ngram: tuple[str, ...], *, cut_off: bool = False) -> bool:
        """Say whether some review of the grammar contains these words one after the other.

        With `cut_off` the last word may be the beginning of a word.
        """
        here: set[int] = set()
        for index, word in enumerate(ngram):
            after = set().union(*(self.follow[place] for place in here))
            if cut_off and index == len(ngram) - 1:
                candidates = after if index else range(len(self.words))
                here = {place for place in candidates if self.words[place].startswith(word)}
            else:
                matching = self.places.get(word, set())
                here = after & matching if index else matching
        return bool(here)


@cache
def word_graph() -> WordGraph:
    """Return the graph of the whole grammar, built once."""
    return WordGraph()


@cache
def is_producible(ngram: tuple[str, ...], cut_off: bool = False) -> bool:
    """Say whether the grammar can produce this word n-gram (see `WordGraph.produces`)."""
    return word_graph().produces(ngram, cut_off=cut_off)
