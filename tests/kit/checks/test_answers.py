"""The expected numbers on disk are those that the oracle computes."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from a3lib.kit.checks.answers import write
from a3lib.kit.checks.answers.graded import graded_checks
from a3lib.kit.checks.answers.hidden import hidden_checks
from a3lib.kit.checks.catalogue import public_checks
from a3lib.kit.checks.judge import ROUNDING, compare, fits
from a3lib.util.files import LIBRARY

FOLDER = LIBRARY / "kit" / "checks"

NOT_SHOWN = (*graded_checks(), *hidden_checks())


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def is_range(condition: Any) -> bool:
    """Say whether something is a condition with bounds."""
    return isinstance(condition, dict) and bool({"from", "to"} & condition.keys())


def numbers_in(values: Any) -> list[Any]:
    """Return all numbers and texts in nested data, in order."""
    if isinstance(values, dict):
        return [x for key in sorted(values) for x in (key, *numbers_in(values[key]))]
    if isinstance(values, list):
        return [x for value in values for x in numbers_in(value)]
    return [values]


@pytest.mark.parametrize(
    ("name", "checks"), [("expected.json", public_checks()), ("answers/hidden.json", NOT_SHOWN)]
)
def test_the_file_is_what_the_oracle_computes(name: str, checks: Any) -> None:
    stored, computed = read(name), write.expectations(checks)
    assert [*stored] == [*computed]
    for key, expected in computed.items():
        now, then = numbers_in(expected), numbers_in(stored[key])
        texts = [value for value in now if not isinstance(value, (int, float))]
        assert texts == [value for value in then if not isinstance(value, (int, float))], key
        counted = [value for value in now if isinstance(value, (int, float))]
        kept = [value for value in then if isinstance(value, (int, float))]
        assert counted == pytest.approx(kept, rel=1e-5, abs=1e-5, nan_ok=True), key


def test_each_file_has_its_own_checks_and_no_other() -> None:
    public, hidden = read("expected.json"), read("answers/hidden.json")
    assert {name.removesuffix("/2") for name in public} == {c.name for c in public_checks()}
    names = {c.name for c in hidden_checks()} | {f"{c.name}/graded" for c in graded_checks()}
    assert {name.removesuffix("/2") for name in hidden} == names
    assert not set(public) & set(hidden)


def test_right_numbers_of_hidden_checks_stand_nowhere_in_the_public_file() -> None:
    """Only numbers with many digits tell: 0 and 1 stand everywhere. Ranges, as of ln 2, do not."""
    parts = [
        (e["right"], *e.get("positions", {}).values()) for e in read("answers/hidden.json").values()
    ]
    exact = [x for part in parts for one in part for x in one.values() if not is_range(x)]
    right = {x for values in exact for x in numbers_in(values)}
    telling = {x for x in right if isinstance(x, float) and len(f"{x:.8g}") > 8}
    assert len(telling) > 200
    assert not telling & {*numbers_in(read("expected.json"))}


def test_a_mistake_never_has_the_right_numbers() -> None:
    """Else a correct answer of one setting would be called a mistake of the other by chance."""
    for name, expected in (read("expected.json") | read("answers/hidden.json")).items():
        for mistake in expected["mistakes"]:
            assert mistake["when"] and mistake["name"] and mistake["hint"][-1] in ".?", name
            shared = expected["right"].keys() & mistake["when"].keys()
            plain = [key for key in shared if not isinstance(mistake["when"][key], dict)]
            same = [
                compare(key, expected["right"][key], mistake["when"][key], {}) is None
                for key in plain
                if not isinstance(expected["right"][key], dict)
            ]
            assert not same or not all(same), (name, mistake["name"])


def test_numbers_tell_mistakes_of_other_names_apart() -> None:
    """Else a program is told another one's mistake."""
    for name, expected in (read("expected.json") | read("answers/hidden.json")).items():
        plain = [
            one
            for one in expected["mistakes"]
            if not any(isinstance(condition, dict) for condition in one["when"].values())
        ]
        for one, other in itertools.combinations(plain, 2):
            if one["name"] != other["name"] and one["when"].keys() == other["when"].keys():
                # Twice as near as float32 needs.
                assert not fits(one["when"], other["when"], 2 * ROUNDING), (name, one, other)


def test_writing_makes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"dpo_loss.values", "train.learns"}
    chosen = tuple(check for check in public_checks() if check.name in few)
    monkeypatch.setattr(write, "public_checks", lambda: chosen)
    monkeypatch.setattr(write, "hidden_checks", lambda: ())
    monkeypatch.setattr(write, "graded_checks", lambda: ())
    (tmp_path / "answers").mkdir()
    write.write(tmp_path)
    made = json.loads((tmp_path / "expected.json").read_text())
    assert [*made] == ["train.learns", "train.learns/2", "dpo_loss.values"]
    assert made == {name: read("expected.json")[name] for name in made}
    assert json.loads((tmp_path / "answers/hidden.json").read_text()) == {}


def test_rounding_keeps_eight_digits() -> None:
    assert write.rounded({"a": [0.123456789012, 5, -1e-12]}) == {"a": [0.12345679, 5, -1e-12]}
