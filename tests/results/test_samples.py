"""What policies wrote after the same prompts: kept, read again, and refused where it is damaged."""

from pathlib import Path

import pytest
from helpers.example_run import example_samples
from helpers.refusals import refused
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib.results.samples import (
    SAMPLES_FILE,
    ModelSamples,
    Samples,
    first_samples,
    model_samples,
    read_samples,
    write_samples,
)


def test_a_completion_is_what_follows_its_prompt() -> None:
    made = model_samples("original", ["It was", "A"], ["It was good.", "A A bad"], [0.9, 0.1])
    assert made.completions == (" good.", " A bad")
    assert (made.name, made.rewards, made.kl) == ("original", (0.9, 0.1), (None, None))


def test_a_text_that_does_not_begin_with_its_prompt_is_kept_whole() -> None:
    made = model_samples("original", ["It  was"], ["It was good."], [0.9], [1.5])
    assert (made.completions, made.kl) == (("It was good.",), (1.5,))


def test_every_prompt_needs_its_text() -> None:
    with pytest.raises(ValueError, match="zip"):
        model_samples("original", ["a", "b"], ["a c"], [0.5])


@pytest.mark.parametrize("part", ["completions", "rewards", "kl"])
def test_every_model_needs_one_of_each_a_prompt(part: str) -> None:
    whole = {"completions": ("a", "b"), "rewards": (0.1, 0.2), "kl": (None, 1.0)}
    Samples(("x", "y"), (ModelSamples("DPO", **whole),))
    for count in (1, 4):
        wrong = whole | {part: (whole[part] * 2)[:count]}
        with refused("DPO", f"{count} {part}", "2 prompts"):
            Samples(("x", "y"), (ModelSamples("DPO", **wrong),))


def test_the_first_samples_are_those_of_the_first_prompts() -> None:
    samples = example_samples()
    first = first_samples(samples, 3)
    assert first.prompts == samples.prompts[:3]
    for cut, whole in zip(first.models, samples.models, strict=True):
        assert cut == ModelSamples(
            whole.name, whole.completions[:3], whole.rewards[:3], whole.kl[:3]
        )


@settings(deadline=None, derandomize=True)
@given(text=st.text(alphabet=st.characters(codec=None)))
def test_what_is_written_is_read_again(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    written = Samples((text, ""), (ModelSamples(text, (text, ""), (0.25, 1.0), (None, 3.5)),))
    assert write_samples(written, folder) == folder / SAMPLES_FILE
    assert read_samples(folder) == written


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        '{"prompts": []}',
        '{"prompts": ["a"], "models": [{"name": "x"}]}',
        '{"prompts": ["a"], "models": [{"name": "x", "completions": 3, "rewards": [], "kl": []}]}',
    ],
)
def test_samples_that_are_missing_or_damaged_are_refused(
    content: str | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / SAMPLES_FILE).write_text(content, encoding="utf-8")
    with refused(str(tmp_path / SAMPLES_FILE), "python -m a3lib run"):
        read_samples(tmp_path)
