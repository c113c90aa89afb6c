"""What is handed to a student's code does its work, and leads to nothing else."""

from collections.abc import Iterator
from types import CodeType, GeneratorType
from typing import Any

import pytest
from torch._C._dynamo.eval_frame import set_eval_frame
from torch._dynamo.types import ConvertFrameReturn

from a3lib.kit.checks.probes import integrity
from a3lib.kit.checks.probes import opaque as module
from a3lib.kit.checks.probes.opaque import opaque
from a3lib.kit.checks.probes.spies import Recorded, borrowed
from a3lib.kit.checks.probes.tensors import Sides

PARTS = ("__closure__", "__globals__", "__self__", "__func__", "__defaults__", "__kwdefaults__")
PARTS += ("__dict__", "__wrapped__", "__builtins__", "cell_contents", "func", "gi_code", "__code__")


def reached_from(value: Any) -> Iterator[Any]:
    """Yield all that plain attributes lead to; a generator's frame is refused to a student."""
    seen: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen or isinstance(one, (str, bytes, int, float, type(None))):
            continue
        seen[id(one)] = one
        yield one
        if isinstance(one, dict) and "__import__" in one:
            continue  # Python's own functions, which everybody has.
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            waiting += one
        else:
            waiting += [getattr(one, name) for name in PARTS if hasattr(one, name)]
        if isinstance(one, CodeType):
            waiting += one.co_consts


class Secret:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def note(self, *arguments: Any, **more: Any) -> Any:
        """Keep it and return how often."""
        self.calls.append((arguments, more))
        return len(self.calls)


def test_it_does_the_same() -> None:
    secret = Secret()
    call = opaque(secret.note)
    assert [call(1, b=2), call()] == [1, 2]
    assert secret.calls == [((1,), {"b": 2}), ((), {})]
    assert call.__name__ == "note"


def test_errors_come_through_and_it_goes_on() -> None:
    def half(x: int) -> int:
        if x % 2:
            raise ValueError(f"{x} is odd")
        return x // 2

    call = opaque(half)
    with pytest.raises(ValueError, match="3 is odd"):
        call(3)
    with pytest.raises(TypeError):
        call(1, 2, 3)
    assert call(4) == 2


def test_a_call_may_call_itself() -> None:
    calls: dict[str, Any] = {}
    calls["sum"] = opaque(lambda n: n + calls["sum"](n - 1) if n else 0)
    assert calls["sum"](20) == 210


def test_nothing_leads_to_what_is_behind_it() -> None:
    secret = Secret()
    found = [*reached_from(opaque(secret.note))]
    assert len(found) > 5 and any(isinstance(one, GeneratorType) for one in found)
    assert not any(one is secret or one is secret.calls for one in found)
    assert not any(one is vars(module) for one in found)


def test_the_walk_finds_what_is_not_hidden() -> None:
    secret = Secret()
    assert any(one is secret for one in reached_from(secret.note))
    assert any(one is secret for one in reached_from(lambda: secret))
    assert any(one is vars(module) for one in reached_from(opaque.__globals__))


def test_nobody_is_shown_the_functions_that_begin_behind_it() -> None:
    shown = []

    def show(frame: Any, *more: Any) -> Any:
        shown.append(frame.f_code.co_name)
        return ConvertFrameReturn()

    def secret() -> int:
        return 3

    lent = opaque(secret)
    set_eval_frame(show)
    try:
        value = lent()
    finally:
        left = set_eval_frame(None)
    assert value == 3 and left is None
    # What is lent bears the name of what is behind it.
    assert shown == ["secret"]


def test_a_student_who_asked_for_frames_is_shown_none_of_ours() -> None:
    shown = []

    def show(frame: Any, *more: Any) -> Any:
        shown.append(frame.f_code.co_name)
        return ConvertFrameReturn()

    def put_back() -> list[str]:
        return []

    def of_a_student() -> None:
        set_eval_frame(show)

    integrity.guarding(put_back, [])(of_a_student)()
    assert set_eval_frame(None) is None and "put_back" not in shown


def test_what_is_borrowed_is_hidden() -> None:
    namespace: dict[str, Any] = {}
    recorded = Recorded(len)
    with borrowed(namespace, {"count": recorded, "number": 3}):
        assert namespace["count"]("four") == 4 and namespace["number"] == 3
        assert not any(one is recorded for one in reached_from(namespace["count"]))
    assert recorded.calls == [("four",)] and namespace == {}


def test_a_batch_with_sides_leads_nowhere() -> None:
    sides = Sides({"labels": [1, 2, 3, 4]})
    assert sides["chosen_labels"] == [1, 2] and sides["rejected_labels"] == [3, 4]
    with pytest.raises(KeyError):
        sides["other_labels"]
    methods = [value for value in vars(Sides).values() if callable(value)]
    for method in methods:
        assert not any(one is globals() or one is vars(module) for one in reached_from(method))
