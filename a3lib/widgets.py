"""What the notebook's forms share. They need ipywidgets; where it is missing they do without."""

import importlib
from html import escape
from types import ModuleType
from typing import Any


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
