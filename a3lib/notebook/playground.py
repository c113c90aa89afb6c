"""A place to try words out: every policy continues the start of a review that a person types."""

from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from IPython.display import HTML, DisplayHandle, display
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.notebook.comparison import ComputeReward, continue_start
from a3lib.notebook.widgets import errors_shown_in, full_width, load_widgets, message_html
from a3lib.results.samples import Samples
from a3lib.results.tables import samples_table

HINT = "Other words? Call playground.show again with them."


def continued(sample: Callable[[str], Samples], start: str) -> Any:
    """Return the table of what every policy writes after `start`.

    Raises InputError for an empty start, and what `sample` raises.
    """
    # A policy continues worse after a space, because most tokens begin with one.
    start = start.strip()
    if not start:
        raise InputError("The start is empty; type the first words of a review.")
    return samples_table(sample(start), f"After the start: {start}")


def make_form(
    widgets: ModuleType,
    sample: Callable[[str], Samples],
    start: str,
    on_success: Callable[[], None],
) -> Any:
    """Return the form: a field for the start, a button, and below them the table or a message.

    `on_success` is called before the form shows a table of its own.
    """
    field = widgets.Text(value=start, description="Start of a review:", **full_width(widgets))
    button = widgets.Button(description="Continue", tooltip="Let every model continue the text")
    message, table = widgets.HTML(), widgets.HTML()

    def press(_: Any) -> None:
        button.disabled = True
        message.value = message_html("The models are writing ...")
        try:
            with errors_shown_in(message):
                html = continued(sample, field.value)._repr_html_()
                on_success()
                table.value, message.value = html, ""
        finally:
            button.disabled = False

    button.on_click(press)
    return widgets.VBox([field, button, message, table])


def show(
    start: str,
    policies: Mapping[str, PreTrainedModel],
    compute_reward: ComputeReward,
    tokenizer: PreTrainedTokenizerBase,
    reward_tokenizer: PreTrainedTokenizerBase,
    reward_model: PreTrainedModel,
) -> None:
    """Show what every policy writes after `start`, and a form to try other words.

    `compute_reward` is the notebook's compute_reward_for_mini_batch. Each press of the form's
    button samples anew, from every policy that exists by then.
    """
    models = (policies, compute_reward, tokenizer, reward_tokenizer, reward_model)
    show_form(partial(continue_start, *models), start)


def show_form(sample: Callable[[str], Samples], start: str) -> None:
    """Show what every policy writes after `start`, and a form to try other words.

    `sample` takes a start and returns samples of that one prompt; each press of the button
    calls it again. Without ipywidgets there is the table alone. An InputError is shown as its
    sentence.
    """
    widgets = load_widgets()
    try:
        first = continued(sample, start)
    except InputError as error:
        first = None
        print(error)
    # The first table is an output of its own: a saved page keeps it even where the form's
    # script is missing. It makes room for the form's own table.
    handle = DisplayHandle()
    if widgets is not None:
        display(make_form(widgets, sample, start, lambda: handle.update(HTML(""))))
    if first is not None:
        handle.display(first)
    if widgets is None:
        print(HINT)
