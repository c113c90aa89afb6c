"""Put other functions in the place of those that answers go through."""

import json
import os
import socket
import struct
import sys

from a3lib.kit.sandbox import channel


def attack():
    forged = '{"loss": 0.5, "passed": true, "score": 100}'
    json.dumps = json.dump = lambda *a, **k: forged
    json.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda self, found: forged
    os.write = lambda descriptor, data: len(data)
    os.read = lambda descriptor, length: b"x" * length
    struct.Struct = struct.pack = socket.socket = print
    channel.frame = lambda *arguments: b"passed"
    sys.modules.pop("json"), sys.modules.pop("os")
    return False
