import pytest

from a3lib.notebook import preflight as module
from a3lib.notebook.preflight import duration, preflight
from a3lib.profiles import get_profile

TINY = get_profile("tiny", limit_train=64, limit_test=32, limit_train_pairs=16, limit_test_pairs=16)


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


def test_durations_are_in_words() -> None:
    assert duration(59.6) == "60 s"
    assert duration(600) == "10 min"


def test_a_copy_without_training_steps_says_that_it_cannot_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ESTIMATES", "a3lib.absent")
    lines = preflight(TINY).splitlines()
    assert [line for line in lines if "unknown" in line and line.startswith("time ")]
    assert not [line for line in lines if line.startswith(("section", "all sections"))]
