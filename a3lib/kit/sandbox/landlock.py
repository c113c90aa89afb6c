"""Landlock: which files a process may open, without root (Linux 5.13 and later).

The rules are an allow-list, and neither they nor the processes that inherit them can widen them.
Newer kernels add more: no TCP (6.7), no signals to processes outside (6.12).
Source: the kernel's Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

import os
import struct
from pathlib import Path

from a3lib.kit.sandbox.libc import call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIRECTORY = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
# How many kinds of file access each version knows; the kernel refuses those it does not know.
FILE_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
LATEST_FILE_ACCESS_BITS = 16
TCP_BIND_AND_CONNECT = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
TCP_VERSION, SIGNAL_VERSION = 4, 6


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    try:
        return call("syscall", CREATE_RULESET, None, 0, ASK_VERSION)
    except OSError:
        return 0


def all_but(folder: Path, left_out: Path) -> tuple[list[Path], list[Path]]:
    """Return what can be opened whole in `folder`, and the folders that can only be listed.

    `left_out` is in neither, though its files' names can be seen in a listing.
    """
    if folder == left_out:
        return [], []
    if folder not in left_out.parents:
        return [folder], []
    whole, listed = [], [folder]
    for entry in sorted(folder.iterdir()):
        more_whole, more_listed = all_but(entry, left_out)
        whole += more_whole
        listed += more_listed
    return whole, listed


def restrict(readable: list[Path], writable: list[Path], left_out: Path | None) -> int:
    """Let this process open nothing but these paths, and run no program; return the version.

    Args:
        readable: folders and files to read.
        writable: folders and files to do anything with except run them as programs.
        left_out: a folder that cannot be read though it lies in a readable one; paths in
            `readable` that lie inside it can.

    Raises OSError where the kernel has no Landlock.
    """
    known = version()
    every_access = (1 << FILE_ACCESS_BITS.get(known, LATEST_FILE_ACCESS_BITS)) - 1
    attributes = struct.pack("Q", every_access)
    if known >= TCP_VERSION:
        attributes += struct.pack("Q", TCP_BIND_AND_CONNECT)
    if known >= SIGNAL_VERSION:
        attributes += struct.pack("Q", ABSTRACT_SOCKETS_AND_SIGNALS)
    ruleset = call("syscall", CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in readable:
            resolved = path.resolve()
            if left_out is None or left_out in resolved.parents:
                whole, listed = [resolved], list[Path]()
            else:
                whole, listed = all_but(resolved, left_out)
            for entry in whole:
                _allow(ruleset, entry, READ_FILE | READ_DIRECTORY)
            for entry in listed:
                _allow(ruleset, entry, READ_DIRECTORY)
        for path in writable:
            _allow(ruleset, path, every_access & ~EXECUTE)
        call("syscall", RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: Path, access: int) -> None:
    """Add a rule for a file, or for a folder and all that is in it; a missing path is no error."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not path.is_dir():
            access &= WRITE_FILE | READ_FILE | TRUNCATE
        rule = struct.pack("=Qi", access, opened)
        call("syscall", ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
