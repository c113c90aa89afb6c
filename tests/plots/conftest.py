"""Figures are drawn without a screen and forgotten after each test."""

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    """Draw without a screen and forget each figure afterwards."""
    matplotlib.use("Agg")
    yield
    plt.close("all")
