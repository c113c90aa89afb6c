"""Tests that run LaTeX."""

from collections.abc import Callable
from typing import Any

import pytest

from a3lib.kit.latex.engine import installed_engines


def needs_latex(test: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a test with `latex`, and skip it where no program of LaTeX is installed."""
    missing = pytest.mark.skipif(not installed_engines(), reason="needs lualatex or pdflatex")
    marked: Callable[..., Any] = pytest.mark.latex(missing(test))
    return marked
