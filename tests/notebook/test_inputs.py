from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.refusals import refused

from a3lib.notebook import inputs as module
from a3lib.notebook.inputs import load_inputs
from a3lib.profiles import get_profile

CPU = torch.device("cpu")


@pytest.mark.parametrize("field", ["reviews", "pairs", "policy"])
def test_a_wrong_small_input_is_refused_before_a_model_is_loaded(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: Any) -> None:
        pytest.fail("a model is loaded")

    monkeypatch.setattr(module, "load_reward_model", load)
    monkeypatch.setattr(module, "load_policy", load)
    missing = str(tmp_path / "missing")
    profile = replace(get_profile("tiny", limit_train=8, limit_test=8), **{field: missing})
    with refused(missing):
        load_inputs(profile, CPU)
