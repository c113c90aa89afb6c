"""How to contribute: its examples work as they stand, and the hooks run pinned tools."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from a3lib.util.files import PROJECT

GUIDE = (PROJECT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"```diff\n(.*?)```", GUIDE, re.DOTALL)
LONGEST_DIFF = 9

TRY = {
    "loss": """
import torch
from a3lib.study.methods import find_method
far, near = torch.tensor([[-5.0], [-9.0]]), torch.zeros(2, 1)
method = find_method("squared_hinge-forward_kl")
assert method.pair_losses(near, near, 0.1).item() == 1
far = find_method("squared_hinge-reverse_kl").pair_losses(far, near, 0.1).item()
assert abs(far - (1 - 0.025 * 4) ** 2) < 1e-6, far
""",
    "check": """
from pathlib import Path
from a3lib.kit.checks.answers.write import expected_of, write
from a3lib.kit.checks.catalogue import POINTS, public_checks
from a3lib.util.files import LIBRARY
assert LIBRARY.parent == Path.cwd(), LIBRARY
write(LIBRARY / "kit" / "checks")
assert "labels.one" in (LIBRARY / "kit" / "checks" / "expected.json").read_text()
(added,) = [check for check in public_checks() if check.name == "labels.one"]
assert expected_of(added)["right"]["labels"] == [[-100, -100, -100, 4]]
assert sum(check.points for check in public_checks() if check.exercise == 4) < POINTS[4]
""",
    "profile": """
from a3lib.profiles import get_profile
assert get_profile("gpt2").policy == "openai-community/gpt2"
assert get_profile("gpt2").reviews == get_profile("t4").reviews
""",
}


def changes(diff: str) -> list[tuple[str, str, str]]:
    """What a diff changes: for each hunk the file, the lines that are there, and those to be.

    A hunk begins at a file's name, and at a line that does not follow the one before it.
    """
    found = []
    for part in re.split(r"^# (?=a3lib)", diff, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        text = (PROJECT / name).read_text(encoding="utf-8")
        before: list[str] = []
        after: list[str] = []
        for line in body.splitlines():
            sign, content = line[:1], line[1:]
            if sign != "+" and "\n".join([*before, content]) + "\n" not in text:
                found.append((name, "\n".join(before), "\n".join(after)))
                before, after = [], []
            before += [content] * (sign != "+")
            after += [content] * (sign != "-")
        found.append((name, "\n".join(before), "\n".join(after)))
    return found


def test_there_is_an_example_of_each_extension() -> None:
    assert len(DIFFS) == len(TRY)


@pytest.mark.parametrize(("kind", "diff"), list(zip(TRY, DIFFS, strict=True)), ids=list(TRY))
def test_an_extension_works_as_the_guide_shows_it(kind: str, diff: str, tmp_path: Path) -> None:
    changed = [line for line in diff.splitlines() if line[:1] in "+-"]
    assert len(changed) <= LONGEST_DIFF
    shutil.copytree(PROJECT / "a3lib", tmp_path / "a3lib")
    for name, before, after in changes(diff):
        file = tmp_path / name
        text = file.read_text(encoding="utf-8")
        assert before and text.count(before) == 1, (name, before)
        file.write_text(text.replace(before, after), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRY[kind]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def hooks() -> list[dict[str, object]]:
    """The hooks of pre-commit."""
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for repository in config["repos"] for hook in repository["hooks"]]


def test_the_hooks_are_local_and_their_tools_pinned() -> None:
    pinned = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    packages = {"lint-imports": "import-linter"}
    tools = {str(hook["entry"]).split()[0] for hook in hooks()}
    assert tools == {"ruff", "mypy", "lint-imports", "nbstripout"}
    for tool in {*tools, "pre_commit"}:
        assert re.search(rf"^{packages.get(tool, tool)}==", pinned, re.MULTILINE), tool
    assert {hook["language"] for hook in hooks()} == {"system"}


def test_ci_runs_what_the_hooks_run() -> None:
    ci = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    for hook in hooks():
        tool, *words = str(hook["entry"]).split()
        command = [tool, *words[:1]] if tool == "ruff" else [tool]
        assert re.search(rf"^{' '.join(command)}\b", ci, re.MULTILINE), hook


@pytest.mark.parametrize(
    "form", sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").iterdir()), ids=lambda f: f.name
)
def test_an_issue_form_has_what_github_asks_for(form: Path) -> None:
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert read["name"] and read["description"] and read["body"]
    for field in read["body"]:
        assert field["type"] in {"markdown", "input", "textarea", "dropdown"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]
    names = [field["id"] for field in read["body"] if field["type"] != "markdown"]
    assert len(set(names)) == len(names) > 0
