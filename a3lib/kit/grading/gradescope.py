"""Gradescope: the zip that it wants, and what that zip runs for each submission.

Gradescope unpacks the zip into /autograder/source, runs setup.sh once, and for each submission
copies run_autograder to /autograder and runs it there. It reads /autograder/results/results.json.
https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from a3lib.errors import InputError
from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.discovery import the_submission
from a3lib.kit.grading.fingerprint import Settings, file_fingerprint, fingerprint
from a3lib.kit.grading.grader import all_checks, grade_submission
from a3lib.kit.grading.reader import Reader
from a3lib.kit.grading.results import (
    RESULTS_FILE,
    Grading,
    results_of,
    section,
    write_results,
)
from a3lib.kit.grading.rubric import RUBRIC_FILE, applied, read_rubric, rescored
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.sandbox.worker import Limits, Worker
from a3lib.util.files import PROJECT, write_at_once, zipped

ROOT_VARIABLE, DEFAULT_ROOT = "AUTOGRADER_ROOT", "/autograder"
SCRIPTS = ("setup.sh", "run_autograder")
# Gradescope gives ten minutes; four exercises that hang twice each must fit in.
AUTOGRADER_SECONDS = 40.0
NO_FAULT = "This is not the submission's fault; submit again, or tell the course staff."
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
NOT_FOR_GRADING = ("pytest", "pytest-xdist", "hypothesis", "nbclient", "nbconvert")

SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
cd "$root/source"

recent_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}
if ! recent_python >/dev/null; then
    apt-get update
    apt-get install -y python3.11 python3.11-venv
fi
python=$(recent_python)
# Distributions do not let pip install beside their own packages.
if ! "$python" -m venv "$root/python"; then
    apt-get update
    apt-get install -y "$(basename "$python")-venv"
    "$python" -m venv "$root/python"
fi
pip=("$root/python/bin/python" -m pip install --quiet --no-cache-dir)
"${pip[@]}" "@TORCH@" --index-url @INDEX@
"${pip[@]}" -r requirements.txt -c constraints.txt

# What a submission runs is another user, who must not read the checks.
chmod -R go-rwx "$root/source"
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission. Whatever happens, a valid results.json is left.
root=${AUTOGRADER_ROOT:-/autograder}
results="$root/results/results.json"
mkdir -p "$root/results"
cat >"$results" <<'END'
@FALLBACK@
END
chmod -R go-rwx "$root/source" "$root/results"

python="$root/python/bin/python"
[ -x "$python" ] || python=python3
# Gradescope ends a container after ten minutes and then reads no results.
limit=()
if command -v timeout >/dev/null; then
    limit=(timeout --kill-after=5 "${AUTOGRADER_LIMIT:-540}")
fi
cd "$root/source" || exit 0
export AUTOGRADER_ROOT="$root" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
"${limit[@]}" "$python" -m a3lib.kit.grading.gradescope --positions @POSITIONS@ --seconds @SECONDS@
exit 0
"""


def write_autograder(file: Path, positions: str, seconds: float, rubric: Path | None = None) -> str:
    """Write Gradescope's autograder zip, with these settings in it, and say what it holds.

    Raises InputError where this copy of the project lacks what the zip needs, the rubric is wrong,
    or the file cannot be written.
    """
    contents = autograder_contents(PROJECT, positions, seconds)
    if rubric is not None:
        read_rubric(rubric, all_checks())
        contents[RUBRIC_FILE] = rubric.read_bytes()
    write_at_once(file, zipped(contents, SCRIPTS), "give another file")
    size = file.stat().st_size / 1e6
    return (
        f"{file} has {len(contents)} files, {size:.1f} MB. Upload it as the autograder; the file "
        "that students hand in is A3.py or A3.ipynb."
    )


def autograder_contents(project: Path, positions: str, seconds: float) -> dict[str, bytes]:
    """Return the autograder's files by their path in the zip.

    Raises InputError where a file of the course's copy is missing.
    """
    for name in ("requirements.txt", "constraints.txt"):
        if not (project / name).is_file():
            raise InputError(f"There is no {name} in {str(project)!r}; use the course's own copy.")
    requirements = (project / "requirements.txt").read_text(encoding="utf-8")
    constraints = (project / "constraints.txt").read_text(encoding="utf-8")
    setup = SETUP.replace("@TORCH@", torch_version(constraints)).replace("@INDEX@", TORCH_INDEX)
    run = RUN.replace("@POSITIONS@", positions).replace("@SECONDS@", f"{seconds:g}")
    texts = {
        "setup.sh": setup,
        "run_autograder": run.replace("@FALLBACK@", fallback()),
        "requirements.txt": for_grading(requirements),
        "constraints.txt": constraints,
    }
    package = {
        source.relative_to(project).as_posix(): source.read_bytes()
        for source in (project / "a3lib").rglob("*")
        if source.is_file() and "__pycache__" not in source.parts
    }
    return {name: text.encode() for name, text in texts.items()} | package


def torch_version(constraints: str) -> str:
    """Return pip's requirement for the torch that the constraints pin."""
    pinned = re.search(r"^torch==\S+$", constraints, flags=re.MULTILINE)
    return pinned[0] if pinned else "torch"


def for_grading(requirements: str) -> str:
    """Return the requirements without those that only tests and whole notebooks need."""
    lines = requirements.splitlines(keepends=True)
    return "".join(
        line for line in lines if re.split(r"[^\w-]", line, maxsplit=1)[0] not in NOT_FOR_GRADING
    )


def nothing_graded(reason: str, finished: bool = True) -> dict[str, Any]:
    """Return results with no points, and the reason, for a submission that is not graded."""
    return results_of(Grading({}, (), unreadable=reason, finished=finished))


def fallback() -> str:
    """Return the results.json that is in place until the grader has written its own."""
    reason = f"The grader did not start. {NO_FAULT}"
    return json.dumps(nothing_graded(reason, finished=False))


def grade_in(root: Path, settings: Settings, rubric: Path | None = None) -> None:
    """Grade the submission in Gradescope's folders and write results/results.json."""
    with TemporaryDirectory() as folder:
        try:
            file, left = the_submission(root / "submission", Room(Path(folder)))
        except InputError as error:
            write_results(root / "results" / RESULTS_FILE, nothing_graded(str(error)))
            return
        said = [f"{file.name} is graded.", *(f"{name}: {reason}" for name, reason in left)]
        grade_file(file, root, settings, rubric, "\n".join(section("Which file", said)))


def grade_file(file: Path, root: Path, settings: Settings, rubric: Path | None, which: str) -> None:
    """Grade a file, with a line in front of what a student reads: which file it was."""
    checks = all_checks()
    points = applied(read_rubric(rubric, checks), checks)

    def keep(grading: Grading) -> None:
        results = rescored(results_of(grading), points)
        results["output"] = f"{which}\n{results['output']}"
        write_results(root / "results" / RESULTS_FILE, results)

    identity = file_fingerprint(file) | fingerprint(checks, settings)
    try:
        with Worker(limits=Limits(seconds=settings.seconds)) as worker, Reader() as reader:
            grade_submission(file, worker, checks, settings, identity, keep, reader.read)
    except MachineFailure as failure:
        reason = f"The machine could not grade this file ({failure}). {NO_FAULT}"
        write_results(root / "results" / RESULTS_FILE, nothing_graded(reason, finished=False))


def main() -> int:
    """Grade the one submission under AUTOGRADER_ROOT, as run_autograder asks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--positions", default=Settings.positions)
    parser.add_argument("--seconds", type=float, default=AUTOGRADER_SECONDS)
    arguments = parser.parse_args()
    root = Path(os.environ.get(ROOT_VARIABLE, DEFAULT_ROOT))
    rubric = PROJECT / RUBRIC_FILE
    settings = Settings(arguments.positions, arguments.seconds)
    grade_in(root, settings, rubric if rubric.is_file() else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
