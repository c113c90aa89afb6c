"""A function of the assignment calls what its name stands for, for the time of a check."""

from collections.abc import Callable
from typing import Any

import pytest

from a3lib.kit.checks.probes.aliases import aliases_followed
from a3lib.kit.checks.probes.spies import borrowed

SOURCE = """
from functools import partial

def evaluate(first, second=2, *, third=3):
    "What it does."
    return ("own", first, second, third)

def keeping(unit):
    def compute_DPO_loss(first, beta=0.1):
        keeping.calls = getattr(keeping, "calls", 0) + unit
        return ("own", first, beta)
    return compute_DPO_loss

compute_DPO_loss = keeping(2)
held = [evaluate, partial(evaluate, second=5), compute_DPO_loss]
"""


@pytest.fixture
def namespace() -> dict[str, Any]:
    made: dict[str, Any] = {}
    exec(SOURCE, made)
    return made


def stand_in(*arguments: Any, **more: Any) -> Any:
    return ("stand-in", arguments, more)


def test_every_holder_gets_the_stand_in_and_the_own_function_has_the_name(
    namespace: dict[str, Any],
) -> None:
    plain, bound, closure = namespace["held"]
    with aliases_followed(namespace):
        own = namespace["evaluate"]
        assert own(1) == ("own", 1, 2, 3) and own(1, third=4) == ("own", 1, 2, 4)
        assert own.__doc__ == "What it does." and own.__name__ == "evaluate"
        assert plain(1) == ("own", 1, 2, 3), "without a stand-in it does what it did"
        with borrowed(namespace, {"evaluate": stand_in, "compute_DPO_loss": stand_in}):
            assert plain(1, third=4) == ("stand-in", (1,), {"third": 4})
            assert bound(1) == ("stand-in", (1,), {"second": 5})
            assert closure(1) == ("stand-in", (1,), {})
            assert own(7) == ("own", 7, 2, 3), "a stand-in may ask the function itself"
    assert plain(1) == ("own", 1, 2, 3) and bound(1) == ("own", 1, 5, 3)
    assert closure(1) == ("own", 1, 0.1) and namespace["keeping"].calls == 2
    assert namespace["evaluate"] is plain and namespace["compute_DPO_loss"] is closure


def test_everything_is_as_before_after_an_error(namespace: dict[str, Any]) -> None:
    before = dict(namespace)
    function: Callable[..., Any] = namespace["evaluate"]
    parts = function.__code__, function.__defaults__, function.__kwdefaults__
    with pytest.raises(ZeroDivisionError), aliases_followed(namespace):
        raise ZeroDivisionError
    assert namespace == before
    assert (function.__code__, function.__defaults__, function.__kwdefaults__) == parts


def test_attributes_of_a_function_are_those_of_its_copy(namespace: dict[str, Any]) -> None:
    exec("def evaluate():\n    evaluate.count = getattr(evaluate, 'count', 0) + 1\n", namespace)
    original = namespace["evaluate"]
    with aliases_followed(namespace):
        namespace["evaluate"]()
        original()
    assert original.count == 2


@pytest.mark.parametrize(
    "value", [len, print, "evaluate", None, type("Loss", (), {"__call__": stand_in})(), stand_in]
)
def test_what_is_no_function_of_the_namespace_stays(value: Any) -> None:
    namespace = {"evaluate": value}
    with aliases_followed(namespace):
        assert namespace["evaluate"] is value


def test_one_function_under_two_names() -> None:
    namespace: dict[str, Any] = {}
    exec("def evaluate(x): return x\nget_log_probs = evaluate", namespace)
    function = namespace["evaluate"]
    with aliases_followed(namespace):
        assert namespace["evaluate"](3) == namespace["get_log_probs"](3) == 3
    assert namespace["evaluate"] is namespace["get_log_probs"] is function
    assert function(4) == 4
