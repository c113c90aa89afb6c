"""Run what is kept of a submission, statement by statement."""

import pickle
import sys
from pathlib import Path
from typing import Any

from helpers.read_submissions import read

from a3lib.kit.source.submission import (
    load_statements,
)


def test_statements_are_run_one_by_one() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "given": 1}
    errors = load_statements(
        [
            "# above\nimport absent_module",
            "A = given",
            "import sys\nsys.exit(3)",
            "raise KeyboardInterrupt",
            "def f(x=missing):\n    pass",
            "raise ValueError('a\\nb\\x1b' + 'x' * 1000)",
            "class Odd(Exception):\n    def __str__(self): raise SystemExit",
            "raise Odd",
            "def g(:\n    pass",
            "B = __name__",
        ],
        namespace,
    )
    assert errors[:4] == [
        "import absent_module: ModuleNotFoundError: No module named 'absent_module'",
        "import sys: SystemExit: 3",
        "raise KeyboardInterrupt: KeyboardInterrupt",
        "def f(x=missing):: NameError: name 'missing' is not defined",
    ]
    assert "ValueError: a b\\x1bxxx" in errors[4] and len(errors[4]) < 450
    assert errors[5] == "raise Odd: Odd"
    assert errors[6].startswith("def g(:: SyntaxError: invalid syntax")
    assert len(errors) == 7
    assert namespace["A"] == 1 and namespace["B"] == "submission"


def test_loaded_names_work_with_dataclasses_pickle_inspect_and_future_imports() -> None:
    namespace: dict[str, Any] = {}
    texts = [
        "from __future__ import annotations",
        "import dataclasses, inspect, typing",
        "@dataclasses.dataclass\nclass Pair:\n    a: int = 1\n    b: typing.ClassVar[int] = 2",
        "def f(x: undefined) -> None:\n    return inspect.getsource(f)",
        "def hint(x: Pair): return typing.get_type_hints(hint)",
    ]
    assert load_statements(texts, namespace) == []
    pair = namespace["Pair"](3)
    assert pickle.loads(pickle.dumps(pair)) == pair
    assert namespace["f"](1) == texts[3]
    assert namespace["hint"](1) == {"x": namespace["Pair"]}
    assert [field.name for field in namespace["dataclasses"].fields(pair)] == ["a"]
    assert load_statements(["def f(x: undefined): pass"], {})  # Flags end with their file.
    del sys.modules["submission"]


def test_a_failing_import_leaves_the_others(tmp_path: Path) -> None:
    found = read(tmp_path, "from math import absent, pi\nimport json, torch.absent\ndef f(): pass")
    namespace: dict[str, Any] = {}
    errors = load_statements([item.text for item in found.kept], namespace)
    assert [error.split(":")[0] for error in errors] == [
        "from math import absent",
        "import torch.absent",
    ]
    assert {"pi", "json", "f"} <= namespace.keys()
