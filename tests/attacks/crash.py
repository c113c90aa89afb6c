"""Crash the interpreter."""

import ctypes


def attack():
    ctypes.memset(0, 0, 1)
