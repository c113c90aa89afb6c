"""The functions that a hand-in has."""

from helpers.exported_scripts import required_arguments

from a3lib.kit.source import interface


def test_required_functions_are_those_of_the_assignment() -> None:
    assert len(interface.REQUIRED_FUNCTIONS) == 11
    assert interface.REQUIRED_FUNCTIONS["get_log_probs"] == ("model", "batch")
    assert required_arguments("train_DPO") == [
        "model_name",
        "beta=None",
        "lr=None",
        "batch_size=None",
        "max_length=None",
        "debug=None",
    ]
