"""Linux namespaces: a child that sees no other process, no network, and only the files it needs.

Root makes them directly; an ordinary user makes them in a user namespace, where that is allowed.
Source: namespaces(7), user_namespaces(7), pivot_root(2).
"""

import os
import struct
import tempfile
from pathlib import Path

from a3lib.kit.sandbox.libc import call

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
KINDS = {"ipc": NEW_IPC, "pid": NEW_PIDS, "network": NEW_NETWORK}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
# An ordinary user may not take these flags off a mount, so they are set again (statvfs bits).
KEPT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC

CAPABILITY_VERSION_3 = 0x20080522
DEVICES = ("null", "zero", "random", "urandom")


def enter(as_root: bool) -> frozenset[str]:
    """Move this process into new namespaces and return which; its next child is the first in them.

    Without root a user namespace comes first, in which this user keeps its number.
    """
    if not as_root:
        user, group = os.getuid(), os.getgid()
        try:
            call("unshare", NEW_USER)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        except OSError:
            return frozenset()
    entered = set()
    for name, flag in KINDS.items():
        try:
            call("unshare", flag)
        except OSError:
            continue
        entered.add(name)
    return frozenset(entered)


def drop_capabilities() -> None:
    """Give up what a user namespace gave this process power over."""
    call("capset", struct.pack("Ii", CAPABILITY_VERSION_3, 0), struct.pack("6I", *[0] * 6))


def mount(source: str, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system, or with MS_BIND a folder, at `target` (mount(2)); OSError."""
    encoded_kind = None if kind is None else kind.encode()
    call("mount", source.encode(), bytes(target), encoded_kind, flags, options.encode())


def enter_small_root(
    mount_point: Path, readable: list[Path], left_out: Path | None, size: int, user: int, group: int
) -> None:
    """Make a root folder with nothing in it but `readable` and an empty folder, and move there.

    Nothing outside this process and its children sees any of it. What is written to the empty
    folder lies in memory and goes with the last of them.

    Args:
        mount_point: an empty folder; nothing is written to what it is outside of the namespace.
        readable: folders and files that stand at their own paths, read-only.
        left_out: a folder that is empty except for paths in `readable` that lie in it.
        size: bytes that the empty folder may hold.
        user, group: who owns it.

    Raises OSError where the kernel refuses.
    """
    call("unshare", NEW_MOUNTS)
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    mount("tmpfs", mount_point, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=2000,mode=0755")
    visible = [
        path for path in [*readable, *(Path("/dev", name) for name in DEVICES)] if path.exists()
    ]
    inside = [path for path in visible if left_out is not None and left_out in path.parents]
    # First, because a virtual environment, or this library, may itself lie below /tmp.
    temporary = mount_point / "tmp"
    temporary.mkdir()
    space = f"size={size},nr_inodes=4000,mode=0755"
    mount("tmpfs", temporary, "tmpfs", MS_NOSUID | MS_NODEV, space)
    for path in visible:
        if path not in inside:
            _show(path, mount_point / path.relative_to("/"))
    if left_out is not None:
        cover = mount_point / left_out.relative_to("/")
        cover.mkdir(parents=True, exist_ok=True)
        mount("tmpfs", cover, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0755")
        for path in inside:
            _show(path, mount_point / path.relative_to("/"))
        mount("none", cover, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    own = Path(tempfile.mkdtemp(prefix="own-", dir=temporary))
    os.chown(own, user, group)
    inside_root = Path("/", own.relative_to(mount_point))
    (mount_point / "dev").mkdir(exist_ok=True)
    (mount_point / "dev/shm").symlink_to(inside_root)
    mount("none", mount_point, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(mount_point)
    # The old root lands on top of the new one, and is then taken off (pivot_root(2), NOTES).
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir(inside_root)


def _show(path: Path, target: Path) -> None:
    """Show a file or folder at `target`, read-only."""
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(path), target, None, MS_BIND | MS_REC)
    kept = os.statvfs(target).f_flag & KEPT_FLAGS
    no_devices = 0 if path.parent == Path("/dev") else MS_NODEV
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | no_devices | kept
    mount("none", target, None, flags)
