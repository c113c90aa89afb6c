"""How a model is run: positions, precision, dropout and the output head."""

import pytest
import torch
from helpers.small_models import tiny_gpt2

from a3lib.forward import (
    at_least_float32,
    eval_mode,
    hidden_states,
    mixed_precision,
    output_logits,
    position_ids,
)


def test_positions_count_real_tokens_from_zero() -> None:
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])
    expected = [[0, 0, 0, 1, 2], [0, 1, 2, 2, 2], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]]
    assert position_ids(mask).tolist() == expected
    assert position_ids(mask.bool()).tolist() == expected


def test_the_mode_comes_back_after_an_error() -> None:
    model = tiny_gpt2().train()
    with pytest.raises(RuntimeError, match="out of memory"), eval_mode(model):
        assert not model.training
        raise RuntimeError("out of memory")
    assert model.training


def test_each_part_of_a_model_gets_its_own_mode_back() -> None:
    model = tiny_gpt2().train()
    frozen = next(model.base_model.h.children())
    frozen.eval()
    with eval_mode(model):
        assert not any(module.training for module in model.modules())
    assert model.training
    assert not frozen.training


def test_the_output_head_stays_out_of_mixed_precision() -> None:
    model = tiny_gpt2()
    torch.manual_seed(5)
    hidden = torch.randn(2, 3, 16)
    plain = hidden @ model.get_output_embeddings().weight.T
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = output_logits(model, hidden)
        from_half = output_logits(model, hidden.bfloat16())
    assert found.dtype == from_half.dtype == torch.float32
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-5)


def test_the_cpu_runs_without_mixed_precision() -> None:
    with mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_hidden_states_are_those_before_the_output_head() -> None:
    model = tiny_gpt2(dtype=torch.float64)
    ids = torch.tensor([[4, 7, 2]])
    hidden = hidden_states(model, ids, torch.ones_like(ids))
    torch.testing.assert_close(output_logits(model, hidden), model(input_ids=ids).logits)


def test_values_become_float32_unless_they_are_more_precise() -> None:
    for given in (torch.float16, torch.bfloat16, torch.float32):
        assert at_least_float32(torch.ones(2, dtype=given)).dtype == torch.float32
    assert at_least_float32(torch.ones(2, dtype=torch.float64)).dtype == torch.float64
