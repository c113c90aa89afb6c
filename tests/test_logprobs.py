"""Log-probabilities against plain loops and against the models' own forward on unpadded rows."""

import math
from typing import Any, Literal

import pytest
import torch
from helpers.small_models import (
    EOS,
    MAKERS,
    VOCABULARY,
    Maker,
    completion_log_probs,
    mask_rows,
    next_token_log_probs,
    pad_rows,
    policy_with_logits,
    tiny_gpt2,
    tiny_llama,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from a3lib.logprobs import (
    completion_distributions,
    completion_labels,
    log_softmax,
    sequence_log_probs,
    token_log_probs,
    vocabulary_log_probs,
)

Side = Literal["left", "right"]

SHAPES = [(1, 2, 5), (1, 7, 5), (3, 2, 2), (3, 7, 5), (2, 4, 1), (4, 3, 31)]
PRECISIONS = [(torch.float64, 1e-9), (torch.float32, 1e-5)]

# Padding is EOS here, and EOS is inside a prompt, inside a completion, at an end and at a start.
ROWS = [[5, 3, 0, 7, 2, 9], [4, 8], [0, 6, 1, 0], [7, 0, 0, 3, 11]]
PROMPT_LENGTHS = [1, 1, 2, 2]


def loop_token_log_probs(logits: Tensor, tokens: Tensor) -> list[list[float]]:
    """The definition in plain Python: position t predicts token t+1."""
    rows = []
    for row, ids in zip(logits.double().tolist(), tokens.tolist(), strict=True):
        scored = []
        for t in range(len(ids) - 1):
            highest = max(row[t])
            total = sum(math.exp(x - highest) for x in row[t])
            scored.append(row[t][ids[t + 1]] - highest - math.log(total))
        rows.append(scored)
    return rows


@pytest.mark.parametrize("shape", SHAPES)
def test_token_log_probs_equal_the_loop(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(1)
    logits = 3 * torch.randn(shape, dtype=torch.float64)
    tokens = torch.randint(shape[2], shape[:2])
    scored = token_log_probs(logits, tokens)
    expected = torch.tensor(loop_token_log_probs(logits, tokens), dtype=torch.float64)
    assert scored.dtype == torch.float64
    torch.testing.assert_close(scored, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_token_log_probs_gradient_is_one_hot_minus_softmax(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(2)
    rows, length, vocabulary = shape
    logits = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(vocabulary, (rows, length))
    weights = torch.randn(rows, length - 1, dtype=torch.float64)
    (weights * token_log_probs(logits, tokens)).sum().backward()
    expected = torch.zeros(shape, dtype=torch.float64)
    for b in range(rows):
        for t in range(length - 1):
            total = sum(math.exp(x) for x in logits[b, t].tolist())
            for v in range(vocabulary):
                hit = float(v == tokens[b, t + 1])
                share = math.exp(logits[b, t, v].item()) / total
                expected[b, t, v] = weights[b, t] * (hit - share)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, expected, rtol=0, atol=1e-12)


def test_a_row_of_one_token_has_no_log_probs() -> None:
    assert token_log_probs(torch.randn(3, 1, 5), torch.zeros(3, 1, dtype=torch.long)).shape == (
        3,
        0,
    )


def test_log_probs_do_as_well_as_logits() -> None:
    torch.manual_seed(3)
    logits = torch.randn(3, 7, 5, dtype=torch.float64)
    tokens = torch.randint(5, (3, 7))
    torch.testing.assert_close(
        token_log_probs(log_softmax(logits), tokens), token_log_probs(logits, tokens)
    )


@pytest.mark.parametrize("tokens_shape", [(2, 3), (2, 5), (1, 4), (4,), (2, 4, 1)])
def test_tokens_that_do_not_fit_the_logits_raise(tokens_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"logits \(2, 4, 5\) and tokens"):
        token_log_probs(torch.zeros(2, 4, 5), torch.zeros(tokens_shape, dtype=torch.long))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_logits_are_scored_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    # Logits around -80, as GPT-2 has them: float16 has steps of 1/16 there.
    logits = (torch.randn(2, 64, 50) - 80).to(dtype)
    tokens = torch.randint(50, (2, 64))
    expected = torch.tensor(loop_token_log_probs(logits, tokens))
    scored = token_log_probs(logits, tokens)
    distributions = log_softmax(logits)
    assert scored.dtype == distributions.dtype == torch.float32
    torch.testing.assert_close(scored, expected, rtol=0, atol=3e-5)
    picked = distributions[:, :-1].gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(picked, expected, rtol=0, atol=3e-5)


def test_float64_logits_stay_float64() -> None:
    logits = torch.tensor([[0.1, 0.2, 0.4]], dtype=torch.float64)
    scored = log_softmax(logits)
    total = math.log(sum(math.exp(x) for x in (0.1, 0.2, 0.4)))
    expected = torch.tensor([[x - total for x in (0.1, 0.2, 0.4)]], dtype=torch.float64)
    torch.testing.assert_close(scored, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_padding_on_either_side_changes_no_sequence_log_prob(
    make: Maker, side: Side, extra: int, dtype: torch.dtype, tolerance: float
) -> None:
    model = make(dtype=dtype)
    scored = sequence_log_probs(
        model,
        pad_rows(ROWS, side=side, extra=extra),
        mask_rows(ROWS, side=side, extra=extra),
        mask_rows(ROWS, side=side, extra=extra, skip=PROMPT_LENGTHS),
    )
    expected = [
        sum(completion_log_probs(model, row, first))
        for row, first in zip(ROWS, PROMPT_LENGTHS, strict=True)
    ]
    assert scored.dtype == dtype
    torch.testing.assert_close(
        scored.double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_padding_on_either_side_changes_no_distribution(
    make: Maker, side: Side, dtype: torch.dtype, tolerance: float
) -> None:
    model = make(dtype=dtype)
    mask = mask_rows(ROWS, side=side, extra=2)
    scored = vocabulary_log_probs(model, pad_rows(ROWS, side=side, extra=2), mask)
    assert scored.shape == (*mask.shape, VOCABULARY)
    for row, row_mask, found in zip(ROWS, mask.bool(), scored, strict=True):
        expected = torch.tensor(next_token_log_probs(model, row), dtype=torch.float64)
        torch.testing.assert_close(found[row_mask].double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("make", MAKERS)
def test_the_token_used_as_padding_does_not_matter(make: Maker) -> None:
    model = make(dtype=torch.float64)
    mask = mask_rows(ROWS, side="left", extra=2)
    chosen = mask_rows(ROWS, side="left", extra=2, skip=PROMPT_LENGTHS)
    with_eos, with_word = (
        sequence_log_probs(model, pad_rows(ROWS, side="left", fill=fill, extra=2), mask, chosen)
        for fill in (EOS, 9)
    )
    torch.testing.assert_close(with_eos, with_word, rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", MAKERS)
def test_a_token_outside_the_attention_mask_is_not_seen(make: Maker) -> None:
    # The hole is in the middle: at the ends, transformers 5 finds padding by the position ids.
    model = make(dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0, 1, 1]])
    scored = vocabulary_log_probs(model, torch.tensor([[4, 7, 9, 2, 5]]), mask)
    expected = torch.tensor(next_token_log_probs(model, [4, 7, 2, 5]), dtype=torch.float64)
    torch.testing.assert_close(scored[mask.bool()], expected, rtol=0, atol=1e-9)


def test_an_eos_in_the_completion_counts_where_padding_is_eos() -> None:
    model = tiny_gpt2(dtype=torch.float64)
    row, first = [4, 7, 0, 3, 0], 2
    ids = pad_rows([row], side="left", extra=2)
    mask = mask_rows([row], side="left", extra=2)
    scored = sequence_log_probs(model, ids, mask, mask_rows([row], side="left", extra=2, skip=[2]))
    all_three = completion_log_probs(model, row, first)
    assert len(all_three) == 3
    assert min(abs(x) for x in all_three) > 1e-3
    assert scored.item() == pytest.approx(sum(all_three), abs=1e-9)


def test_only_the_tokens_in_the_completion_mask_count() -> None:
    model = tiny_llama(dtype=torch.float64)
    row = [4, 7, 0, 3, 5]
    table = completion_log_probs(model, row, 1)
    ids, mask = torch.tensor([row] * 3), torch.ones(3, 5, dtype=torch.long)
    chosen = torch.tensor([[0, 0, 1, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    scored = sequence_log_probs(model, ids, mask, chosen)
    expected = torch.tensor([table[1], table[0] + table[3], 0.0], dtype=torch.float64)
    torch.testing.assert_close(scored, expected, rtol=0, atol=1e-9)


def test_a_completion_token_in_the_first_column_counts_for_nothing() -> None:
    model = tiny_gpt2(dtype=torch.float64)
    ids, mask = torch.tensor([[4, 7, 2]]), torch.ones(1, 3, dtype=torch.long)
    everything = sequence_log_probs(model, ids, mask, torch.tensor([[1, 1, 1]]))
    torch.testing.assert_close(
        everything, sequence_log_probs(model, ids, mask, torch.tensor([[0, 1, 1]]))
    )


def test_rows_without_a_completion_have_log_prob_zero_and_gradient_zero() -> None:
    model = tiny_gpt2()
    ids = torch.tensor([[4, 7, 2], [1, 2, 3]])
    scored = sequence_log_probs(model, ids, torch.ones_like(ids), torch.zeros_like(ids))
    scored.sum().backward()
    assert scored.tolist() == [0.0, 0.0]
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_the_output_head_is_applied_to_completion_positions_only() -> None:
    model = tiny_gpt2()
    fed: list[Tensor] = []
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, __: fed.append(inputs[0]))
    ids, mask = pad_rows(ROWS, side="left"), mask_rows(ROWS, side="left")
    chosen = mask_rows(ROWS, side="left", skip=PROMPT_LENGTHS)
    sequence_log_probs(model, ids, mask, chosen)
    assert sum(hidden.shape[:-1].numel() for hidden in fed) == int(chosen.sum()) == 11


def parameter_gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    """The gradients that lie on the parameters, taken off them."""
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return gradients


@pytest.mark.parametrize("make", MAKERS)
def test_the_gradient_equals_the_one_through_all_logits_of_unpadded_rows(make: Maker) -> None:
    model = make(dtype=torch.float64)
    weights = torch.tensor([0.5, -2.0, 1.5, 1.0], dtype=torch.float64)
    scored = sequence_log_probs(
        model,
        pad_rows(ROWS, side="left"),
        mask_rows(ROWS, side="left"),
        mask_rows(ROWS, side="left", skip=PROMPT_LENGTHS),
    )
    (weights * scored).sum().backward()
    found = parameter_gradients(model)

    for weight, row, first in zip(weights, ROWS, PROMPT_LENGTHS, strict=True):
        logits = model(input_ids=torch.tensor([row])).logits[0]
        cross_entropy = torch.nn.functional.cross_entropy(
            logits[first - 1 : -1], torch.tensor(row[first:]), reduction="sum"
        )
        (-weight * cross_entropy).backward()
    expected = parameter_gradients(model)

    assert found.keys() == expected.keys()
    assert max(float(g.abs().max()) for g in found.values()) > 0.1
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_model_is_scored_in_float32(dtype: torch.dtype) -> None:
    logits = torch.tensor([-80.5, -81.0, -82.5, -80.0])  # in both formats without rounding
    model = policy_with_logits(logits.tolist()).to(dtype)
    ids = torch.tensor([[1, 2, 3, 0] * 8])
    mask = torch.ones_like(ids)
    scored = sequence_log_probs(model, ids, mask, mask)
    expected = sum(completion_log_probs(policy_with_logits(logits.tolist()), ids[0].tolist(), 1))
    assert scored.dtype == torch.float32
    assert scored.item() == pytest.approx(expected, abs=1e-3)
    assert vocabulary_log_probs(model, ids, mask).dtype == torch.float32


@pytest.mark.parametrize("make", MAKERS)
def test_dropout_is_off_while_scoring_and_the_mode_comes_back(make: Maker) -> None:
    model = make()
    ids, mask = pad_rows(ROWS, side="left"), mask_rows(ROWS, side="left")
    chosen = mask_rows(ROWS, side="left", skip=PROMPT_LENGTHS)
    quiet = sequence_log_probs(model, ids, mask, chosen)
    quiet_distributions = vocabulary_log_probs(model, ids, mask)
    assert not any(module.training for module in model.modules())
    model.train()
    torch.testing.assert_close(sequence_log_probs(model, ids, mask, chosen), quiet)
    torch.testing.assert_close(vocabulary_log_probs(model, ids, mask), quiet_distributions)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_the_distributions_of_completions_are_the_models_own_at_the_token_before(
    make: Maker, side: Side, extra: int, dtype: torch.dtype, tolerance: float
) -> None:
    model = make(dtype=dtype)
    ids = pad_rows(ROWS, side=side, extra=extra)
    mask = mask_rows(ROWS, side=side, extra=extra)
    chosen = mask_rows(ROWS, side=side, extra=extra, skip=PROMPT_LENGTHS)
    found = completion_distributions(model, ids, mask, chosen)
    expected = []
    for row, first in zip(ROWS, PROMPT_LENGTHS, strict=True):
        expected += next_token_log_probs(model, row)[first - 1 : -1]
    assert found.shape == (11, VOCABULARY)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=tolerance
    )
    # Each token's own entry is what the sequence's score is the sum of.
    tokens, rows = ids[chosen.bool()], chosen.nonzero()[:, 0]
    sums = found.new_zeros(len(ROWS)).index_add(0, rows, found[torch.arange(11), tokens])
    torch.testing.assert_close(sums, sequence_log_probs(model, ids, mask, chosen))


def test_distributions_are_of_the_tokens_in_the_completion_mask_only() -> None:
    model = tiny_llama(dtype=torch.float64)
    row = [4, 7, 0, 3, 5]
    table = torch.tensor(next_token_log_probs(model, row), dtype=torch.float64)
    ids, mask = torch.tensor([row] * 3), torch.ones(3, 5, dtype=torch.long)
    # One in the first column has no prediction.
    chosen = torch.tensor([[0, 0, 1, 0, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    found = completion_distributions(model, ids, mask, chosen)
    torch.testing.assert_close(found, table[[1, 0, 3]], rtol=0, atol=1e-9)


def test_the_head_makes_the_distributions_of_completion_positions_only() -> None:
    model = tiny_gpt2()
    fed: list[Tensor] = []
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, __: fed.append(inputs[0]))
    ids, mask = pad_rows(ROWS, side="left"), mask_rows(ROWS, side="left")
    chosen = mask_rows(ROWS, side="left", skip=PROMPT_LENGTHS)
    completion_distributions(model, ids, mask, chosen)
    assert sum(hidden.shape[:-1].numel() for hidden in fed) == 11


def test_distributions_of_a_half_precision_model_are_in_float32() -> None:
    logits = [-80.5, -81.0, -82.5, -80.0]
    model = policy_with_logits(logits).to(torch.bfloat16)
    ids = torch.tensor([[1, 2, 3, 0]])
    found = completion_distributions(model, ids, torch.ones_like(ids), torch.ones_like(ids))
    assert found.dtype == torch.float32
    expected = torch.tensor(logits, dtype=torch.float64).log_softmax(0).float().expand(3, 4)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


# Labels


@st.composite
def padded_rows(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], list[int], list[Any]]:
    """Rows of prompt, completion and padding on one side: ids, mask, prompt lengths, labels.

    Padding is id 1, which is EOS and occurs in prompts and completions as well.
    """
    token_ids = st.integers(1, 4)
    rows = draw(
        st.lists(
            st.tuples(st.lists(token_ids, min_size=1, max_size=5), st.lists(token_ids, max_size=6)),
            min_size=1,
            max_size=5,
        )
    )
    left = draw(st.booleans())
    width = max(len(prompt) + len(completion) for prompt, completion in rows)
    width += draw(st.integers(0, 2))
    ids, mask, labels = [], [], []
    for prompt, completion in rows:
        padding = width - len(prompt) - len(completion)
        columns = [
            (prompt + completion, [1] * padding),
            ([1] * (len(prompt) + len(completion)), [0] * padding),
            ([-100] * len(prompt) + completion, [-100] * padding),
        ]
        for found, (real, filler) in zip((ids, mask, labels), columns, strict=True):
            found.append(filler + real if left else real + filler)
    return ids, mask, [len(prompt) for prompt, _ in rows], labels


@given(padded_rows())
@settings(deadline=None, derandomize=True, max_examples=150)
def test_labels_are_the_completion_under_padding_on_either_side(
    rows: tuple[list[list[int]], list[list[int]], list[int], list[Any]],
) -> None:
    ids, mask, lengths, labels = rows
    found = completion_labels(torch.tensor(mask), torch.tensor(ids), torch.tensor(lengths))
    assert found.tolist() == labels


def test_labels_by_hand() -> None:
    ids = torch.tensor([[1, 1, 5, 6, 1, 7, 1], [5, 6, 1, 7, 1, 1, 1]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])
    labels = completion_labels(mask, ids, torch.tensor([2, 2]))
    assert labels.tolist() == [
        [-100, -100, -100, -100, 1, 7, 1],
        [-100, -100, 1, 7, 1, -100, -100],
    ]


def test_labels_leave_the_ids_as_they_are() -> None:
    ids, mask = torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.long)
    labels = completion_labels(mask, ids, torch.tensor([2]))
    assert (ids.tolist(), labels.tolist()) == ([[5, 6, 7]], [[-100, -100, 7]])
