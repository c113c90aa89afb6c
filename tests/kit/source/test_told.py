"""What is said of lines that are not executed: nothing of the course's own, the same words."""

import nbformat
import pytest
from helpers.exporters import EXPORTERS
from helpers.read_submissions import NEW

from a3lib.kit.grading.results import Grading, output_lines
from a3lib.kit.release import read_files, tree_files
from a3lib.kit.source.cells import LeftOut
from a3lib.kit.source.submission import read_script
from a3lib.kit.source.told import GIVEN, NEEDED, OTHERS, line_about, report_on
from a3lib.kit.student.student_copy import NOTEBOOK, student_files
from a3lib.util.files import PROJECT
from tests.kit.refresh_golden import given_lines

ITEMS = (
    LeftOut(2, 1, "print(1)", "it runs code, and no function needs it"),
    LeftOut(3, 4, "C = load()", "it calls load", ("train", "evaluate")),
    LeftOut(None, 7, "D = load()", "it calls load", ("train",)),
)


def test_what_functions_need_comes_first_and_names_them() -> None:
    needed = [
        "  cell 3, line 4: C = load() (it calls load; train and evaluate need it)",
        "  line 7: D = load() (it calls load; train needs it)",
    ]
    other = "  cell 2, line 1: print(1) (it runs code, and no function needs it)"
    assert report_on(ITEMS) == [f"{NEEDED}:", *needed, f"{OTHERS}:", other]
    assert report_on(ITEMS[:1]) == [f"{OTHERS}:", other]
    assert report_on(()) == []
    assert line_about(ITEMS[2]) == needed[1].strip()


def test_a_grading_says_the_same() -> None:
    lines = [*output_lines(Grading({}, (), left_out=ITEMS, finished=True))]
    assert lines[-5:] == report_on(ITEMS)


@pytest.fixture(scope="module")
def starter() -> nbformat.NotebookNode:
    files = student_files(read_files(PROJECT, tree_files(PROJECT)))
    return nbformat.reads(files[NOTEBOOK].decode(), as_version=4)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_nothing_is_said_of_the_course_s_own_lines(
    exporter: str, starter: nbformat.NotebookNode
) -> None:
    mine = NEW.new_code_cell("print('mine')")
    notebook = NEW.new_notebook(cells=[*starter.cells[:9], mine, *starter.cells[9:]])
    found = read_script(EXPORTERS[exporter](notebook), "A3.py")
    assert [item.text for item in found.left_out] == ["print('mine')"]


def test_a_line_of_the_course_s_that_a_function_needs_is_said(
    starter: nbformat.NotebookNode,
) -> None:
    mine = NEW.new_code_cell("def evaluate(tokenizer):\n    return baseline['reward']")
    notebook = NEW.new_notebook(cells=[*starter.cells, mine])
    found = read_script(EXPORTERS["ours"](notebook), "A3.py")
    (item,) = found.left_out
    assert item.text.startswith("baseline = evaluate(") and "evaluate" in item.needed_by


def test_the_course_s_own_lines_are_up_to_date() -> None:
    refresh = "run `python -m tests.kit.refresh_golden` and read the difference"
    assert GIVEN.read_text(encoding="utf-8") == given_lines(), refresh
