"""What runs in the child beside the student's code: it loads it and answers requests one by one.

The student's code is in the same process and can do to this module what it likes, even write to
the channel; it gains nothing, because a verdict needs the right numbers and is formed elsewhere.
What is used after the code is loaded is kept in local names, so that a clumsy patch of json or os
does not break honest answers.
"""

import json
import linecache
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from a3lib.kit.sandbox.channel import HEADER, frame
from a3lib.util.text import LONGEST_TEXT, described


def serve(
    channel: int,
    load: Callable[[list[str], dict[str, Any]], list[str]],
    probes: ModuleType,
) -> None:
    """Load what the first request holds, then answer requests until the channel is closed.

    Args:
        channel: a connected socket's descriptor.
        load: runs statements in a namespace and returns what went wrong.
        probes: has `prepare`, `answer` and `NotWritten`.
    """
    read, write, from_bytes, encode = os.read, os.write, json.loads, json.JSONEncoder().encode
    header, size, reply = HEADER, HEADER.size, frame
    prepare, answer, not_written, short = probes.prepare, probes.answer, probes.NotWritten, describe

    def receive() -> tuple[int, Any]:
        number, _, length = header.unpack(read_all(size))
        return number, from_bytes(read_all(length))

    def read_all(length: int) -> bytes:
        pieces = []
        while length:
            piece = read(channel, min(length, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def send(number: int, kind: str, text: str) -> None:
        data = memoryview(reply(number, kind, text.encode("utf-8", "replace")))
        while data:
            data = data[write(channel, data) :]

    number, texts = receive()
    namespace: dict[str, Any] = {}
    try:
        prepare(namespace)
        errors = load(texts, namespace)
        # What the file sets, such as a device that only its author has, is reset.
        prepare(namespace)
    except BaseException as problem:
        send(number, "raised", short(problem, namespace))
        return
    send(number, "loaded", encode([error[: 4 * LONGEST_TEXT] for error in errors[:50]]))

    while True:
        try:
            number, request = receive()
        except EOFError:
            return
        try:
            answers = answer(namespace, request["probe"], request["inputs"])
        except not_written as problem:
            kind, text = "missing", short(problem, namespace)
        except BaseException as problem:
            kind, text = "raised", short(problem, namespace)
        else:
            try:
                kind, text = "answers", encode(answers)
            except BaseException as problem:
                kind, text = "unreadable", f"the answer is not numbers: {short(problem, namespace)}"
        send(number, kind, text)


def describe(problem: BaseException, namespace: dict[str, Any]) -> str:
    """Return an exception's name and message, and where in the student's code it was raised.

    Both may be the student's.
    """
    try:
        place = place_of(problem, namespace)
    except BaseException:
        place = ""
    return described(problem)[: 2 * LONGEST_TEXT] + place


def place_of(problem: BaseException, namespace: dict[str, Any]) -> str:
    """Return the student's last line that an exception passed, and the function it is in."""
    place, step = "", problem.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if step.tb_frame.f_globals is namespace:
            line = linecache.getline(code.co_filename, step.tb_lineno).strip()
            place = f" (in {code.co_name}: {line[:80]})"
        step = step.tb_next
    return place
