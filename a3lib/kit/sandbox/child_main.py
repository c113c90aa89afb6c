"""What runs in the child beside the student's code: it loads it and answers requests one by one.

The student's code is in the same process. What it rebinds is put back before and after each
question (integrity.py), it may not look at the functions that called it (introspection.py), and a
reply is signed with a key that it does not see, because it could write to the channel itself. A
verdict needs the right numbers and is formed elsewhere. What is used after the code is loaded is
kept in local names, so that a clumsy patch of json or os does not break honest answers.
"""

import json
import linecache
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from a3lib.kit.checks.probes import integrity, introspection, modes
from a3lib.kit.sandbox.channel import HEADER, frame, signed
from a3lib.util.text import LONGEST_TEXT, described


def serve(
    channel: int,
    load: Callable[[list[str], dict[str, Any]], list[str]],
    probes: ModuleType,
    trusted: bool = False,
) -> None:
    """Load what the first request holds, then answer requests until the channel is closed.

    Args:
        channel: a connected socket's descriptor.
        load: runs statements in a namespace and returns what went wrong.
        probes: has `prepare`, `answer` and `NotWritten`.
        trusted: the code is the course's own, and may do what debuggers do.
    """
    read, write, from_bytes, encode = os.read, os.write, json.loads, json.JSONEncoder().encode
    header, size, reply, sign = HEADER, HEADER.size, frame, signed
    put_back, check, mode, restore = integrity.put_back, integrity.check, modes.modes, modes.restore
    ask_for_frames = modes.asking_for_frames()
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
        body = sign(key, number, kind, text.encode("utf-8", "replace"))
        data = memoryview(reply(number, kind, body))
        while data:
            data = data[write(channel, data) :]

    number, first = receive()
    key = bytes.fromhex(first.pop("key"))
    namespace: dict[str, Any] = {}
    before = mode()
    if not trusted:
        introspection.refuse()
    try:
        prepare(namespace)
        errors = load(first["texts"], namespace)
        ask_for_frames(None)
        put_back()
        restore(before)
        # What the file sets, such as a device that only its author has, is reset.
        prepare(namespace)
    except BaseException as problem:
        ask_for_frames(None)
        put_back()
        send(number, "raised", short(problem, namespace))
        return
    send(number, "loaded", encode([error[: 4 * LONGEST_TEXT] for error in errors[:50]]))

    while True:
        try:
            number, request = receive()
        except EOFError:
            return
        put_back()
        try:
            answers = answer(namespace, request["probe"], request["inputs"])
            check()
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
