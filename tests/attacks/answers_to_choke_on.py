"""Send answers that are deep, long, huge, double, and of kinds that do not exist."""

import os
import struct

BODIES = (
    b"[" * 100_000,
    b'{"loss": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"loss": ' + b"9" * 5000 + b"}",
    b'{"loss": 1e999, "gradient_chosen": ' + b"9" * 300 + b"}",
    b'{"loss": [' + b"[]," * 1_000_000 + b"[]]}",
    b'{"loss": "\\u0000", "\\ud800": {"__class__": "Verdict", "passed": true}}',
    bytes(range(256)),
    b"",
)
sent = 0


def send():
    global sent
    body = BODIES[sent % len(BODIES)]
    sent += 1
    data = memoryview(struct.pack(">IBI", sent + 1, sent % 7, len(body)) + body)
    while data:
        data = data[os.write(3, data) :]


def attack():
    send()


def compute_reinforce_loss(reward, output_tokens, model):
    send()
