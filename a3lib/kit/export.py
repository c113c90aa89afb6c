"""Write the script that is handed in, and check it in a fresh process.

Definitions, imports and plain constants stay at the script's top level, so an import runs nothing.
All other code goes, in the notebook's order, under one `if __name__ == "__main__":`, so running
the script does what running the notebook does. `cells` says what is left out of a cell,
`script.top_level` where each statement goes, and `script.text` puts the text together.
"""

import argparse
import hashlib
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a3lib.errors import InputError
from a3lib.kit.script.current_notebook import in_a_notebook, notebook_from_colab, notebook_in_use
from a3lib.kit.script.text import notebook_to_source
from a3lib.kit.script.top_level import Findings
from a3lib.kit.script.verify import Verification, verify_script
from a3lib.kit.source.cells import ExportError, LeftOut
from a3lib.kit.source.documents import read_notebook
from a3lib.kit.source.interface import REQUIRED_FUNCTIONS
from a3lib.kit.source.submission import read_script
from a3lib.kit.source.told import is_needed, line_about, report_on
from a3lib.util.files import write_at_once


@dataclass(frozen=True)
class ExportReport(Findings):
    """The findings of an export, the file it wrote, and what of that a grader does not execute."""

    output: Path
    sha256: str
    size: int
    not_executed: tuple[LeftOut, ...]

    @property
    def needed(self) -> tuple[LeftOut, ...]:
        """Return what asked functions need of what a grader does not execute."""
        return tuple(filter(is_needed, self.not_executed))


def export_notebook(notebook: Path, output: Path) -> ExportReport:
    """Write a notebook's script.

    Raises ExportError, or InputError for what is no notebook, and then leaves `output` as it was.
    """
    if output.resolve() == notebook.resolve():
        raise ExportError(f"{output} is the notebook itself: choose another file with -o.")
    if not output.parent.is_dir():
        raise ExportError(
            f"{output} cannot be written (there is no such folder): choose another file with -o."
        )
    return export_document(read_notebook(notebook), str(notebook), output)


def export_document(nb: Any, name: str, output: Path) -> ExportReport:
    """Write the script of a notebook that is in memory; raises ExportError with its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Those are of a student's code.
        try:
            source, findings = notebook_to_source(nb)
            not_executed = read_script(source, output.name).left_out
        except ExportError as error:
            raise ExportError(f"{name}: {error}") from error
        except (RecursionError, MemoryError) as error:
            raise ExportError(
                f"{name}: an expression is nested too deeply: simplify it and export again."
            ) from error
    content = source.encode()
    write_at_once(output, content, "choose another file with -o")
    digest = hashlib.sha256(content).hexdigest()
    return ExportReport(
        **vars(findings),
        output=output,
        sha256=digest,
        size=len(content),
        not_executed=not_executed,
    )


def summary(report: ExportReport, check: Verification) -> str:
    """Return what the command prints about a script."""
    count = f"{len(check.correct)} of {len(REQUIRED_FUNCTIONS)}"
    functions = [
        f"imported in {check.seconds:.1f} s; functions found: {count}",
        *(f"  missing: {name}" for name in check.missing),
        *(f"  different: {text}" for text in check.different),
    ]
    lines = [
        f"wrote {report.output}: {report.size} bytes, SHA-256 {report.sha256}",
        *(functions if check.error is None else []),
        f"left out or rewritten: {len(report.left_out) or 'nothing'}",
        *(f"  {line_about(item)}" for item in report.left_out),
        f"globals a grader supplies: {', '.join(report.supplied_globals) or 'none'}",
        f"problems: {len(report.problems) + len(report.needed) or 'none'}",
        *(f"  {problem}" for problem in report.problems),
        *report_on(report.not_executed),
    ]
    return "\n".join(lines)


def export_this_notebook(
    output: str | Path | None = None, notebook: str | Path | None = None
) -> None:
    """Export the notebook that calls this, and print what the command prints.

    `output` is by default a .py beside the notebook, or in the results folder of
    `python -m a3lib run`. `notebook` names the file where it cannot be found by itself. Outside a
    notebook this only says so.

    Raises InputError where the notebook is not found or cannot be exported.
    """
    if not in_a_notebook():
        print("Only a notebook can export itself: elsewhere run `python export_to_py.py A3.ipynb`.")
        return
    from a3lib.results.run import (
        RUN_FOLDER_VARIABLE,  # Imported late: it loads the plotting library, which is slow.
    )

    run_folder = os.environ.get(RUN_FOLDER_VARIABLE)
    try:
        document = None if notebook else notebook_from_colab()
        file = Path("A3.ipynb") if document else Path(notebook or notebook_in_use())
        default = (Path(run_folder) if run_folder else file.parent) / f"{file.stem}.py"
        output = Path(output) if output else default
        if document:
            report = export_document(document, "this notebook", output)
        else:
            print(f"This is {file.name} as it was last saved: save it first if it has changed.")
            report = export_notebook(file, output)
    except InputError as error:
        if not run_folder:
            raise
        # An unattended run already has its results, and must not fail at its end.
        print(f"No script was made: {error}")
        return
    check = verify_script(output)
    print(summary(report, check))
    if check.error is not None:
        print(f"{output} does not import: {check.error}")


def main(argv: list[str] | None = None) -> int:
    """Export, check and report.

    Returns 0, or 1 if there is no script, it does not import, or a grader does not execute what a
    function of it needs.
    """
    parser = argparse.ArgumentParser(description="Make the script to hand in from the notebook.")
    parser.add_argument("notebook", nargs="?", type=Path, default=Path("A3.ipynb"))
    parser.add_argument("-o", "--output", type=Path, help="default: the notebook's name with .py")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds an import may take")
    options = parser.parse_args(argv)
    output = options.output or Path(f"{options.notebook.stem}.py")
    try:
        report = export_notebook(options.notebook, output)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    check = verify_script(output, options.timeout)
    print(summary(report, check))
    if check.error is None:
        return 1 if report.needed else 0
    print(f"{output} does not import: {check.error}", file=sys.stderr)
    return 1
