"""The judge: strict comparison first, then the first mistake whose numbers were answered."""

import json
import math
from typing import Any

import pytest

from a3lib.kit.checks import judge as module
from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict, judge, not_judged

DEEP: Any = json.loads(500 * "[" + "2" + 500 * "]")
NAN, INFINITY = math.nan, math.inf


def check(**more: Any) -> Check:
    return Check("one.values", "evaluate", "a title", "evaluate", {"a": 1}, 1, **more)


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Judge answers by an expectation that the test gives."""

    def judged(expected: dict[str, Any], positions: str = "either", **answers: Any) -> Verdict:
        whole = {"right": {}, "mistakes": []} | expected
        monkeypatch.setattr(module, "expectations", lambda: {"one.values": whole})
        return judge(check(), answers, positions)

    return judged


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (2.0, 2.0),
        (2.0, 2.0019),
        (0.0, 0.00009),
        (-100, -100.0),
        ([], []),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
        ({"from": 1.0, "to": 2.0}, 1.0),
        ({"from": 1.0, "to": 2.0}, 2.0),
        ({"from": 1.0}, 1e9),
        ({"to": 1.0}, [-5.0]),
        ({"finite": False}, NAN),
        ({"finite": False}, [[INFINITY, -INFINITY]]),
        ({"parallel_to": [1.0, 2.0]}, [[10.0], [20.0]]),
        ({"parallel_to": [1.0, 0.0]}, [1.0, 0.04]),
        ({"other_than": [1.0, 2.0]}, [1.0, 2.5]),
        ({"other_than": [1.0, 2.0]}, [1.0]),
        ({"same_as": "b"}, 7.0),
        ({"some_of": [1, 3], "equal": -100}, [[-100, 5], [6, -100]]),
        ({"some_of": [1, 3], "unlike": -100}, [[-100, -100], [6, 7]]),
        ({"reordered": [1.0, 2.0, 3.0]}, [3.0, 1.0, 2.0]),
    ],
)
def test_what_is_right(verdict: Any, wanted: Any, got: Any) -> None:
    assert verdict({"right": {"a": wanted}}, a=got, b=7.0) == Verdict(check(), True)


@pytest.mark.parametrize(
    ("wanted", "got", "message"),
    [
        (2.0, 2.003, "a: expected 2, got 2.003"),
        (0.0, 0.00011, "a: expected 0, got 0.00011"),
        (2.0, NAN, "a: expected 2, got nan"),
        (2.0, INFINITY, "a: expected 2, got inf"),
        (2.0, [2.0], "a: expected shape (), got shape (1)".replace("got shape", "got")),
        ([1.0, 2.0], [[1.0], [2.0]], "a: expected shape (2), got (2, 1)"),
        ([1.0, 2.0], [], "a: expected shape (2), got ()"),
        ([], [1.0], "a: expected shape (), got (1)"),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0]], "a: expected 4 numbers, got 3"),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]], "a at [1, 1]: expected 4, got 5"),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 0.0], "a at [1]: expected 2, got 0"),
        ({"from": 1.0, "to": 2.0}, 0.99, "a: expected about 1.5, got 0.99"),
        ({"from": 1.0, "to": 2.0}, 2.01, "a: expected about 1.5, got 2.01"),
        ({"from": 1.0}, NAN, "a: expected 1 or more, got nan"),
        ({"from": 1.0}, [2.0, 3.0], "a: expected 1 or more, got 2 numbers"),
        ({"from": 1.0}, [], "a: expected 1 or more, got 0 numbers"),
        ({"finite": False}, [NAN, 1.0], "a: expected no finite number"),
        ({"parallel_to": [1.0, 2.0]}, [-1.0, -2.0], "got a cosine of -1.000"),
        ({"parallel_to": [1.0, 0.0]}, [1.0, 0.05], "got a cosine of 0.999"),
        ({"parallel_to": [1.0, 2.0]}, [0.0, 0.0], "got a cosine of 0.000"),
        ({"parallel_to": [1.0, 2.0]}, [1.0, NAN], "got a cosine of 0.000"),
        ({"parallel_to": [1.0, 2.0]}, [1.0, INFINITY], "got a cosine of 0.000"),
        ({"parallel_to": [1.0, 2.0]}, [1.0, 2.0, 0.0], "got a cosine of 0.000"),
        ({"other_than": [1.0, 2.0]}, [1.0, 2.0], "a: expected other numbers"),
        ({"same_as": "b"}, 7.1, "a: expected 7, got 7.1"),
        ({"some_of": [1, 3], "equal": -100}, [[-100, 5], [-100, 6]], "a: expected other numbers"),
        ({"some_of": [0, 3], "unlike": -100}, [[-100, 5], [6, -100]], "a: expected other numbers"),
        ({"some_of": [7], "unlike": -100}, [1, 2], "a: expected other numbers"),
        ({"reordered": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0], "a: expected another order"),
        ({"reordered": [1.0, 2.0, 3.0]}, [3.0, 1.0, 2.5], "a at [1]: expected 2, got 2.5"),
        ({"reordered": [1.0, 2.0]}, [2.0], "a: expected"),
        ({"reordered": [1.0, 2.0]}, [[2.0], [1.0]], "a: expected another shape"),
    ],
)
def test_what_is_not(verdict: Any, wanted: Any, got: Any, message: str) -> None:
    found = verdict({"right": {"a": wanted}}, a=got, b=7.0)
    assert not found.passed and found.kind == "answers"
    assert message in found.message
    assert found.mistake == ""


def test_another_shape_of_a_result_is_named(verdict: Any) -> None:
    found = verdict({"right": {"kl": 2.0}}, kl=[1.0, 2.0])
    assert found.mistake == "wrong shape: () is needed, not (2)."
    assert found.message == "the divergence: expected shape (), got (2)"


# A child may answer anything that JSON carries.
@pytest.mark.parametrize("got", [None, "2", True, {"x": 1}, [["a"]], [None], {}, [{}], DEEP])
@pytest.mark.parametrize(
    "wanted",
    [2.0, [2.0], {"from": 0.0}, {"finite": False}, {"parallel_to": [1.0]}, {"other_than": 3.0}],
)
def test_other_types_fail_and_raise_nothing(verdict: Any, wanted: Any, got: Any) -> None:
    expected = {"right": {"a": wanted}, "mistakes": [named("m", a=wanted)]}
    found = verdict(expected, a=got)
    assert not found.passed and found.message == "a: expected numbers" and found.mistake == ""


def test_a_condition_on_another_answer_that_is_missing_fails(verdict: Any) -> None:
    found = verdict({"right": {"a": {"same_as": "b"}}}, a=1.0)
    assert not found.passed and found.message == "a: expected nan, got 1"


def test_an_answer_that_is_missing_fails(verdict: Any) -> None:
    assert verdict({"right": {"a": 1.0}}).message == "a: expected something, got nothing"
    assert not verdict({"right": {"a": 1.0, "c": 1.0}}, a=1.0).passed


def test_the_first_difference_is_told(verdict: Any) -> None:
    found = verdict({"right": {"a": 1.0, "b": 2.0, "c": 3.0}}, a=1.0, b=0.0, c=0.0)
    assert found.message == "b: expected 2, got 0"


def named(name: str, **when: Any) -> dict[str, Any]:
    return {"name": name, "hint": f"hint of {name}.", "when": when}


def test_the_first_mistake_that_fits_is_named_whole(verdict: Any) -> None:
    mistakes = [named("other", a=5.0), named("both", a=3.0, b=1.0), named("late", a=3.0)]
    expected = {"right": {"a": 1.0}, "mistakes": mistakes}
    assert verdict(expected, a=3.0, b=1.0).mistake == "both: hint of both."
    assert verdict(expected, a=3.0, b=2.0).mistake == "late: hint of late."
    assert verdict(expected, a=3.0).mistake == "late: hint of late."
    assert verdict(expected, a=4.0).mistake == ""


def test_of_two_mistakes_with_nearly_the_same_number_the_exact_one_is_named(verdict: Any) -> None:
    near, exact = (
        {"name": n, "hint": ".", "when": {"a": v}} for n, v in (("x", 2.0), ("y", 2.001))
    )
    expected = {"right": {"a": 1.0}, "mistakes": [near, exact]}
    assert verdict(expected, a=2.001).mistake == "y: ."
    assert verdict(expected, a=2.0).mistake == "x: ."
    assert verdict(expected, a=1.9995).mistake == "x: .", "what is only near has its name as well"


def test_no_mistake_is_named_where_the_answer_is_right(verdict: Any) -> None:
    expected = {"right": {"a": 1.0}, "mistakes": [named("any", b=2.0)]}
    assert verdict(expected, a=1.0, b=2.0) == Verdict(check(), True)


def test_positions(verdict: Any) -> None:
    both = {
        "right": {"b": 0.0},
        "positions": {"20": {"a": 20.0}, "29": {"a": 29.0}},
        "mistakes": [named("the prompt", a=29.0)],
    }
    assert all(verdict(both, setting, a=20.0, b=0.0).passed for setting in ("20", "either"))
    assert all(verdict(both, setting, a=29.0, b=0.0).passed for setting in ("29", "either"))
    assert verdict(both, "20", a=29.0, b=0.0).mistake == "the prompt: hint of the prompt."
    assert verdict(both, "29", a=20.0, b=0.0).message == "a: expected 29, got 20"
    assert verdict(both, "either", a=25.0, b=0.0).message == "a: expected 20, got 25"
    assert not verdict(both, "either", a=20.0, b=1.0).passed


def test_the_second_try_has_an_expectation_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"right": {"a": 1.0}, "mistakes": []}
    two = {"right": {"a": 2.0}, "mistakes": []}
    monkeypatch.setattr(module, "expectations", lambda: {"one.values": one, "one.values/2": two})
    first = check(second_try={"b": 3})
    again = Check(**(vars(first) | {"inputs": first.inputs | {"b": 3}}))
    assert judge(first, {"a": 1.0}).passed and not judge(first, {"a": 2.0}).passed
    assert judge(again, {"a": 2.0}).passed and not judge(again, {"a": 1.0}).passed


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("missing", "there is no function", "not implemented yet"),
        ("raised", "KeyError: 'x'", "it raised an error: KeyError: 'x'"),
        ("timeout", "", "it took too long and was stopped"),
        ("died", "", "its process ended before it answered"),
        ("unreadable", "", "it answered with something else than numbers"),
    ],
)
def test_what_is_not_judged(kind: str, text: str, message: str) -> None:
    assert not_judged(check(), kind, text) == Verdict(check(), False, message, "", kind)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("RuntimeError: element 0 of tensors does not require grad and does not", "no gradient:"),
        ("Expected all tensors to be on the same device, but found cpu and cuda:0", "a device of"),
        (
            "a leaf Variable that requires grad is being used in an in-place operation",
            "rewards changed in place:",
        ),
        ("has been modified by an inplace operation: [torch.FloatTensor [3]]", "changed in place:"),
    ],
)
def test_an_error_that_tells_a_mistake_names_it(text: str, name: str) -> None:
    assert not_judged(check(), "raised", text).mistake.startswith(name)


def test_a_students_copy_has_no_hidden_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    module.expectations.cache_clear()
    monkeypatch.setattr(module, "FILES", ("expected.json", "absent.json"))
    assert "dpo_loss.values" in module.expectations()
    assert not any(name.endswith(".hidden") for name in module.expectations())
    module.expectations.cache_clear()
