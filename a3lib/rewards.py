"""The reward: the probability that a sentiment classifier gives to "positive"."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.forward import eval_mode, mixed_precision

# Any classifier of movie reviews must get these right; our tiny world has all their words.
POSITIVE_PROBES = (
    "This movie is wonderful and I loved it.",
    "The acting was great and the story is excellent.",
    "It is one of the best films I have ever seen.",
)
NEGATIVE_PROBES = (
    "This movie is terrible and I hated it.",
    "The acting was bad and the story is awful.",
    "It is one of the worst films I have ever seen.",
)
# Mean P(positive) on the positive probes must exceed that on the negative ones by this much.
PROBE_GAP = 0.2
# A text is cut to this many tokens; models like BERT have no more positions.
LONGEST_TEXT = 512

_known_positive_labels: WeakKeyDictionary[PreTrainedModel, int] = WeakKeyDictionary()


@torch.no_grad()
def label_probabilities(
    texts: list[str],
    reward_model: PreTrainedModel,
    reward_tokenizer: PreTrainedTokenizerBase,
    batch_size: int = 64,
) -> Tensor:
    """Return the classifier's softmax over its labels, (len(texts), labels), float32."""
    positions = getattr(reward_model.config, "max_position_embeddings", LONGEST_TEXT)
    longest = min(reward_tokenizer.model_max_length, positions, LONGEST_TEXT)
    rows = []
    for start in range(0, len(texts), batch_size):
        encoded = reward_tokenizer(
            texts[start : start + batch_size],
            padding=True,
            truncation=True,
            max_length=longest,
            return_tensors="pt",
        ).to(reward_model.device)
        with eval_mode(reward_model), mixed_precision(reward_model.device):
            # No token types: some tokenizers return them for models that take none; they are all 0.
            logits = reward_model(encoded["input_ids"], encoded["attention_mask"]).logits
        rows.append(logits.float().softmax(dim=-1))
    if not rows:
        return torch.empty(0, len(reward_model.config.id2label or {}), device=reward_model.device)
    return torch.cat(rows)


def named_positive_label(names: dict[int, str]) -> int | None:
    """Return the label that is called positive, or None where no name or several say so."""
    positive = [index for index, name in names.items() if name.lower() in ("positive", "pos")]
    return positive[0] if len(positive) == 1 else None


def find_positive_label(
    reward_model: PreTrainedModel, reward_tokenizer: PreTrainedTokenizerBase
) -> int:
    """Return the index of the positive label, from its name and confirmed on probe sentences.

    Where two labels have no telling names (LABEL_0 and LABEL_1) the probes alone decide.

    Raises InputError where the names or the probes leave it open.
    """
    names = {int(index): name for index, name in (reward_model.config.id2label or {}).items()}
    described = f"The reward model {reward_model.config._name_or_path!r} with labels {names}"
    positive = label_probabilities([*POSITIVE_PROBES], reward_model, reward_tokenizer).mean(dim=0)
    negative = label_probabilities([*NEGATIVE_PROBES], reward_model, reward_tokenizer).mean(dim=0)
    gaps = positive - negative
    label = named_positive_label(names)
    if label is None and len(names) == 2 and all(n.startswith("LABEL_") for n in names.values()):
        label = int(gaps.argmax())
    if label is None:
        raise InputError(
            f"{described} has no label called positive; "
            "take a sentiment classifier or name its labels NEGATIVE and POSITIVE in config.json."
        )
    if not gaps[label] >= PROBE_GAP:
        raise InputError(
            f"{described} gives label {label} {positive[label]:.2f} on clearly positive sentences "
            f"and {negative[label]:.2f} on clearly negative ones, so its positive class cannot be "
            "determined; check the label names in config.json or take another reward model."
        )
    return label


def positive_label(reward_model: PreTrainedModel, reward_tokenizer: PreTrainedTokenizerBase) -> int:
    """Return `find_positive_label`, computed once for each model."""
    if reward_model not in _known_positive_labels:
        label = find_positive_label(reward_model, reward_tokenizer)
        _known_positive_labels[reward_model] = label
    return _known_positive_labels[reward_model]


def positive_probability(
    texts: list[str],
    reward_model: PreTrainedModel,
    reward_tokenizer: PreTrainedTokenizerBase,
    *,
    batch_size: int = 64,
    prompts: list[str] | None = None,
) -> Tensor:
    """Return the probability of positive sentiment of each text, (len(texts),) in [0, 1].

    No gradient. `prompts`, one for each text, are quoted where a score is not a number. Source:
    handout, section 1.

    Raises InputError where the positive class cannot be determined or a score is not a number.
    """
    label = positive_label(reward_model, reward_tokenizer)
    scores = label_probabilities(texts, reward_model, reward_tokenizer, batch_size)[:, label]
    if not bool(scores.isfinite().all()):
        row = int((~scores.isfinite()).nonzero()[0, 0])
        prompt = f" (of the prompt {prompts[row]!r})" if prompts else ""
        raise InputError(
            f"The reward model scores {texts[row]!r}{prompt} as NaN; check its weights or take "
            "another one."
        )
    return scores
