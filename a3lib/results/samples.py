"""What several policies wrote after the same prompts: the texts that people compare."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from a3lib.errors import InputError
from a3lib.util.files import write_at_once

SAMPLES_FILE = "samples.json"


@dataclass(frozen=True)
class ModelSamples:
    """One policy's completions, a prompt each, with their rewards and divergences.

    `rewards` are P(positive) of prompt and completion; `kl` is each text's KL to the original
    model in nats, None where it was not measured.
    """

    name: str
    completions: tuple[str, ...]
    rewards: tuple[float, ...]
    kl: tuple[float | None, ...]


@dataclass(frozen=True)
class Samples:
    """Prompts, and what each policy wrote after them, in the order of `profiles.model_names`."""

    prompts: tuple[str, ...]
    models: tuple[ModelSamples, ...]

    def __post_init__(self) -> None:
        for model in self.models:
            for name in ("completions", "rewards", "kl"):
                count = len(getattr(model, name))
                if count != len(self.prompts):
                    raise InputError(
                        f"{model.name} has {count} {name} for {len(self.prompts)} prompts; "
                        "give one for each prompt."
                    )


def model_samples(
    name: str,
    prompts: Sequence[str],
    texts: Sequence[str],
    rewards: Sequence[float],
    kl: Sequence[float | None] | None = None,
) -> ModelSamples:
    """Return a policy's samples from whole texts: each completion is what follows its prompt.

    A text that does not begin with its prompt, because decoding changed it, is kept whole.
    """
    completions = (text.removeprefix(p) for text, p in zip(texts, prompts, strict=True))
    missing: list[float | None] = [None] * len(prompts)
    return ModelSamples(name, tuple(completions), tuple(rewards), tuple(kl or missing))


def first_samples(samples: Samples, count: int) -> Samples:
    """Return the samples of the first `count` prompts."""
    models = (
        ModelSamples(m.name, m.completions[:count], m.rewards[:count], m.kl[:count])
        for m in samples.models
    )
    return Samples(samples.prompts[:count], tuple(models))


def write_samples(samples: Samples, folder: Path) -> Path:
    """Write samples.json into a run's folder and return the file."""
    file = folder / SAMPLES_FILE
    write_at_once(file, json.dumps(asdict(samples), indent=1) + "\n")
    return file


def read_samples(folder: Path) -> Samples:
    """Return the samples of a run's folder.

    Raises InputError where there are none or the file is damaged.
    """
    file = folder / SAMPLES_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        models = tuple(
            ModelSamples(m["name"], tuple(m["completions"]), tuple(m["rewards"]), tuple(m["kl"]))
            for m in content["models"]
        )
        return Samples(tuple(content["prompts"]), models)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"There are no samples to read in {str(file)!r}; make them with python -m a3lib run."
        ) from error
