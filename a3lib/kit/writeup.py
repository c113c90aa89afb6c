"""The command `writeup`: fill in a run's results, and make the PDF to hand in.

The answers are in A3.tex, which the command never overwrites; what it makes is in generated/ beside
it, anew each time.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.latex.content import RESULTS, make_material
from a3lib.kit.latex.engine import PACKAGES, Typeset, installed_engines, typeset
from a3lib.results.summary import SUMMARY_FILE, RunSummary, inspect_summary, read_summary
from a3lib.util.files import PROJECT, write_at_once, zipped

RUNS = Path("runs")
TEMPLATE = PROJECT / "writeup"
DOCUMENT, STYLE, PDF, GENERATED = "A3.tex", "a3.sty", "A3.pdf", "generated"
# The kinds of files that Overleaf may need.
PACKED = (".tex", ".sty", ".cls", ".bib", ".bst", ".pdf", ".png", ".jpg", ".jpeg", ".csv")
WITHOUT_LATEX = (
    f"No LaTeX is installed here: install one (Debian and Ubuntu: {PACKAGES}) and run this again. "
    "Or pack everything with --zip A3.zip and open it in Overleaf (New Project > Upload Project)."
)

# The run


def find_run(name: str | None) -> Path:
    """Return the folder of a run, named by its path or its name in runs/, or of the newest run.

    Raises InputError where there is none.
    """
    if name is not None:
        for folder in (Path(name), RUNS / name):
            if (folder / SUMMARY_FILE).is_file():
                return folder
        raise InputError(
            f"There is no run {name!r}: name a folder with the summary.json of a run (python -m "
            "a3lib run), or one of those in runs/."
        )
    # Runs of a newer a3lib count too: older results must not silently take their place.
    files = [
        file
        for file in RUNS.glob(f"*/{SUMMARY_FILE}")
        if isinstance(inspect_summary(file).summary, RunSummary)
    ]
    if not files:
        raise InputError(
            "There is no run in runs/; make one with python -m a3lib run, or name its folder."
        )
    return max(files, key=lambda file: file.stat().st_mtime).parent


# The folder of the write-up


def copy_template(folder: Path) -> bool:
    """Copy the template where the folder has no A3.tex; say whether it did.

    The style file goes with it; like A3.tex, one that is already there is left as it is.

    Raises InputError where the template is not there or the folder cannot be written.
    """
    missing = [name for name in (DOCUMENT, STYLE) if not (folder / name).exists()]
    for name in missing:
        try:
            content = (TEMPLATE / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"There is no {name} in {str(folder)!r} and none to copy in {str(TEMPLATE)!r}; "
                "take the folder writeup/ from the project's files."
            ) from error
        write_at_once(folder / name, content, "name another folder with --folder")
    return DOCUMENT in missing


def write_generated(folder: Path, files: dict[str, bytes]) -> None:
    """Replace generated/ by these files; raises InputError where it is not ours to remove."""
    generated = folder / GENERATED
    if generated.is_symlink() or (generated.exists() and not (generated / RESULTS).is_file()):
        raise InputError(
            f"{str(generated)!r} was not made by this command, which would remove what is in it; "
            "move it away, or name another folder with --folder."
        )
    try:
        shutil.rmtree(generated, ignore_errors=not generated.exists())
    except OSError as error:
        raise InputError(
            f"{str(generated)!r} cannot be removed ({error.strerror}); name another folder with "
            "--folder."
        ) from error
    # The file that marks the folder as ours comes first.
    for name in sorted(files, key=lambda name: name != RESULTS):
        write_at_once(generated / name, files[name], "name another folder with --folder")


def packed_files(folder: Path) -> dict[str, bytes]:
    """Return the files that Overleaf needs, content by name, with A3.tex at the top level."""
    names = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.suffix.lower() in PACKED and file.is_file() and not file.is_symlink()
    }
    return {
        name: file.read_bytes()
        for name, file in names.items()
        if name != PDF and not any(part.startswith(".") for part in name.split("/"))
    }


# The PDF


def make_pdf(folder: Path, engines: Sequence[str]) -> Typeset:
    """Make A3.pdf with the first program that can; raises InputError with the first one's error."""
    errors = []
    for engine in engines:
        try:
            document = typeset(engine, folder / DOCUMENT)
        except InputError as error:
            errors.append(error)
        else:
            write_at_once(folder / PDF, document.pdf, "close the file where it is open")
            return document
    raise errors[0]


def report_pages(document: Typeset) -> list[str]:
    """Return a line for each section's pages, and one for the sections over their limit."""
    over = [str(pages.section) for pages in document.sections if pages.is_over]
    lines = [str(pages) for pages in document.sections]
    if over:
        noun = "Section" if len(over) == 1 else "Sections"
        lines.append(f"{noun} {', '.join(over)}: too long; shorten before you hand in.")
    return lines


# The command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `writeup`."""
    parser.add_argument(
        "run", nargs="?", help="folder of a run, or its name in runs/ (default: newest)"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("writeup"), help="where A3.tex is (default: writeup)"
    )
    parser.add_argument("--zip", type=Path, metavar="FILE", help="pack everything for Overleaf")


def execute(arguments: argparse.Namespace) -> str:
    """Carry out the command `writeup` and return what to print."""
    folder: Path = arguments.folder
    run = find_run(arguments.run)
    summary = read_summary(run, RunSummary)
    material = make_material(run, summary)
    is_new = copy_template(folder)
    write_generated(folder, material.files)
    lines = [f"{folder / GENERATED} holds the figures of {run}."]
    lines += [f"{folder / DOCUMENT} is new: write your answers in it."] if is_new else []
    if summary.settings.get("debug"):
        lines.append("That run was made with --debug: its figures are not for handing in.")
    if material.missing:
        lines.append(f"Not in that run, shown as ??: {', '.join(material.missing)}.")
    if arguments.zip is not None:
        packed = zipped(packed_files(folder), executable=())
        write_at_once(arguments.zip, packed, "name another file with --zip")
        lines.append(f"{arguments.zip} is for Overleaf: New Project > Upload Project.")
    engines = installed_engines()
    if not engines:
        return "\n".join([*lines, *([] if arguments.zip else [WITHOUT_LATEX])])
    document = make_pdf(folder, engines)
    lines += [*report_pages(document), f"{folder / PDF} was made with {document.engine}."]
    return "\n".join(lines)
