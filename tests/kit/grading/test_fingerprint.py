"""What a grade depends on: all that can change one is in its fingerprint, and nothing else."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from a3lib.kit.checks.catalogue import Check
from a3lib.kit.grading.fingerprint import Settings, file_fingerprint, fingerprint, grading_files
from a3lib.kit.sandbox.worker import PROBES
from a3lib.kit.source.interface import REQUIRED_FUNCTIONS
from a3lib.kit.source.submission import read_submission
from a3lib.util.files import LIBRARY, PROJECT

CHECK = Check(
    name="dpo_loss.values",
    function="compute_DPO_loss",
    title="values",
    points=4.0,
    hidden=False,
    probe="dpo_loss",
    inputs={},
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library that a test may change, if it changes it back."""
    folder = tmp_path_factory.mktemp("copy") / "a3lib"
    return Path(shutil.copytree(LIBRARY, folder, ignore=shutil.ignore_patterns("__pycache__")))


def test_the_checks_and_the_settings_are_in_it() -> None:
    first = fingerprint([CHECK], Settings())
    assert first == fingerprint([CHECK], Settings())
    assert fingerprint([replace(CHECK, points=9)], Settings()) != first
    assert fingerprint([replace(CHECK, inputs={"a": 1})], Settings()) != first
    assert fingerprint([CHECK], Settings(positions="20")) != first
    assert fingerprint([CHECK], Settings(seconds=1)) != first
    assert fingerprint([CHECK], Settings(trusted=True)) != first
    json.dumps(first)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("kit/checks/probes/tensors.py", True),
        ("kit/checks/answers/hidden.py", True),
        ("kit/checks/answers/hidden.json", True),
        ("kit/checks/expected.json", True),
        ("kit/checks/judge.py", True),
        ("kit/checks/catalogue.py", True),
        ("kit/source/selection.py", True),
        ("kit/sandbox/lockdown.py", True),
        ("kit/grading/grader.py", True),
        ("kit/audience.py", True),
        ("tinyworld/policy/model.safetensors", True),
        ("tinyworld/grammar.py", True),
        ("util/batching.py", True),
        ("losses.py", True),
        ("tokenization.py", True),
        ("kit/checks/README.md", False),
        ("kit/sandbox/README.md", False),
        ("tinyworld/CARD.md", False),
        ("kit/grading/gradebook.py", False),
        ("kit/latex/markup.py", False),
        ("kit/release.py", False),
        ("report/report.css", False),
        ("report/page.py", False),
        ("results/tables.py", False),
        ("plots/styles.py", False),
        ("study/train.py", False),
        ("notebook/widgets.py", False),
        ("kit/checks/__pycache__/judge.cpython-311.pyc", False),
    ],
)
def test_a_file_s_change_counts_or_not(name: str, counts: bool, library: Path) -> None:
    before = fingerprint([CHECK], Settings(), library)
    file = library / name
    content = file.read_bytes() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_bytes((content or b"") + b"\n")
    try:
        assert (fingerprint([CHECK], Settings(), library) != before) == counts
    finally:
        file.write_bytes(content) if content is not None else file.unlink()
    assert fingerprint([CHECK], Settings(), library) == before


def test_names_and_the_bounds_of_contents_are_in_it(tmp_path: Path) -> None:
    prints = []
    for files in ({"a.py": b"1", "b.py": b"2"}, {"a.py": b"2", "b.py": b"1"}, {"a.py": b"1"}):
        folder = tmp_path / str(len(prints))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        prints.append(fingerprint([CHECK], Settings(), folder)["checks_sha256"])
    (tmp_path / "0" / "b.py").unlink()
    prints.append(fingerprint([CHECK], Settings(), tmp_path / "0")["checks_sha256"])
    assert len(set(prints)) == 3 and prints[2] == prints[3]


def file_of(module: str) -> Path | None:
    """The file of one of this library's modules, or None where the name is no module's."""
    path = PROJECT.joinpath(*module.split("."))
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)


def imported_by(file: Path) -> set[str]:
    """The modules of this library that a file imports anywhere, with the packages they are in."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    ours = {name for name in names if name.split(".")[0] == "a3lib" and file_of(name)}
    return ours | {name.rpartition(".")[0] for name in ours if "." in name}


def test_whatever_the_grader_the_reader_and_the_child_import_is_in_it() -> None:
    grading, sandbox = "a3lib.kit.grading", "a3lib.kit.sandbox"
    waiting = {f"{grading}.grader", f"{grading}.reader", f"{sandbox}.forkserver", PROBES}
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        file = file_of(module)
        assert file is not None
        waiting |= imported_by(file) - seen
    assert {f"{sandbox}.child_main", "a3lib.kit.checks.fixtures", "a3lib.util.text"} <= seen
    covered = set(grading_files())
    # A package's own docstring is no code.
    files = {f for f in map(file_of, seen) if f and f.read_text(encoding="utf-8").count('"""') != 2}
    files |= {file for file in map(file_of, seen) if file and file.name != "__init__.py"}
    assert files <= covered


def test_whatever_the_notebook_s_functions_call_of_the_library_is_in_it() -> None:
    submission = read_submission(PROJECT / "A3.ipynb")
    statements = [node for kept in submission.kept for node in ast.parse(kept.text).body]
    homes = {
        alias.asname or alias.name: str(node.module)
        for node in statements
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("a3lib")
        for alias in node.names
    }
    used = {
        name.id
        for node in statements
        if isinstance(node, ast.FunctionDef) and node.name in REQUIRED_FUNCTIONS
        for name in ast.walk(node)
        if isinstance(name, ast.Name)
    }
    called = {homes[name] for name in used & homes.keys()}
    assert "a3lib.losses" in called
    assert {file_of(module) for module in called} <= set(grading_files())


def test_the_files_fingerprint_is_what_a_student_sees(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_bytes(b"x = 1\n")
    # What sha256sum prints for those bytes.
    expected = "9e26bf369911c45c243c684147b23fc9e1dcfcf257d299a1c632016a6fcd33f4"
    assert file_fingerprint(file) == {"file_sha256": expected}
    assert file_fingerprint(tmp_path / "none.py") == {"file_sha256": ""}
