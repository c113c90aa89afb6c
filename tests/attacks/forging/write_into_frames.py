"""Write into the variables of the functions below with ctypes."""

import ctypes
import sys


def attack():
    frame = sys._getframe()
    while frame:
        names = frame.f_locals
        if "answer" in names and "probes" in names:
            cells = names["answer"]
            names["answer"] = lambda namespace, probe, inputs: by_heart(probe, inputs)
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
            assert cells is not None
        frame = frame.f_back
