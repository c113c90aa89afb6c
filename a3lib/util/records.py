"""Frozen dataclasses as JSON and back, by the types of their fields.

A `float` that is not finite is null in JSON and NaN in the dataclass. A field that may be None has
its type first, as in `float | None`.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

NAMES = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


def encode(value: Any) -> Any:
    """Return a value as what JSON has: a dataclass as an object, a tuple as a list."""
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [encode(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decode(kind: Any, value: Any, place: str) -> Any:
    """Return what JSON holds at a place as a value of a type.

    Raises ValueError, naming the place, where it is of another type or lacks a field; what a
    dataclass itself raises is a ValueError, too. A key that is not a field is ignored.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return None if value is None else decode(inside[0], value, place)
    if origin is tuple:
        if not isinstance(value, list):
            refuse(value, "a list", place)
        kinds = inside[:1] * len(value) if inside[-1] is Ellipsis else inside
        if len(value) != len(kinds):
            refuse(value, f"a list of {len(kinds)}", place)
        return tuple(decode(k, value[i], f"{place}[{i}]") for i, k in enumerate(kinds))
    if origin is Mapping:
        if not isinstance(value, dict):
            refuse(value, "an object", place)
        return {key: decode(inside[1], part, f"{place}.{key}") for key, part in value.items()}
    if is_dataclass(kind):
        return decode_dataclass(kind, value, place)
    if kind is float and value is None:
        return math.nan
    # Python counts True among the whole numbers.
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        refuse(value, NAMES[kind], place)
    # Also false for NaN, and for a whole number that is too large for a float.
    is_finite = kind is not float or abs(value) <= sys.float_info.max
    return value if is_finite else math.nan


def decode_dataclass(kind: Any, value: Any, place: str) -> Any:
    """Return a JSON object as a dataclass; raises ValueError as `decode` does."""
    if not isinstance(value, dict):
        refuse(value, "an object", place)
    types = get_type_hints(kind)
    arguments = {}
    for field in fields(kind):
        if field.name in value:
            where = f"{place}.{field.name}"
            arguments[field.name] = decode(types[field.name], value[field.name], where)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{place} has no {field.name}")
    return kind(**arguments)


def refuse(value: Any, wanted: str, place: str) -> NoReturn:
    """Raise ValueError for a value that is not what is wanted at its place."""
    text = repr(value)
    text = text if len(text) <= 40 else f"{text[:40]}..."
    raise ValueError(f"{place} is {text}, not {wanted}")
