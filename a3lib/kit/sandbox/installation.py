"""Files that student code is promised and that have gone: the libraries' own, and our weights."""

import re
import sys
from pathlib import Path

from a3lib.kit.sandbox.lockdown import PUBLIC_FOLDERS

MODULE = re.compile(r"No module named '([\w.]+)'")
FILE = re.compile(r"No such file or directory: ['\"]([^'\"]+)['\"]")
# What there was when the grader started.
PUBLIC_FILES = tuple(file for folder in PUBLIC_FOLDERS for file in folder.rglob("*"))


def missing_files(texts: list[str]) -> str:
    """Return which file is missing that errors, in words, may come from; "" where none is.

    A library lists what it installed. What it does not list, no student can blame on it: a module
    that is named in an error and was never there is the student's mistake.
    """
    gone = [file for file in PUBLIC_FILES if not file.exists()]
    for entry in map(Path, sys.path):
        if entry.name in ("site-packages", "dist-packages"):
            named = named_in(texts, entry)
            gone += [entry / name for name in listed(named, entry) if not (entry / name).exists()]
    return f"{gone[0]} of the installation is missing" if gone else ""


def named_in(texts: list[str], packages: Path) -> set[str]:
    """Return the files of a folder of packages that errors name, and those of modules they name."""
    names = set()
    for text in texts:
        for module in MODULE.findall(text):
            path = module.replace(".", "/")
            names |= {f"{path}.py", f"{path}/__init__.py"}
        for file in map(Path, FILE.findall(text)):
            if packages in file.parents:
                names.add(file.relative_to(packages).as_posix())
    return names


def listed(names: set[str], packages: Path) -> list[str]:
    """Return which of these files a package in this folder says that it has installed."""
    if not names:
        return []
    lines = [
        line.split(",")[0]
        for record in packages.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return sorted(names.intersection(lines))
