"""Candidates: how they are sampled and scored, and the tensors that they become."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from datasets import Dataset  # type: ignore[import-untyped]
from helpers.refusals import refused
from helpers.small_models import (
    EOS,
    MAKERS,
    Maker,
    completion_log_probs,
    policy_with_logits,
)
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.generation import Rollout
from a3lib.logprobs import sequence_log_probs
from a3lib.models import load_policy, load_reward_model, load_tokenizer
from a3lib.profiles import SamplingConfig
from a3lib.rewards import positive_label, positive_probability
from a3lib.study import candidates
from a3lib.study.candidates import (
    as_tensors,
    continue_prompts,
    sample_candidates,
    word_prompts,
)
from a3lib.tinyworld import POLICY_FOLDER, REWARD_MODEL_FOLDER
from a3lib.tokenization import tokenize_prompts

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]

END = "<|endoftext|>"
PURE = SamplingConfig()
PROMPTS = ["I watched this film with my", "", "The", "Dull, but the music is"]


def tokens_of(prompts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """The ids of each prompt as the study has them: without special tokens."""
    return tokenize_prompts(prompts, tokenizer, special_tokens=False)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """The tiny world's: BOS, EOS and padding are one token, of id 0."""
    return load_tokenizer(str(POLICY_FOLDER))


@pytest.fixture(scope="module")
def policy() -> PreTrainedModel:
    return load_policy(str(POLICY_FOLDER))


@pytest.fixture(scope="module")
def judge() -> Loaded:
    return load_reward_model(str(REWARD_MODEL_FOLDER))


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def lengths(texts: list[str], prompts: list[str]) -> Tensor:
    """A reward that can be told from the text alone."""
    for text, prompt in zip(texts, prompts, strict=True):
        assert text.startswith(prompt)
    return torch.tensor([float(len(text)) for text in texts])


# Prompts


def test_prompts_are_the_first_words_of_texts_that_have_some() -> None:
    texts = ["The film was great.", "", "Dull", " \n\t", "  Two  words\nand more "]
    assert word_prompts(texts, 2) == ["The film", "Dull", "Two words"]
    assert word_prompts(texts, 9) == ["The film was great.", "Dull", "Two words and more"]


def test_no_words_make_an_empty_prompt_of_every_text() -> None:
    assert word_prompts(["The film", "", "Dull"], 0) == ["", "", ""]


def test_a_negative_number_of_words_is_refused() -> None:
    with refused("prompt_words is -1"):
        word_prompts(["The film"], -1)


def test_texts_without_a_word_are_refused() -> None:
    with refused("Cut to 3 words, all 2 prompts are empty"):
        word_prompts(["", " \n"], 3)


def test_a_prompts_tokens_are_its_own_and_an_empty_one_is_bos(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    other = copy.deepcopy(tokenizer)
    other.add_special_tokens({"bos_token": "<s>"})
    # As Llama's does, it begins each text with BOS; a prompt in the middle of a text needs none.
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", other.bos_token_id)]
    )
    assert other("The")["input_ids"][0] == other.bos_token_id != other.eos_token_id
    found = tokens_of(["The film", "", "Dull"], other)
    assert found == [plain_ids(other, "The film"), [other.bos_token_id], plain_ids(other, "Dull")]


def test_the_tokenizer_s_own_special_tokens_are_kept_where_they_are_asked_for(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    other = copy.deepcopy(tokenizer)
    other.add_special_tokens({"bos_token": "<s>"})
    assert tokenize_prompts([""], other) == [[other.bos_token_id]] != [[other.eos_token_id]]
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", other.bos_token_id)]
    )
    assert tokenize_prompts(["The"], other) == [[other.bos_token_id, *plain_ids(other, "The")]]
    assert tokenize_prompts(["The"], other, special_tokens=False) == [plain_ids(other, "The")]
    assert tokenize_prompts([""], other) == [[other.bos_token_id]]


def test_an_empty_prompt_is_eos_where_there_is_no_bos(tokenizer: PreTrainedTokenizerBase) -> None:
    other = copy.deepcopy(tokenizer)
    other.bos_token = None
    other.add_special_tokens({"eos_token": "</s>"})
    assert other.eos_token_id != 0
    assert tokens_of([""], other) == [[other.eos_token_id]]


def test_a_bos_of_id_zero_is_taken(tokenizer: PreTrainedTokenizerBase) -> None:
    other = copy.deepcopy(tokenizer)
    other.add_special_tokens({"eos_token": "</s>"})
    assert (other.bos_token_id, other.eos_token_id != 0) == (0, True)
    assert tokens_of([""], other) == [[0]]


def test_eos_written_out_in_a_prompt_is_text(tokenizer: PreTrainedTokenizerBase) -> None:
    (ids,) = tokens_of([f"Good.{END}"], tokenizer)
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids) == f"Good.{END}"


# Sampling


def test_continuations_are_of_their_prompts_and_their_texts_without_them(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(0)
    rollout, texts = continue_prompts(PROMPTS, policy, tokenizer, max_new_tokens=50)
    width = max(len(ids) for ids in tokens_of(PROMPTS, tokenizer))
    assert rollout.tokens.shape == (4, width + 50)
    ended = 0
    for row, ids in enumerate(tokens_of(PROMPTS, tokenizer)):
        real = rollout.tokens[row][rollout.attention_mask[row].bool()].tolist()
        written = rollout.tokens[row][rollout.completion_mask[row].bool()].tolist()
        assert real == ids + written
        ended += written[-1] == tokenizer.eos_token_id
        assert texts[row] == tokenizer.decode(written).removesuffix(END)
        assert texts[row] and END not in texts[row]
    assert ended >= 1  # so that an EOS was there to be left out of a text


def test_continuations_are_drawn_at_the_temperature(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = torch.arange(len(tokenizer)) % 7 / 1.0
    ids[500] = 8.0
    policy = policy_with_logits(ids.tolist())
    torch.manual_seed(0)
    cold, _ = continue_prompts(
        ["The", ""], policy, tokenizer, max_new_tokens=4, sampling=SamplingConfig(0.01)
    )
    assert cold.tokens[:, -4:].tolist() == [[500] * 4] * 2
    pure, _ = continue_prompts(["The", ""], policy, tokenizer, max_new_tokens=4)
    assert len(set(pure.tokens[:, -4:].flatten().tolist())) > 4


def test_candidates_of_the_tiny_world_are_whole(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, judge: Loaded
) -> None:
    def reward_of(texts: list[str], prompts: list[str]) -> Tensor:
        return positive_probability(texts, *judge, prompts=prompts)

    found = []
    for _ in range(2):
        torch.manual_seed(1)
        rows = sample_candidates(
            PROMPTS,
            policy,
            tokenizer,
            reward_of,
            candidates=3,
            max_new_tokens=40,
            sampling=SamplingConfig(0.7),
        )
        found.append(rows.to_list())
    assert found[0] == found[1]
    assert [*rows.column_names] == [
        "prompt",
        "prompt_ids",
        "completion_ids",
        "completions",
        "rewards",
    ]
    assert rows["prompt"][:] == PROMPTS
    assert rows["prompt_ids"][:] == tokens_of(PROMPTS, tokenizer)
    for row in found[0]:
        assert len(row["completion_ids"]) == len(row["completions"]) == len(row["rewards"]) == 3
        assert len(set(row["completions"])) > 1
        for ids, text in zip(row["completion_ids"], row["completions"], strict=True):
            assert 1 <= len(ids) <= 40
            assert tokenizer.eos_token_id not in ids[:-1]
            assert len(ids) == 40 or ids[-1] == tokenizer.eos_token_id
            assert tokenizer.decode(ids, skip_special_tokens=True) == text
        whole = [row["prompt"] + text for text in row["completions"]]
        expected = positive_probability(whole, *judge).tolist()
        assert row["rewards"] == pytest.approx(expected, abs=1e-6)
    ends = [ids[-1] for row in found[0] for ids in row["completion_ids"]]
    assert 0 < ends.count(tokenizer.eos_token_id) < len(ends)


Writer = Callable[[Sequence[str]], list[int]]


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tokenizer: PreTrainedTokenizerBase) -> Writer:
    """Let the policy write given completions, one after the other, whatever it is asked.

    An EOS ends each. The function that takes them returns the list that batch sizes go into.
    """
    planned: list[str] = []
    sizes: list[int] = []

    def scripted(
        model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, **_: Any
    ) -> Rollout:
        count = len(input_ids)
        sizes.append(count)
        rows = [[*plain_ids(tokenizer, planned.pop(0)), EOS] for _ in range(count)]
        width = max(map(len, rows))
        written = torch.tensor([row + [EOS] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return Rollout(
            torch.cat([input_ids, written], dim=1),
            torch.cat([attention_mask, mask], dim=1),
            torch.cat([torch.zeros_like(attention_mask), mask], dim=1),
        )

    def plan(texts: Sequence[str]) -> list[int]:
        planned[:] = texts
        return sizes

    monkeypatch.setattr(candidates, "sample_continuations", scripted)
    return plan


def sample(
    prompts: list[str], policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, number: int
) -> Dataset:
    return sample_candidates(
        prompts, policy, tokenizer, lengths, candidates=number, max_new_tokens=9, sampling=PURE
    )


@pytest.mark.parametrize("batch", [1, 2, 3, 256])
def test_each_prompt_gets_its_own_candidates_wherever_batches_are_cut(
    write: Writer,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(candidates, "SAMPLING_BATCH", batch)
    texts = [" is bad.", " great", "", "Dull", "!", " and the music", " I loved it", " a"]
    sizes = write(texts)
    rows = sample(["The film", ""], policy, tokenizer, 4).to_list()
    assert sum(sizes) == 8
    assert max(sizes) == min(batch, 8)
    for number, prompt in enumerate(["The film", ""]):
        mine = texts[4 * number : 4 * number + 4]
        assert rows[number] == {
            "prompt": prompt,
            "prompt_ids": tokens_of([prompt], tokenizer)[0],
            "completion_ids": [[*plain_ids(tokenizer, text), EOS] for text in mine],
            "completions": mine,
            "rewards": [float(len(prompt + text)) for text in mine],
        }


def test_a_prompt_whose_completions_are_all_empty_is_left_out_and_said(
    write: Writer,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # White space is empty too; one word among the candidates is enough to stay.
    write(["", "", " great", "", "", " \n", "", "!"])
    rows = sample(["The", "A film", "Is", "It"], policy, tokenizer, 2)
    assert rows["prompt"][:] == ["A film", "It"]
    assert rows["completions"][:] == [[" great", ""], ["", "!"]]
    assert rows["prompt_ids"][:] == tokens_of(["A film", "It"], tokenizer)
    assert rows["rewards"][:] == [[12.0, 6.0], [2.0, 3.0]]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert "2" in line and "empty" in line


def test_nothing_is_said_where_nothing_is_left_out(
    write: Writer,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(["", "a", "b", ""])
    assert len(sample(["The", "It"], policy, tokenizer, 2)) == 2
    assert "left out" not in capsys.readouterr().out


def test_a_policy_that_ends_at_once_is_refused_with_a_prompt(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    logits = [0.0] * len(tokenizer)
    logits[EOS] = 100.0
    with refused("All completions of all 2 prompts are empty", "'The film'"):
        sample(["The film", ""], policy_with_logits(logits), tokenizer, 3)


def test_a_reward_that_is_no_number_is_refused_with_prompt_and_text(
    write: Writer, policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, judge: Loaded
) -> None:
    broken = copy.deepcopy(judge[0])
    positive_label(broken, judge[1])  # found while the weights are good
    broken.classifier.bias.data.fill_(math.nan)

    def reward_of(texts: list[str], prompts: list[str]) -> Tensor:
        return positive_probability(texts, broken, judge[1], prompts=prompts)

    write([" is bad.", " great"])
    with refused("'The film is bad.'", "of the prompt 'The film'", "NaN"):
        sample_candidates(
            ["The film"],
            policy,
            tokenizer,
            reward_of,
            candidates=2,
            max_new_tokens=9,
            sampling=PURE,
        )


# Tensors

# EOS is inside a prompt, at a prompt's end, and inside, at the end of and all of a completion.
PROMPT_IDS = [[5, 3, 7], [EOS], [4, EOS]]
COMPLETION_IDS = [[[2, EOS, 9, 1], [EOS]], [[8], [6, EOS, EOS]], [[11, 12, 3, 5], [7, EOS]]]
REWARDS = [[0.25, 0.5], [0.75, 0.75], [0.125, 1.0]]


def by_hand() -> Dataset:
    return Dataset.from_list(
        [
            {
                "prompt": f"prompt {number}",
                "prompt_ids": PROMPT_IDS[number],
                "completion_ids": COMPLETION_IDS[number],
                "completions": ["some", "text"],
                "rewards": REWARDS[number],
            }
            for number in range(3)
        ]
    )


def whole_rows() -> Iterator[tuple[list[int], list[int]]]:
    for prompt, several in zip(PROMPT_IDS, COMPLETION_IDS, strict=True):
        for completion in several:
            yield prompt, completion


def test_tensors_hold_every_id_in_its_place(tokenizer: PreTrainedTokenizerBase) -> None:
    found = as_tensors(by_hand(), tokenizer)
    assert found.tokens.shape == found.attention_mask.shape == found.completion_mask.shape == (6, 7)
    for row, (prompt, completion) in enumerate(whole_rows()):
        seen, written = found.attention_mask[row].bool(), found.completion_mask[row].bool()
        assert found.tokens[row][seen].tolist() == prompt + completion
        assert found.tokens[row][written].tolist() == completion
        # Prompts end and completions begin at the same column; padding is on the outside.
        left, right = 3 - len(prompt), 4 - len(completion)
        assert seen.int().tolist() == [0] * left + [1] * (7 - left - right) + [0] * right
        assert written.int().tolist() == [0] * 3 + [1] * (4 - right) + [0] * right
        assert found.tokens[row][~seen].tolist() == [EOS] * (left + right)
    assert found.rewards.dtype == torch.float32
    assert found.rewards.tolist() == REWARDS


@pytest.mark.parametrize("make", MAKERS)
def test_tensors_score_as_unpadded_rows_do(make: Maker, tokenizer: PreTrainedTokenizerBase) -> None:
    model = make(dtype=torch.float64)
    found = as_tensors(by_hand(), tokenizer)
    scored = sequence_log_probs(model, *found[:3])
    expected = [
        sum(completion_log_probs(model, prompt + completion, len(prompt)))
        for prompt, completion in whole_rows()
    ]
    torch.testing.assert_close(
        scored, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9
    )


def test_sampled_candidates_go_through_tensors_unchanged(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(2)
    rows = sample(PROMPTS, policy, tokenizer, 2)
    found = as_tensors(rows, tokenizer)
    row = 0
    for prompt, several in zip(rows["prompt_ids"], rows["completion_ids"], strict=True):
        for completion in several:
            assert found.tokens[row][found.attention_mask[row].bool()].tolist() == (
                prompt + completion
            )
            row += 1
    assert row == len(found.tokens) == 8


def test_all_tensors_move_together(tokenizer: PreTrainedTokenizerBase) -> None:
    moved = as_tensors(by_hand(), tokenizer).to(torch.device("meta"))
    assert {tensor.device.type for tensor in moved} == {"meta"}
