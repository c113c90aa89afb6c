"""What the notebook's forms share. They need ipywidgets; where it is missing they do without."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from types import ModuleType
from typing import Any

from a3lib.errors import InputError


def load_widgets() -> ModuleType | None:
    """Return the module ipywidgets, or None where it is not installed."""
    try:
        return importlib.import_module("ipywidgets")
    except ImportError:
        return None


def full_width(widgets: ModuleType) -> dict[str, Any]:
    """Return arguments for a widget as wide as the page whose label is not cut off."""
    layout = widgets.Layout(width="98%", max_width="46em")
    return {"layout": layout, "style": {"description_width": "initial"}}


def message_html(message: str) -> str:
    """Return a message as HTML that a screen reader reads out when it changes."""
    return f'<p role="status">{escape(message)}</p>'


@contextmanager
def errors_shown_in(message: Any) -> Iterator[None]:
    """Show an InputError's sentence in an HTML widget; name another error there and raise it."""
    try:
        yield
    except InputError as error:
        message.value = message_html(str(error))
    except Exception as error:
        # ipywidgets writes the traceback to a log that few people see.
        message.value = message_html(f"That failed ({type(error).__name__}: {error}).")
        raise
