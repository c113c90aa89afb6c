"""Rebuild the tiny world's tokenizers and models from a seed: `python -m a3lib.tinyworld.build`.

Takes a few minutes on two cores and needs no network. Writes two checkpoint folders in the usual
format (config, safetensors, tokenizer) and CARD.md with the quality that was measured.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm.auto import tqdm
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from a3lib.logprobs import perplexity
from a3lib.tinyworld.grammar import Review, write_reviews
from a3lib.util.files import write_at_once

VOCABULARY_SIZE = 800
MAXIMUM_LENGTH = 128
BATCH_SIZE = 64
END = "<|endoftext|>"
TRAIN_SEED, HELD_OUT_SEED = 1, 2

Model = TypeVar("Model", bound=torch.nn.Module)


def train_bpe(texts: list[str], special_tokens: list[str]) -> Tokenizer:
    """Train a byte-level BPE tokenizer of `VOCABULARY_SIZE` tokens, special ones included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def build_policy_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Make the policy's tokenizer, which like GPT-2's has one special token."""
    return PreTrainedTokenizerFast(
        tokenizer_object=train_bpe(texts, [END]),
        bos_token=END,
        eos_token=END,
        unk_token=END,
        model_max_length=MAXIMUM_LENGTH,
    )


def build_reward_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Make the classifier's tokenizer, which like BERT's frames a text with [CLS] and [SEP]."""
    tokenizer = train_bpe(texts, ["[PAD]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=MAXIMUM_LENGTH,
    )


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save a tokenizer under the class name that transformers 4 knows as well as 5."""
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_at_once(file, json.dumps(config, indent=2) + "\n")


def shuffled_batches(rows: int, batch_size: int, steps: int) -> Iterator[Tensor]:
    """Yield `steps` batches of row numbers, (B,), going over the data again if need be."""
    order = torch.randperm(rows)
    for step in range(steps):
        start = step * batch_size % (rows - batch_size)
        if step > 0 and start < batch_size:
            order = torch.randperm(rows)
        yield order[start : start + batch_size]


def learning_rate_scale(step: int, steps: int, warmup: int = 50) -> float:
    """Return the factor of a linear warm-up followed by a cosine decay to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def train(
    model: Model,
    loss_of: Callable[[int, Tensor], Tensor],
    *,
    rows: int,
    steps: int,
    lr: float,
    name: str,
    max_grad_norm: float = math.inf,
) -> Model:
    """Train a model on batches of row numbers; `loss_of(step, row_numbers)` returns their loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: learning_rate_scale(s, steps))
    loop = tqdm(shuffled_batches(rows, BATCH_SIZE, steps), total=steps, desc=name)
    for step, batch in enumerate(loop):
        loss = loss_of(step, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
        schedule.step()
        loop.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval()


def train_policy(
    reviews: list[Review], tokenizer: PreTrainedTokenizerFast, steps: int
) -> GPT2LMHeadModel:
    """Train a small GPT-2 on the reviews, half of them preceded by the end token as GPT-2's are."""
    end = tokenizer.eos_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=MAXIMUM_LENGTH,
        n_embd=128,
        n_layer=3,
        n_head=4,
        bos_token_id=end,
        eos_token_id=end,
    )
    model = GPT2LMHeadModel(config)
    ids = [tokenizer.encode(review.text) for review in reviews]

    def loss_of(step: int, batch: Tensor) -> Tensor:
        begin = [end] if step % 2 else []
        texts = [torch.tensor([*begin, *ids[row], end][:MAXIMUM_LENGTH]) for row in batch]
        input_ids = pad_sequence(texts, batch_first=True, padding_value=end)
        labels = pad_sequence(texts, batch_first=True, padding_value=-100)
        return model(input_ids=input_ids, labels=labels).loss

    return train(
        model, loss_of, rows=len(ids), steps=steps, lr=3e-3, name="policy", max_grad_norm=1.0
    )


def encode_texts(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> dict[str, Tensor]:
    """Return `input_ids` and `attention_mask` (B, T), cut to the classifier's length."""
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    return {name: encoded[name] for name in ("input_ids", "attention_mask")}


def first_words(text: str, count: int) -> str:
    """Return the first `count` words of a text."""
    return " ".join(text.split()[:count])


def train_classifier(
    reviews: list[Review], tokenizer: PreTrainedTokenizerFast, steps: int
) -> DistilBertForSequenceClassification:
    """Train a small DistilBERT on whole reviews and on beginnings of reviews.

    A beginning has the whole review's label, so what the classifier learns for it is the
    probability that the review turns out positive: an undecided text scores about one half.
    """
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=MAXIMUM_LENGTH,
        dim=96,
        hidden_dim=384,
        n_layers=2,
        n_heads=4,
        pad_token_id=tokenizer.pad_token_id,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )
    model = DistilBertForSequenceClassification(config)
    lengths = random.Random(TRAIN_SEED)

    def loss_of(step: int, batch: Tensor) -> Tensor:
        chosen = [reviews[row] for row in batch]
        texts = [
            first_words(review.text, lengths.randint(4, 40)) if step % 2 else review.text
            for review in chosen
        ]
        logits = model(**encode_texts(tokenizer, texts)).logits
        return F.cross_entropy(logits, torch.tensor([review.label for review in chosen]))

    return train(model, loss_of, rows=len(reviews), steps=steps, lr=1e-3, name="classifier")


@torch.no_grad()
def positive_probabilities(
    model: DistilBertForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
) -> Tensor:
    """Return P(positive) (len(texts),)."""
    scores = [
        model(**encode_texts(tokenizer, texts[i : i + 64])).logits.softmax(-1)[:, 1]
        for i in range(0, len(texts), 64)
    ]
    return torch.cat(scores)


def accuracy(probabilities: Tensor, labels: Tensor) -> float:
    """Return the share of labels (N,) that P(positive) (N,), rounded to 0 or 1, agrees with."""
    return ((probabilities > 0.5) == (labels > 0)).double().mean().item()


def calibration_bins(
    probabilities: Tensor, labels: Tensor, bins: int = 5
) -> list[tuple[float, float, int]]:
    """Return (mean forecast, share positive, count) of each bin of equal width that has texts.

    probabilities and labels are (B,).
    """
    index = (probabilities * bins).long().clamp(max=bins - 1)
    rows = []
    for b in range(bins):
        inside = index == b
        if inside.any():
            forecast = probabilities[inside].mean().item()
            rows.append((forecast, labels[inside].double().mean().item(), int(inside.sum())))
    return rows


def calibration_error(rows: list[tuple[float, float, int]]) -> float:
    """Return the expected calibration error: the bins' gaps, weighted by their counts."""
    total = sum(count for *_, count in rows)
    return sum(abs(forecast - share) * count for forecast, share, count in rows) / total


def write_card(folder: Path, figures: dict[str, str], tables: dict[str, list]) -> None:
    """Write CARD.md: what was measured on held-out reviews."""
    lines = [
        "# The tiny world's models",
        "",
        "Made by `python -m a3lib.tinyworld.build` from the grammar in `grammar.py` alone.",
        "Everything below was measured by that command, on reviews that it did not train on.",
        "",
        "| figure | value |",
        "|---|---|",
        *[f"| {name} | {value} |" for name, value in figures.items()],
    ]
    for name, rows in tables.items():
        lines += ["", f"## Calibration of the classifier on {name}", ""]
        lines += ["| mean forecast P(positive) | share positive | texts |", "|---|---|---|"]
        lines += [f"| {forecast:.3f} | {share:.3f} | {count} |" for forecast, share, count in rows]
    write_at_once(folder / "CARD.md", "\n".join(lines) + "\n")


def build(folder: Path, policy_steps: int = 900, classifier_steps: int = 400) -> dict[str, str]:
    """Train both models, write everything below `folder` and return the measured figures."""
    started = time.perf_counter()
    torch.manual_seed(TRAIN_SEED)
    reviews = write_reviews(24_000, TRAIN_SEED)
    held_out = write_reviews(2_000, HELD_OUT_SEED)
    texts = [review.text for review in reviews]

    policy_tokenizer = build_policy_tokenizer(texts)
    policy = train_policy(reviews, policy_tokenizer, policy_steps)
    policy.save_pretrained(folder / "policy")
    save_tokenizer(policy_tokenizer, folder / "policy")

    reward_tokenizer = build_reward_tokenizer(texts)
    classifier = train_classifier(reviews, reward_tokenizer, classifier_steps)
    classifier.save_pretrained(folder / "reward_model")
    save_tokenizer(reward_tokenizer, folder / "reward_model")

    labels = torch.tensor([review.label for review in held_out])
    scores = {
        "whole reviews": [review.text for review in held_out],
        "the first 24 words": [first_words(review.text, 24) for review in held_out],
    }
    texts = scores["whole reviews"]
    policy_perplexity = perplexity(policy, policy_tokenizer, texts, max_length=MAXIMUM_LENGTH)
    figures = {
        "policy parameters": f"{policy.num_parameters():,}",
        "classifier parameters": f"{classifier.num_parameters():,}",
        "vocabulary": f"{len(policy_tokenizer)} tokens",
        "policy perplexity per token": f"{policy_perplexity:.3f}",
    }
    tables = {}
    for name, inputs in scores.items():
        probabilities = positive_probabilities(classifier, reward_tokenizer, inputs)
        tables[name] = calibration_bins(probabilities, labels)
        figures[f"classifier accuracy, {name}"] = f"{accuracy(probabilities, labels):.3f}"
        figures[f"expected calibration error, {name}"] = f"{calibration_error(tables[name]):.3f}"
    write_card(folder, figures, tables)
    return figures | {"seconds": f"{time.perf_counter() - started:.0f}"}


def main(arguments: list[str] | None = None) -> None:
    """Build the tiny world from the command line."""
    parser = argparse.ArgumentParser(description="Retrain the tiny world's models from a seed.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to (the package)"
    )
    figures = build(parser.parse_args(arguments).out)
    for name, value in figures.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
