"""The README's promises: its commands exist, and its examples work as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from a3lib.__main__ import COMMANDS
from a3lib.util.files import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"```diff\n(.*?)```", README, re.DOTALL)
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
from a3lib.kit.checks.answers import oracle
from a3lib.kit.checks.catalogue import POINTS, public_checks
oracle.write(Path(oracle.__file__).parent)
(made,) = [check for check in public_checks() if check.name == "labels.one"]
assert oracle.expected_of(made)["right"]["labels"] == [[-100, -100, -100, 4]]
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
def test_an_extension_works_as_the_readme_shows_it(kind: str, diff: str, tmp_path: Path) -> None:
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


def test_the_table_of_commands_is_complete() -> None:
    table = README[README.index("## Commands") : README.index("## Other models")]
    listed = set(re.findall(r"^\| `(\w+)[^`]*` \|", table, re.MULTILINE)) - {"python"}
    assert listed == set(COMMANDS)


def test_every_file_that_the_readme_names_is_there() -> None:
    rows = README[README.index("## Where things are") :]
    # What a run makes is not there yet.
    for name in set(re.findall(r"`([\w./*]+)`", rows)) - {"report.html"}:
        ending = name.rstrip("/").removeprefix("a3lib/")
        assert any((PROJECT / "a3lib").rglob(ending)) or (PROJECT / name).exists(), name


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (PROJECT / target).exists(), target
