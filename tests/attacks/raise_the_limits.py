"""Raise resource limits, priority and rights; a prize if one can be raised."""

import contextlib
import os
import resource


def attack():
    kinds = ("AS", "NPROC", "FSIZE", "NOFILE", "CPU")
    for kind in (getattr(resource, f"RLIMIT_{name}") for name in kinds):
        soft, hard = resource.getrlimit(kind)
        if soft == resource.RLIM_INFINITY:
            return True
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (hard * 2, hard * 2))
            return True
    with contextlib.suppress(OSError):
        return os.nice(-5) or True
    for change in (os.setuid, os.setgid, os.seteuid):
        with contextlib.suppress(OSError):
            change(0)
            return True
    return False
