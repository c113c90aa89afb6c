"""Arrows point down: import-linter holds the modules to the floors that pyproject.toml lists."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from a3lib.util.files import LIBRARY, PROJECT

pytest.importorskip("importlinter")
LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a folder that has pyproject.toml and a3lib."""
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's modules and the contracts, in a folder of their own."""
    folder = tmp_path_factory.mktemp("layers")
    shutil.copytree(LIBRARY, folder / "a3lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


def test_every_arrow_points_down(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("losses", "import a3lib.preferences", "The algorithm is below"),
        ("logprobs", "import a3lib.training", "The algorithm is below"),
        ("training", "import a3lib.study", "The algorithm is below"),
        ("study/grid", "import a3lib.notebook.timing", "The algorithm is below"),
        ("a_new_module", "", "The algorithm is below"),
        ("losses", "import a3lib.forward", "know no models"),
        ("preferences", "import transformers", "know no models"),
        ("__main__", "import a3lib.kit.run", "Nothing but the kit"),
        ("kit/source/submission", "import a3lib.kit.script.text", "below the exporter"),
        ("kit/audience", "import a3lib.kit.source", "below the exporter"),
        ("kit/grade", "import a3lib.kit.release", "below the exporter"),
        ("kit/a_new_tool", "", "below the exporter"),
        ("kit/checks/probes/spies", "import a3lib.kit.checks.judge", "Probes"),
        ("kit/checks/catalogue", "import a3lib.kit.checks.answers", "Probes"),
    ],
)
def test_an_arrow_upwards_and_a_module_without_a_floor_are_found(
    copy: Path, module: str, line: str, contract: str
) -> None:
    file = copy / "a3lib" / f"{module}.py"
    before = file.read_text(encoding="utf-8") if file.exists() else None
    file.write_text((before or '"""New."""\n') + f"\n{line}\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    (broken,) = (row for row in done.stdout.splitlines() if row.endswith(" BROKEN"))
    assert contract in broken


@pytest.mark.parametrize(("picture", "contract"), [(0, "floors"), (1, "kit")])
def test_the_map_draws_the_contract(picture: int, contract: str) -> None:
    text = (LIBRARY / "README.md").read_text(encoding="utf-8")
    drawn = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[picture].splitlines()
    config = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {c["id"]: c for c in config["tool"]["importlinter"]["contracts"]}
    assert [line.split("  ")[0] for line in drawn] == contracts[contract]["layers"]
