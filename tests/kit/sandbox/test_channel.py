"""What the grader reads from a child: nothing but numbers and clean text, whatever the bytes."""

import json
import math

import pytest

from a3lib.kit.sandbox.channel import (
    HEADER,
    UnreadableReply,
    frame,
    read_answers,
    read_header,
    read_text,
    read_texts,
)


def test_a_frame_is_read_back() -> None:
    data = frame(7, "answers", b"{}")
    assert read_header(data[: HEADER.size], 7, 2) == ("answers", 2)
    assert data[HEADER.size :] == b"{}"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.pack(6, 2, 2), "not an answer to the question"),
        (HEADER.pack(7, 6, 2), "not an answer to the question"),
        (HEADER.pack(7, 255, 2), "not an answer to the question"),
        (HEADER.pack(7, 2, 3), "longer than 2 bytes"),
        (HEADER.pack(7, 2, 2**32 - 1), "longer than 2 bytes"),
    ],
)
def test_a_frame_that_answers_another_question_or_is_long_is_refused(
    header: bytes, message: str
) -> None:
    with pytest.raises(UnreadableReply, match=message):
        read_header(header, 7, 2)


def test_numbers_are_read() -> None:
    found = read_answers(b'{"a": 1, "b": [[0.5, -2e3], []], "c": NaN, "d": [Infinity, -Infinity]}')
    assert math.isnan(found.pop("c"))
    assert found == {"a": 1, "b": [[0.5, -2000.0], []], "d": [math.inf, -math.inf]}
    deepest = "[" * 8 + "1" + "]" * 8
    assert read_answers(f'{{"a": {deepest}, "b": {2**63 - 1}}}'.encode())["b"] == 2**63 - 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"1",
        b"null",
        b'{"a": 1} ,',
        b'{"a": true}',
        b'{"a": [1, null]}',
        b'{"a": "1"}',
        b'{"a": {"b": 1}}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775808}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 9 + b"1" + b"]" * 9 + b"}",
        b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a": [' + b"[]," * 300_000 + b"[]]}",
        b'{"' + b"a" * 101 + b'": 1}',
        b'{"a\\u202e": 1}',
        b'{"a\\ud800": 1}',
        '{"ä": 1}'.encode(),
        b"\xff\xfe",
        b"\x80\x04K\x01.",
        json.dumps({str(n): n for n in range(1001)}).encode(),
    ],
)
def test_anything_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_answers(body)


def test_a_reply_s_text_is_printable_and_short() -> None:
    assert read_text("<b> \x1b[1mé\n\u202e0x7f3a2b1c9d50".encode()) == "<b> é 0x..."
    assert read_text(b"\xff" + b"x" * 400) == "\ufffd" + "x" * 296 + "..."


def test_lists_of_texts_are_cleaned_and_cut() -> None:
    assert read_texts(json.dumps(["a\x1b[1mb", "c"] + ["d"] * 60).encode())[:2] == ["ab", "c"]
    assert len(read_texts(json.dumps(["d"] * 60).encode())) == 50
    for body in (b"", b"{}", b"[1]", b'[["a"]]', b"[" * 100_000):
        with pytest.raises(UnreadableReply):
            read_texts(body)
