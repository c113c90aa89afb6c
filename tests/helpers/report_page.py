"""The report's page in a browser: how it is opened, and what stands on it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.chromium import collect_complaints

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
SHOWN_ROWS = "#samples tr[data-model]:not([hidden])"


@dataclass
class Report:
    """An open report; what it asked for, what it complained of and which dialogs it opened."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: "Browser", file: Path, **options: Any) -> Iterator[Report]:
    """Open a file in a browser without a network; `options` are of Playwright's `new_context`."""
    with browser.new_context(**({"viewport": DESKTOP} | options)) as context:
        context.set_offline(True)
        page = context.new_page()
        report = Report(page, complaints=collect_complaints(page))
        page.on("request", lambda request: report.requests.append(request.url))

        def dismiss(dialog: Any) -> None:
            report.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismiss)
        page.goto(file.as_uri())
        yield report


def draw_all_figures(page: "Page") -> None:
    """Scroll to each picture, which waits until it is in sight, and see that it can be drawn."""
    for picture in page.locator("#figures img").all():
        picture.scroll_into_view_if_needed()
        picture.evaluate("picture => picture.decode()")
    page.evaluate("scrollTo(0, 0)")


def values_shown(page: "Page", name: str) -> list[str]:
    """Return this data attribute of each row of samples that is shown, from the top."""
    return page.locator(SHOWN_ROWS).evaluate_all(
        "(rows, name) => rows.map(row => row.dataset[name])", name
    )


def numbers_shown(page: "Page", name: str) -> list[float]:
    """Return `values_shown` as numbers."""
    return [float(value) for value in values_shown(page, name)]


def count_told(page: "Page") -> int:
    """Return how many rows the page says that it shows."""
    found = re.search(r"\d+", page.locator("#shown").inner_text())
    assert found
    return int(found[0])


def sort_by(page: "Page", key: str) -> str | None:
    """Click on a heading of the samples; return the order that it then tells."""
    button = page.locator(f'#samples button[data-sort="{key}"]')
    button.click()
    return button.locator("xpath=ancestor::th").get_attribute("aria-sort")


def background(page: "Page") -> str:
    """Return the colour behind the page."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def brightness(page: "Page") -> float:
    """Return how bright the page's background is, from 0 to 255."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", background(page))[:3]]
    return sum(numbers) / 3


def sideways(page: "Page") -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
