"""Leave processes that go on when the exercise is over, and write."""

import contextlib
import os
import time


def attack():
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    for folder in (".", "/tmp", "/dev/shm", "/var/tmp"):
                        with (
                            contextlib.suppress(OSError),
                            open(f"{folder}/a3-stays-behind", "w") as file,
                        ):
                            file.write("score: 100")
                    with contextlib.suppress(OSError):
                        os.write(3, b"\x00\x00\x00\x05\x02\x00\x00\x00\x02{}")
                    time.sleep(0.01)
            os._exit(0)
    return False
