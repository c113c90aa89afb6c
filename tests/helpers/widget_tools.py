"""Reaching into a form as a person does: by the labels, and pressing buttons."""

from collections.abc import Iterator
from typing import Any


def all_widgets(form: Any) -> Iterator[Any]:
    """The form's widgets in the order in which they stand on the page."""
    yield form
    for child in getattr(form, "children", ()):
        yield from all_widgets(child)


def labelled(form: Any, label: str) -> Any:
    """The one widget whose label begins so."""
    found = [w for w in all_widgets(form) if getattr(w, "description", "").startswith(label)]
    assert len(found) == 1, f"{len(found)} widgets are labelled {label!r}"
    return found[0]


def page(form: Any) -> str:
    """The HTML that the form shows."""
    return "\n".join(w.value for w in all_widgets(form) if type(w).__name__ == "HTML")


def without_labels(form: Any) -> list[Any]:
    """The widgets that take input and have no label."""
    takers = [w for w in all_widgets(form) if hasattr(w, "disabled")]
    return [w for w in takers if not w.description]
