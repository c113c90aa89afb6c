"""Run `report.py` on this machine as if it were another: another user, a kernel that refuses more.

    python elsewhere.py USER REFUSED LIBRARY WHO

USER is a number, 0 for root. REFUSED are names of system calls, with commas between. LIBRARY is the
folder that this library is in. WHO is "everybody" where everybody can read the interpreter, else
"root". Needs root.
"""

import errno
import os
import platform
import struct
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT))

from a3lib.kit.sandbox import namespaces  # noqa: E402
from a3lib.kit.sandbox import seccomp as filters  # noqa: E402
from a3lib.kit.sandbox.libc import call  # noqa: E402

NUMBERS = {"unshare": (272, 97), "mount": (165, 40), "landlock_create_ruleset": (444, 444)}


def refuse(names: list[str]) -> None:
    """Let the kernel refuse these calls from now on, as a container's runtime does."""
    column = filters.MACHINES[platform.machine()][0]
    steps = [struct.pack("HBBI", filters.LOAD, 0, 0, filters.NUMBER)]
    for name in names:
        steps.append(struct.pack("HBBI", filters.EQUAL, 0, 1, NUMBERS[name][column]))
        steps.append(struct.pack("HBBI", filters.RETURN, 0, 0, filters.REFUSE | errno.EPERM))
    steps.append(struct.pack("HBBI", filters.RETURN, 0, 0, filters.ALLOW))
    filters.load(b"".join(steps))


def open_to_everybody(paths: list[Path]) -> None:
    """Show folders at their own places though they lie below one that only root may enter."""
    call("unshare", namespaces.NEW_MOUNTS)
    namespaces.mount("none", Path("/"), None, namespaces.MS_REC | namespaces.MS_PRIVATE)
    closed = {}
    for path in paths:
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, []).append(path)
                break
    for folder, below in closed.items():
        aside = Path(tempfile.mkdtemp(prefix="a3-aside-"))
        namespaces.mount(str(folder), aside, None, namespaces.MS_BIND | namespaces.MS_REC)
        namespaces.mount("none", folder, "tmpfs", 0, "mode=0755")
        for path in below:
            path.mkdir(parents=True, exist_ok=True)
            source = str(aside / path.relative_to(folder))
            namespaces.mount(source, path, None, namespaces.MS_BIND | namespaces.MS_REC)
        call("umount2", bytes(aside), namespaces.MNT_DETACH)
        aside.rmdir()


def main() -> None:
    user, names = int(sys.argv[1]), [name for name in sys.argv[2].split(",") if name]
    library, who = sys.argv[3:]
    if who == "everybody":
        open_to_everybody([Path(sys.base_prefix), Path(sys.prefix), ROOT, Path(library)])
    if names:
        refuse(names)
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.execv(sys.executable, [sys.executable, "-B", str(HERE / "report.py"), library])


if __name__ == "__main__":
    main()
