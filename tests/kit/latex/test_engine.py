"""LaTeX is run locked in and for a limited time; its first error and the pages are read."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.latex import needs_latex

from a3lib.errors import InputError
from a3lib.kit.latex import engine as module
from a3lib.kit.latex.engine import (
    SectionPages,
    first_error,
    installed_engines,
    section_pages,
    typeset,
)
from a3lib.util.files import PROJECT

PACKAGE = "File `nowhere.sty' not found"


def document(folder: Path, body: str, preamble: str = "") -> Path:
    """Write a small document and return the file."""
    file = folder / "paper.tex"
    begin = f"\\documentclass{{article}}\n{preamble}\\begin{{document}}\n"
    file.write_text(f"{begin}{body}\n\\end{{document}}\n", encoding="utf-8")
    return file


# What LaTeX says


def test_the_first_error_has_its_file_line_and_place() -> None:
    log = (
        "This is LuaHBTeX (format) 22 NOV 2026 14:10\nLaTeX Info: all right on line 3.\n"
        "./A3.tex:45: Undefined control sequence.\nl.45 It was \\foo\n             { bar}.\n"
        "./A3.tex:50: Second error.\nl.50 no\n"
    )
    assert first_error(log) == r"A3.tex, line 45: Undefined control sequence at 'It was \\foo'"


def test_an_error_without_a_line_gives_its_reason() -> None:
    log = "! Emergency stop.\n<*> A3.tex\n\n*** (job aborted, no legal \\end found)\n"
    assert first_error(log) == r"Emergency stop (job aborted, no legal \end found)"
    assert first_error("!pdfTeX error: no such font\n") == "pdfTeX error: no such font"
    assert first_error("LaTeX Warning: nothing bad\n") == ""


def test_a_long_place_is_cut_at_its_end() -> None:
    log = f"./a.tex:1: Bad.\nl.1 {'x' * 100}end\n"
    assert first_error(log) == f"a.tex, line 1: Bad at {'x' * 57 + 'end'!r}"


def test_pages_of_sections_are_read_with_their_limits() -> None:
    auxiliary = (
        "\\relax\n\\providecommand\\sectionpages[4]{}\n"
        "\\sectionpages{1}{2}{2}{1 page}\n\\sectionpages{2}{3}{5}{2 pages}\n"
    )
    found = section_pages(auxiliary)
    assert found == (SectionPages(1, 1, 1), SectionPages(2, 3, 2))
    assert [section.is_over for section in found] == [False, True]
    assert [str(section) for section in found] == [
        "section 1: 1 page of at most 1",
        "section 2: 3 pages of at most 2: TOO LONG",
    ]
    assert not SectionPages(4, 4, 4).is_over


def test_engines_are_those_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_engines() == []
    for name in ("pdflatex", "lualatex"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert installed_engines() == ["lualatex", "pdflatex"]


def fake_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called lualatex on the path, and a document beside it."""
    (folder / "bin").mkdir()
    program = folder / "bin/lualatex"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def test_where_nothing_is_said_the_status_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine(tmp_path, monkeypatch, "exit 3")
    with pytest.raises(InputError, match=r"lualatex cannot make the PDF: status 3; mend it"):
        typeset("lualatex", document(tmp_path, ""))


def test_a_missing_package_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine(tmp_path, monkeypatch, f'echo "./a3.sty:5: LaTeX Error: {PACKAGE}."; exit 1')
    message = "a3.sty, line 5: LaTeX Error: File `nowhere.sty' not found; install texlive-"
    # The shell takes the backquote for a command of its own unless it is kept from it.
    program = tmp_path / "bin/lualatex"
    program.write_text(program.read_text().replace("`", "\\`"))
    with pytest.raises(InputError, match=re.escape(message)):
        typeset("lualatex", document(tmp_path, ""))


def test_latex_runs_until_its_notes_settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
for last; do case $last in -output-directory=*) out=${last#*=};; esac; done
echo run >> count; n=$(wc -l < count)
[ $n -gt 2 ] && n=2
cd "$out"
echo "$n" > a3lib-typeset.aux; echo log > a3lib-typeset.log; echo pdf > a3lib-typeset.pdf
"""
    fake_engine(tmp_path, monkeypatch, script)
    made = typeset("lualatex", document(tmp_path, ""))
    assert made.pdf == b"pdf\n" and made.engine == "lualatex" and made.log == "log\n"
    assert (tmp_path / "count").read_text().count("run") == 3
    (tmp_path / "count").write_text("run\n" * 5)
    typeset("lualatex", document(tmp_path, ""))
    assert (tmp_path / "count").read_text().count("run") == 7


# LaTeX itself


@needs_latex
def test_an_error_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    for engine in installed_engines():
        with pytest.raises(InputError) as caught:
            typeset(engine, document(tmp_path, "It was\n\\foo{} bar."))
        assert str(caught.value) == (
            rf"{engine} cannot make the PDF: paper.tex, line 4: Undefined control sequence at "
            r"'\\foo'; mend it and try again."
        )


@needs_latex
def test_a_document_without_a_page_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"made no page from paper\.tex"):
        typeset(installed_engines()[-1], document(tmp_path, ""))


@needs_latex
def test_what_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 2)
    with pytest.raises(InputError, match=r"had not finished paper\.tex after 2 s"):
        typeset(installed_engines()[-1], document(tmp_path, r"\loop\iftrue\repeat"))


@needs_latex
def test_nothing_outside_is_read_or_written(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    body = r"\IfFileExists{/etc/passwd}{ABSENT-NOT}{ABSENT} \IfFileExists{./paper.tex}{OWN}{}"
    for engine in installed_engines():
        made = typeset(engine, document(folder, body))
        assert [file.name for file in folder.iterdir()] == ["paper.tex"]
        if shutil.which("pdftotext"):
            command = ["pdftotext", "-", "-"]
            text = subprocess.run(command, input=made.pdf, capture_output=True, check=True).stdout
            assert b"ABSENT OWN" in text
        with pytest.raises(InputError):
            typeset(engine, document(folder, r"\input{/etc/passwd}"))
        lua = r"\directlua{pcall(os.execute, 'touch shell')}" * (engine == "lualatex")
        typeset(engine, document(folder, rf"Text. \immediate\write18{{touch shell}} {lua}"))
        written = r"\newwrite\f\immediate\openout\f=../outside.txt\immediate\write\f{x}"
        with pytest.raises(InputError):
            typeset(engine, document(folder, written))
    assert [file.name for file in tmp_path.rglob("*")] == ["inner", "paper.tex"]


@needs_latex
def test_the_style_notes_the_pages_of_each_section(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "writeup/a3.sty", tmp_path)
    # A float that does not fit strays to a page after the text: it counts.
    floating = r"\begin{figure}[p]\rule{1cm}{15cm}\end{figure}"
    body = rf"""Cover. \exercise{{One}}{{5}}{{1 page}} Text.
\exercise{{Two}}{{5}}{{2 pages}} Text. \newpage Text. {floating}
\exercise{{Three}}{{5}}{{3 pages}} Text. \newpage Text."""
    for engine in installed_engines():
        made = typeset(engine, document(tmp_path, body, "\\usepackage{a3}\n"))
        assert [(s.section, s.pages, s.limit) for s in made.sections] == [
            (1, 1, 1),
            (2, 3, 2),
            (3, 2, 3),
        ]
