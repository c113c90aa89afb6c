"""Begin an answer of the right length, and never finish it."""

import os
import struct
import time


def attack():
    os.write(3, struct.pack(">IBI", 2, 2, 2000))
    while True:
        os.write(3, b" ")
        time.sleep(0.05)
