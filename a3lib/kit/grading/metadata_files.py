"""Gradescope's metadata as plain tables: YAML as Ruby writes it, or JSON; and why it is damaged."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from a3lib.kit.grading.results import plain

LARGEST_METADATA = 200_000_000  # bytes; an export's file has the results of every submission
DAMAGE = (OSError, ValueError, yaml.YAMLError, RecursionError, MemoryError)
# Ruby writes the names of its own classes, which say nothing here.
RUBY = "!ruby/"
# YAML would read the student number 00123 as 83, the name No as False, and a wrong date not at all.
READ_AS_TEXT = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "timestamp")}


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML as texts in lists and tables, also where Ruby has named a class of its own."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {
        start: [(tag, pattern) for tag, pattern in known if tag not in READ_AS_TEXT]
        for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a table; raises ValueError where a key stands in it twice."""
        once([key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        table: dict[Any, Any] = super().construct_mapping(node, deep)
        return table


def once(keys: Sequence[str]) -> None:
    """Raise ValueError, naming the key, where one of a table's keys is there twice."""
    twice = [key for key, count in Counter(keys).items() if count > 1 and key != "<<"]
    if twice:
        raise ValueError(f"{twice[0].lstrip(':')!r} stands in it twice")


def table_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a table of JSON; raises ValueError where a key stands in it twice."""
    once([key for key, _ in pairs])
    return dict(pairs)


def without_class(loader: Any, suffix: str, node: yaml.Node) -> Any:
    """Return what a node with a Ruby class holds."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


Loader.add_multi_constructor(RUBY, without_class)


def read_table(file: Path) -> dict[Any, Any]:
    """Return the table in a file.

    Raises ValueError or another of DAMAGE where there is none, or the file is too large.
    """
    with file.open("rb") as stream:
        content = stream.read(LARGEST_METADATA + 1)
    if len(content) > LARGEST_METADATA:
        raise ValueError(f"larger than {LARGEST_METADATA // 1_000_000} MB")
    text = content.decode("utf-8-sig")
    if file.suffix == ".json":
        data = json.loads(text, object_pairs_hook=table_of)
    else:
        data = yaml.load(text, Loader)
    if not isinstance(data, dict):
        raise ValueError("a list or a lone value")
    return data


def why_damaged(error: Exception) -> str:
    """Return in a few words why metadata cannot be read."""
    match error:
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None:
            return f"no YAML in line {mark.line + 1}"
        case yaml.YAMLError():
            return "no YAML"
        case json.JSONDecodeError(lineno=line):
            return f"no JSON in line {line}"
        case UnicodeDecodeError():
            return "not UTF-8"
        case OSError(strerror=reason):
            return str(reason)
        case RecursionError() | MemoryError():
            return "nested too deeply"
    return plain(str(error))
