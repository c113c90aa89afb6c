"""Texts that others wrote, cleaned for a terminal, a report or HTML.

Only the standard library is imported here, because this also runs beside a student's code.
"""

import re
import unicodedata
from contextlib import suppress

LONGEST_TEXT = 300  # characters
# This many characters are read for each one in the result: a text may be endless.
READ_PER_CHARACTER = 20
MOST_ACCENTS = 2  # on one letter
TERMINAL_SEQUENCE = re.compile(r"\x1b(\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
# With these a browser takes what follows for a tag; with a space between, it does not.
TAG = re.compile(r"<(?=[A-Za-z/!?])")
# What HTML does not allow in a text: control characters, lone surrogates and noncharacters.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
NOT_ALLOWED = re.compile(
    "[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
# Unicode's pictures of the control characters: NUL is the first, DEL the last.
FIRST_PICTURE, PICTURE_OF_DELETE = 0x2400, "\u2421"


def printable(
    text: str, limit: int = LONGEST_TEXT, *, tags: bool = True, noise: bool = True
) -> str:
    """Return a text as one printable line of at most `limit` characters.

    A character that does not print is shown as Python's escape. Without `tags` no browser takes a
    part for a tag. Without `noise`, escapes of a terminal, memory addresses, characters that do
    not print and piles of accents are left out.
    """
    line = text[: READ_PER_CHARACTER * limit]
    line = one_line(line if noise else without_noise(line))
    printed = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    if not tags:
        printed = TAG.sub("< ", printed)
    return printed if len(printed) <= limit else f"{printed[: limit - 3]}..."


def one_line(text: str) -> str:
    """Return a text with every run of white space as one space."""
    return " ".join(text.split())


def without_noise(text: str) -> str:
    """Return a text without what a person would not read; see `printable`."""
    text = ADDRESS.sub("0x...", one_line(TERMINAL_SEQUENCE.sub("", text)))
    kept: list[str] = []
    accents = 0
    for character in text:
        accents = accents + 1 if unicodedata.combining(character) else 0
        if character.isprintable() and accents <= MOST_ACCENTS:
            kept.append(character)
    return "".join(kept)


def described(error: BaseException) -> str:
    """Return an error's name and message, whatever its class does when it is asked for them.

    A message that is empty or cannot be read is left out.
    """
    name, message = "an exception", ""
    with suppress(BaseException):
        # A str of a class of its own could do anything when it is put into a text.
        name = str.__str__(type(error).__name__)
        message = str.__str__(str(error))
    return f"{name}: {message}" if message else name


def allowed_in_html(text: str) -> str:
    """Return a text, lines and all, that HTML may hold once it is escaped.

    Control characters become pictures of them, and what else is not allowed U+FFFD.
    """

    def picture(control: re.Match[str]) -> str:
        code = ord(control[0])
        return PICTURE_OF_DELETE if code == 0x7F else chr(FIRST_PICTURE + code)

    return NOT_ALLOWED.sub("\ufffd", CONTROLS.sub(picture, text))
