"""How an expectation is written down: what is right, and what each known mistake would give."""

from typing import Any

# `right`, `positions` and `mistakes`, as `judge` reads them.
Expected = dict[str, Any]


def mistake(name: str, hint: str, **when: Any) -> dict[str, Any]:
    """Return a mistake: its name, a hint, and the answers that show it."""
    return {"name": name, "hint": hint, "when": when}
