"""Announce an answer of four gigabytes, and send it byte by byte."""

import os
import struct
import time


def attack():
    os.write(3, struct.pack(">IBI", 2, 2, 2**32 - 1))
    while True:
        os.write(3, b"[")
        time.sleep(0.05)
