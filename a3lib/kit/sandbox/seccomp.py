"""A filter of system calls (seccomp): what a child may not ask the kernel for.

It needs no root and works in most containers. It takes away what no solution of an assignment
needs: the network, other processes' memory, namespaces and mounts, memory that no limit counts
(memfd, System V), and the parts of the kernel that attacks have been built on.
Source: the kernel's Documentation/userspace-api/seccomp_filter.rst; numbers from its tables
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import platform
import struct

from a3lib.kit.sandbox.libc import call

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
# Where struct seccomp_data has the call's number, the machine, the low half of argument 0, and both
# halves of argument 2.
NUMBER, MACHINE, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 4, 16, (32, 36)
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
X32_CALLS = 0x40000000

CLONE_THREAD = 0x00010000
# Flags of clone() that make namespaces: mount, cgroup, host name, IPC, user, PID, network.
CLONE_NAMESPACES = 0x00020000 | 0x7E000000

# name: (x86_64, aarch64)
REFUSED = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # A signal's handler in Python is given the frame that it interrupts, such as one of the probes.
    "rt_sigaction": (13, 134),
    # A limit that is lowered makes the kernel end a process as if somebody else had.
    "setrlimit": (160, 164),
}
# Reads a limit as well, where it is given no new one.
PRLIMIT = (302, 261)
# Refused as well where nothing else keeps a child from signalling the grader's processes.
SIGNALS = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
TGKILL = (234, 131)
CLONE, CLONE3 = (56, 220), (435, 435)
# Old calls that aarch64 does not have.
FORK, VFORK = 57, 58

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def program(machine: str, *, alone: bool, process: int) -> bytes:
    """Return the filter's instructions.

    Args:
        machine: "x86_64" or "aarch64".
        alone: refuse other processes as well: to make them, and to signal them.
        process: this process's id, which it may signal in any case.
    """
    column, identity = MACHINES[machine]
    refuse = _instruction(RETURN, REFUSE | errno.EPERM)
    steps = [
        _instruction(LOAD, MACHINE),
        _instruction(EQUAL, identity, on_true=1),
        refuse,
        _instruction(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        steps += [_instruction(AT_LEAST, X32_CALLS, on_false=1), refuse]
    refused = [numbers[column] for numbers in REFUSED.values()]
    if alone:
        refused += [numbers[column] for numbers in SIGNALS.values()]
        refused += [FORK, VFORK] if machine == "x86_64" else []
    for number in refused:
        steps += [_instruction(EQUAL, number, on_false=1), refuse]
    # clone3 hides its flags from a filter; without it the C library falls back to clone.
    no_clone3 = _instruction(RETURN, REFUSE | errno.ENOSYS)
    steps += [_instruction(EQUAL, CLONE3[column], on_false=1), no_clone3]
    steps += _if_number(
        CLONE[column], [_instruction(ANY_BIT, CLONE_NAMESPACES, on_false=1), refuse]
    )
    low, high = (
        [_instruction(LOAD, half), _instruction(EQUAL, 0, on_true=1), refuse]
        for half in THIRD_ARGUMENT
    )
    steps += _if_number(PRLIMIT[column], [*low, *high])
    if alone:
        thread = [_instruction(ANY_BIT, CLONE_THREAD, on_true=1), refuse]
        steps += _if_number(CLONE[column], thread)
        steps += _if_number(TGKILL[column], [_instruction(EQUAL, process, on_true=1), refuse])
    return b"".join([*steps, _instruction(RETURN, ALLOW)])


def _instruction(code: int, value: int, on_true: int = 0, on_false: int = 0) -> bytes:
    """Return one instruction of the filter, with how many to skip on true and on false."""
    return struct.pack("HBBI", code, on_true, on_false, value)


def _if_number(number: int, then: list[bytes]) -> list[bytes]:
    """Return instructions that look at the first argument of one call, then load the number again.

    `then` holds a test and what follows it.
    """
    inside = [_instruction(LOAD, FIRST_ARGUMENT), *then, _instruction(LOAD, NUMBER)]
    return [_instruction(EQUAL, number, on_false=len(inside)), *inside]


def install(*, alone: bool) -> None:
    """Filter the system calls of this process and its children for good.

    PR_SET_NO_NEW_PRIVS must be set. Raises OSError where the kernel or the machine lacks it.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no filter for the machine {machine}")
    load(program(machine, alone=alone, process=os.getpid()))


def load(instructions: bytes) -> None:
    """Give the kernel a filter's instructions, which hold from then on (seccomp(2)); OSError."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    # struct sock_fprog: how many instructions, and where they are.
    header = struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)
