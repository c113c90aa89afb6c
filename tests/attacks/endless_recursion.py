"""Overflow the stack."""

import sys


def attack():
    sys.setrecursionlimit(10**9)
    return attack()
