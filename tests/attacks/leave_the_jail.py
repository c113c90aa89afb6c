"""Make namespaces, mount, change the root; a prize if one of them works."""

import contextlib
import ctypes
import os

NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000


def attack():
    library = ctypes.CDLL(None, use_errno=True)
    for flag in (NEW_USER, NEW_MOUNTS, NEW_USER | NEW_MOUNTS):
        if library.unshare(flag) == 0:
            return True
        # The number of clone on x86_64: with a flag of 17 (SIGCHLD) it is a fork.
        child = library.syscall(56, flag | 17, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        if child > 0:
            return True
    if library.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        return True
    with contextlib.suppress(OSError):
        os.chroot("/tmp")
        return True
    return False
