"""Gradescope's zip: what is in it, its two scripts, a submission graded in Gradescope's folders."""

import argparse
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers.generated_submissions import RIGHT_DPO, SWAPPED_DPO, notebook
from helpers.refusals import refused
from helpers.stand_in_worker import StandInWorker, answers, check

from a3lib.kit import grade
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading import grader, gradescope
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.gradescope import (
    AUTOGRADER_SECONDS,
    SCRIPTS,
    autograder_contents,
    for_grading,
    grade_in,
    torch_version,
    write_autograder,
)
from a3lib.kit.grading.results import (
    read_results,
)
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.util.files import PROJECT, zipped

TOOLS = ("bash", "env", "chmod", "basename", "mkdir", "cp", "cat", "timeout")
# A Python, or apt-get, that notes what it is asked and does nothing but make a virtual environment.
FAKE = """#!/bin/bash
echo "$(basename "$0") $*" >>"$RECORD"
if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi
"""
OLD_PYTHON = "#!/bin/bash\nexit 1\n"
APT = """#!/bin/bash
echo "apt-get $*" >>"$RECORD"
if [ "$1" = install ]; then cp "$FAKE" "$BIN/python3.11"; fi
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gradescope's folders, with the zip unpacked in source."""
    folder = tmp_path_factory.mktemp("autograder")
    write_autograder(folder / "autograder.zip", "20", 30)
    for name in ("source", "submission", "results"):
        (folder / name).mkdir()
    unpack(folder / "autograder.zip", folder / "source")
    shutil.copy(folder / "source" / "run_autograder", folder / "run_autograder")
    return folder


def unpack(file: Path, folder: Path) -> None:
    """Unpack a zip with the permissions in it, as unzip does."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            archive.extract(entry, folder)
            (folder / entry.filename).chmod(entry.external_attr >> 16 & 0o777)


def submit(root: Path, **files: str) -> None:
    """Put these files, and no others, where Gradescope puts a submission."""
    for folder in ("submission", "results"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    for name, text in files.items():
        (root / "submission" / name.replace("_dot_", ".")).write_text(text)


def path_with(folder: Path, **programs: str) -> str:
    """Make a folder with these programs and the tools that scripts need, and nothing else."""
    folder.mkdir(parents=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(text)
        program.chmod(0o755)
    return str(folder)


def run_autograder(root: Path, **environment: str) -> dict[str, Any]:
    """Run the script as Gradescope does and return the results, which must be valid."""
    subprocess.run(
        [str(root / "run_autograder")],
        cwd=root,
        env=os.environ | {"AUTOGRADER_ROOT": str(root)} | environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    return json.loads((root / "results" / "results.json").read_text())


# The zip


def test_the_zip_has_the_scripts_the_library_and_the_hidden_checks(root: Path) -> None:
    with zipfile.ZipFile(root / "autograder.zip") as archive:
        names = archive.namelist()
    top = {name for name in names if "/" not in name}
    assert top == {"setup.sh", "run_autograder", "requirements.txt", "constraints.txt"}
    assert names == sorted(names)
    assert {name.split("/")[0] for name in names} == {*top, "a3lib"}
    for needed in (
        "a3lib/kit/checks/answers/hidden.py",
        "a3lib/kit/checks/answers/hidden.json",
        "a3lib/losses.py",
        "a3lib/tinyworld/policy/model.safetensors",
    ):
        assert needed in names
    assert not any("__pycache__" in name for name in names)
    for source in (PROJECT / "a3lib").rglob("*.py"):
        assert source.relative_to(PROJECT).as_posix() in names


def test_only_the_scripts_can_be_executed(root: Path) -> None:
    with zipfile.ZipFile(root / "autograder.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        systems = {entry.create_system for entry in archive.infolist()}
    assert systems == {3}
    for name, mode in modes.items():
        assert stat.S_ISREG(mode)
        executable = name in ("setup.sh", "run_autograder")
        assert stat.S_IMODE(mode) == (0o755 if executable else 0o644)


def test_the_same_tree_gives_the_same_zip() -> None:
    contents = autograder_contents(PROJECT, "20", 30)
    turned = dict(reversed(contents.items()))
    packed = zipped(contents, SCRIPTS)
    assert packed == zipped(turned, SCRIPTS)
    assert packed != zipped(contents | {"setup.sh": b""}, SCRIPTS)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_command_writes_the_zip_with_its_settings(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    grade.add_arguments(parser)
    file = tmp_path / "new" / "a.zip"
    said = grade.execute(parser.parse_args(["--gradescope", str(file), "--positions", "29"]))
    assert said.startswith(f"{file} has ")
    with zipfile.ZipFile(file) as archive:
        script = archive.read("run_autograder").decode()
    assert f"--positions 29 --seconds {AUTOGRADER_SECONDS:g}\n" in script
    grade.execute(parser.parse_args(["--gradescope", str(file), "--seconds", "7.5"]))
    with zipfile.ZipFile(file) as archive:
        assert b"--positions either --seconds 7.5\n" in archive.read("run_autograder")
    assert [entry.name for entry in file.parent.iterdir()] == ["a.zip"]


def test_a_rubric_goes_into_the_zip(tmp_path: Path) -> None:
    rubric = rubric_of(tmp_path, "[exercises]\n1 = 50\n")
    write_autograder(tmp_path / "a.zip", "20", 30, rubric)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("rubric.toml") == rubric.read_bytes()
    with refused("rubric.toml", "exercise '9'"):
        write_autograder(tmp_path / "b.zip", "20", 30, rubric_of(tmp_path, "[exercises]\n9 = 1\n"))


def test_four_exercises_that_hang_twice_fit_into_ten_minutes() -> None:
    assert 4 * grader.ENDS_ALLOWED * AUTOGRADER_SECONDS < 540


def test_a_copy_without_requirements_is_refused(tmp_path: Path) -> None:
    with refused("requirements.txt", "course's own copy"):
        autograder_contents(tmp_path, "20", 30)


def test_what_only_tests_need_is_not_installed() -> None:
    for_tests = "pytest>=8\npytest-xdist>=3\nhypothesis\nnbclient>=1\nnbconvert>=7\n"
    text = f"torch>=2.6\n{for_tests}pytest-thing>=1\ntqdm\n"
    assert for_grading(text) == "torch>=2.6\npytest-thing>=1\ntqdm\n"


def test_torch_is_the_pinned_one() -> None:
    assert torch_version("numpy==2\ntorch==2.13.0\nx==1\n") == "torch==2.13.0"
    assert torch_version("pytorch==1\ntorchvision==3\n") == "torch"


# The scripts


@pytest.mark.parametrize("script", ["setup.sh", "run_autograder"])
def test_the_scripts_are_bash(root: Path, script: str) -> None:
    subprocess.run(["bash", "-n", str(root / "source" / script)], check=True)


def set_up(root: Path, path: str, **environment: str) -> list[str]:
    """Run setup.sh in a copy of Gradescope's folders with only these programs."""
    subprocess.run(
        [str(root / "source" / "setup.sh")],
        env={"PATH": path, "AUTOGRADER_ROOT": str(root), "RECORD": f"{root}/record"} | environment,
        check=True,
        capture_output=True,
    )
    return (root / "record").read_text().splitlines()


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(root / "source", tmp_path / "root" / "source")
    return tmp_path / "root"


def test_setup_installs_torch_for_the_cpu_and_what_grading_needs(
    copy: Path, tmp_path: Path
) -> None:
    record = set_up(copy, path_with(tmp_path / "bin", python3=FAKE))
    asked = [line for line in record if "sys.version_info" not in line]
    torch = torch_version((PROJECT / "constraints.txt").read_text())
    assert torch.startswith("torch==")
    install = "python -m pip install --quiet --no-cache-dir"
    assert asked == [
        f"python3 -m venv {copy}/python",
        f"{install} {torch} --index-url https://download.pytorch.org/whl/cpu",
        f"{install} -r requirements.txt -c constraints.txt",
    ]


def test_setup_hides_the_checks_from_others(copy: Path, tmp_path: Path) -> None:
    set_up(copy, path_with(tmp_path / "bin", python3=FAKE))
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in [copy / "source", *copy.glob("source/**/*")]
    )
    assert (copy / "source" / "a3lib" / "losses.py").stat().st_mode & 0o400


def test_setup_gets_a_recent_python_where_there_is_none(copy: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    path = path_with(tmp_path / "bin", python3=OLD_PYTHON, apt_get=APT)
    record = set_up(copy, path, FAKE=str(fake), BIN=path)
    assert record[:2] == ["apt-get update", "apt-get install -y python3.11 python3.11-venv"]
    assert f"python3.11 -m venv {copy}/python" in record


# One submission


def test_a_submission_is_graded_in_gradescopes_folders(root: Path) -> None:
    submit(root, A3_dot_py=RIGHT_DPO, A3_dot_ipynb=notebook(SWAPPED_DPO))
    own = str(Path(sys.executable).parent)
    found = run_autograder(root, PATH=os.pathsep.join([own, os.environ["PATH"]]))
    assert found["score"] == found["extra_data"]["exercises"]["4"] > 0
    assert found["extra_data"]["finished"] is True
    assert found["extra_data"]["settings"] == {
        "positions": "20",
        "seconds": 30.0,
        "trusted": False,
    }
    assert {test["visibility"] for test in found["tests"]} == {"visible", "hidden"}
    assert "Exercise 5 (15 points) is marked by a person." in found["output"]
    assert found["output"].startswith("Which file:\n  A3.py is graded.\n  A3.ipynb: A3.py beside")
    assert [entry.name for entry in (root / "results").iterdir()] == ["results.json"]
    assert (root / "source").stat().st_mode & 0o077 == 0
    assert (root / "results").stat().st_mode & 0o077 == 0


def test_a_grader_that_does_not_start_leaves_valid_results(root: Path, tmp_path: Path) -> None:
    submit(root, A3_dot_py=RIGHT_DPO)
    path = path_with(tmp_path / "bin", python3="#!/bin/bash\nexit 1\n")
    found = run_autograder(root, PATH=path)
    assert found["score"] == 0
    assert found["extra_data"]["finished"] is False
    assert "The grader did not start. This is not the submission's fault" in found["output"]


def test_a_grader_that_takes_too_long_is_ended(root: Path, tmp_path: Path) -> None:
    submit(root, A3_dot_py=RIGHT_DPO)
    slow = (
        '#!/bin/bash\necho \'{"score": 3}\' >"$AUTOGRADER_ROOT/results/results.json"\nsleep 200\n'
    )
    path = path_with(tmp_path / "bin", python3=slow)
    (Path(path) / "sleep").symlink_to(str(shutil.which("sleep")))
    assert run_autograder(root, PATH=path, AUTOGRADER_LIMIT="0.3") == {"score": 3}


def test_the_environment_of_setup_is_used_before_any_other(root: Path, tmp_path: Path) -> None:
    submit(root, A3_dot_py=RIGHT_DPO)
    (root / "python" / "bin").mkdir(parents=True)
    own = root / "python" / "bin" / "python"
    own.write_text(
        '#!/bin/bash\necho "{\\"said\\": \\"$*\\"}" >"$AUTOGRADER_ROOT/results/results.json"\n'
    )
    own.chmod(0o755)
    path = path_with(tmp_path / "bin", python3="#!/bin/bash\nexit 1\n")
    found = run_autograder(root, PATH=path)
    shutil.rmtree(root / "python")
    assert found == {"said": "-m a3lib.kit.grading.gradescope --positions 20 --seconds 30"}


def rubric_of(folder: Path, text: str) -> Path:
    (folder / "rubric.toml").write_text(text)
    return folder / "rubric.toml"


def put(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x = 1\n")
    return folder


def test_what_is_refused_is_in_the_results(tmp_path: Path) -> None:
    put(tmp_path / "submission", "a.py", "<b>\x1b.py")
    grade_in(tmp_path, Settings())
    found = read_results(tmp_path / "results" / "results.json")
    assert found["score"] == 0
    assert found["tests"] == []
    assert "0 points: One file A3.py or A3.ipynb is graded, but there are < b>" in found["output"]
    assert found["extra_data"]["finished"] is True


def test_results_are_there_after_every_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (check("a", 1, 10.0), check("b", 2, 20.0))
    made: list[dict[str, Any]] = []
    seen: list[int] = []
    results = tmp_path / "results" / "results.json"

    def script(probe: str, inputs: dict[str, Any]) -> Any:
        seen.append(len(read_results(results)["tests"]))
        return answers(1)

    class Worker:
        def __init__(self, **settings: Any) -> None:
            made.append(settings)

        def __enter__(self) -> StandInWorker:
            return StandInWorker(script)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(gradescope, "Worker", Worker)
    monkeypatch.setattr(gradescope, "all_checks", lambda: checks)
    monkeypatch.setattr(grader, "judge", lambda asked, found, positions: Verdict(asked, True))
    put(tmp_path / "submission", "A3.py")
    grade_in(tmp_path, Settings(seconds=9))
    assert seen == [0, 1]
    assert read_results(results)["score"] == 30
    assert len(read_results(results)["extra_data"]["file_sha256"]) == 64
    rubric = "[checks]\na = 3\nb = 4\n[exercises]\n1 = 3\n2 = 4\n"
    grade_in(tmp_path, Settings(seconds=9), rubric_of(tmp_path, rubric))
    assert read_results(results)["score"] == 7
    assert [made[0]["limits"].seconds, made[0].get("trusted", False)] == [9, False]


def test_a_machine_that_cannot_grade_says_so_and_gives_no_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Worker:
        def __init__(self, **settings: Any) -> None:
            raise MachineFailure("no more threads")

    monkeypatch.setattr(gradescope, "Worker", Worker)
    put(tmp_path / "submission", "A3.py")
    grade_in(tmp_path, Settings(seconds=9))
    results = read_results(tmp_path / "results" / "results.json")
    assert results["score"] == 0 and not results["extra_data"]["finished"]
    assert "no more threads" in results["output"] and gradescope.NO_FAULT in results["output"]
