"""What the pages promise: commands, options, files and links that are there."""

import argparse
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from a3lib.__main__ import COMMANDS, make_parser
from a3lib.kit.release import tree_files
from a3lib.util.files import LIBRARY, PROJECT

PAGES = [name for name in tree_files(PROJECT) if name.endswith(".md")]
DOORS = (
    "README.md",
    "a3lib/README.md",
    "a3lib/kit/README.md",
    "a3lib/kit/grading/README.md",
    "a3lib/kit/student/README.md",
    "a3lib/study/README.md",
    ".github/CONTRIBUTING.md",
    ".github/CHANGELOG.md",
)
# What a command makes is not there yet.
MADE = [
    "A3.py",
    "A3.pdf",
    "A3.zip",
    "A3.html",
    "OUT/A3-student.zip",
    "OUT/A3-instructor.zip",
    "writeup/A3.pdf",
    "summary.json",
    "samples.json",
    "report.html",
    "study.parquet",
    "results.json",
    "feedback.html",
    "grades.csv",
    "canvas.csv",
    "moodle.csv",
    "by_hand.csv",
    "rubric.toml",
    "submission_metadata.yml",
    "results/similarity.files/",
    "summary.md",
    "scores.png",
    "grading.log",
    "figures/",
    "data/",
    "results/",
    "runs/",
    "runs/study/",
]
ENDINGS = "css csv html ipynb json log md parquet pdf png py sty tex toml txt yaml yml zip"
A_FILE = re.compile(rf"[\w.*/-]+(?:/|\w\.(?:{'|'.join(ENDINGS.split())}))")
CODE = re.compile(r"```(?:bash|text)\n(.*?)```", re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")


def text_of(page: str) -> str:
    return (PROJECT / page).read_text(encoding="utf-8")


def commands_in(text: str) -> list[list[str]]:
    """The words of each command in the code blocks and between backticks, one list a command."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    written = [span.replace("\n", " ") for span in SPAN.findall(prose)]
    for block in CODE.findall(text):
        written += re.sub(r"\\\n", " ", block).splitlines()
    found = [shlex.split(part, comments=True) for w in written for part in w.split("&&")]
    return [words for words in found if words]


@cache
def options_of(command: str) -> set[str]:
    """The options of one of our commands."""
    (subparsers,) = (
        action
        for action in make_parser([command])._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return set(subparsers.choices[command]._option_string_actions)


def is_there(name: str, page: str) -> bool:
    """Whether a page may name this file: below the library or a folder that the page is in."""
    above = [folder for folder in (PROJECT / page).parents if folder.is_relative_to(PROJECT)]
    places = (LIBRARY, *above)
    return any(list(place.glob(name.rstrip("/"))) for place in places)


def anchors_of(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_one_screen_with_a_door_to_every_page() -> None:
    text = text_of("README.md")
    assert set(DOORS) <= set(PAGES)
    assert {*re.findall(r"\]\(([^)#]+\.md)\)", text)} == set(DOORS[1:])
    assert len(text.splitlines()) <= 70


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page: str) -> None:
    for words in commands_in(text_of(page)):
        if words[:3] == ["python", "-m", "a3lib"] and words[3:4] != ["COMMAND"]:
            assert words[3:4] and words[3] in COMMANDS, words
            given = {word.partition("=")[0] for word in words[4:] if word.startswith("--")}
            assert given <= options_of(words[3]), words
        elif words[:2] == ["python", "-m"] and words[2].startswith(("a3lib.", "tests.")):
            assert PROJECT.joinpath(*words[2].split(".")).with_suffix(".py").is_file(), words
        elif words[0] == "pytest":
            files = [word for word in words[1:] if word.startswith("tests/")]
            assert all((PROJECT / file).exists() for file in files), words
        elif words[0] == "python" and words[1].endswith(".py"):
            assert (PROJECT / words[1]).is_file(), words


# The changelog names options that there were.
@pytest.mark.parametrize("page", sorted({*PAGES} - {".github/CHANGELOG.md"}))
def test_every_option_between_backticks_is_one_of_a_command(page: str) -> None:
    known = set().union(*(options_of(command) for command in COMMANDS))
    for words in commands_in(text_of(page)):
        if words[0].startswith("--"):
            assert words[0] in known, words


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    for span in SPAN.findall(re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)):
        if A_FILE.fullmatch(span) and span not in MADE:
            assert is_there(span, page), span


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#]*)(#([^)]*))?\)", text_of(page)):
        if target.startswith(("http:", "https:")):
            continue
        file = (PROJECT / page).parent / target if target else PROJECT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors_of(file), (target, anchor)


def test_the_table_of_commands_is_complete() -> None:
    text = text_of("a3lib/kit/README.md")
    table = text[text.index("## Commands") : text.index("## In Colab")]
    listed = set(re.findall(r"^\| `(\w+)[^`]*` \|", table, re.MULTILINE)) - {"python"}
    assert listed == set(COMMANDS)


def test_the_map_names_every_module_of_the_top_and_every_folder() -> None:
    text = text_of("a3lib/README.md")
    named = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        for name in SPAN.findall(row)
    }
    modules = {file.name for file in LIBRARY.glob("*.py") if not file.name.startswith("__")}
    folders = {f"{file.parent.relative_to(LIBRARY)}/" for file in LIBRARY.glob("*/__init__.py")}
    folders |= {
        f"{file.parent.relative_to(LIBRARY)}/" for file in LIBRARY.glob("kit/*/__init__.py")
    }
    assert named == modules | folders


def test_each_function_on_the_map_is_in_the_file_beside_it() -> None:
    steps = re.findall(
        r"^\d+\. `(a3lib/[^`]*\.py)`: (.*?)(?=^\d+\. |^$)", text_of("a3lib/README.md"), re.M | re.S
    )
    functions = [(file, name) for file, rest in steps for name in re.findall(r"`(\w+)`", rest)]
    assert len(functions) > 8
    for file, name in functions:
        assert f"def {name}(" in text_of(file), (file, name)
