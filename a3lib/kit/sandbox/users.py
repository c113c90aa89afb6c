"""A user number for each child that nobody else on this machine has while the child is there.

The kernel counts processes by user and lets a process signal those of its own user, so children
that share a number take each other's processes away, and whoever ends one ends the other.
"""

import contextlib
import errno
import os
import pwd
import resource
import secrets
import socket
from pathlib import Path

FIRST_USER, USERS = 60000, 5000
# Workers of one grader look in different stretches. Where in it is drawn, because another
# container's claims cannot be seen from here.
STRETCH = 64
NO_PROGRAM = "/no/such/program"


def claim_user(slot: int) -> tuple[int, socket.socket]:
    """Return a user number that is nobody's, and the claim: it is held until that is closed.

    The claim is a name in the kernel, which no file can outlive: it goes with its holder, however
    that ends. Raises OSError where every number is taken.
    """
    busy = users_of_processes()
    start = STRETCH * slot + secrets.randbelow(STRETCH)
    for step in range(USERS):
        user = FIRST_USER + (start + step) % USERS
        if user in busy or is_known(user):
            continue
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0a3-child-user-{user}")
        except OSError:
            claim.close()
            continue
        return user, claim
    raise OSError(errno.EAGAIN, "every user number for student code is taken")


def users_of_processes() -> set[int]:
    """Return the users of all processes that can be seen."""
    users = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            # A process may end meanwhile.
            with contextlib.suppress(OSError):
                users.add(Path(entry).stat().st_uid)
    return users


def is_known(user: int) -> bool:
    """Say whether this machine has a user of this number."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def is_counted_alone(others: int) -> bool:
    """Say whether the kernel counts but so many others with this process against RLIMIT_NPROC.

    Processes that cannot be seen, as another container's, count as well where they have this user.
    """
    before = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (others + 2, before[1]))
    try:
        # One process more, that finds no program to run: unlike a fork it copies nothing.
        os.posix_spawn(NO_PROGRAM, [NO_PROGRAM], {})
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, before)
    return False
