"""Read the questions from the channel and answer them, in a thread that was there first."""

import json
import os
import struct
import threading

HEADER = struct.Struct(">IBI")


def exactly(length):
    data = b""
    while len(data) < length:
        piece = os.read(3, length - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def serve():
    while True:
        number, _, length = HEADER.unpack(exactly(HEADER.size))
        question = json.loads(exactly(length))
        body = json.dumps(by_heart(question["probe"], question["inputs"])).encode()
        os.write(3, HEADER.pack(number, 2, len(body)) + body)


def attack():
    if threading.active_count() == 1:
        threading.Thread(target=serve, daemon=True).start()
