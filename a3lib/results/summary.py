"""The one schema of summary.json: what a run or a study writes down, and its reader and writer.

A number that was measured but is not finite is null in the file and NaN here.
"""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from a3lib.errors import InputError
from a3lib.util.files import write_at_once
from a3lib.util.records import decode, encode

SUMMARY_FILE = "summary.json"
# It is raised when a reader of the last version would misread the file: when a key goes, is renamed
# or means something else. Files without it were written before there was one; their keys are
# those of version 1, which had `knob` for the `coefficient` of a row of `best`.
SCHEMA_VERSION = 2
VERSION_KEY = "schema_version"

# What a run writes


@dataclass(frozen=True)
class Evaluation:
    """A policy on the test reviews.

    `reward` is the mean P(positive); `naturalness` the share of word 4-grams that the grammar can
    write, None where there is no grammar.
    """

    reward: float
    naturalness: float | None


@dataclass(frozen=True)
class ReinforceResult:
    """REINFORCE, evaluated; `rewards` are the training batches' mean P(positive), one a step."""

    reward: float
    naturalness: float | None
    rewards: tuple[float, ...]


@dataclass(frozen=True)
class KlResult:
    """REINFORCE with a KL penalty of weight `alpha` (loss per nat), evaluated.

    `kl_divergences` are the training batches' KL(policy || original) in nats per text, `rewards`
    their mean P(positive), one a step. Raises InputError where there is no step.
    """

    alpha: float
    reward: float
    naturalness: float | None
    kl_divergences: tuple[float, ...]
    rewards: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.kl_divergences:
            raise InputError(
                f"There are no kl_divergences at alpha = {self.alpha:g}; train for a step or more."
            )
        if not math.isfinite(self.alpha):
            raise InputError(f"alpha is {self.alpha}; give the weight that the penalty had.")


@dataclass(frozen=True)
class DpoResult:
    """DPO at one `beta`, evaluated.

    `losses` are the training batches' losses, one a step, and `test_loss` the test pairs' mean,
    in nats per pair.
    """

    beta: float
    reward: float
    naturalness: float | None
    losses: tuple[float, ...]
    test_loss: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.beta):
            raise InputError(f"beta is {self.beta}; give the beta that DPO was trained with.")


@dataclass(frozen=True)
class ForecastScores:
    """How good forecasts were; `log_loss` is in nats a question, `brier` a mean squared error.

    `log_loss_error` is the standard error of the log loss, None with one question. `certain`
    counts forecasts of 0 and 1. `held_back` counts the answers nearer to 0 or 1 than
    `forecasting.scores.NEAREST_TO_CERTAIN`, which the log loss holds there.
    """

    count: int
    accuracy: float
    log_loss: float
    log_loss_error: float | None
    brier: float
    base_rate: float
    mean_forecast: float
    certain: int
    certain_and_wrong: int
    held_back: int
    always_half_accuracy: float = 0.5
    always_half_log_loss: float = math.log(2)
    always_half_brier: float = 0.25


@dataclass(frozen=True, kw_only=True)
class BestRun:
    """A method of the study at its best beta, means over seeds; NaN where all runs diverged.

    `beta` is the common scale of the methods and `coefficient` the method's own number; `reward` is
    the mean P(positive) and `gain` how far it is above the untrained policy's; `entropy` and `kl`
    are in nats per token, `unigram_entropy` in nats; `distinct_2`, `naturalness`, `accuracy` (of
    held-out pairs) and `beyond` (pairs on the line that continues an exponential) are shares;
    `held_out_start` and `held_out_end` are losses on held-out pairs before and after training, in
    the unit of the method's loss; `stopped_step` is a training step; `finite` says whether every
    loss and gradient norm was finite, in all `runs`.
    """

    method: str
    beta: float = math.nan
    coefficient: float = math.nan
    reward: float
    entropy: float = math.nan
    kl: float = math.nan
    unigram_entropy: float = math.nan
    distinct_2: float = math.nan
    naturalness: float | None = None
    held_out_start: float = math.nan
    held_out_end: float = math.nan
    accuracy: float = math.nan
    stopped_step: float = math.nan
    beyond: float = math.nan
    gain: float = math.nan
    finite: bool
    runs: int = 0


@dataclass(frozen=True)
class StudySection:
    """Section 6 of a run: how its policy and data were made, and each method at its best beta."""

    made: Mapping[str, Any]
    best: tuple[BestRun, ...]


@dataclass(frozen=True)
class RunSummary:
    """The results of a run; a section that it has not reached is None or empty.

    `settings` are the fields of the profile and `seconds` the time of each section.
    """

    profile: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    baseline: Evaluation | None = None
    reinforce: ReinforceResult | None = None
    kl: tuple[KlResult, ...] = ()
    dpo: tuple[DpoResult, ...] = ()
    forecast: ForecastScores | None = None
    own_forecast: ForecastScores | None = None
    study: StudySection | None = None


# What a study writes


@dataclass(frozen=True)
class UntrainedPolicy:
    """The policy before training: mean P(positive), and entropy in nats per token."""

    reward: float
    entropy: float


@dataclass(frozen=True)
class MatchedMethod:
    """A method where its curve passes a reward, means over the `seeds` that do.

    `entropy` and `kl` are in nats per token, each with the ends of its 95 % bootstrap interval;
    `unigram_entropy` is in nats, `naturalness` a share.
    """

    method: str
    entropy: tuple[float, float, float]
    seeds: int
    kl: tuple[float, float, float]
    unigram_entropy: float
    naturalness: float | None


@dataclass(frozen=True)
class MatchedGroup:
    """A group of methods at one `reward`, a P(positive), the most entropy first."""

    reward: float
    methods: tuple[MatchedMethod, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether theory's order of divergences is seen: "seen", "not seen" or "undecided", and why."""

    answer: str
    sentence: str


@dataclass(frozen=True)
class StudySummary:
    """The results of a study: `runs` counts its runs, `diverged` says why those that failed did.

    `settings` are the fields of the study; `made` says how policy and data were made, `sft` what
    the policy before training is like; `matched` and `verdicts` go by group of methods.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    runs: int = 0
    diverged: tuple[str, ...] = ()
    sft: UntrainedPolicy | None = None
    best: tuple[BestRun, ...] = ()
    matched: Mapping[str, MatchedGroup] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


Summary = RunSummary | StudySummary
Kind = TypeVar("Kind", RunSummary, StudySummary)
# Keys that tell whose file it is.
KEYS = {RunSummary: {"settings", "seconds"}, StudySummary: {"settings", "best"}}


# The file


@dataclass(frozen=True)
class Inspection:
    """What a summary.json holds, and what is wrong with it.

    `summary` has the defaults for what cannot be read, and is None where the file is that of
    neither a run nor a study. `problem` continues a sentence that begins with the file's name and
    says why nothing of it can be read; `damaged` says of each part that cannot be read what is
    wrong with it.
    """

    summary: Summary | None
    problem: str = ""
    damaged: Mapping[str, str] = field(default_factory=dict)


def summary_file(source: Path) -> Path:
    """Return the summary.json of a folder, or the file itself; raises InputError without one."""
    file = source if source.is_file() else source / SUMMARY_FILE
    if not file.is_file():
        raise InputError(
            f"There is no {SUMMARY_FILE} in {str(source)!r}; give the folder of a run or a study, "
            "as python -m a3lib run leaves it in runs/."
        )
    return file


def inspect_summary(source: Path) -> Inspection:
    """Return what can be read of the summary.json in a folder, or of such a file.

    Raises InputError where there is none.
    """
    file = summary_file(source)
    content: Any = None
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(file.read_bytes())
    version = content.get(VERSION_KEY, 1) if isinstance(content, dict) else None
    if type(version) is not int or version < 1:
        return Inspection(None, "is damaged, so the numbers are missing; run it again")
    kind = next((kind for kind, keys in KEYS.items() if keys <= content.keys()), None)
    if kind is None:
        return Inspection(
            None, "is not that of a run or a study; give a folder that python -m a3lib run made"
        )
    if version > SCHEMA_VERSION:
        return Inspection(
            kind(),
            f"was written by a newer a3lib (its schema is {version}, the newest that this one "
            f"reads is {SCHEMA_VERSION}); update a3lib",
        )
    if version < 2:
        rename_knobs(content)
    return decode_parts(kind, content)


def rename_knobs(content: dict[str, Any]) -> None:
    """Give the rows of `best` in the content of a version 1 file the key of version 2."""
    for part in (content, content.get("study")):
        rows = part.get("best") if isinstance(part, dict) else None
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and "knob" in row:
                row["coefficient"] = row.pop("knob")


def decode_parts(kind: type[Kind], content: dict[str, Any]) -> Inspection:
    """Return a summary of a kind from what its file holds, part by part."""
    parts, damaged = {}, {}
    for name, type_of_part in get_type_hints(kind).items():
        if name in content:
            try:
                parts[name] = decode(type_of_part, content[name], name)
            except ValueError as error:
                damaged[name] = str(error)
    return Inspection(kind(**parts), damaged=damaged)


def read_summary(source: Path, kind: type[Kind]) -> Kind:
    """Return the summary in a folder, or in a file, of a run or of a study, whichever is asked for.

    Raises InputError where there is none, and where it is of the other kind, newer or damaged.
    """
    file = summary_file(source)
    inspection = inspect_summary(file)
    if inspection.problem:
        raise InputError(f"{str(file)!r} {inspection.problem}.")
    name = "run" if kind is RunSummary else "study"
    if not isinstance(inspection.summary, kind):
        raise InputError(f"{str(file)!r} is not that of a {name}; give the folder of a {name}.")
    for wrong in inspection.damaged.values():
        raise InputError(
            f"What is in {str(file)!r} is not what a {name} writes ({wrong}); make the {name} "
            "again."
        )
    return inspection.summary


def write_summary(summary: Summary, folder: Path) -> Path:
    """Write summary.json into the folder of a run or a study and return the file.

    A run's file leaves out what has not been reached. Raises InputError where it cannot be written
    and TypeError where JSON has no such value; the file is then left as it was.
    """
    parts = encode(summary)
    if isinstance(summary, RunSummary):
        parts = {name: part for name, part in parts.items() if part not in (None, [])}
    text = json.dumps({VERSION_KEY: SCHEMA_VERSION} | parts, indent=2, allow_nan=False)
    file = folder / SUMMARY_FILE
    write_at_once(file, (text + "\n").encode(), "make room for it, or take another folder")
    return file
