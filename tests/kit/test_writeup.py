"""The command `writeup`: what it fills in, what it leaves alone, and the PDF that it makes."""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers.example_run import example_run, example_summary
from helpers.latex import needs_latex

from a3lib.errors import InputError
from a3lib.kit import writeup
from a3lib.kit.latex.engine import SectionPages, Typeset, installed_engines, typeset
from a3lib.kit.writeup import copy_template, find_run, make_pdf, report_pages, write_generated
from a3lib.util.files import PROJECT


@pytest.fixture(scope="module")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, made once, because its figures take their time."""
    return example_run(tmp_path_factory.mktemp("example"))


@pytest.fixture
def run(made_run: Path, tmp_path: Path) -> Path:
    """A copy of the run in runs/mine."""
    return Path(shutil.copytree(made_run, tmp_path / "runs/mine"))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in a folder of its own, for runs/ and writeup/ are those of where one is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def without_latex(monkeypatch: pytest.MonkeyPatch) -> None:
    """No LaTeX is found, whatever is installed."""
    monkeypatch.setenv("PATH", "")


def run_command(*words: str) -> str:
    """Carry out the command with these words."""
    parser = argparse.ArgumentParser()
    writeup.add_arguments(parser)
    return writeup.execute(parser.parse_args(words))


def answered(text: str) -> Path:
    """Write an answer below Q1.1 and return the file, as a student would."""
    file = Path("writeup/A3.tex")
    parts = file.read_text(encoding="utf-8").split("\\answer\n")
    file.write_text(f"\\answer\n{text}\n".join(parts), encoding="utf-8")
    return file


# Which run


def test_the_newest_run_is_taken_and_no_study(tmp_path: Path) -> None:
    texts = {name: json.dumps({"settings": {}, "seconds": {name: 1}}) for name in ("new", "old")}
    texts |= {"study": '{"settings": {}}', "damaged": "{", "list": "[]"}
    for name, text in texts.items():
        file = Path(f"runs/{name}/summary.json")
        file.parent.mkdir(parents=True)
        file.write_text(text)
        # What is no run is newer than all runs.
        os.utime(file, (10**9 + {"new": 0, "old": -1}.get(name, 1),) * 2)
    assert find_run(None) == Path("runs/new")
    os.utime("runs/old/summary.json")
    assert find_run(None) == Path("runs/old")


def test_the_newest_run_is_not_passed_over_for_being_damaged_or_too_new(
    run: Path, without_latex: None
) -> None:
    shutil.copytree(run, "runs/later")
    later = Path("runs/later/summary.json")
    for change, complaint in (
        ({"kl": "no"}, r"is not what a run writes \(kl is 'no', not a list\); make the run again"),
        ({"schema_version": 99}, r"was written by a newer a3lib .*; update a3lib\.$"),
    ):
        later.write_text(json.dumps(example_summary() | change))
        os.utime(run / "summary.json", (0, 0))
        with pytest.raises(InputError, match=complaint):
            run_command()
    assert not Path("writeup").exists()


def test_a_run_is_given_by_name_or_by_folder(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, "elsewhere")
    assert find_run("mine") == Path("runs/mine")
    assert find_run("elsewhere") == Path("elsewhere")
    assert find_run(str(tmp_path / "elsewhere")) == tmp_path / "elsewhere"


def test_where_there_is_no_run_it_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"There is no run in runs/; make one with python -m a3"):
        find_run(None)
    with pytest.raises(InputError, match=r"There is no run 'nothing': name a folder"):
        run_command("nothing")
    assert not Path("writeup").exists()


@pytest.mark.parametrize(
    "damage",
    [
        {"baseline": {}},
        {"kl": [{"alpha": 0}]},
        {"dpo": [1]},
        {"kl": "no"},
        {"forecast": {"count": 1}},
        {"kl": [example_summary()["kl"][0] | {"kl_divergences": []}]},
    ],
)
def test_a_damaged_summary_is_one_sentence(run: Path, damage: dict[str, Any]) -> None:
    (run / "summary.json").write_text(json.dumps(example_summary() | damage))
    with pytest.raises(InputError, match=r"is not what a run writes \(.*\); make the run"):
        run_command("mine")
    assert not Path("writeup").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is damaged"),
        ('{"settings": {}, "best": []}', "is not that of a run; give the folder"),
    ],
)
def test_a_folder_that_is_given_and_is_no_run_is_one_sentence(text: str, complaint: str) -> None:
    Path("runs/other").mkdir(parents=True)
    Path("runs/other/summary.json").write_text(text)
    with pytest.raises(InputError, match=rf"summary\.json' {complaint}"):
        run_command("other")


# The folder


def test_it_says_what_it_did_and_what_is_missing(run: Path, without_latex: None) -> None:
    said = run_command("mine").split("\n")
    assert said == [
        f"{Path('writeup/generated')} holds the figures of {Path('runs/mine')}.",
        f"{Path('writeup/A3.tex')} is new: write your answers in it.",
        "Not in that run, shown as ??: the scores of your forecasts, the figure "
        "forecast_calibration.",
        writeup.WITHOUT_LATEX,
    ]
    assert re.findall(r"[.)] (?=[A-Z])", writeup.WITHOUT_LATEX) == [". "]
    for part in ("texlive-latex-recommended", "--zip A3.zip", "New Project > Upload Project"):
        assert part in writeup.WITHOUT_LATEX
    assert not Path("writeup/A3.pdf").exists()


def test_a_run_with_debug_is_not_for_handing_in(run: Path, without_latex: None) -> None:
    assert "--debug" not in run_command()
    summary = example_summary()
    summary["settings"]["debug"] = True
    (run / "summary.json").write_text(json.dumps(summary))
    assert "made with --debug: its figures are not for handing in" in run_command()


def test_answers_survive_and_generated_files_are_made_anew(run: Path, without_latex: None) -> None:
    run_command()
    before = answered("The reward is 0.487.").read_bytes()
    Path("writeup/a3.sty").write_text("% my own style\n")
    Path("writeup/generated/stale.tex").write_text("old")
    shutil.rmtree(run / "figures")
    said = run_command()
    assert Path("writeup/A3.tex").read_bytes() == before
    assert Path("writeup/a3.sty").read_text() == "% my own style\n"
    assert "is new" not in said
    assert not Path("writeup/generated/stale.tex").exists()
    assert not Path("writeup/generated/figures").exists()
    assert "the figure dpo_loss" in said


def test_another_folder_gets_the_template(run: Path, without_latex: None) -> None:
    run_command("--folder", "mine/paper")
    assert sorted(os.listdir("mine/paper")) == ["A3.tex", "a3.sty", "generated"]
    project = PROJECT / "writeup"
    for name in ("A3.tex", "a3.sty"):
        assert Path("mine/paper", name).read_bytes() == (project / name).read_bytes()
    assert not Path("writeup").exists()


def test_where_there_is_no_template_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writeup, "TEMPLATE", Path("nowhere"))
    with pytest.raises(InputError, match=r"no A3\.tex in 'paper' and none to copy in 'nowhere'"):
        copy_template(Path("paper"))


def test_a_folder_that_is_not_ours_is_not_removed(
    run: Path, tmp_path: Path, without_latex: None
) -> None:
    own = Path("writeup/generated/own.txt")
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(InputError, match=r"generated' was not made by this command"):
        run_command()
    assert own.read_text() == "mine"
    shutil.move("writeup/generated", "away")
    Path("away/numbers.tex").write_text("")
    Path("writeup/generated").symlink_to(tmp_path / "away")
    with pytest.raises(InputError, match=r"generated' was not made by this command"):
        run_command()
    assert Path("away/own.txt").read_text() == "mine"


def test_a_folder_whose_making_was_interrupted_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    write = writeup.write_at_once
    written: list[str] = []

    def stop_at_the_second(file: Path, content: bytes, remedy: str) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(file.name)
        write(file, content, remedy)

    files = {"alpha_table.tex": b"a", "numbers.tex": b"n"}
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(writeup, "write_at_once", stop_at_the_second)
        write_generated(Path("paper"), files)
    write_generated(Path("paper"), files)
    assert Path("paper/generated/alpha_table.tex").read_bytes() == b"a"


# For Overleaf


def test_the_zip_holds_what_overleaf_needs(run: Path, tmp_path: Path, without_latex: None) -> None:
    run_command()
    for name in ("A3.pdf", ".hidden.tex", ".git/x.tex", "mine.log", "images/own.png", "own.pdf"):
        Path("writeup", name).parent.mkdir(exist_ok=True)
        Path("writeup", name).write_bytes(b"x")
    Path("writeup/outside.tex").symlink_to(tmp_path / "runs/mine/summary.json")
    said = run_command("--zip", "out/A3.zip").split("\n")
    assert said[-1] == f"{Path('out/A3.zip')} is for Overleaf: New Project > Upload Project."
    with zipfile.ZipFile("out/A3.zip") as archive:
        names = archive.namelist()
    own = {"A3.tex", "a3.sty", "images/own.png", "own.pdf"}
    assert {name for name in names if not name.startswith("generated/")} == own
    assert {"generated/numbers.tex", "generated/figures/dpo_loss.pdf"} <= set(names)
    assert not any("\\" in name for name in names)


# The PDF


def fake_typeset(engine: str, document: Path) -> Typeset:
    """LuaLaTeX finds an error, pdfLaTeX none."""
    if engine != "pdflatex":
        raise InputError(f"{engine}'s error")
    return Typeset(engine, b"pdf", (), "")


def test_the_other_program_is_tried_and_the_first_ones_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeup, "typeset", fake_typeset)
    assert make_pdf(tmp_path, ["lualatex", "pdflatex"]).engine == "pdflatex"
    assert (tmp_path / "A3.pdf").read_bytes() == b"pdf"
    with pytest.raises(InputError, match="lualatex's error"):
        make_pdf(tmp_path, ["lualatex", "another"])


def pdf_text(file: Path) -> str:
    """What pdftotext reads in a PDF; the test is skipped where there is none."""
    if not shutil.which("pdftotext"):
        pytest.skip("needs pdftotext")
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(file), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")


@needs_latex
def test_the_pdf_has_every_question_and_figure_within_the_limits(run: Path) -> None:
    said = run_command()
    pages = re.findall(r"^section (\d): (\d) pages? of at most (\d)$", said, re.MULTILINE)
    assert [(int(section), int(limit)) for section, _, limit in pages] == [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 2),
    ]
    assert all(int(taken) <= int(limit) for _, taken, limit in pages)
    assert "too long" not in said.lower()
    assert sorted(os.listdir("writeup")) == ["A3.pdf", "A3.tex", "a3.sty", "generated"]
    text = pdf_text(Path("writeup/A3.pdf"))
    asked = re.findall(r"\bQ(\d\.\d)", text)
    assert len(asked) == 20 and asked == sorted(asked)
    assert text.count("Your answer.") == 21
    for shown in (
        "0.487",
        "0.963",
        "0.003",
        "a fine film and i liked it .",
        "prompt 4 of the film",
    ):
        assert shown in text
    assert "prompt 5" not in text
    # Nobody has forecast yet; everything else is there.
    assert text.count("??") == 2 and text.index("??") > text.index("Q5.1")


@needs_latex
@pytest.mark.parametrize("engine", ["lualatex", "pdflatex"])
def test_the_template_compiles_without_generated_files(engine: str) -> None:
    if engine not in installed_engines():
        pytest.skip(f"{engine} is not installed")
    copy_template(Path("paper"))
    made = typeset(engine, Path("paper/A3.tex"))
    assert [section.section for section in made.sections] == [1, 2, 3, 4, 5]
    assert "undefined" not in made.log.lower()
    Path("read.pdf").write_bytes(made.pdf)
    text = pdf_text(Path("read.pdf"))
    assert text.count("??") >= 15
    assert "no figure kl_and_reward" in text and "no table of betas" in text


@needs_latex
def test_a_section_that_is_too_long_is_named(run: Path) -> None:
    copy_template(Path("writeup"))
    file = Path("writeup/A3.tex")
    text = file.read_text(encoding="utf-8")
    place = text.index("\\answer", text.index("\\question{2.3}"))
    long = "\\answer\n" + "Words and words.\n\\newpage\n" * 2
    file.write_text(text[:place] + long + text[place + len("\\answer") :], encoding="utf-8")
    said = run_command()
    assert "section 2: 3 pages of at most 2: TOO LONG" in said or "section 2: 4" in said
    assert "\nSection 2: too long; shorten before you hand in.\n" in said


def test_all_sections_that_are_too_long_are_named() -> None:
    sections = (SectionPages(1, 2, 1), SectionPages(2, 2, 2), SectionPages(3, 4, 3))
    assert report_pages(Typeset("lualatex", b"", sections, ""))[-1] == (
        "Sections 1, 3: too long; shorten before you hand in."
    )


@needs_latex
def test_a_mistake_in_an_answer_is_told_with_its_line(run: Path) -> None:
    run_command()
    before = Path("writeup/A3.pdf").read_bytes()
    file = answered(r"The reward \grew.")
    line = file.read_text(encoding="utf-8").split("\n").index(r"The reward \grew.") + 1
    with pytest.raises(InputError, match=rf"A3\.tex, line {line}: Undefined control sequence at"):
        run_command()
    assert Path("writeup/A3.pdf").read_bytes() == before


@needs_latex
def test_an_unpacked_zip_compiles(run: Path) -> None:
    run_command("--zip", "A3.zip")
    with zipfile.ZipFile(io.BytesIO(Path("A3.zip").read_bytes())) as archive:
        archive.extractall("overleaf")
    # Overleaf's own choice, unless one changes it.
    engine = installed_engines()[-1]
    assert len(typeset(engine, Path("overleaf/A3.tex")).sections) == 5


@needs_latex
def test_a_run_on_real_reviews_has_no_naturalness(run: Path) -> None:
    summary = example_summary()
    for row in (summary["baseline"], summary["reinforce"], *summary["kl"], *summary["dpo"]):
        row["naturalness"] = None
    (run / "summary.json").write_text(json.dumps(summary))
    assert "section 4: 2 pages of at most 4" in run_command()
    text = pdf_text(Path("writeup/A3.pdf"))
    assert "naturalness" not in text and "None" not in text


@needs_latex
def test_an_interrupted_run_gives_what_it_has(run: Path) -> None:
    summary = example_summary()
    del summary["kl"], summary["dpo"]
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "samples.json").write_text("{")
    said = run_command()
    assert "the results of the alphas, the results of the betas, the scores" in said
    assert "the generations (samples.json)" in said
    text = pdf_text(Path("writeup/A3.pdf"))
    assert "0.487" in text and "no table of alphas" in text
