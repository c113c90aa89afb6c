"""What a child does to itself before a line of a student's code is loaded.

Student code is hostile until proven clumsy. It is kept from
- other processes (the grader, other children): by a PID namespace in which it is the first process,
  by a user number of its own where the grader is root, by Landlock and the system call filter;
- the answers, the checks' expected values, other submissions and earlier results: by a root folder
  of its own with nothing but libraries in it, and by Landlock's allow-list;
- writing results or leaving anything behind: its only writable folder is an empty one in memory,
  gone with it; where there is no mount namespace, a temporary folder that the guard removes;
- the network: by a network namespace, the system call filter and Landlock;
- memory, processor time, processes, files: by resource limits, and by the grader's clock;
- gaining rights: by PR_SET_NO_NEW_PRIVS and the filter.
Every step works without the others. What a platform lacks is said in a sentence, which whoever
grades can read.

Not kept from: faults of the kernel itself, side channels (timing, caches), what it receives on
purpose (its inputs, the probes' code, the public fixtures), and hurting its own marks.
"""

import errno
import os
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from a3lib.kit.sandbox import landlock, namespaces, seccomp
from a3lib.kit.sandbox.libc import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, prctl
from a3lib.kit.sandbox.users import is_counted_alone
from a3lib.util.files import LIBRARY

SHARED_LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/fonts",
    "/etc/ld.so.cache",
)
# Of this library's files, the weights and tokenizers that a student's functions load by name.
PUBLIC_FOLDERS = (LIBRARY / "tinyworld" / "policy", LIBRARY / "tinyworld" / "reward_model")
CHANNEL = 3


@dataclass(frozen=True)
class Limits:
    """What student code may use.

    Attributes:
        seconds: time for loading a file, and time for one probe.
        memory_bytes: address space of a process, over what the libraries take.
        processes: processes and threads together.
        file_bytes: size of a file; of all files together where they lie in memory.
        open_files: open files of a process.
        answer_bytes: length of one answer.
    """

    seconds: float = 60
    memory_bytes: int = 2 * 2**30
    processes: int = 16
    file_bytes: int = 64 * 2**20
    open_files: int = 64
    answer_bytes: int = 8 * 2**20


@dataclass(frozen=True)
class Surroundings:
    """What the guard, which started the child, knows: the namespaces and the folder it created.

    Attributes:
        namespaces: those the child is in.
        folder: an empty folder: the working folder, or where the small root is mounted.
        user: the user and group to become; None keeps the grader's own.
        trusted: the code is the course's own, and may read this library.
    """

    namespaces: frozenset[str]
    folder: Path
    user: int | None
    trusted: bool


def readable_paths(trusted: bool) -> list[Path]:
    """Return the interpreter's library, installed packages and shared libraries.

    A folder on sys.path that holds a copy of this library, as in development, is left out unless
    the code is trusted.
    """
    candidates = [Path(path) for path in SHARED_LIBRARIES]
    candidates += [Path(prefix, "lib") for prefix in (sys.base_prefix, sys.prefix)]
    candidates += [
        Path(entry)
        for entry in sys.path
        if Path(entry).name in ("site-packages", "dist-packages", "lib-dynload")
        or not Path(entry, LIBRARY.name).is_dir()
    ]
    candidates += [LIBRARY] if trusted else PUBLIC_FOLDERS
    return [path for path in dict.fromkeys(candidates) if path.is_absolute() and path.exists()]


def enclose(limits: Limits, surroundings: Surroundings) -> tuple[list[str], list[str]]:
    """Lock this process in; return sentences on what protects and on what this platform lacks.

    The order matters: mounts need rights that a change of user gives up, and the filter refuses
    what the steps before it use.

    Raises PermissionError where the user to become cannot read the interpreter's own files, and
    OSError where the machine lacks room or the user is not this process's alone.
    """
    protections, missing = [], []
    in_use = _address_space()
    os.setsid()
    os.umask(0o022)
    _prefer_as_victim()
    _close_files()
    readable = readable_paths(surroundings.trusted)
    left_out = None if surroundings.trusted else LIBRARY
    user = os.getuid() if surroundings.user is None else surroundings.user
    group = os.getgid() if surroundings.user is None else surroundings.user

    refusal = _enter_small_root(limits, surroundings, readable, left_out, user, group)
    small_root = refusal is None
    if small_root:
        protections.append("It sees only libraries and an empty folder that lies in memory.")
    else:
        missing.append(
            f"Files: no root folder of its own ({refusal}), so only each file's size is limited."
        )
        os.chown(surroundings.folder, user, group)
        os.chdir(surroundings.folder)
    os.umask(0o077)
    own_user = surroundings.user is not None
    _set_limits(limits, in_use)
    protections.append("Memory, processor time, file sizes and open files are limited.")
    if own_user:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        protections.append("It runs as a user of its own, who owns nothing.")
        _check_readable(user, surroundings.trusted)
    else:
        missing.append("User: the grader is not root, so student code runs as the same user.")
    if own_user or surroundings.namespaces:
        # In a user namespace the guard, which made it, is counted with its child.
        counted = _limit_processes(limits.processes, others=0 if own_user else 1)
        if own_user and not counted:
            raise OSError(errno.EAGAIN, f"user {user} has other processes, or no more can be had")
        if not counted:
            missing.append("Processes: they are counted now and then only.")
    if surroundings.namespaces:
        namespaces.drop_capabilities()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_NO_NEW_PRIVS, 1)

    landlock_version = _restrict_files(readable, left_out)
    if landlock_version:
        protections.append(
            "Landlock: it can open only libraries and its own folder, and run no program."
        )
    else:
        missing.append("Landlock: the kernel has none (Linux 5.13 and later do).")
    # Temporary files and caches belong where this process can write.
    os.environ["HOME"] = os.environ["TMPDIR"] = os.getcwd()
    tempfile.tempdir = None

    hidden = "pid" in surroundings.namespaces
    alone = not own_user and not hidden
    filtered = _filter_calls(alone=alone)
    if filtered:
        protections.append("System calls are filtered: no network, no tracing, no mounts.")
    else:
        missing.append("System calls: they cannot be filtered here.")

    if hidden:
        protections.append("It sees and signals no other process; all it starts ends with it.")
    elif own_user:
        missing.append("Processes: no PID namespace; its user is kept from signalling others.")
    else:
        missing.append(
            "Processes: no PID namespace"
            + (
                ", so it may start none."
                if filtered
                else ", so it can signal the grader's processes."
            )
        )
    if not (small_root or landlock_version):
        missing.append("Answers: student code can read this library's files, answers included.")
    if not (filtered or "network" in surroundings.namespaces):
        missing.append("Network: student code can use it.")
    return protections, missing


def _prefer_as_victim() -> None:
    """Where memory runs out on the machine, let this process be ended and not the grader."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def _close_files() -> None:
    """Keep the channel only; input is empty and output goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.closerange(CHANNEL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _enter_small_root(
    limits: Limits,
    surroundings: Surroundings,
    readable: list[Path],
    left_out: Path | None,
    user: int,
    group: int,
) -> str | None:
    """Move to a root folder with libraries only; return why the kernel refuses, or None."""
    try:
        namespaces.enter_small_root(
            surroundings.folder, readable, left_out, limits.file_bytes, user, group
        )
    except OSError as problem:
        return str(problem.strerror or problem)
    return None


def _address_space() -> int:
    """Return how many bytes of address space this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def processor_seconds(limits: Limits) -> int:
    """Return how long a child may run in all."""
    return 60 + int(60 * limits.seconds)


def _set_limits(limits: Limits, in_use: int) -> None:
    """Set hard limits, which only root can raise again."""
    values = {
        resource.RLIMIT_AS: in_use + limits.memory_bytes,
        resource.RLIMIT_CPU: processor_seconds(limits),
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
    }
    for kind, value in values.items():
        _set_limit(kind, value)


def _set_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _limit_processes(processes: int, others: int) -> bool:
    """Limit processes where the kernel counts none but this family's; say whether it does.

    It counts by user: of a user who also works at this machine, or of a number that another
    container uses too, others' processes would be taken off what a student is promised.
    """
    counted_alone = is_counted_alone(others)
    if counted_alone:
        _set_limit(resource.RLIMIT_NPROC, processes + others)
    return counted_alone


def _check_readable(user: int, trusted: bool) -> None:
    paths = [os.__file__, __file__] if trusted else [os.__file__]
    for path in paths:
        if not os.access(path, os.R_OK):
            raise PermissionError(
                f"user {user} cannot read {path}: install Python where every user can read it "
                "(not below /root), or grade as an ordinary user."
            )


def _restrict_files(readable: list[Path], left_out: Path | None) -> int:
    """Restrict with Landlock; return its version, 0 where there is none."""
    devices = [Path("/dev", name) for name in namespaces.DEVICES]
    try:
        return landlock.restrict(readable, [Path.cwd(), *devices], left_out)
    except OSError:
        return 0


def _filter_calls(*, alone: bool) -> bool:
    try:
        seccomp.install(alone=alone)
    except OSError:
        return False
    return True
