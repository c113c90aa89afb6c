"""Find the probes in the frames below."""

import sys


def attack():
    frame = sys._getframe()
    while frame:
        table = frame.f_globals.get("PROBES")
        for name in table or ():
            table[name] = lambda namespace, inputs, probe=name: by_heart(probe, inputs)
        frame = frame.f_back
