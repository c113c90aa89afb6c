import copy
from dataclasses import replace

import pytest
import torch

from a3lib.notebook import timing
from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.notebook.timing import (
    BatchSeconds,
    estimate_sections,
    estimate_study,
    measure_batches,
    sample_and_score,
    seconds_per_batch,
)
from a3lib.profiles import get_profile

CPU = torch.device("cpu")
TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=16)
SECONDS = BatchSeconds(evaluation=3.2, reinforce=5.0, kl=7.0, dpo=11.0, dpo_pass=4.0)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return load_inputs(TINY, CPU)


def test_every_section_is_estimated(inputs: Inputs) -> None:
    sections = estimate_sections(TINY, inputs, CPU)
    assert list(sections) == ["1 baseline", "2 REINFORCE", "3 KL", "4 DPO", "6 study"]
    assert all(seconds > 0 for seconds in sections.values())


def test_a_section_takes_its_batches(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "measure_batches", lambda *arguments: SECONDS)
    profile = replace(TINY, alphas=(0.0, 1.0), betas=(0.1, 0.2, 0.5), dpo_batch_size=6, study=False)
    reviews, pairs = ["text"] * 70, inputs.train_pairs[:1]
    given = inputs._replace(
        train_texts=reviews, test_texts=reviews[:33], train_pairs=pairs * 13, test_pairs=pairs * 7
    )
    # By hand: 3 batches of training reviews and 2 of test reviews; 3 batches of training pairs and
    # 2 of test pairs. DPO takes 2 epochs; the reference scores all pairs once, and the policy
    # those for testing.
    evaluation = 2 * 3.2
    assert estimate_sections(profile, given, CPU) == {
        "1 baseline": pytest.approx(evaluation),
        "2 REINFORCE": pytest.approx(3 * 5 + evaluation),
        "3 KL": pytest.approx(2 * (3 * 7 + evaluation)),
        "4 DPO": pytest.approx(3 * (2 * 3 * 11 + (3 + 2 + 2) * 4 + evaluation)),
    }


def test_each_kind_of_batch_takes_its_parts(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([1.0, 2.0, 4.0, 8.0, 16.0])
    monkeypatch.setattr(timing, "seconds_per_batch", lambda *arguments: next(times))
    # By hand: a batch of REINFORCE is sampled (1) and takes a step (2), and with the penalty the
    # reference scores it as well (4).
    expected = BatchSeconds(evaluation=1, reinforce=1 + 2, kl=1 + 2 + 4, dpo=8, dpo_pass=16)
    assert measure_batches(TINY, inputs, CPU) == expected


def test_the_optional_section_is_estimated_only_where_it_runs_and_is(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "measure_batches", lambda *arguments: SECONDS)
    assert "6 study" in estimate_sections(TINY, inputs, CPU)
    assert "6 study" not in estimate_sections(replace(TINY, study=False), inputs, CPU)
    monkeypatch.setattr(timing.importlib.util, "find_spec", lambda name: None)
    assert "6 study" not in estimate_sections(TINY, inputs, CPU)


def test_the_study_takes_its_steps_its_samples_and_its_measurements() -> None:
    # By hand, from the debug sizes: an untrained run and 5 methods with 2 betas are 11 runs of 4
    # steps on 8 pairs, 16 sequences, which are half a batch of 32 reviews. A step of REINFORCE
    # without its sampling takes 1.8. Sampled are 16 texts a run, 16 * 4 candidates, and 8
    # candidates of 16 prompts for rejection sampling.
    sampled = 11 * 16 + 16 * 4 + 16 * 8
    expected = 11 * 4 * 0.5 * 1.8 + sampled / 32 * 3.2
    assert estimate_study(replace(TINY, debug=True), SECONDS) == pytest.approx(expected)


def test_nothing_is_changed_by_it(inputs: Inputs) -> None:
    before = copy.deepcopy(inputs.policy.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    estimate_sections(TINY, inputs, CPU)
    assert torch.equal(torch.rand(1), expected)
    after = inputs.policy.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(parameter.grad is None for parameter in inputs.policy.parameters())


def test_what_is_timed_samples_as_many_tokens_as_the_notebook(inputs: Inputs) -> None:
    assert sample_and_score(inputs.test_texts[:3], inputs).shape == (3, 30)


def test_work_is_done_twice_and_the_faster_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 12.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    calls: list[int] = []
    assert seconds_per_batch(lambda: calls.append(1), CPU) == 2.0
    assert calls == [1, 1]
