"""What the preference study compares and how big it is: the one place for its settings."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from a3lib.errors import InputError
from a3lib.preferences import check_pairing
from a3lib.profiles import MAX_NEW_TOKENS, PROFILES, TINY, Profile, name_of_auto
from a3lib.study.methods import METHODS, find_method


@dataclass(frozen=True)
class Study:
    """The grid, the data and the training of a study.

    `policy` and `reward_model` are hub names or checkpoint folders, `reviews` a source of `data`.
    """

    policy: str
    reward_model: str
    reviews: str
    # The grid: names that `find_method` knows, plain DPO's beta (each method turns it into its
    # own coefficient) and seeds. A seed has its own preference data, training order and test draws.
    methods: tuple[str, ...] = tuple(METHODS)
    betas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    # The gradient of an exponential score soon becomes many times longer: smaller betas.
    exponential_betas: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)
    seeds: tuple[int, ...] = (1, 2, 3)
    # Supervised fine-tuning of the policy on the reviews, first of all; 0: it is already tuned.
    sft_steps: int = 0
    sft_learning_rate: float = 5e-5
    sft_max_length: int = 128
    # Preference data: the first words of a review (0: nothing), K samples, a tournament.
    prompt_words: int = 4
    prompts: int = 500
    held_out_prompts: int = 100
    candidates: int = 4
    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = 0.7
    pairing: str = "first_round"
    # Rejection sampling accepts so many of a prompt's candidates (RSO: 8 of 64, beta 0.5).
    rejection_candidates: int = 64
    rejection_accepted: int = 8
    rejection_beta: float = 0.5
    # Training, the same for every method; a batch is `batch_size` pairs.
    steps: int = 120
    batch_size: int = 16
    learning_rate: float = 3e-4
    max_grad_norm: float = 1.0
    held_out_every: int = 30
    # Evaluation: one sample per test prompt; how many tokens and bigrams the unigram figures count.
    test_prompts: int = 256
    unigram_tokens: int = 4000

    @property
    def has_grammar(self) -> bool:
        """Whether the texts come from the tiny world, so that naturalness can be measured."""
        return self.reviews == TINY

    @property
    def rejection_prompts(self) -> int:
        """How many prompts give as many pairs by rejection sampling as all do without it."""
        wanted = self.prompts * self.candidates // self.rejection_accepted
        return max(1, min(self.prompts, wanted))

    def betas_of(self, divergence: str) -> tuple[float, ...]:
        """Return the grid of a divergence."""
        return self.exponential_betas if divergence in ("forward_kl", "alpha") else self.betas


_TINY = PROFILES["tiny"]
_HUB = Study(
    policy="lvwerra/gpt2-imdb",
    reward_model="lvwerra/distilbert-imdb",
    reviews="stanfordnlp/imdb",
    prompts=2000,
    held_out_prompts=200,
    steps=250,
    batch_size=32,
    learning_rate=1e-5,
    held_out_every=50,
    test_prompts=512,
    unigram_tokens=8000,
)
# Just enough to see whether everything runs.
_DEBUG: dict[str, Any] = {
    "betas": (0.1, 1.0),
    "exponential_betas": (0.01, 0.1),
    "seeds": (1,),
    "prompts": 16,
    "held_out_prompts": 8,
    "rejection_candidates": 8,
    "rejection_accepted": 4,
    "steps": 4,
    "batch_size": 8,
    "held_out_every": 2,
    "test_prompts": 16,
    "unigram_tokens": 200,
}
STUDIES = {
    "tiny": Study(_TINY.policy, _TINY.reward_model, _TINY.reviews),
    "t4": _HUB,
    "smoke": replace(_HUB, **_DEBUG),
}
# Section 6 tells the same story in a few minutes.
_NOTEBOOK: dict[str, Any] = {
    "methods": (
        "sigmoid-reverse_kl",
        "hinge-reverse_kl",
        "sigmoid-alpha_0.5",
        "sigmoid-forward_kl",
        "rso",
    ),
    "betas": (0.3, 1.0, 3.0),
    "exponential_betas": (0.001, 0.003, 0.01),
    "seeds": (1,),
    "rejection_candidates": 32,
    "prompts": 250,
    "held_out_prompts": 50,
    "steps": 60,
    "held_out_every": 20,
    "test_prompts": 128,
    "unigram_tokens": 2000,
}


def get_study(name: str = "auto", *, debug: bool = False, **overrides: Any) -> Study:
    """Return a study by its profile's name with some fields replaced; None leaves a field out.

    "auto" is `t4` where there is a CUDA device and `tiny` elsewhere.

    Raises InputError for an unknown name or field, and for a value that makes no sense.
    """
    name = name_of_auto() if name == "auto" else name
    if name not in STUDIES:
        raise InputError(f"There is no study {name!r}; take one of auto, {', '.join(STUDIES)}.")
    chosen = {key: value for key, value in overrides.items() if value is not None}
    known = [field.name for field in fields(Study)]
    for key in chosen:
        if key not in known:
            raise InputError(f"A study has no field {key!r}; it has {', '.join(sorted(known))}.")
    smaller = _DEBUG if debug else {}
    study = replace(STUDIES[name], **(smaller | chosen))
    check_study(study)
    return study


def notebook_study(profile: Profile) -> Study:
    """Return section 6's study, with the models and reviews of the notebook's profile."""
    rate = STUDIES["tiny" if profile.has_grammar else "t4"].learning_rate
    sizes = _NOTEBOOK | {"learning_rate": rate} | (_DEBUG if profile.debug else {})
    return Study(profile.policy, profile.reward_model, profile.reviews, **sizes)


def check_study(study: Study) -> None:
    """Raise InputError, naming the field, where a setting makes no sense."""
    for name in study.methods:
        find_method(name)
    for name in ("methods", "seeds", "betas", "exponential_betas"):
        values = getattr(study, name)
        if not values or len(set(values)) < len(values):
            raise InputError(f"{name} is {values}; give one or more, none of them twice.")
    betas = (*study.betas, *study.exponential_betas)
    if not all(0 < beta < math.inf for beta in betas):
        raise InputError(f"A study's betas are {betas}; give numbers above 0.")
    for name in (
        "prompts",
        "held_out_prompts",
        "candidates",
        "max_new_tokens",
        "rejection_candidates",
        "rejection_accepted",
        "steps",
        "batch_size",
        "held_out_every",
        "test_prompts",
        "unigram_tokens",
        "sft_max_length",
    ):
        if getattr(study, name) < 1:
            raise InputError(f"{name} is {getattr(study, name)}; give a whole number from 1 on.")
    for name in (
        "learning_rate",
        "sft_learning_rate",
        "max_grad_norm",
        "rejection_beta",
        "temperature",
    ):
        if not 0 < getattr(study, name) < math.inf:
            raise InputError(f"{name} is {getattr(study, name)}; give a number above 0.")
    for name in ("sft_steps", "prompt_words"):
        if getattr(study, name) < 0:
            raise InputError(f"{name} is {getattr(study, name)}; give a whole number from 0 on.")
    if study.rejection_accepted > study.rejection_candidates:
        raise InputError(
            f"rejection_accepted is {study.rejection_accepted} and there are "
            f"{study.rejection_candidates} rejection_candidates; accept fewer."
        )
    for count in (study.candidates, study.rejection_accepted):
        try:
            check_pairing(count, study.pairing)
        except ValueError as error:
            raise InputError(str(error)) from error
