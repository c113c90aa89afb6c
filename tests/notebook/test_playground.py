"""The playground: pressed by code, with ipywidgets and without, and in a notebook."""

import sys
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from helpers.widget_tools import all_widgets, labelled, page, without_labels
from nbclient import NotebookClient

from a3lib.errors import InputError
from a3lib.notebook import playground
from a3lib.results.samples import ModelSamples, Samples
from a3lib.util.files import PROJECT

NAMES = ("original", "REINFORCE")


class Writer:
    """A continue_start that counts its calls; the words tell the calls apart."""

    def __init__(self) -> None:
        self.starts: list[str] = []

    def __call__(self, start: str) -> Samples:
        self.starts.append(start)
        text = f" goes on <{len(self.starts)}>"
        models = (ModelSamples(name, (text,), (0.25,), (None,)) for name in NAMES)
        return Samples((start,), tuple(models))


@pytest.fixture
def writer() -> Writer:
    return Writer()


def form_of(continue_start: Callable[[str], Samples], start: str = "This film") -> Any:
    return playground.make_form(
        pytest.importorskip("ipywidgets"), continue_start, start, lambda: None
    )


def test_a_press_shows_what_every_policy_wrote(writer: Writer) -> None:
    form = form_of(writer)
    assert writer.starts == [] and "goes on" not in page(form)
    labelled(form, "Start of a review").value = " The <b>worst "
    labelled(form, "Continue").click()
    assert writer.starts == ["The <b>worst"]
    for words in (*NAMES, "goes on &lt;1&gt;", "The &lt;b&gt;worst", "0.25"):
        assert words in page(form)


def test_each_press_draws_anew(writer: Writer) -> None:
    form = form_of(writer)
    for number in (1, 2, 3):
        labelled(form, "Continue").click()
        assert f"goes on &lt;{number}&gt;" in page(form)
        assert f"goes on &lt;{number - 1}&gt;" not in page(form)
    assert writer.starts == ["This film"] * 3


@pytest.mark.parametrize("start", ["", "  \n"])
def test_an_empty_start_is_answered_with_a_sentence(writer: Writer, start: str) -> None:
    form = form_of(writer)
    labelled(form, "Continue").click()
    labelled(form, "Start of a review").value = start
    labelled(form, "Continue").click()
    assert "The start is empty; type the first words of a review." in page(form)
    assert writer.starts == ["This film"] and "&lt;1&gt;" in page(form)
    labelled(form, "Start of a review").value = "Best"
    labelled(form, "Continue").click()
    assert "is empty" not in page(form) and "&lt;2&gt;" in page(form)


def test_an_input_error_is_shown_as_its_sentence() -> None:
    def refuse(start: str) -> Samples:
        raise InputError(f"The start {start!r} is <too> long; type fewer words.")

    form = form_of(refuse)
    labelled(form, "Continue").click()
    assert "is &lt;too&gt; long; type fewer words." in page(form)
    assert not labelled(form, "Continue").disabled


def test_another_error_is_named_in_the_form_and_its_traceback_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(start: str) -> Samples:
        raise RuntimeError("out of memory")

    form = form_of(fail)
    labelled(form, "Continue").click()
    assert "in fail\n" in caplog.text  # ipywidgets catches it and logs it.
    assert "That failed (RuntimeError: out of memory)." in page(form)
    assert not labelled(form, "Continue").disabled


def test_the_button_is_disabled_while_the_models_write(writer: Writer) -> None:
    seen = []

    def watch(start: str) -> Samples:
        seen.append((labelled(form, "Continue").disabled, "are writing" in page(form)))
        return writer(start)

    form = form_of(watch)
    labelled(form, "Continue").click()
    assert seen == [(True, True)]
    assert not labelled(form, "Continue").disabled and "are writing" not in page(form)


def test_labels_are_not_cut_off_and_messages_are_read_out(writer: Writer) -> None:
    form = form_of(writer)
    field, button, message, _ = form.children
    assert field.style.description_width == "initial"
    field.value = " "
    button.click()
    assert 'role="status"' in message.value


def test_every_widget_has_a_label(writer: Writer) -> None:
    form = form_of(writer)
    assert without_labels(form) == [] and len(list(all_widgets(form))) == 5


@pytest.fixture(params=[True, False])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With ipywidgets, and as if there were none."""
    if request.param:
        pytest.importorskip("ipywidgets")
    else:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    return bool(request.param)


def test_the_table_for_the_start_is_shown_at_once(
    installed: bool, writer: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    playground.show_form(writer, "This film")
    shown = capsys.readouterr().out
    assert writer.starts == ["This film"] and "goes on <1>" in shown
    assert ("Text(" in shown) is installed
    assert (playground.HINT in shown) is not installed


@pytest.mark.usefixtures("installed")
def test_a_wrong_start_is_a_sentence(writer: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    playground.show_form(writer, " ")
    assert "The start is empty; type" in capsys.readouterr().out and writer.starts == []


NOTEBOOK = """
import sys
if not {installed}:
    sys.modules["ipywidgets"] = None
from a3lib.notebook import playground
from a3lib.results.samples import ModelSamples, Samples

def continue_start(start):
    return Samples((start,), (ModelSamples("original", (" goes on",), (0.25,), (None,)),))

playground.show_form(continue_start, "This film")
"""


def execute(notebook: Any) -> None:
    path = {"path": str(PROJECT)}
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": path}).execute()


@pytest.mark.parametrize("installed", [True, False])
def test_a_notebook_that_nobody_pressed_anything_in_has_the_table(installed: bool) -> None:
    if installed:
        pytest.importorskip("ipywidgets")
    cell = nbformat.v4.new_code_cell(NOTEBOOK.format(installed=installed))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    root = str(PROJECT)
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": root}}
    ).execute()
    pages = ["".join(o.get("data", {}).get("text/html", "")) for o in cell.outputs]
    assert sum("goes on" in found for found in pages) == 1
    # The first of the outputs is the form: it stands above the table.
    views = ["application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs]
    assert any(views) is installed and views[0] is installed


def test_the_first_table_makes_room_for_that_of_the_form() -> None:
    pytest.importorskip("ipywidgets")
    cell = nbformat.v4.new_code_cell(
        "forms = []\n"
        + NOTEBOOK.format(installed=True).replace(
            "playground.show_form", "playground.display = forms.append\nplayground.show_form"
        )
        + "\nforms[0].children[1].click()\nprint(forms[0].children[3].value)"
    )
    execute(nbformat.v4.new_notebook(cells=[cell]))
    tables = [o.data["text/html"] for o in cell.outputs if "data" in o]
    assert tables == [""]
    assert any("goes on" in o.get("text", "") for o in cell.outputs)
