"""Dataclasses as JSON and back: every type of a field, and what is refused where."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from a3lib.util.records import decode, encode


@dataclass(frozen=True)
class Inner:
    number: float
    maybe: float | None = None


@dataclass(frozen=True)
class Outer:
    text: str
    count: int
    flag: bool
    inner: Inner | None
    inners: tuple[Inner, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    anything: Any = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count is below 0")


WHOLE = Outer("a", 2, True, Inner(0.5, 1.5), (Inner(1.0),), (2.0, 3.0), {"é": Inner(4.0)}, [None])
LEAST = {"text": "a", "count": 2, "flag": False, "inner": None}


def test_what_is_written_is_read() -> None:
    written = json.loads(json.dumps(encode(WHOLE), allow_nan=False))
    assert written["inners"] == [{"number": 1.0, "maybe": None}]
    assert list(written) == [*Outer.__dataclass_fields__]
    assert decode(Outer, written, "outer") == WHOLE


def test_what_has_a_default_may_be_missing_and_what_is_no_field_is_passed_over() -> None:
    assert decode(Outer, LEAST | {"other": 1}, "outer") == Outer("a", 2, False, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_and_then_nan(value: float) -> None:
    assert encode({"a": [Inner(value, value)]}) == {"a": [{"number": None, "maybe": None}]}
    read = decode(Inner, {"number": value, "maybe": None}, "inner")
    assert math.isnan(read.number) and read.maybe is None
    assert math.isnan(decode(Inner, {"number": None}, "inner").number)
    assert math.isnan(decode(Inner, {"number": 10**400}, "inner").number)


def test_a_whole_number_stays_one() -> None:
    read = decode(Inner, {"number": 3}, "inner")
    assert type(read.number) is int and json.dumps(encode(read)["number"]) == "3"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": 1}, "outer.text is 1, not a text"),
        ({"text": None}, "outer.text is None, not a text"),
        ({"count": 1.5}, "outer.count is 1.5, not a whole number"),
        ({"count": True}, "outer.count is True, not a whole number"),
        ({"count": None}, "outer.count is None, not a whole number"),
        ({"count": -1}, "count is below 0"),
        ({"flag": 1}, "outer.flag is 1, not true or false"),
        ({"inner": [1]}, "outer.inner is [1], not an object"),
        ({"inner": {}}, "outer.inner has no number"),
        ({"inner": {"number": "1"}}, "outer.inner.number is '1', not a number"),
        ({"inner": {"number": False}}, "outer.inner.number is False, not a number"),
        ({"inner": {"number": 1, "maybe": "x"}}, "outer.inner.maybe is 'x', not a number"),
        ({"inners": {"a": 1}}, "outer.inners is {'a': 1}, not a list"),
        ({"inners": [{"number": 1}, 2]}, "outer.inners[1] is 2, not an object"),
        ({"pair": [1]}, "outer.pair is [1], not a list of 2"),
        ({"pair": [1, 2, 3]}, "outer.pair is [1, 2, 3], not a list of 2"),
        ({"pair": [1, "2"]}, "outer.pair[1] is '2', not a number"),
        ({"by_name": []}, "outer.by_name is [], not an object"),
        ({"by_name": {"k": 1}}, "outer.by_name.k is 1, not an object"),
        ({"text": ["x" * 100]}, f"outer.text is ['{'x' * 38}..., not a text"),
    ],
)
def test_what_is_of_another_type_is_named_with_its_place(
    change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        decode(Outer, LEAST | change, "outer")
    assert str(refused.value) == complaint


@pytest.mark.parametrize("name", [*LEAST])
def test_a_field_without_a_default_that_is_missing_is_named(name: str) -> None:
    content = {key: value for key, value in LEAST.items() if key != name}
    with pytest.raises(ValueError, match=rf"^outer has no {name}$"):
        decode(Outer, content, "outer")


@pytest.mark.parametrize("value", [None, 3, "text", [1], True])
def test_what_is_no_object_is_no_dataclass(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^outer is .*, not an object$"):
        decode(Outer, value, "outer")
