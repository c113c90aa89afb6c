"""The tokens that are made of reviews and pairs."""

import pytest
import torch
from helpers.byte_tokenizers import END, PROMPT, make_tokenizer, plain_ids
from helpers.refusals import refused
from helpers.tiny_checkpoints import review_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from a3lib import tinyworld
from a3lib.logprobs import completion_labels
from a3lib.tokenization import PreferencePair, seed_prompts, tokenize_completions, tokenize_sides


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """Like GPT-2's: the only token that it could add is EOS, and it adds nothing."""
    return make_tokenizer()


@pytest.fixture(scope="module")
def tokenizer_with_bos() -> PreTrainedTokenizerBase:
    """Like Llama's: it begins each text with a token of its own."""
    return make_tokenizer("<s>")


# Seeds of reviews


def test_seeds_are_the_tokenizers_own_first_ten(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = review_texts()
    ids, mask = seed_prompts(texts, tokenizer, 10)
    assert ids.shape == mask.shape == (len(texts), 10)
    assert ids.dtype == mask.dtype == torch.long
    assert ids.tolist() == [tokenizer(text)["input_ids"][:10] for text in texts]
    assert bool(mask.all())


def test_seeds_begin_with_what_the_tokenizer_adds(
    tokenizer_with_bos: PreTrainedTokenizerBase,
) -> None:
    texts = review_texts()
    ids, _ = seed_prompts(texts, tokenizer_with_bos, 10)
    assert ids.tolist() == [tokenizer_with_bos(text)["input_ids"][:10] for text in texts]
    assert ids[:, 0].tolist() == [tokenizer_with_bos.bos_token_id] * len(texts)


def test_short_reviews_are_padded_on_the_left_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "xyz"
    own = tokenizer(text)["input_ids"]
    assert len(own) == 3
    ids, mask = seed_prompts([text, review_texts()[0]], tokenizer, 10)
    assert ids[0].tolist() == [tokenizer.eos_token_id] * 7 + own
    assert mask[0].tolist() == [0] * 7 + [1] * 3


def test_seeds_have_their_width_even_where_all_reviews_are_shorter(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids, mask = seed_prompts(["x", ""], tokenizer, 10)
    assert ids.shape == mask.shape == (2, 10)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_blank_reviews_are_seeded_with_one_eos(
    tokenizer: PreTrainedTokenizerBase, tokenizer_with_bos: PreTrainedTokenizerBase, text: str
) -> None:
    for some in (tokenizer, tokenizer_with_bos):
        ids, mask = seed_prompts([text], some, 10)
        assert ids[0].tolist() == [some.eos_token_id] * 10
        assert mask[0].tolist() == [0] * 9 + [1]


def test_a_written_out_eos_is_text_in_a_seed(tokenizer: PreTrainedTokenizerBase) -> None:
    ids, mask = seed_prompts([f"{END} fine", f"ok {END}"], tokenizer, 30)
    assert tokenizer.eos_token_id not in ids[mask.bool()].tolist()
    assert tokenizer.decode(ids[0][mask[0].bool()]) == f"{END} fine"


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5), st.integers(1, 12))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_any_texts_give_seeds_of_the_asked_width(texts: list[str], width: int) -> None:
    tokenizer = make_tokenizer()
    ids, mask = seed_prompts(texts, tokenizer, width)
    for text, row, real in zip(texts, ids.tolist(), mask.tolist(), strict=True):
        wanted = plain_ids(tokenizer, text)[:width] if text.strip() else [tokenizer.eos_token_id]
        missing = width - len(wanted)
        assert row == [tokenizer.eos_token_id] * missing + wanted
        assert real == [0] * missing + [1] * len(wanted)


# Prompts with their completions


def test_ids_are_those_of_the_prompt_and_the_completion_joined(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompts = [PROMPT, "The plot makes no s"]
    endings = [" I would watch it again.", "ense and the acting is worse."]
    texts = [prompt + ending for prompt, ending in zip(prompts, endings, strict=True)]
    found = tokenize_completions(prompts, texts, tokenizer, 64)
    for row, (prompt, ending) in enumerate(zip(prompts, endings, strict=True)):
        wanted = plain_ids(tokenizer, prompt) + plain_ids(tokenizer, ending)
        ids, mask = found["input_ids"][row], found["attention_mask"][row]
        assert ids[mask.bool()].tolist() == wanted
        assert found["prompt_lengths"][row] == len(plain_ids(tokenizer, prompt))


def test_no_token_straddles_the_boundary(tokenizer: PreTrainedTokenizerBase) -> None:
    # As one text, "sense" is written with a token that begins before the boundary.
    prompt, text = "The plot makes no s", "The plot makes no sense"
    joint = plain_ids(tokenizer, text)
    parts = plain_ids(tokenizer, prompt) + plain_ids(tokenizer, "ense")
    assert joint != parts
    assert tokenize_completions([prompt], [text], tokenizer, 64)["input_ids"].tolist() == [parts]


def test_a_batch_is_padded_on_the_left_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [PROMPT + " x", PROMPT + " wonderful, wonderful, wonderful"]
    found = tokenize_completions([PROMPT] * 2, texts, tokenizer, 64)
    lengths = found["attention_mask"].sum(dim=1).tolist()
    width = found["input_ids"].shape[1]
    assert lengths[0] < lengths[1] == width
    gap = width - lengths[0]
    assert found["attention_mask"][0].tolist() == [0] * gap + [1] * lengths[0]
    assert found["input_ids"][0, :gap].tolist() == [tokenizer.eos_token_id] * gap


def test_both_sides_of_a_long_pair_keep_the_prompt_and_lose_their_end(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    sides = [PROMPT + " wonderful" * 40, PROMPT + " worse" * 60]
    prompt_ids = plain_ids(tokenizer, PROMPT)
    found = tokenize_completions([PROMPT] * 2, sides, tokenizer, 30)
    assert found["input_ids"].shape == (2, 30)
    assert bool(found["attention_mask"].all())
    assert found["prompt_lengths"].tolist() == [len(prompt_ids)] * 2
    for row, side in zip(found["input_ids"].tolist(), sides, strict=True):
        whole = prompt_ids + plain_ids(tokenizer, side[len(PROMPT) :])
        assert len(whole) > 30
        assert row == whole[:30]


def test_an_empty_prompt_is_one_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    found = tokenize_completions([""], ["Fine."], tokenizer, 64)
    assert found["input_ids"].tolist() == [[tokenizer.eos_token_id, *plain_ids(tokenizer, "Fine.")]]
    assert found["prompt_lengths"].tolist() == [1]


def test_what_a_tokenizer_adds_is_in_front_of_the_prompt_only(
    tokenizer_with_bos: PreTrainedTokenizerBase,
) -> None:
    some = tokenizer_with_bos
    found = tokenize_completions([PROMPT, ""], [PROMPT + " ok", "ok"], some, 64)
    first, second = (
        ids[mask.bool()].tolist()
        for ids, mask in zip(found["input_ids"], found["attention_mask"], strict=True)
    )
    assert first == [some.bos_token_id, *plain_ids(some, PROMPT), *plain_ids(some, " ok")]
    assert second == [some.bos_token_id, *plain_ids(some, "ok")]
    assert found["prompt_lengths"].tolist() == [1 + len(plain_ids(some, PROMPT)), 1]


def test_a_written_out_eos_is_text_in_prompt_and_completion(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompt, text = f"{END} film", f"{END} film {END} fine"
    found = tokenize_completions([prompt], [text], tokenizer, 64)
    assert tokenizer.eos_token_id not in found["input_ids"][0].tolist()
    assert tokenizer.decode(found["input_ids"][0]) == text


def test_a_prompt_that_fills_the_limit_is_refused_with_its_row(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    length = len(plain_ids(tokenizer, PROMPT))
    prompts, texts = ["The", PROMPT], ["The x", PROMPT + " x"]
    with refused(
        f"Row 1 of the pairs has a prompt of {length} tokens",
        PROMPT,
        f"no room for a completion in {length}",
        "raise max_length or take the row out",
    ):
        tokenize_completions(prompts, texts, tokenizer, length)
    found = tokenize_completions(prompts, texts, tokenizer, length + 1)
    assert int(found["attention_mask"][1].sum()) == length + 1


# Labels


def test_labels_of_tokenised_pairs_spell_the_completions(
    tokenizer: PreTrainedTokenizerBase, tokenizer_with_bos: PreTrainedTokenizerBase
) -> None:
    rows = tinyworld.pairs("test")[:8]
    prompts = [row["prompt"] for row in rows]
    for some in (tokenizer, tokenizer_with_bos):
        for side in ("positive_completion", "negative_completion"):
            texts = [row["prompt"] + row[side] for row in rows]
            found = tokenize_completions(prompts, texts, some, 200)
            labels = completion_labels(
                found["attention_mask"], found["input_ids"], found["prompt_lengths"]
            )
            for row, label in zip(rows, labels, strict=True):
                assert some.decode(label[label != -100]) == row[side]


def test_sides_are_tokenised_chosen_first(tokenizer: PreTrainedTokenizerBase) -> None:
    pairs = [
        PreferencePair("The plot", "The plot is good.", "The plot is bad and long."),
        PreferencePair("", "Great", "Awful and dull"),
    ]
    sides = tokenize_sides(pairs, tokenizer, 64, torch.device("cpu"))
    texts = tokenizer.batch_decode(sides["input_ids"], skip_special_tokens=True)
    assert texts == [p.chosen for p in pairs] + [p.rejected for p in pairs]
    assert sides["prompt_lengths"].shape == (4,)
