"""What a release proves about itself before it is written."""

import io
import json
import os
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from keyword import iskeyword
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from a3lib.errors import InputError
from a3lib.kit.audience import holds_answers
from a3lib.kit.source.documents import decoded, parsed_notebook, read_notebook
from a3lib.kit.student.regions import Region, find_regions, restore
from a3lib.kit.student.student_copy import NOTEBOOK, module_of
from a3lib.profiles import SETTINGS_VARIABLE, TINY
from a3lib.results.run import RUN_FOLDER_VARIABLE

# A line of fewer tokens, such as `return loss`, gives nothing away.
TELLING_TOKENS = 4
# Lines of every PyTorch program; they give nothing away either.
IDIOMS = (
    "with torch.no_grad():",
    "for batch in loop:",
    "optimizer.zero_grad()",
    "loss.backward()",
    "scaler.scale(loss).backward()",
    "optimizer.step()",
)
# Names that are passed on as they are, as in `reward, model, beta=beta,`.
ARGUMENTS = re.compile(r"([A-Za-z_]\w*)(=\1)?(,([A-Za-z_]\w*)(=\4)?)*,?")
NO_TOKENS = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
NOT_WRITTEN, PASSED = "not implemented yet", "passed"
TODO_ERROR = re.compile(r'raise NotImplementedError\("TODO: (\w+)"\)')


def prove(files: Mapping[str, bytes], student: Mapping[str, bytes]) -> list[str]:
    """Return what is proved about a student's copy, in sentences; `files` are the whole tree's.

    Raises InputError for the first thing that does not hold.
    """
    master = parsed_notebook(decoded(files[NOTEBOOK], NOTEBOOK), NOTEBOOK)
    lines = prove_no_solution_line(master, student)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_files(student, folder)
        todo = prove_first_todo(folder)
        without = prove_checks(folder)
        put_solutions_back(files, master, folder)
        solved = prove_checks(folder)
    return [
        f"None of {lines} lines of solutions is in the students' files.",
        f"The students' notebook runs up to its first TODO ({todo}).",
        f"{without[NOT_WRITTEN]} public checks say {NOT_WRITTEN!r}, the {without[PASSED]} of "
        f"provided functions pass, and with the solutions put back all {solved[PASSED]} pass.",
    ]


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files, content by name, into a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


# No solution line


def prove_no_solution_line(master: NotebookNode, student: Mapping[str, bytes]) -> int:
    """Return how many telling lines the solutions have, none of which is in a student's file.

    A telling line has four or more tokens and is no idiom. White space and the kind of quotes make
    no difference. Raises InputError, naming cell, line and file, where a file has one.
    """
    texts = {name: squeezed(readable(name, content)) for name, content in student.items()}
    count = 0
    for number, cell in enumerate(master.cells, start=1):
        regions = find_regions(cell.source, number) if cell.cell_type == "code" else []
        for line, tokens in chain.from_iterable(map(telling_lines, regions)):
            count += 1
            for name, text in texts.items():
                if squeezed("".join(tokens)) in text:
                    raise InputError(
                        f"Cell {number}, line {line}: {' '.join(tokens)!r} of a solution stands in "
                        f"{name} of the students' copy as well; rewrite one of the two."
                    )
    return count


def telling_lines(region: Region) -> Iterator[tuple[int, list[str]]]:
    """Yield each telling line of a region: its number in the cell, and its tokens."""
    by_line: dict[int, list[str]] = {}
    margin = len(region.text) - len(region.text.lstrip())
    text = "\n".join(line[margin:] for line in region.text.split("\n"))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_TOKENS:
            by_line.setdefault(token.start[0], []).append(token.string)
    for line, tokens in by_line.items():
        if len(tokens) >= TELLING_TOKENS and not is_idiom(tokens):
            yield region.line + line - 1, tokens


def is_idiom(tokens: list[str]) -> bool:
    """Say whether a line is an import, the arguments of a call or one of `IDIOMS`.

    An import or a list of names says what is used and solves nothing.
    """
    if tokens[0] in ("import", "from"):
        return True
    line = squeezed("".join(tokens))
    passes_names = not any(map(iskeyword, tokens)) and ARGUMENTS.fullmatch(line)
    return bool(passes_names) or line in map(squeezed, IDIOMS)


def squeezed(text: str) -> str:
    """Return a text without white space and escapes, and with one kind of quotes."""
    return re.sub(r"\\[ntr]|\\|\s", "", text).replace("'", '"')


def readable(name: str, content: bytes) -> str:
    """Return what can be read in a file, and after a notebook's text all its strings, joined.

    They are joined because a line of a solution may be split between two strings.
    """
    text = content.decode("utf-8", errors="ignore")
    return text + "".join(strings_in(json.loads(text))) if name.endswith(".ipynb") else text


def strings_in(value: Any) -> Iterator[str]:
    """Yield every string in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)


# The notebook runs up to its first TODO


def prove_first_todo(folder: Path) -> str:
    """Run a student's notebook and return its first TODO, which must be what it stops at.

    Raises InputError where it stops at anything else, or runs through.
    """
    notebook = read_notebook(folder / NOTEBOOK)
    error = first_error(notebook, folder)
    if error is None:
        raise InputError("The students' notebook runs through without a solution; mark some.")
    number, name, message = error
    if name != NotImplementedError.__name__ or not message.startswith("TODO: "):
        raise InputError(
            f"Cell {number} of the students' notebook fails with {name}: {message!r} before any "
            "TODO; the code that students are given must run without the solutions."
        )
    return message.removeprefix("TODO: ")


def first_error(notebook: NotebookNode, folder: Path) -> tuple[int, str, str] | None:
    """Run a notebook on a few rows of the tiny world, in a folder that has its library.

    Returns the number, from 1, of the first cell that fails, and its error's name and message.
    """
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    settings = {"profile": TINY, "debug": True}
    try:
        client.execute(env=environment({SETTINGS_VARIABLE: json.dumps(settings)}, folder))
    except CellExecutionError as error:
        failed = [has_error(cell) for cell in notebook.cells].index(True)
        return failed + 1, error.ename, error.evalue
    return None


def has_error(cell: NotebookNode) -> bool:
    """Say whether a cell's outputs include an error."""
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def environment(added: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return this process's environment for one that must import nothing from this tree."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return kept | {RUN_FOLDER_VARIABLE: str(folder / "runs")} | dict(added)


# The checks


def prove_checks(folder: Path) -> dict[str, int]:
    """Run the public checks on a folder's notebook; return how many there are of each status.

    A check of a function that still has its TODO must say so, and every other check must pass.
    Raises InputError, naming the first check that says something else.
    """
    done = subprocess.run(
        [sys.executable, "-m", "a3lib", "check", NOTEBOOK, "--json"],
        cwd=folder,
        env=environment({SETTINGS_VARIABLE: "{}"}, folder),
        capture_output=True,
        text=True,
    )
    try:
        results = json.loads(done.stdout)
    except ValueError as error:
        last_line = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise InputError(
            f"The checks did not run on the students' copy ({last_line}); mend that."
        ) from error
    if not results:
        raise InputError("The students' copy has no check; add some to the kit.")
    notebook = read_notebook(folder / NOTEBOOK)
    to_write = TODO_ERROR.findall("\n".join(cell.source for cell in notebook.cells))
    for check in results:
        status = NOT_WRITTEN if check["function"] in to_write else PASSED
        if check["status"] != status:
            raise InputError(
                f"On the students' copy the check {check['check']} should say {status!r} and says "
                f"{check['status']!r} ({check['message']}); mend the function or the check."
            )
    return Counter(check["status"] for check in results)


def put_solutions_back(files: Mapping[str, bytes], master: NotebookNode, folder: Path) -> None:
    """Put the solutions into a student's notebook and the answer modules beside it.

    Raises InputError where a cell does not become the master's again, character by character.
    """
    notebook = read_notebook(folder / NOTEBOOK)
    originals = {cell.id: (n, cell.source) for n, cell in enumerate(master.cells, start=1)}
    for cell in notebook.cells:
        number, source = originals[cell.id]
        regions = find_regions(source, number) if cell.cell_type == "code" else []
        cell.source = restore(cell.source, regions)
        if cell.source != source:
            raise InputError(
                f"Cell {number} is not the same after its solutions were taken out and put back; "
                "make its TODOs differ from the text around them."
            )
    nbformat.write(notebook, folder / NOTEBOOK)
    answers = {n: content for n, content in files.items() if holds_answers(module_of(n))}
    write_files(answers, folder)
