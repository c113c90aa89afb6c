"""Folders and zips as platforms, systems and students make them: a tree of names and contents."""

import io
import os
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

CODE = "def train(model_name):\n    return {}\n"
HELPER = "x = 1\n"
NOTEBOOK = (
    '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", '
    '"id": "a", "metadata": {}, "outputs": [], "execution_count": null,'
    ' "source": [\n"def train(model_name):\\n",\n"    return {}"]}]}'
)


@dataclass(frozen=True)
class Zip:
    """A zip of these files; `links` lead somewhere, `encrypted` are marked as such."""

    files: "Tree"
    links: dict[str, str] = field(default_factory=dict)
    encrypted: tuple[str, ...] = ()

    def packed(self) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                if content is None:
                    archive.writestr(zipfile.ZipInfo(f"{name}/"), b"")
                elif not isinstance(content, Link | Pipe):
                    archive.writestr(name, as_bytes(content))
            for name, target in self.links.items():
                entry = zipfile.ZipInfo(name)
                entry.create_system = 3
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, target)
        packed = stream.getvalue()
        for name in self.encrypted:
            packed = with_flag(packed, name.encode())
        return packed


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Pipe:
    """A named pipe."""


Content = str | bytes | Zip | Link | Pipe | None
Tree = dict[str, Content]


def as_bytes(content: str | bytes | Zip) -> bytes:
    if isinstance(content, Zip):
        return content.packed()
    return content.encode() if isinstance(content, str) else content


def with_flag(packed: bytes, name: bytes) -> bytes:
    """Mark a file of a zip as encrypted, where the list of files names it."""
    place = packed.index(b"PK\x01\x02")
    while packed[place + 46 : place + 46 + len(name)] != name:
        place = packed.index(b"PK\x01\x02", place + 4)
    return packed[: place + 8] + bytes([packed[place + 8] | 1]) + packed[place + 9 :]


def make(root: Path, tree: Tree) -> Path:
    """Make a tree of files; None is an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, Pipe):
            os.mkfifo(path)
        else:
            path.write_bytes(as_bytes(content))
    return root


@dataclass(frozen=True)
class Case:
    """A folder that was handed in, the files in it that are graded, and those that are named."""

    name: str
    tree: Tree
    graded: tuple[str, ...]
    named: tuple[str, ...] = ()


ANN = {"ann/A3.py": CODE}
CANVAS, MOODLE = "doejane_12345_678901_", "Jane Doe_4711_assignsubmission_file_"


def beside_ann(name: str, odd: str, content: Content, *named: str) -> Case:
    """A file that is nobody's submission, beside one that is."""
    return Case(name, ANN | {odd: content}, ("ann/A3.py",), named or (odd,))


def zipped(name: str, content: Zip, *graded: str, named: tuple[str, ...] = ()) -> Case:
    """A zip beside a submission: what is graded and named in it, by the path in the zip."""
    return Case(
        name,
        ANN | {"bob.zip": content},
        ("ann/A3.py", *(f"bob.zip/{one}" for one in graded)),
        tuple(f"bob.zip{one and '/'}{one}" for one in named),
    )


CASES = [
    # Endings
    beside_ann("text after py", "bob/A3.py.txt", CODE, "bob/A3.py.txt", "bob"),
    beside_ann("json after ipynb", "bob/A3.ipynb.json", NOTEBOOK, "bob/A3.ipynb.json", "bob"),
    beside_ann("text after ipynb", "bob/A3.ipynb.txt", NOTEBOOK, "bob/A3.ipynb.txt", "bob"),
    beside_ann("tilde", "bob/A3.py~", CODE, "bob/A3.py~"),
    beside_ann("backup", "bob/A3.py.bak", CODE, "bob/A3.py.bak"),
    beside_ann("half a download", "bob/A3.py.crdownload", CODE, "bob/A3.py.crdownload"),
    beside_ann("a blank at the end", "bob/A3.py ", CODE, "bob/A3.py "),
    beside_ann("a dot at the end", "bob/A3.py.", CODE, "bob/A3.py."),
    beside_ann("no ending", "bob/A3", CODE, "bob/A3", "bob"),
    beside_ann("compiled", "bob/A3.pyc", b"\x00", "bob/A3.pyc"),
    beside_ann("a comma for the dot", "bob/A3,py", CODE, "bob/A3,py"),
    beside_ann("word", "bob/A3.docx", b"PK", "bob/A3.docx", "bob"),
    beside_ann("a page", "bob/A3.html", "<html>", "bob/A3.html", "bob"),
    beside_ann("only a write-up", "bob/A3.pdf", b"%PDF", "bob/A3.pdf", "bob"),
    beside_ann("a picture", "ann/loss.png", b"png"),
    beside_ann("data", "ann/train.csv", "a,b"),
    Case("capitals", {"ann/A3.PY": CODE, "bob/a3.IPYNB": NOTEBOOK}, ("ann/A3.PY", "bob/a3.IPYNB")),
    # Folders
    beside_ann("an empty folder", "bob", None),
    beside_ann("an empty folder in a folder", "bob/src", None, "bob/src", "bob"),
    beside_ann("a folder of notes", "bob/notes.txt", "?", "bob/notes.txt", "bob"),
    Case("a folder named as a file", {"A3.py/ann.py": CODE}, ("A3.py/ann.py",)),
    Case("an inner folder", {"ann/A3/A3.py": CODE}, ("ann/A3/A3.py",)),
    Case(
        "sections", {"s1/ann/A3.py": CODE, "s2/ann/A3.py": CODE}, ("s1/ann/A3.py", "s2/ann/A3.py")
    ),
    Case(
        "a virtual environment",
        ANN | {"ann/venv/pyvenv.cfg": "", "ann/venv/lib/os.py": CODE},
        ("ann/A3.py",),
        ("ann/venv",),
    ),
    beside_ann("installed packages", "ann/site-packages/torch.py", CODE, "ann/site-packages"),
    # What systems and tools leave
    beside_ann("notes of macOS", "ann/._A3.py", b"\x00\x05\x16\x07"),
    Case(
        "my A3 and its notes",
        {"bob/my A3.py": CODE, "bob/._my A3.py": b"\x00\x05\x16\x07"},
        ("bob/my A3.py",),
        ("bob/._my A3.py",),
    ),
    beside_ann("macOS's folder", "ann/__MACOSX/._A3.py", b"\x00", "ann/__MACOSX"),
    beside_ann("a folder's notes", "ann/.DS_Store", b"\x00"),
    beside_ann("Windows's notes", "ann/desktop.ini", "[a]"),
    beside_ann(
        "Jupyter's copies", "ann/.ipynb_checkpoints/A3.ipynb", NOTEBOOK, "ann/.ipynb_checkpoints"
    ),
    beside_ann("Python's cache", "ann/__pycache__/A3.cpython-312.pyc", b"\x00", "ann/__pycache__"),
    beside_ann("git", "ann/.git/config", "", "ann/.git"),
    beside_ann("a hidden file", ".secret.py", CODE),
    beside_ann("a hidden folder", ".old/A3.py", CODE, ".old"),
    beside_ann("the course's library", "ann/a3lib/losses.py", CODE, "ann/a3lib"),
    beside_ann("results of a run", "ann/runs/1/A3.ipynb", NOTEBOOK, "ann/runs"),
    beside_ann("a checkpoint", "ann/A3-checkpoint.ipynb", NOTEBOOK),
    # Links and what is no file
    beside_ann("a link to a file", "bob.py", Link("ann/A3.py")),
    beside_ann("a link to a folder", "bob", Link("ann")),
    beside_ann("a link to nothing", "bob/A3.py", Link("nowhere"), "bob/A3.py", "bob"),
    beside_ann("a link in a circle", "ann/again", Link(".")),
    beside_ann("a link to the system", "bob.ipynb", Link("/etc/passwd")),
    beside_ann("a pipe", "bob.py", Pipe()),
    # Several files of one student
    beside_ann("a notebook beside its script", "ann/A3.ipynb", NOTEBOOK),
    beside_ann("a second download", "ann/A3 (1).py", CODE),
    beside_ann("a copy", "ann/A3 - Copy.py", CODE),
    beside_ann("an old folder", "ann/old/A3.py", CODE),
    beside_ann("an attempt", "ann/attempt2.py", CODE),
    beside_ann("a helper module", "ann/utils.py", HELPER),
    beside_ann("a package", "ann/mylib/__init__.py", "", "ann/mylib/__init__.py"),
    beside_ann("the final one", "ann/final/A3_final.ipynb", NOTEBOOK),
    Case("a second download alone", {"ann/A3 (1).py": CODE}, ("ann/A3 (1).py",)),
    Case(
        "another name and a helper",
        {"ann/homework.py": CODE, "ann/data_utils.py": HELPER},
        ("ann/homework.py",),
        ("ann/data_utils.py",),
    ),
    Case(
        "a script without functions",
        {"ann/A3.py": "# see the notebook\n", "ann/A3.ipynb": NOTEBOOK},
        ("ann/A3.ipynb",),
        ("ann/A3.py",),
    ),
    Case(
        "an empty script",
        {"ann/A3.py": "", "ann/my A3.py": CODE},
        ("ann/my A3.py",),
        ("ann/A3.py",),
    ),
    Case("an empty file alone", {"ann/A3.py": ""}, ("ann/A3.py",)),
    Case(
        "a lone student's folder",
        {"A3.py": CODE, "utils.py": HELPER},
        ("A3.py",),
        ("utils.py",),
    ),
    Case("two with odd names", {"ann/x.py": CODE, "ann/y.py": CODE}, ("ann/x.py", "ann/y.py")),
    Case("names with A3", {"A3_ann.py": CODE, "A3_bob.py": CODE}, ("A3_ann.py", "A3_bob.py")),
    Case(
        "numbered by hand",
        {"A3.py": CODE, "A3 (1).py": CODE, "A3_2.py": CODE},
        ("A3 (1).py", "A3.py", "A3_2.py"),
    ),
    Case(
        "an empty one among others",
        {"ann.py": CODE, "bob.py": ""},
        ("ann.py", "bob.py"),
    ),
    # Platforms
    Case(
        "canvas, two files",
        {f"{CANVAS}A3.py": CODE, "doejane_12345_678902_utils.py": HELPER},
        (f"{CANVAS}A3.py",),
        ("doejane_12345_678902_utils.py",),
    ),
    Case(
        "canvas, notebook and script",
        {"doejane_LATE_12345_678901_A3.ipynb": NOTEBOOK, "doejane_LATE_12345_678902_A3.py": CODE},
        ("doejane_LATE_12345_678902_A3.py",),
        ("doejane_LATE_12345_678901_A3.ipynb",),
    ),
    Case(
        "canvas, two students of one name",
        {"doejane_12345_678901_A3.py": CODE, "doejane_54321_678909_A3.py": CODE},
        ("doejane_12345_678901_A3.py", "doejane_54321_678909_A3.py"),
    ),
    beside_ann(
        "canvas, only a write-up",
        f"{CANVAS}A3.pdf",
        b"%PDF",
        "doejane_12345_*",
        f"{CANVAS}A3.pdf",
    ),
    Case(
        "moodle",
        {f"{MOODLE}/A3.ipynb": NOTEBOOK, f"{MOODLE}/hw/helpers.py": HELPER},
        (f"{MOODLE}/A3.ipynb",),
        (f"{MOODLE}/hw/helpers.py",),
    ),
    Case(
        "gradescope's export",
        {"submission_12/A3.py": CODE, "submission_12/old.py": CODE, "submission_13/A3.py": CODE},
        ("submission_12/A3.py", "submission_13/A3.py"),
        ("submission_12/old.py",),
    ),
    # Zips
    zipped("a zip", Zip({"A3.py": CODE}), "A3.py"),
    zipped(
        "a zip of a folder",
        Zip({"A3/A3.py": CODE, "A3/u.py": HELPER}),
        "A3/A3.py",
        named=("A3/u.py",),
    ),
    zipped(
        "a zip made on macOS",
        Zip({"A3.py": CODE, "__MACOSX/._A3.py": b"\x00"}),
        "A3.py",
        named=("__MACOSX",),
    ),
    zipped("a zip in a zip", Zip({"A3.zip": Zip({"A3.ipynb": NOTEBOOK})}), "A3.zip/A3.ipynb"),
    zipped(
        "zips that have no end",
        Zip({"a.zip": Zip({"b.zip": Zip({"c.zip": Zip({"A3.py": CODE})})})}),
        named=("a.zip/b.zip/c.zip", ""),
    ),
    zipped("an empty zip", Zip({}), named=("",)),
    zipped("a zip of nothing", Zip({"src": None}), named=("src", "")),
    zipped("a way out", Zip({"../../A3.py": CODE, "A3.py": CODE}), "A3.py", named=("../../A3.py",)),
    zipped("an absolute path", Zip({"/etc/A3.py": CODE}), named=("etc/A3.py", "")),
    zipped("another drive", Zip({"C:\\A3.py": CODE}), named=("C:/A3.py", "")),
    zipped("Windows's slashes", Zip({"A3\\A3.py": CODE}), "A3/A3.py"),
    zipped("a link in a zip", Zip({}, links={"A3.py": "/etc/passwd"}), named=("A3.py", "")),
    zipped("encrypted", Zip({"A3.py": CODE}, encrypted=("A3.py",)), named=("A3.py", "")),
    zipped("a bomb", Zip({"A3.py": b"0" * 15_000_000}), named=("A3.py", "")),
    zipped("too large", Zip({"A3.py": os.urandom(1 << 20) * 21}), named=("A3.py", "")),
    beside_ann("no zip", "bob.zip", b"PK\x03\x04 and no more"),
    beside_ann("a cut zip", "bob.zip", Zip({"A3.py": CODE}).packed()[:-30]),
    beside_ann("an empty file named zip", "bob.zip", b""),
    beside_ann(
        "a damaged file",
        "bob.zip",
        Zip({"A3.py": CODE * 99}).packed().replace(b"\x00\x00\x00A3.py", b"\x00\x00\x00A4.py", 1),
        "bob.zip/A3.py",
    ),
    beside_ann("rar", "bob.rar", b"Rar!"),
    beside_ann("tar", "bob.tar.gz", b"\x1f\x8b"),
    Case(
        "canvas's zip",
        {
            "submissions.zip": Zip(
                {
                    f"{CANVAS}A3.py": CODE,
                    "roem_2345_99999_A3.zip": Zip({"A3.py": CODE, "h.py": HELPER}),
                }
            )
        },
        (f"submissions.zip/{CANVAS}A3.py", "submissions.zip/roem_2345_99999_A3.zip/A3.py"),
        ("submissions.zip/roem_2345_99999_A3.zip/h.py",),
    ),
    Case(
        "moodle's zip",
        {"CSE-A3.zip": Zip({f"{MOODLE}/A3.py": CODE, f"{MOODLE}/A3.pdf": b"%PDF"})},
        (f"CSE-A3.zip/{MOODLE}/A3.py",),
        (f"CSE-A3.zip/{MOODLE}/A3.pdf",),
    ),
    # Names
    Case(
        "the grade book's name",
        {"grades.csv.py": CODE, "SUMMARY.MD.ipynb": NOTEBOOK},
        ("SUMMARY.MD.ipynb", "grades.csv.py"),
    ),
    Case("a long name", {f"{'长' * 80}.py": CODE}, (f"{'长' * 80}.py",)),
    Case(
        "a picture for a name",
        {"\U0001f389/A3.py": CODE, "\U0001f680/A3.py": CODE},
        ("\U0001f389/A3.py", "\U0001f680/A3.py"),
    ),
    Case(
        "two spellings",
        {"Jose\u0301/A3.py": CODE, "Jos\xe9/A3.py": CODE},
        ("Jose\u0301/A3.py", "Jos\xe9/A3.py"),
    ),
    Case("a line in a name", {"a\n=1+1.py": CODE}, ("a\n=1+1.py",)),
]
