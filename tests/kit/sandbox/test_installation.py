"""Files of the installation that errors name: missing ones are not a student's doing."""

import sys
from pathlib import Path

import pytest

from a3lib.kit.sandbox import installation
from a3lib.kit.sandbox.installation import missing_files


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one package, as an installer leaves it."""
    folder = tmp_path / "site-packages"
    (folder / "nets/parts").mkdir(parents=True)
    for name in ("nets/__init__.py", "nets/model.py", "nets/parts/__init__.py", "nets/words.json"):
        (folder / name).touch()
    (folder / "nets-1.0.dist-info").mkdir()
    (folder / "nets-1.0.dist-info/RECORD").write_text(
        "nets/__init__.py,sha256=x,3\nnets/model.py,,\nnets/parts/__init__.py,,\nnets/words.json,,"
    )
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("nets/model.py", "ModuleNotFoundError: No module named 'nets.model'"),
        ("nets/parts/__init__.py", "import nets.parts: No module named 'nets.parts'"),
        ("nets/words.json", "[Errno 2] No such file or directory: '{folder}/nets/words.json'"),
        ("nets/words.json", 'No such file or directory: "{folder}/nets/words.json"'),
    ],
)
def test_a_file_that_was_installed_and_is_gone_is_named(
    packages: Path, file: str, text: str
) -> None:
    text = text.replace("{folder}", str(packages))
    assert missing_files([text]) == ""
    (packages / file).unlink()
    assert (
        missing_files(["ValueError: x", text])
        == f"{packages / file} of the installation is missing"
    )
    assert missing_files(["ValueError: x"]) == "", "it was no reason for this error"


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'nets.modell'",
        "ModuleNotFoundError: No module named 'a_module_that_is_not_there'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'weights.pt'",
        "FileNotFoundError: [Errno 2] No such file or directory: '{folder}/nets/mine.json'",
    ],
)
def test_what_never_was_there_is_the_students_mistake(packages: Path, text: str) -> None:
    assert missing_files([text.replace("{folder}", str(packages))]) == ""


def test_our_own_weights_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(file.name == "config.json" for file in installation.PUBLIC_FILES)
    weights = tmp_path / "weights"
    weights.touch()
    monkeypatch.setattr(installation, "PUBLIC_FILES", (weights,))
    assert missing_files([]) == ""
    weights.unlink()
    assert missing_files([]) == f"{weights} of the installation is missing"
