"""What the tests in a browser share: one Chromium, and the folder for their pictures."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.chromium import running_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Where pictures of the pages go, to be looked at; elsewhere they go away with the test.
SCREENSHOTS_VARIABLE = "A3_SCREENSHOTS"


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = os.environ.get(SCREENSHOTS_VARIABLE)
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
