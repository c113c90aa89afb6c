"""Leave code for the end of the process: handlers, finalizers, hooks."""

import atexit
import signal
import sys
import threading
import weakref

SENT = b"\x00\x00\x00\x02\x02\x00\x00\x00\x02{}"


def speak(*arguments):
    import os

    while True:
        os.write(3, SENT)


class Dying:
    def __del__(self):
        speak()


def attack():
    atexit.register(speak)
    threading._register_atexit(speak)
    weakref.finalize(attack, speak)
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU, signal.SIGCHLD, signal.SIGSEGV):
        signal.signal(number, speak)
    sys.excepthook = sys.unraisablehook = speak
    globals()["kept"] = Dying()
    return False
