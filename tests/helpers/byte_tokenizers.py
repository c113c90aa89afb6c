"""Tokenizers of bytes and frequent pairs, as GPT-2's and as Llama's."""

from functools import cache

from helpers.tiny_checkpoints import byte_level_tokenizer, review_texts
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

END = "<|endoftext|>"
PROMPT = "This film is wonderful, and"


@cache
def make_tokenizer(bos: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose EOS has id 1; with `bos` it begins each text with that token."""
    special = ["<unk>", END] + ([bos] if bos else [])
    tokenizer = byte_level_tokenizer(review_texts(), special)
    if bos:
        tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos or END,
        eos_token=END,
        pad_token=END,
        unk_token="<unk>",
        padding_side="left",
        model_max_length=128,
    )


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The text's ids with nothing added and nothing in it taken for a special token."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    return ids
