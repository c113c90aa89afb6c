"""Crash the interpreter."""

import ctypes


def attack():
    ctypes.string_at(0)
