"""Numbers as people read them: rounded to some decimals, and a sign for a missing one."""

from typing import Any

# The sign for a missing number in plain text; HTML and LaTeX have dashes of their own.
MISSING = "-"
# No result is this large; and a whole number can be too large for a float.
LARGEST = 1e300


def finite(value: Any) -> float | None:
    """Return a number as a float, or None for everything else: NaN, infinity, None, a text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None


def decimals(value: Any, digits: int = 3, missing: str = MISSING) -> str:
    """Return a number with `digits` decimals, and `missing` for what is not a finite number."""
    number = finite(value)
    return missing if number is None else f"{number:.{digits}f}"


def trimmed(value: Any, digits: int = 2) -> str:
    """Return a number with at most `digits` decimals, without zeros at the end."""
    text = decimals(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text
