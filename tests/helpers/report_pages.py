"""Read a report as a browser's parser does, and find what is wrong with it."""

import re
from html.parser import HTMLParser
from pathlib import Path

from bs4 import BeautifulSoup

VOID = {"meta", "input", "img", "br", "link", "hr"}
# Elements that SVG lets be closed in their own tag.
CLOSED = {"path", "rect"}
NOT_ALLOWED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Balance(HTMLParser):
    """Collects elements that are closed in the wrong place, and attributes that stand twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.problems.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in CLOSED:
            self.problems.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes another element")


def problems_of(text: str, page: BeautifulSoup) -> list[str]:
    """What makes a page no valid HTML, or lets it reach outside itself."""
    balance = Balance()
    balance.feed(text)
    found = [*balance.problems, *(f"{tag} stays open" for tag in balance.open)]
    if NOT_ALLOWED.search(text):
        found.append("it holds characters that HTML does not allow")
    ids = [element["id"] for element in page.select("[id]")]
    found += [f"two elements have the id {name}" for name in set(ids) if ids.count(name) > 1]
    for element in page.select("[aria-labelledby], [for]"):
        target = element.get("aria-labelledby") or element.get("for")
        found += [] if target in ids else [f"nothing has the id {target}"]
    for name in ("src", "href", "srcset", "action", "data", "poster"):
        for element in page.select(f"[{name}]"):
            inside = str(element[name]).startswith(("data:image/png;base64,", "#"))
            found += [] if inside else [f"{element.name} refers to {element[name]!s:.50}"]
    for element in page.select("[href^='#']"):
        target = str(element["href"])[1:]
        found += [] if target in ids else [f"a link leads to {target}, which is not there"]
    outside = re.findall(r"url\(|@import|https?:", "".join(s.text for s in page.select("style")))
    found += [f"a style holds {text}" for text in outside]
    found += ["an element has a handler of its own"] if handlers(page) else []
    return found


def handlers(page: BeautifulSoup) -> list[str]:
    """Attributes that a browser would run."""
    return [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]


def read(file: Path) -> BeautifulSoup:
    """A report's page, which must be valid."""
    text = file.read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert problems_of(text, page) == []
    return page


def words(page: BeautifulSoup, selector: str) -> list[str]:
    """The text of elements, its white space made single."""
    return [" ".join(element.text.split()) for element in page.select(selector)]
