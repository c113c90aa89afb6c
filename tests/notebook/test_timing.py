from dataclasses import replace

import pytest
import torch

from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.notebook.timing import estimate_sections, estimate_study, seconds_per_batch
from a3lib.profiles import get_profile

CPU = torch.device("cpu")
TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=16)


@pytest.fixture
def inputs() -> Inputs:
    return load_inputs(TINY, CPU)


def test_every_section_is_estimated_and_scales_with_its_work(inputs: Inputs) -> None:
    sections = estimate_sections(TINY, inputs, CPU)
    assert list(sections) == ["1 baseline", "2 REINFORCE", "3 KL", "4 DPO", "6 study"]
    assert all(seconds > 0 for seconds in sections.values())
    # Section 3 does section 2's work and more, once for each of its alphas.
    assert sections["3 KL"] > sections["2 REINFORCE"] > sections["1 baseline"]


def test_the_optional_section_is_estimated_only_where_it_runs(inputs: Inputs) -> None:
    without = replace(TINY, study=False)
    assert "6 study" not in estimate_sections(without, inputs, CPU)


def test_the_study_takes_its_steps_its_samples_and_its_measurements() -> None:
    # By hand, from the debug sizes: an untrained run and 5 methods with 2 betas are 11 runs of 4
    # steps on 8 pairs, 16 sequences, which are half a batch of 32 reviews. Sampled are 16 texts a
    # run, 16 * 4 candidates, and 8 candidates of 16 prompts for rejection sampling.
    seconds = {"reinforce": 2.0, "evaluation": 3.2}
    sampled = 11 * 16 + 16 * 4 + 16 * 8
    expected = 11 * 4 * 0.5 * 2.0 + sampled / 32 * 3.2
    assert estimate_study(replace(TINY, debug=True), seconds) == pytest.approx(expected)


def test_random_numbers_go_on_as_if_nothing_had_run(inputs: Inputs) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    estimate_sections(TINY, inputs, CPU)
    assert torch.equal(torch.rand(1), expected)


def test_two_batches_are_measured_and_the_faster_counts() -> None:
    seen: list[int] = []
    seconds = seconds_per_batch(seen.append, torch.device("cpu"))
    assert seen == [0, 1]
    assert seconds >= 0
