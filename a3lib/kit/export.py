"""Write the script that is handed in, and check it in a fresh process.

Definitions, imports and plain constants stay at the script's top level, so an import runs nothing.
All other code goes, in the notebook's order, under one `if __name__ == "__main__":`, so running
the script does what running the notebook does. `cells` says what is left out of a cell,
`placement` where each statement goes, and `script` puts the text together.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from a3lib.kit.cells import ExportError
from a3lib.kit.placement import Findings
from a3lib.kit.script import notebook_to_source
from a3lib.kit.signatures import REQUIRED_DEFAULTS, REQUIRED_FUNCTIONS


@dataclass(frozen=True)
class ExportReport(Findings):
    """The findings of an export, and the file it wrote."""

    output: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Verification:
    """What a fresh process found in a script; `error` is None when the script imports."""

    error: str | None
    seconds: float
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()


def export_notebook(notebook: Path, output: Path) -> ExportReport:
    """Write a notebook's script; raises `ExportError`, and then leaves `output` as it was."""
    if output.resolve() == notebook.resolve():
        raise ExportError(f"{output} is the notebook itself: choose another file with -o.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Those are of a student's code or an old notebook file.
        nb = read_notebook(notebook)
        try:
            source, findings = notebook_to_source(nb)
        except ExportError as error:
            raise ExportError(f"{notebook}: {error}") from error
    content = source.encode()
    write_at_once(output, content)
    digest = hashlib.sha256(content).hexdigest()
    return ExportReport(**vars(findings), output=output, sha256=digest, size=len(content))


def read_notebook(notebook: Path) -> Any:
    """Read a notebook; raises `ExportError` where it is none."""
    try:
        nb = nbformat.read(notebook, as_version=4)
        if not all(isinstance(c.source, str) and isinstance(c.cell_type, str) for c in nb.cells):
            raise ValueError("a cell has no source")
    except OSError as error:
        raise ExportError(
            f"{notebook} cannot be read ({error.strerror}): give the path of your notebook."
        ) from error
    except Exception as error:  # Each kind of wrong file fails in its own way in nbformat.
        raise ExportError(
            f"{notebook} is not a notebook: save it again where you edit it, and give that file."
        ) from error
    return nb


def write_at_once(output: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises `ExportError` where it cannot be written."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ExportError(
            f"{output} cannot be written ({error.strerror}): choose another file with -o."
        ) from error


CHILD = """
import importlib.util, inspect, json, sys, time
script, name, *functions = sys.argv[1:]
spec = importlib.util.spec_from_file_location(name, script)
module = sys.modules[name] = importlib.util.module_from_spec(spec)
started = time.perf_counter()
spec.loader.exec_module(module)
seconds = time.perf_counter() - started

def arguments(value):
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.name, p.default is not p.empty] for p in parameters]

found = {f: arguments(getattr(module, f)) for f in functions if hasattr(module, f)}
print()  # The script may have left a line open.
print(json.dumps({"seconds": seconds, "found": found}))
"""


def verify_script(
    script: Path, timeout: float = 60.0, notebook_folder: Path | None = None
) -> Verification:
    """Import a script in a fresh process without network or GPU, and look at its functions."""
    folders = [script.resolve().parent, (notebook_folder or script.parent).resolve()]
    paths = [*folders, Path(__file__).resolve().parents[2], os.environ.get("PYTHONPATH")]
    settings = {
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    try:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, script.resolve(), script.stem, *REQUIRED_FUNCTIONS],
            cwd=folders[0],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return Verification(f"its import takes longer than {timeout:g} seconds", timeout)
    answers = [line for line in child.stdout.splitlines() if line.startswith('{"seconds"')]
    if child.returncode or not answers:
        lines = child.stderr.strip().splitlines()
        return Verification(lines[-1] if lines else f"it ends with {child.returncode}", 0.0)
    answer = json.loads(answers[-1])
    return compare(answer["seconds"], answer["found"])


def compare(seconds: float, arguments: dict[str, list[tuple[str, bool]] | None]) -> Verification:
    """Hold a script's functions, given as arguments with "has a default", against the list."""
    found, missing, different = [], [], []
    for name, required in REQUIRED_FUNCTIONS.items():
        given = arguments.get(name)
        shown = ", ".join(f"{a}=..." if has_default else a for a, has_default in given or [])
        optional = required[len(required) - REQUIRED_DEFAULTS[name] :]
        if name not in arguments:
            missing.append(name)
        elif given is None:
            different.append(f"{name} is not a function")
        elif tuple(argument for argument, _ in given) != required:
            different.append(f"{name}({shown}) must be {name}({', '.join(required)})")
        elif not all(has_default for argument, has_default in given if argument in optional):
            different.append(f"{name}({shown}) must have a default for {' and '.join(optional)}")
        else:
            found.append(name)
    return Verification(None, seconds, tuple(found), tuple(missing), tuple(different))


def summary(report: ExportReport, check: Verification) -> str:
    """Return what the command prints about a script."""
    count = f"{len(check.found)} of {len(REQUIRED_FUNCTIONS)}"
    functions = [
        f"imported in {check.seconds:.1f} s; functions found: {count}",
        *(f"  missing: {name}" for name in check.missing),
        *(f"  different: {text}" for text in check.different),
    ]
    lines = [
        f"wrote {report.output}: {report.size} bytes, SHA-256 {report.sha256}",
        *(functions if check.error is None else []),
        f"left out or rewritten: {len(report.left_out) or 'nothing'}",
        *(f"  cell {o.cell}, line {o.line}: {o.text} ({o.why})" for o in report.left_out),
        f"globals a grader supplies: {', '.join(report.supplied_globals) or 'none'}",
        f"problems: {len(report.problems) or 'none'}",
        *(f"  {problem}" for problem in report.problems),
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Export, check and report; return 0, or 1 if there is no script or it does not import."""
    parser = argparse.ArgumentParser(description="Make the script to hand in from the notebook.")
    parser.add_argument("notebook", nargs="?", type=Path, default=Path("A3.ipynb"))
    parser.add_argument("-o", "--output", type=Path, help="default: the notebook's name with .py")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds an import may take")
    options = parser.parse_args(argv)
    output = options.output or Path(f"{options.notebook.stem}.py")
    try:
        report = export_notebook(options.notebook, output)
    except ExportError as error:
        print(error, file=sys.stderr)
        return 1
    check = verify_script(output, options.timeout, options.notebook.parent)
    print(summary(report, check))
    if check.error is None:
        return 0
    print(f"{output} does not import: {check.error}", file=sys.stderr)
    return 1
