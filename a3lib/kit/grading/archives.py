"""Zips, read within bounds: what is in one is written out as plain files, or said to be wrong.

A zip comes from outside: its names may lead elsewhere, its sizes may be lies, a small file may
unpack to a large one. Sizes are counted while they are read, and nothing in a zip is believed.
"""

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from a3lib.util.text import printable

MEGABYTE = 1_000_000
MOST_FILES = 20_000  # in one zip
LARGEST_DIRECTORY = 4 * MEGABYTE  # the list of a zip's files
LARGEST_FILE = 20 * MEGABYTE
LARGEST_INNER_ZIP = 200 * MEGABYTE
LARGEST_TOTAL = 2_000 * MEGABYTE  # of one call of the grader
# Code shrinks to a fifth and a notebook with figures hardly; only a bomb goes beyond this.
LARGEST_RATIO = 200
SMALL = MEGABYTE  # A file of this size may shrink as far as it likes.
DEEPEST = 3  # zips in zips
DEEPEST_FOLDER = 30
CHUNK = 1 << 16
# What Python raises where the packed bytes are not what they say.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
END, END_64 = b"PK\x05\x06", b"PK\x06\x06"


class ZipError(Exception):
    """A zip, or a file in it, cannot be used; the message says why, for a list of reasons."""


@dataclass
class Room:
    """Where zips are unpacked to, and how many bytes may still come there."""

    folder: Path
    left: int = LARGEST_TOTAL
    files: int = 0

    def place(self, name: str) -> Path:
        """Return a path for one more file, in a folder of its own, so that no two names meet."""
        self.files += 1
        folder = self.folder / str(self.files)
        folder.mkdir()
        stem, ending = os.path.splitext(name)
        return folder / ((printable(stem, 60).replace("/", "_").strip() or "file") + ending)


@dataclass(frozen=True)
class Member:
    """What is in a zip: its path there, whether it is a folder, and why it cannot be used."""

    parts: tuple[str, ...]
    is_folder: bool
    reason: str
    entry: zipfile.ZipInfo


def opened(file: Path) -> zipfile.ZipFile:
    """Open a zip; raises ZipError where it is none, is damaged or lists too many files."""
    try:
        if directory_size(file) > LARGEST_DIRECTORY:
            raise ZipError(f"a zip with more than {MOST_FILES} files; unpack it")
        archive = zipfile.ZipFile(file)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ZipError(f"cannot be read ({error.strerror})") from error
        raise ZipError("a damaged zip, or no zip") from error
    if len(archive.infolist()) > MOST_FILES:
        archive.close()
        raise ZipError(f"a zip with more than {MOST_FILES} files; unpack it")
    return archive


def directory_size(file: Path) -> int:
    """Return how large a zip says that its list of files is, before that is read."""
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - (1 << 16) - 200))
        tail = stream.read()
    place = tail.rfind(END)
    size = struct.unpack_from("<L", tail, place + 12)[0] if place >= 0 else 0
    place = tail.rfind(END_64)
    if size == 0xFFFFFFFF and place >= 0:
        size = struct.unpack_from("<Q", tail, place + 40)[0]
    return int(size)


def members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Yield what a zip lists, in order of the paths, each with why it cannot be used."""
    last = {path_of(entry)[1]: entry for entry in archive.infolist()}
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        name, parts = path_of(entry)
        reason = problem_of(entry, name, parts)
        if not reason and last[parts] is not entry and not entry.is_dir():
            reason = "twice in the zip; the last is taken"
        yield Member(parts or (printable(name) or "?",), name.endswith("/"), reason, entry)


def path_of(entry: zipfile.ZipInfo) -> tuple[str, tuple[str, ...]]:
    """Return the path of an entry of a zip, as a text and in parts."""
    # Some Windows tools write backslashes.
    name = entry.filename.replace("\\", "/")
    return name, tuple(part for part in name.split("/") if part not in ("", "."))


def problem_of(entry: zipfile.ZipInfo, name: str, parts: tuple[str, ...]) -> str:
    """Return why an entry of a zip is not to be unpacked, or ""."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if len(parts) > DEEPEST_FOLDER:
        return f"more than {DEEPEST_FOLDER} folders deep"
    if not parts or ".." in parts or name.startswith("/") or parts[0].endswith(":"):
        return "its path leads out of the zip"
    if kind == stat.S_IFLNK:
        return "a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not an ordinary file"
    if entry.flag_bits & 1 and not name.endswith("/"):
        return "encrypted; ask for it without a password"
    return ""


def extracted(archive: zipfile.ZipFile, member: Member, room: Room, largest: int) -> Path:
    """Write a file of a zip into the room and return where; raises ZipError where that fails."""
    target = room.place(member.parts[-1])
    packed = max(1, member.entry.compress_size)
    written = 0
    try:
        with archive.open(member.entry) as source, target.open("wb") as sink:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                room.left -= len(chunk)
                check_size(written, packed, room, largest)
                sink.write(chunk)
    except ZipError:
        target.unlink(missing_ok=True)
        raise
    except DAMAGE as error:
        target.unlink(missing_ok=True)
        # NotImplementedError is a RuntimeError: a method of packing that Python does not know.
        unknown = isinstance(error, NotImplementedError)
        raise ZipError("packed in an unknown way" if unknown else "damaged in the zip") from error
    return target


def check_size(written: int, packed: int, room: Room, largest: int) -> None:
    """Raise ZipError where a file that is being unpacked grows beyond a bound."""
    if written > largest:
        raise ZipError(f"more than {largest // MEGABYTE} MB when it is unpacked")
    if written > SMALL and written > LARGEST_RATIO * packed:
        raise ZipError(f"unpacks to more than {LARGEST_RATIO} times its size")
    if room.left < 0:
        raise ZipError(f"more than {LARGEST_TOTAL // MEGABYTE} MB in all zips; unpack them")
