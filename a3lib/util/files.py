"""Files that are whole or absent, and zips that depend on nothing but what is in them."""

import io
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

from a3lib.errors import InputError

# This library's folder, and the folder that holds it with the notebook and the write-up.
LIBRARY = Path(__file__).resolve().parents[1]
PROJECT = LIBRARY.parent


def replace_file(file: Path, content: bytes) -> None:
    """Write a file that holds at every moment the old content or the new, even after a crash.

    Raises OSError where it cannot be written, and then leaves it as it was.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write_at_once(
    file: Path, content: bytes | str, remedy: str = "make room there, or give another folder"
) -> None:
    """Write a file whole or not at all, and its folder where it is missing; a text as UTF-8.

    Raises InputError, with this remedy, where it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(
            f"{str(file)!r} cannot be written ({error.strerror}); {remedy}."
        ) from error


def zipped(files: Mapping[str, bytes], executable: Collection[str]) -> bytes:
    """Return a zip of files that depends on their names, contents and modes alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # Without a time it is dated 1980, on every day.
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every system.
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(entry, files[name])
    return packed.getvalue()
