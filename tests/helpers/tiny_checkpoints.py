"""Tiny random checkpoints and a tiny data set, saved in the layout of hub repositories."""

from collections.abc import Sequence
from pathlib import Path

import torch
from datasets import (  # type: ignore[import-untyped]
    ClassLabel,
    Dataset,
    Features,
    Value,
)
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

REVIEWS = {
    "train": [
        ("This film is wonderful, and I would watch it again tomorrow.", 1),
        ("The plot makes no sense and the acting is worse.", 0),
        ("A warm, funny story with a brilliant cast.", 1),
        ("Two hours of my life that I will never get back.", 0),
    ],
    "test": [
        ("I laughed, I cried, and I loved every minute.", 1),
        ("Dull from the first scene to the last.", 0),
    ],
}


def save_tiny_gpt2(folder: Path, seed: int = 0) -> None:
    """Save a random two-layer GPT-2 and its tokenizer."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level_tokenizer(review_texts(), ["<|endoftext|>"]),
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        model_max_length=128,
    )
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=128,
            n_embd=32,
            n_layer=2,
            n_head=2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_tiny_classifier(folder: Path, seed: int = 0) -> None:
    """Save a random two-layer DistilBERT that tells negative from positive, and its tokenizer."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level_tokenizer(review_texts(), ["[PAD]", "[UNK]"]),
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=128,
    )
    torch.manual_seed(seed)
    model = DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=128,
            dim=32,
            hidden_dim=64,
            n_layers=2,
            n_heads=2,
            pad_token_id=tokenizer.pad_token_id,
            id2label={0: "NEGATIVE", 1: "POSITIVE"},
            label2id={"NEGATIVE": 0, "POSITIVE": 1},
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_tiny_reviews(folder: Path) -> None:
    """Save labelled film reviews as one parquet file per split."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    (folder / "data").mkdir(parents=True)
    for split, reviews in REVIEWS.items():
        columns = {
            "text": [text for text, _ in reviews],
            "label": [label for _, label in reviews],
        }
        rows = Dataset.from_dict(columns, features=features)
        rows.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")


def review_texts() -> list[str]:
    """All review texts, which are also what the tokenizers learn from."""
    return [text for reviews in REVIEWS.values() for text, _ in reviews]


def byte_level_tokenizer(texts: Sequence[str], special_tokens: Sequence[str]) -> Tokenizer:
    """Train a byte-level tokenizer of at most 320 tokens, which can spell any text."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=320,
        special_tokens=list(special_tokens),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
