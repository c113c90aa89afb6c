"""A copy of the library without the answers: what is left imports, and what is gone is gone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from a3lib.kit.audience import ANSWERS, STUDENT_KIT, is_for_students
from a3lib.util.files import LIBRARY, PROJECT

IMPORT_ALL = """
import importlib, pathlib, sys
for file in sorted(pathlib.Path("a3lib").rglob("*.py")):
    parts = [part for part in file.with_suffix("").parts if part != "__init__"]
    importlib.import_module(".".join(parts))
print("imported", len(sys.modules))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library without the modules that are not for students."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(LIBRARY, folder / "a3lib", ignore=shutil.ignore_patterns("__pycache__"))
    for file in [*(folder / "a3lib").rglob("*.py")]:
        parts = [p for p in file.relative_to(folder).with_suffix("").parts if p != "__init__"]
        if not is_for_students(".".join(parts)):
            file.unlink()
            if not any(file.parent.glob("*.py")):
                shutil.rmtree(file.parent)
    return folder


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_lists_name_each_module_once() -> None:
    listed = [*ANSWERS, *STUDENT_KIT]
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("module", "kept"),
    [
        ("a3lib", True),
        ("a3lib.data", True),
        ("a3lib.generation", False),
        ("a3lib.rewards", False),
        ("a3lib.logprobs", False),
        ("a3lib.losses", False),
        ("a3lib.preferences", False),
        ("a3lib.training", False),
        ("a3lib.tinyworld.grammar", True),
        ("a3lib.tinyworld.build", False),
        ("a3lib.kit", True),
        ("a3lib.kit.check", True),
        ("a3lib.kit.checks.judge", True),
        ("a3lib.kit.checks.answers.write", False),
        ("a3lib.kit.checks.answers.hidden", False),
        ("a3lib.kit.checks.answers", False),
        ("a3lib.study", False),
        ("a3lib.study.grid", False),
        ("a3lib.studying", True),
        ("a3lib.kit.student.proof", False),
        # What nobody has named is the course's: a new tool must not slip into a student's copy.
        ("a3lib.kit.new_tool", False),
        ("a3lib.kit.check_more", False),
    ],
)
def test_a_student_has_the_given_parts_and_of_the_kit_only_what_is_named(
    module: str, kept: bool
) -> None:
    assert is_for_students(module) == kept


@pytest.mark.parametrize("place", [*ANSWERS, *STUDENT_KIT])
def test_every_place_in_the_lists_exists(place: str) -> None:
    path = PROJECT.joinpath(*place.split("."))
    assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_every_module_that_is_left_imports_by_itself(copy: Path) -> None:
    done = run_in(copy, "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("imported")


def test_a_copy_offers_only_the_commands_that_it_has(copy: Path) -> None:
    text = run_in(copy, "-m", "a3lib", "--help").stdout
    assert " run " in text
    for command in ("study", "release", "grade"):
        assert f" {command} " not in text


def test_the_preflight_of_a_copy_estimates_every_section_that_it_has(copy: Path) -> None:
    code = (
        "from a3lib.notebook.preflight import preflight; from a3lib.profiles import get_profile;"
        "preflight(get_profile('tiny', debug=True))"
    )
    done = run_in(copy, "-c", code)
    assert done.returncode == 0, done.stderr
    estimates = [line for line in done.stdout.splitlines() if " about " in line]
    sections = ["section 1", "section 2", "section 3", "section 4", "all sections"]
    assert [line[: len(name)] for line, name in zip(estimates, sections, strict=True)] == sections
