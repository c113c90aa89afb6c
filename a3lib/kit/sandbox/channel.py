"""What passes between the grader and a child, and how the grader reads bytes that may be hostile.

A frame is a request's number, a kind (one byte) and a length, then so many bytes. A reply's bytes
are JSON that holds nothing but numbers and lists of numbers under names, or plain text: neither
can carry code. Whatever else a child sends is an `UnreadableReply`; the reader's memory is bounded
by the length that it accepts and by the number of lists in it.
"""

import hashlib
import hmac
import json
import struct
from typing import Any

from a3lib.util.text import printable

HEADER = struct.Struct(">IBI")
KINDS = ("ready", "loaded", "answers", "missing", "raised", "unreadable")

SIGNATURE = 16  # bytes
LONGEST_NAME = 100
MOST_NAMES = 1000
# An empty list takes 64 bytes of memory for the three bytes that it takes on the way.
MOST_LISTS = 300_000
DEEPEST_LIST = 8
LARGEST_INTEGER = 2**63


class UnreadableReply(ValueError):
    """A child sent bytes that are not a reply; the message says what is wrong with them."""


def frame(number: int, kind: str, body: bytes) -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(number, KINDS.index(kind), len(body)) + body


def signed(key: bytes, number: int, kind: str, body: bytes) -> bytes:
    """Return a reply's body with a signature before it that only who has the key can make."""
    about = f"{number} {kind} ".encode()
    return hashlib.blake2b(about + body, key=key, digest_size=SIGNATURE).digest() + body


def read_signed(key: bytes, number: int, kind: str, received: bytes) -> bytes:
    """Return a reply's body; raises UnreadableReply where its signature is not right."""
    body = received[SIGNATURE:]
    if not hmac.compare_digest(signed(key, number, kind, body), received):
        raise UnreadableReply("the answer was not written by the probes")
    return body


def read_header(header: bytes, number: int, longest: int) -> tuple[str, int]:
    """Return a reply's kind and its length in bytes.

    Raises UnreadableReply where it answers another request, or is longer than `longest` bytes.
    """
    replied_to, kind, length = HEADER.unpack(header)
    if replied_to != number or kind >= len(KINDS):
        raise UnreadableReply("what came back was not an answer to the question")
    if length > longest:
        raise UnreadableReply(f"the answer is longer than {longest} bytes")
    return KINDS[kind], length


def read_answers(body: bytes) -> dict[str, Any]:
    """Return the numbers, and nested lists of numbers, that a reply holds under their names.

    Raises UnreadableReply for anything else: no JSON, a string, true, null, an object inside, an
    integer of more than 64 bits, a list deeper than 8, names that cannot be printed.
    """
    if body.count(b"[") > MOST_LISTS or body.count(b"{") > 1 or body.count(b'"') > 2 * MOST_NAMES:
        raise UnreadableReply("the answer has too many lists or names")
    try:
        # json's own errors are ValueErrors; so is a number of more digits than int() takes.
        answers = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as problem:
        raise UnreadableReply("the answer is not JSON") from problem
    if type(answers) is not dict:
        raise UnreadableReply("the answer is not numbers under names")
    for name in answers:
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise UnreadableReply("the answer has a name that is too long or cannot be printed")
    _check_numbers(list(answers.values()))
    return answers


def _check_numbers(values: list[Any]) -> None:
    """Raise UnreadableReply unless all values are numbers or lists of numbers."""
    level, depth = values, 0
    while level:
        below: list[Any] = []
        for value in level:
            if type(value) is list:
                below.extend(value)
            elif type(value) is int:
                if abs(value) >= LARGEST_INTEGER:
                    raise UnreadableReply("the answer has an integer of more than 64 bits")
            elif type(value) is not float:
                raise UnreadableReply("the answer has something in it that is not a number")
        depth += 1
        if depth > DEEPEST_LIST and below:
            raise UnreadableReply(f"the answer has lists deeper than {DEEPEST_LIST}")
        level = below


def read_text(body: bytes) -> str:
    """Return a reply's text as one printable line; a report in HTML must escape it."""
    return printable(body.decode("utf-8", errors="replace"), noise=False)


def read_texts(body: bytes, most: int = 50) -> list[str]:
    """Return a reply's list of texts, each printable, at most `most` of them; UnreadableReply."""
    try:
        texts = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as problem:
        raise UnreadableReply("the list of errors is not JSON") from problem
    if type(texts) is not list or not all(type(text) is str for text in texts):
        raise UnreadableReply("the list of errors is not a list of texts")
    return [printable(text, noise=False) for text in texts[:most]]
