"""Texts that others wrote: one printable line, on a terminal and in HTML."""

import ast
import sys
from pathlib import Path

import pytest

from a3lib.util import text as module
from a3lib.util.text import allowed_in_html, described, one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\nand a\ttab ", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\u2028b\x85c\x7f", "a b c\\x7f"),
        ("\u202egnirts", "\\u202egnirts"),
        ("\ud800 \U000e0041 \x00", "\\ud800 \\U000e0041 \\x00"),
        ("<b>KL</b> at 0x7f3a2b1c9d50", "<b>KL</b> at 0x7f3a2b1c9d50"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 9),
        ("naïve 数", "naïve 数"),
        ("", ""),
    ],
)
def test_a_text_is_one_line_and_shows_what_does_not_print(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with ümlauts", "plain text, with ümlauts"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("\x1b[2J\x1b[1;32mPASSED\x1b[0m", "PASSED"),
        ("\x1b]0;title\x07text \x1b]8;;http://x\x1b\\link", "text link"),
        ("\x9b31mred\x00\x08\x7f", "31mred"),
        ("\u202etxet\u2066 \u200b\ufeff\u2028end", "txet end"),
        ("\ud800 \U000e0041 \ue000", ""),
        ("e" + "\u0301" * 9, "e\u0301\u0301"),
        ("<Tensor at 0x7f3a2b1c9d50>", "<Tensor at 0x...>"),
        ("0xff", "0xff"),
        ("x" * 301, "x" * 297 + "..."),
        ("x" * 300, "x" * 300),
    ],
)
def test_without_noise_a_text_is_what_a_person_would_read(text: str, shown: str) -> None:
    assert printable(text, noise=False) == shown
    assert printable(text, noise=False).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "< script>alert(1)< /script>"),
        ("<!-- <?php", "< !-- < ?php"),
        ("<\nb", "< b"),
        ("<\x1bb", "<\\x1bb"),
        ("KL < 0 <= 1 <3", "KL < 0 <= 1 <3"),
    ],
)
def test_without_tags_a_browser_takes_nothing_for_one(text: str, shown: str) -> None:
    assert printable(text, tags=False) == shown


def test_without_tags_and_noise_what_the_noise_held_apart_is_no_tag_either() -> None:
    assert printable("<\x1b[1mb", noise=False) == "<b"
    assert printable("<\x1b[1mb", noise=False, tags=False) == "< b"


def test_a_long_text_is_cut() -> None:
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "xxxxxxx..."
    assert printable("\x1b" * 1000, 10) == "\\x1b\\x1..."
    # Tags are broken before the text is cut, so the line is no longer than it may be.
    assert printable("<b" * 5, 10, tags=False) == "< b< b<..."
    assert len(printable("x" * 301)) == 300


@pytest.mark.parametrize("noise", [True, False])
def test_of_a_text_without_end_only_the_beginning_is_looked_at(noise: bool) -> None:
    assert printable(" " * 199 + "x", 10, noise=noise) == "x"
    assert printable(" " * 200 + "x", 10, noise=noise) == ""


def test_white_space_of_every_kind_is_one_space() -> None:
    assert one_line("\n a\u2028\t b\u00a0c\n") == "a b c"


class Hostile(str):
    """A str that raises whatever is asked of it."""

    def fail(self, *_: object) -> str:
        raise SystemExit

    __str__ = __format__ = __len__ = __getitem__ = __iter__ = split = fail  # type: ignore


class Odd(Exception):
    def __str__(self) -> str:
        message = self.args[0]
        if isinstance(message, BaseException):
            raise message
        return message


class Nameless(type):
    @property
    def __name__(cls) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\nlines"), "ValueError: two\nlines"),
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError(), "ValueError"),
        (Odd(SystemExit(3)), "Odd"),
        (Odd(KeyboardInterrupt()), "Odd"),
        (Odd(3), "Odd"),
        (Odd(Hostile("said")), "Odd: said"),
        (Nameless("Any", (Exception,), {})("said"), "an exception"),
        (type(Hostile("Name"), (Exception,), {})("said"), "Name: said"),
    ],
)
def test_an_error_is_described_whatever_its_class_does(error: BaseException, said: str) -> None:
    found = described(error)
    assert found == said and type(found) is str


def test_controls_become_pictures_and_the_rest_a_replacement() -> None:
    assert allowed_in_html("\x00\x1f\x7f\r") == "\u2400\u241f\u2421\u240d"
    assert (
        allowed_in_html("\x80\x9f\ud800\udfff\ufdd0\ufffe\uffff\U0001fffe\U0010ffff")
        == "\ufffd" * 9
    )
    allowed = "a\t\n\u00a0\u2028\u202e\u05d0\ue000\ufffd\U0001f600<&"
    assert allowed_in_html(allowed) == allowed


def test_it_can_be_imported_beside_untrusted_code() -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {name.name for n in ast.walk(tree) if isinstance(n, ast.Import) for name in n.names}
    imported |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported and imported <= sys.stdlib_module_names
