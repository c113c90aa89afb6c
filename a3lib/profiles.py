"""The one place for names, sizes and hyper-parameters: what a run uses and how big it is."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from a3lib.errors import InputError
from a3lib.tinyworld import POLICY_FOLDER, REWARD_MODEL_FOLDER

# Settings that the command line hands to the notebook; they win over the notebook's own variables.
SETTINGS_VARIABLE = "A3_SETTINGS"

# The data source that means our own embedded world.
TINY = "tiny"

# The handout's task, the same for every profile: 10 tokens of a review in, 20 sampled tokens out.
SEED_TOKEN_LENGTH = 10
MAX_NEW_TOKENS = 20
DPO_EPOCHS = 2
# The seed of every shuffle, training run and evaluation.
SEED = 42
# Prompts whose completions by every model are kept for people to read.
SAMPLE_PROMPTS = 20
# Rows of each split when only trying whether everything runs.
DEBUG_ROWS = 64


# What the models of a run are called, in tables, figures and files.
ORIGINAL, REINFORCE, KL, DPO = "original", "REINFORCE", "KL", "DPO"
# The hyper-parameter that tells the models of a family apart; the other families are one model.
FAMILY_PARAMETERS = {KL: "alpha", DPO: "beta"}
# The study's policy before it learns from preferences.
SFT_NAME = "SFT"


class RunModel(NamedTuple):
    """A model of a run: its family, and the alpha or beta that it was trained with, if any."""

    family: str
    value: float = 0.0

    @property
    def short_name(self) -> str:
        """Its name among models of its own family, such as "alpha = 0.1"."""
        parameter = FAMILY_PARAMETERS.get(self.family)
        return f"{parameter} = {self.value:g}" if parameter else self.family

    @property
    def name(self) -> str:
        """Its name in tables, figures and files, such as "KL, alpha = 0.1"."""
        in_family = self.family in FAMILY_PARAMETERS
        return f"{self.family}, {self.short_name}" if in_family else self.family


class StudyMethod(NamedTuple):
    """A method of the study whose name spells its loss: a link, and a divergence with its alpha."""

    link: str
    divergence: str
    alpha: float | None = None


def kl_name(alpha: float) -> str:
    """Return the name of the policy that was trained with this weight of the KL penalty."""
    return RunModel(KL, alpha).name


def dpo_name(beta: float) -> str:
    """Return the name of the policy that was trained with DPO at this beta."""
    return RunModel(DPO, beta).name


def model_of(name: str) -> RunModel | None:
    """Return the model of a run that has this name, or None for any other text.

    Figures and files know models by name, and an alpha or beta may be any number; so it is read
    from the name, here and nowhere else. What `RunModel.name` would write otherwise is no name.
    """
    family, _, parameter = name.partition(", ")
    if family in (ORIGINAL, REINFORCE):
        model = RunModel(family)
    else:
        try:
            model = RunModel(family, float(parameter.rpartition(" = ")[2]))
        except ValueError:
            return None
    return model if model.name == name and 0 <= model.value < math.inf else None


def study_method_of(name: str) -> StudyMethod:
    """Return the link, divergence and alpha that a name spells, such as sigmoid-alpha_0.5.

    Whether they exist is not looked up: the divergence of "rso" is "".

    Raises ValueError where alpha is not a number.
    """
    link, _, divergence = name.partition("-")
    if divergence.startswith("alpha_"):
        return StudyMethod(link, "alpha", float(divergence.removeprefix("alpha_")))
    return StudyMethod(link, divergence)


@dataclass(frozen=True)
class SamplingConfig:
    """How a token is drawn: from softmax(logits / temperature), with nothing cut off.

    Temperature 1 is pure sampling, the distribution that `logprobs` scores. There is no top-k and
    no top-p: a policy gradient of a distribution that was not sampled from is biased.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}; give a number above 0.")


@dataclass(frozen=True)
class Profile:
    """Which models and data a run uses, how much of them, and the hyper-parameters that fit.

    `policy` and `reward_model` are hub names or checkpoint folders; `reviews` and `pairs` are hub
    names, files (see `data`) or "tiny". A limit of None means the whole split.
    """

    name: str
    policy: str
    reward_model: str
    reviews: str
    pairs: str
    limit_train: int | None = None
    limit_test: int | None = None
    limit_train_pairs: int | None = None
    limit_test_pairs: int | None = None
    debug: bool = False
    # Sections 1 to 3 (handout: 1 epoch, batch 32, 1e-4).
    batch_size: int = 32
    learning_rate: float = 1e-4
    # From no penalty to one so high that the policy hardly moves; the handout asks for a low, a
    # good and a high one.
    alphas: tuple[float, ...] = (0.0, 0.01, 0.1, 1.0)
    # Section 4 (handout: 2 epochs, batch 16, 5e-7, 128 tokens; beta between 0.1 and 0.5).
    dpo_batch_size: int = 16
    dpo_learning_rate: float = 5e-7
    betas: tuple[float, ...] = (0.1, 0.25, 0.5)
    max_length: int = 128
    # Section 6 is optional: whether its cells run.
    study: bool = False

    @property
    def has_grammar(self) -> bool:
        """Whether the texts come from the tiny world, so that naturalness can be measured."""
        return self.reviews == TINY


def model_names(alphas: Sequence[float], betas: Sequence[float]) -> list[str]:
    """Return the names of all models of a run, in the order in which they are made."""
    return [ORIGINAL, REINFORCE, *map(kl_name, alphas), *map(dpo_name, betas)]


_HUB = Profile(
    name="t4",
    policy="distilbert/distilgpt2",
    reward_model="omidroshani/imdb-sentiment-analysis",
    reviews="stanfordnlp/imdb",
    pairs="hallisky/synthetic-imdb-movie-reviews-parallel",
)

PROFILES = {
    "t4": _HUB,
    "smoke": replace(
        _HUB,
        name="smoke",
        limit_train=64,
        limit_test=64,
        limit_train_pairs=64,
        limit_test_pairs=64,
    ),
    "tiny": Profile(
        name="tiny",
        policy=str(POLICY_FOLDER),
        reward_model=str(REWARD_MODEL_FOLDER),
        reviews=TINY,
        pairs=TINY,
        # A model of 0.7 M parameters wants larger steps than one of 82 M.
        learning_rate=3e-4,
        alphas=(0.0, 0.003, 0.1, 3.0),
        dpo_learning_rate=1e-4,
        study=True,
    ),
}


def name_of_auto() -> str:
    """Return the profile that fits this machine: `t4` with a CUDA device and `tiny` without."""
    # Who only reads names or writes pages does without it; it takes seconds to import.
    import torch

    return "t4" if torch.cuda.is_available() else "tiny"


def get_profile(name: str = "auto", **overrides: Any) -> Profile:
    """Return the named profile with some fields replaced; an override of None is left out.

    "auto" is `t4` where there is a CUDA device and `tiny` elsewhere. Settings in the environment
    (put there by `python -m a3lib run`) win over both arguments.

    Raises InputError for an unknown profile or field, and for a value that makes no sense.
    """
    chosen = {key: value for key, value in overrides.items() if value is not None}
    chosen |= json.loads(os.environ.get(SETTINGS_VARIABLE, "{}"))
    name = chosen.pop("profile", name)
    name = name_of_auto() if name == "auto" else name
    if name not in PROFILES:
        raise InputError(f"There is no profile {name!r}; take one of auto, {', '.join(PROFILES)}.")
    known = {field.name for field in fields(Profile)} - {"name"}
    for key in chosen:
        if key not in known:
            raise InputError(f"A profile has no field {key!r}; it has {', '.join(sorted(known))}.")
    # JSON knows no tuples.
    chosen = {key: tuple(v) if isinstance(v, list) else v for key, v in chosen.items()}
    profile = replace(PROFILES[name], **chosen)
    check_values(profile)
    return with_debug_limits(profile) if profile.debug else profile


def check_values(profile: Profile) -> None:
    """Raise InputError, naming the field, where a size or hyper-parameter makes no sense."""
    sizes = [name for name in vars(profile) if name.startswith("limit_") or name.endswith("_size")]
    for name in [*sizes, "max_length"]:
        value = getattr(profile, name)
        unlimited = value is None and name.startswith("limit_")
        if not unlimited and not (isinstance(value, int) and value >= 1):
            raise InputError(f"{name} is {value!r}; give a whole number from 1 on.")
    for name in ("learning_rate", "dpo_learning_rate"):
        if not 0 < getattr(profile, name) < math.inf:
            raise InputError(f"{name} is {getattr(profile, name)}; give a number above 0.")
    alphas_fit = profile.alphas and all(0 <= alpha < math.inf for alpha in profile.alphas)
    betas_fit = profile.betas and all(0 < beta < math.inf for beta in profile.betas)
    if not (alphas_fit and betas_fit):
        raise InputError(
            "alphas must be at least 0 and betas above 0, one or more of each; mend the settings."
        )


def with_debug_limits(profile: Profile) -> Profile:
    """Return the profile with no split longer than `DEBUG_ROWS`."""
    limits = [field.name for field in fields(Profile) if field.name.startswith("limit_")]
    smaller: dict[str, Any] = {
        name: min(getattr(profile, name) or DEBUG_ROWS, DEBUG_ROWS) for name in limits
    }
    return replace(profile, **smaller)
