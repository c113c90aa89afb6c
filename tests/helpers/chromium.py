"""A headless Chromium for the tests: where it is, how it starts, and what it must not ask for."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# A file of Chromium's, where it is under none of the usual names.
BROWSER_VARIABLE = "A3_BROWSER"
# "1" where a missing browser is a failure and no reason to skip: in CI.
REQUIRE_VARIABLE = "A3_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",  # Chromium refuses to run as root with one.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 1000.0  # Playwright counts milliseconds.


def skip(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail it where a browser is required."""
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{REQUIRE_VARIABLE} is 1, but {reason}", pytrace=False)
    pytest.skip(reason)


def need_module(name: str) -> None:
    """Skip the test where a module is not installed."""
    if importlib.util.find_spec(name) is None:
        skip(f"{name} is not installed")


def find_chromium() -> str:
    """Return the file of a Chromium; skip the test where there is none."""
    chosen = os.environ.get(BROWSER_VARIABLE)
    candidates = [chosen] if chosen else NAMES
    found = [path for path in map(shutil.which, candidates) if path]
    return found[0] if found else skip(f"there is no {' or '.join(candidates)} here")


@contextmanager
def running_chromium() -> "Iterator[Browser]":
    """Start a headless Chromium and end it."""
    need_module("playwright")
    from playwright.sync_api import sync_playwright

    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def is_local(address: str) -> bool:
    """Say whether a request for this address stays on this machine."""
    parts = urlsplit(address)
    return parts.scheme in ("data", "blob", "file", "about") or parts.hostname == "127.0.0.1"


def refuse_the_internet(context: "BrowserContext") -> list[str]:
    """Stop each request that would leave this machine; return the list that they are noted in."""
    refused: list[str] = []

    def stop(route, request) -> None:
        refused.append(request.url)
        route.abort()

    context.route(lambda address: not is_local(address), stop)
    return refused


def collect_complaints(page: "Page") -> list[str]:
    """Return the list in which the page's errors, and those of its console, are noted."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"page: {error}"))
    page.on(
        "console",
        lambda message: (
            complaints.append(f"console: {message.text}") if message.type == "error" else None
        ),
    )
    return complaints
