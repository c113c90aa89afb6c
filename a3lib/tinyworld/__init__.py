"""A small world of movie reviews of our own: grammar, texts, tokenizers and trained models.

Everything is in the package, so a run on it needs no network. `build.py` rebuilds the weights.
"""

from pathlib import Path

from a3lib.tinyworld.grammar import write_pairs, write_reviews

POLICY_FOLDER = Path(__file__).parent / "policy"
REWARD_MODEL_FOLDER = Path(__file__).parent / "reward_model"

# Rows and seed of each split; the builder uses other seeds, so no model is trained on these texts.
REVIEW_SPLITS = {"train": (3200, 11), "test": (512, 12)}
PAIR_SPLITS = {"train": (960, 21), "test": (240, 22)}


def shown_name(name: str) -> str:
    """Return a model's name for people: "tiny" for the folders of this world's own models."""
    return "tiny" if Path(name).parent == POLICY_FOLDER.parent else name


def reviews(split: str) -> list[dict[str, str | int]]:
    """Return the reviews of a split as rows with the hub's columns, `text` and `label`."""
    return [{"text": r.text, "label": r.label} for r in write_reviews(*REVIEW_SPLITS[split])]


def pairs(split: str) -> list[dict[str, str]]:
    """Return the parallel completions of a split as rows with the hub's columns."""
    return write_pairs(*PAIR_SPLITS[split])
