from dataclasses import replace

import pytest
import torch

from a3lib.preflight import (
    duration,
    estimate_sections,
    estimate_study,
    preflight,
    seconds_per_batch,
)
from a3lib.profiles import get_profile

TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=16)


def test_every_section_is_estimated_and_scales_with_its_work() -> None:
    sections = estimate_sections(TINY, torch.device("cpu"))
    assert list(sections) == ["1 baseline", "2 REINFORCE", "3 KL", "4 DPO", "6 study"]
    assert all(seconds > 0 for seconds in sections.values())
    # Section 3 does section 2's work and more, once for each of its alphas.
    assert sections["3 KL"] > sections["2 REINFORCE"] > sections["1 baseline"]


def test_the_optional_section_is_estimated_only_where_it_runs() -> None:
    without = replace(TINY, study=False)
    assert "6 study" not in estimate_sections(without, torch.device("cpu"))


def test_the_study_takes_its_steps_its_samples_and_its_measurements() -> None:
    # By hand, from the debug sizes: an untrained run and 5 methods with 2 betas are 11 runs of 4
    # steps on 8 pairs, 16 sequences, which are half a batch of 32 reviews. Sampled are 16 texts a
    # run, 16 * 4 candidates, and 8 candidates of 16 prompts for rejection sampling.
    seconds = {"reinforce": 2.0, "evaluation": 3.2}
    sampled = 11 * 16 + 16 * 4 + 16 * 8
    expected = 11 * 4 * 0.5 * 2.0 + sampled / 32 * 3.2
    assert estimate_study(replace(TINY, debug=True), seconds) == pytest.approx(expected)


def test_random_numbers_go_on_as_if_nothing_had_run() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    estimate_sections(TINY, torch.device("cpu"))
    assert torch.equal(torch.rand(1), expected)


def test_the_table_says_where_and_what_runs() -> None:
    table = preflight(TINY)
    for word in (
        "device",
        "free memory",
        "torch",
        "transformers",
        "tiny",
        "section 4 DPO",
        "about",
    ):
        assert word in table


def test_two_batches_are_measured_and_the_faster_counts() -> None:
    seen: list[int] = []
    seconds = seconds_per_batch(seen.append, torch.device("cpu"))
    assert seen == [0, 1]
    assert seconds >= 0


def test_durations_are_in_words() -> None:
    assert duration(59.6) == "60 s"
    assert duration(600) == "10 min"
