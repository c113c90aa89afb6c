"""Sampling: from the distribution that is scored, up to the first EOS, with masks that say so."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from helpers.small_models import (
    EOS,
    MAKERS,
    Maker,
    completion_log_probs,
    mask_rows,
    next_token_log_probs,
    pad_rows,
    policy_with_logits,
    tiny_gpt2,
)
from torch import Tensor
from transformers import PreTrainedModel

from a3lib import generation
from a3lib.errors import InputError
from a3lib.generation import Rollout, decode_rollout, masks_of_rollout, sample_continuations
from a3lib.logprobs import hidden_states, output_logits, sequence_log_probs, token_log_probs
from a3lib.models import load_tokenizer
from a3lib.profiles import SamplingConfig
from a3lib.tinyworld import POLICY_FOLDER

# Long, of one token, empty (a single EOS), and with EOS inside and at the end.
PROMPTS = [[5, 3, 7, 2, 9], [4], [EOS], [6, EOS, 1], [8, EOS]]
WORD = 3  # a token of the vocabulary that some tests pad with


def sample(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], length: int, **options: Any
) -> Rollout:
    """Sample after left-padded prompts, padded with the token that `pad_token_id` names."""
    fill = options.get("pad_token_id") or EOS
    return sample_continuations(
        model,
        pad_rows(prompts, side="left", fill=fill),
        mask_rows(prompts, side="left"),
        max_new_tokens=length,
        **options,
    )


def record_logits(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """A list that the sampler's logits go into, one (B, V) a step."""
    recorded: list[Tensor] = []

    def recording(model: PreTrainedModel, hidden: Tensor) -> Tensor:
        logits = output_logits(model, hidden)
        recorded.append(logits.clone())
        return logits

    monkeypatch.setattr(generation, "output_logits", recording)
    return recorded


def distance(shares: Tensor, expected: Sequence[float]) -> float:
    """The total variation distance of two distributions."""
    return sum(abs(s - e) for s, e in zip(shares.tolist(), expected, strict=True)) / 2


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampled_log_probs_equal_rescored_ones(
    make: Maker, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make().train()
    recorded = record_logits(monkeypatch)
    torch.manual_seed(0)
    prompts = PROMPTS * 3
    rollout = sample(model, prompts, 12, sampling=SamplingConfig(temperature))
    steps = torch.stack(recorded, dim=1) / temperature
    start, stop = len(PROMPTS[0]), len(PROMPTS[0]) + steps.shape[1]
    drawn, kept = rollout.tokens[:, start:stop], rollout.completion_mask[:, start:stop]
    sampled = steps.log_softmax(dim=-1).gather(-1, drawn[..., None])[..., 0] * kept
    assert 0 < int((kept.sum(dim=1) < kept.shape[1]).sum()) < len(prompts)

    with torch.no_grad():
        logits = output_logits(model, hidden_states(model, rollout.tokens, rollout.attention_mask))
    rescored = token_log_probs(logits / temperature, rollout.tokens)[:, start - 1 : stop - 1]
    torch.testing.assert_close(rescored * kept, sampled, rtol=0, atol=1e-4)
    if temperature == 1.0:
        with torch.no_grad():
            summed = sequence_log_probs(model, *rollout)
        torch.testing.assert_close(summed, sampled.sum(dim=1), rtol=0, atol=1e-4)

    model.eval()
    for prompt, row, row_mask, log_probs in zip(
        prompts, rollout.tokens, rollout.attention_mask.bool(), sampled.sum(dim=1), strict=True
    ):
        unpadded = completion_log_probs(model, row[row_mask].tolist(), len(prompt), temperature)
        assert sum(unpadded) == pytest.approx(log_probs.item(), abs=1e-4)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_two_sampled_tokens_follow_the_softmax_of_the_unpadded_prompt(
    make: Maker, temperature: float
) -> None:
    model = make(vocabulary=5, seed=1)
    model.config.eos_token_id = None
    prompts = [[2, 4, 1], [3]]
    draws = 12000
    torch.manual_seed(3)
    rollout = sample(model, prompts * draws, 2, sampling=SamplingConfig(temperature))
    assert rollout.completion_mask[:, 3:].all()
    for index, prompt in enumerate(prompts):
        first = next_token_log_probs(model, prompt, temperature)[-1]
        expected = [
            math.exp(first[a] + second)
            for a in range(5)
            for second in next_token_log_probs(model, [*prompt, a], temperature)[-1]
        ]
        drawn = rollout.tokens[index::2, 3:]
        shares = torch.bincount(drawn[:, 0] * 5 + drawn[:, 1], minlength=25) / draws
        # It is 0.018 on average where all 25 pairs are equally likely.
        assert distance(shares, expected) < 0.03


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_one_token_frequencies_follow_the_temperature(temperature: float) -> None:
    logits = [0.0, 1.0, 2.0, -1.0, -1.5]
    torch.manual_seed(4)
    draws = 4000
    rollout = sample(
        policy_with_logits(logits), [[1]] * draws, 1, sampling=SamplingConfig(temperature)
    )
    weights = [math.exp(x / temperature) for x in logits]
    shares = torch.bincount(rollout.tokens[:, 1], minlength=5) / draws
    assert distance(shares, [weight / sum(weights) for weight in weights]) < 0.03
    assert shares.min() > 0  # nothing is cut off


@pytest.mark.parametrize("make", MAKERS)
def test_dropout_is_off_while_sampling_and_the_mode_comes_back(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    recorded = record_logits(monkeypatch)
    torch.manual_seed(5)
    quiet = sample(model, PROMPTS, 6)
    assert not any(module.training for module in model.modules())
    quiet_logits = recorded.copy()
    recorded.clear()

    model.train()
    torch.manual_seed(5)
    training = sample(model, PROMPTS, 6)
    assert all(module.training for module in model.modules())
    assert torch.equal(training.tokens, quiet.tokens)
    torch.testing.assert_close(torch.stack(recorded), torch.stack(quiet_logits))


def test_the_mode_comes_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_gpt2().train()

    def fails(*_: object) -> Tensor:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(generation, "output_logits", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        sample(model, PROMPTS, 2)
    assert all(module.training for module in model.modules())


def test_sampling_keeps_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = record_logits(monkeypatch)
    sample(tiny_gpt2(), PROMPTS, 2)
    assert not any(logits.requires_grad for logits in recorded)


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others() -> None:
    model = tiny_gpt2()
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(sample(model, PROMPTS, 10).tokens)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_rows_of_one_prompt_differ() -> None:
    torch.manual_seed(6)
    rollout = sample(tiny_gpt2(), [[4, 2]] * 8, 10)
    assert len({tuple(row) for row in rollout.tokens.tolist()}) > 4


@pytest.mark.parametrize("pad", [None, WORD])
def test_a_row_stops_at_its_first_eos_and_padding_follows(pad: int | None) -> None:
    torch.manual_seed(7)
    prompts, length = PROMPTS * 8, 8
    rollout = sample(
        tiny_gpt2(vocabulary=5), [[t % 5 for t in p] for p in prompts], length, pad_token_id=pad
    )
    filler = EOS if pad is None else pad
    ended = 0
    for tokens, mask in zip(
        rollout.tokens[:, 5:].tolist(), rollout.completion_mask[:, 5:].tolist(), strict=True
    ):
        kept = tokens.index(EOS) + 1 if EOS in tokens else length
        ended += kept < length
        assert mask == [1] * kept + [0] * (length - kept)
        assert tokens[kept:] == [filler] * (length - kept)
    assert 10 < ended < len(prompts)


def test_a_rollout_keeps_the_prompts_as_they_were() -> None:
    ids, mask = pad_rows(PROMPTS, side="left", fill=WORD), mask_rows(PROMPTS, side="left")
    ids_before, mask_before = ids.clone(), mask.clone()
    rollout = sample_continuations(tiny_gpt2(), ids, mask, max_new_tokens=4)
    assert torch.equal(ids, ids_before)
    assert torch.equal(mask, mask_before)
    assert torch.equal(rollout.tokens[:, :5], ids)
    assert torch.equal(rollout.attention_mask[:, :5], mask)
    assert not rollout.completion_mask[:, :5].any()
    assert torch.equal(rollout.attention_mask[:, 5:], rollout.completion_mask[:, 5:])


def test_width_is_kept_and_the_model_rests_where_all_rows_end_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = record_logits(monkeypatch)
    model = policy_with_logits([50.0, 0.0, 0.0, 0.0])
    rollout = sample(model, [[1, 2], [3]], 6, pad_token_id=WORD)
    assert rollout.tokens.tolist() == [[1, 2, EOS] + [WORD] * 5, [WORD, 3, EOS] + [WORD] * 5]
    assert rollout.attention_mask.tolist() == [[1, 1, 1] + [0] * 5, [0, 1, 1] + [0] * 5]
    assert rollout.completion_mask.tolist() == [[0, 0, 1] + [0] * 5] * 2
    assert len(recorded) == 1


@pytest.mark.parametrize("token", [EOS, 2])
def test_one_new_token(token: int) -> None:
    model = policy_with_logits([50.0 * (v == token) for v in range(4)])
    rollout = sample(model, [[1, 2], [3]], 1)
    assert rollout.tokens.tolist() == [[1, 2, token], [EOS, 3, token]]
    assert rollout.attention_mask.tolist() == [[1, 1, 1], [0, 1, 1]]
    assert rollout.completion_mask.tolist() == [[0, 0, 1]] * 2


def test_an_eos_in_a_prompt_stops_nothing() -> None:
    rollout = sample(policy_with_logits([0.0, 0.0, 50.0]), [[EOS], [1, EOS], [EOS, 1]], 3)
    assert rollout.completion_mask.tolist() == [[0, 0, 1, 1, 1]] * 3
    assert rollout.tokens[:, 2:].tolist() == [[2, 2, 2]] * 3


def test_another_eos_can_be_given() -> None:
    rollout = sample(policy_with_logits([0.0, 0.0, 50.0, 0.0]), [[1]], 3, eos_token_id=2)
    assert rollout.tokens.tolist() == [[1, 2, 2, 2]]
    assert rollout.completion_mask.tolist() == [[0, 1, 0, 0]]


def test_a_model_with_several_eos_stops_at_each_and_pads_with_the_first() -> None:
    model = policy_with_logits([-50.0, 3.0, 3.0, 0.0])
    model.config.eos_token_id = [1, 2]
    torch.manual_seed(8)
    rollout = sample(model, [[3]] * 40, 3)
    ended = [row for row in rollout.tokens.tolist() if row[1] != 3]
    assert {tuple(row) for row in ended} == {(3, 1, 1, 1), (3, 2, 1, 1)}
    assert rollout.completion_mask.sum(dim=1).min() == 1


def test_a_model_without_eos_never_stops() -> None:
    model = policy_with_logits([0.0] * 3)
    model.config.eos_token_id = None
    assert sample(model, [[1], [2, 0]], 7).completion_mask[:, 2:].all()


@pytest.mark.parametrize(
    ("mask", "row"),
    [
        ([[1, 1, 1], [0, 0, 0], [0, 0, 1]], 1),
        ([[0, 1, 1], [1, 1, 1], [1, 1, 0]], 2),
        ([[1, 0, 0]], 0),
        ([[1, 1, 1], [1, 0, 1]], 1),
    ],
)
def test_an_empty_or_right_padded_prompt_is_an_error_that_names_its_row(
    mask: list[list[int]], row: int
) -> None:
    attention_mask = torch.tensor(mask)
    ids = torch.ones_like(attention_mask)
    with pytest.raises(InputError, match=f"Prompt {row} is empty or not left-padded"):
        sample_continuations(tiny_gpt2(), ids, attention_mask, max_new_tokens=2)


def loop_masks(row: list[int], prompt_length: int) -> tuple[list[int], list[int]]:
    """The masks of one row in plain Python."""
    attention, completion = [], []
    for t in range(prompt_length):
        only_padding_so_far = all(token == EOS for token in row[: t + 1])
        attention.append(int(not only_padding_so_far or t == prompt_length - 1))
        completion.append(0)
    for t in range(prompt_length, len(row)):
        chosen = int(EOS not in row[prompt_length:t])
        attention.append(chosen)
        completion.append(chosen)
    return attention, completion


@pytest.mark.parametrize("make", MAKERS)
def test_masks_of_rollout_are_the_samplers_own(make: Maker) -> None:
    model = make(vocabulary=5)
    chooser = random.Random(0)
    early = inside = 0
    for seed in range(12):
        prompts = [
            [chooser.randrange(1, 5), *chooser.choices(range(5), k=chooser.randrange(6))]
            for _ in range(12)
        ]
        prompts.append([EOS])
        chooser.shuffle(prompts)
        width = max(map(len, prompts))
        torch.manual_seed(seed)
        rollout = sample(model, prompts, 7)
        attention_mask, completion_mask = masks_of_rollout(rollout.tokens, width, EOS)
        assert torch.equal(attention_mask, rollout.attention_mask)
        assert torch.equal(completion_mask, rollout.completion_mask)
        early += int((rollout.completion_mask[:, -1] == 0).sum())
        inside += sum(EOS in prompt[1:] for prompt in prompts)
    assert early > 20
    assert inside > 20


@pytest.mark.parametrize(
    "row",
    [
        [0, 0, 4, 1, 2, 3],
        [0, 0, 0, 1, 0, 0],
        [0, 4, 0, 0, 0, 0],
        [4, 0, 1, 0, 2, 0],
        [4, 0, 0, 1, 2, 0],
        [1, 2, 3, 4, 1, 2],
    ],
)
def test_masks_of_rollout_by_hand(row: list[int]) -> None:
    tokens = torch.tensor([row, row])
    before = tokens.clone()
    attention_mask, completion_mask = masks_of_rollout(tokens, 3, EOS)
    attention, completion = loop_masks(row, 3)
    assert attention_mask.tolist() == [attention] * 2
    assert completion_mask.tolist() == [completion] * 2
    assert attention_mask.dtype == completion_mask.dtype == torch.long
    assert torch.equal(tokens, before)


def test_masks_of_rollout_take_another_eos() -> None:
    tokens = torch.tensor([[9, 0, 3, 0, 9, 9]])
    attention_mask, completion_mask = masks_of_rollout(tokens, 3, 9)
    assert attention_mask.tolist() == [[0, 1, 1, 1, 1, 0]]
    assert completion_mask.tolist() == [[0, 0, 0, 1, 1, 0]]


def test_texts_are_decoded_without_padding_and_special_tokens() -> None:
    tokenizer = load_tokenizer(str(POLICY_FOLDER))
    text = "This movie is wonderful"
    ids = tokenizer(text)["input_ids"]
    word, end = ids[-1], tokenizer.eos_token_id
    # Padding is a word here, so only the mask can tell it from the text.
    width = len(ids)
    tokens = torch.tensor([[word, word, *ids, end, word], [*ids, word, word, word, word]])
    mask = torch.tensor([[0, 0, *[1] * width, 1, 0], [*[1] * width, 0, 0, 0, 0]])
    completion_mask = mask.clone()
    completion_mask[:, :4] = 0
    rollout = Rollout(tokens, mask, completion_mask)
    assert decode_rollout(rollout, tokenizer) == [text, text]
