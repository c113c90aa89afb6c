"""Whose a file is, from its path alone, and the name that its results get.

Learning platforms put the student into the name of a file or folder. Elsewhere it is what remains
of a path without the words that say nothing: `alice/old/my A3 (1).py` is alice's.
"""

import re
import unicodedata
from collections.abc import Container, Sequence

ENDINGS = (".py", ".ipynb")
# The name of the file to hand in, without its ending.
ASSIGNMENT = "A3"
# In bytes, because a file system counts those; room is left for a mark and an ending.
LONGEST_NAME = 100
# How platforms name what they give; the first group is the name, the second the number.
# Canvas: doejane_LATE_123_456_A3.py. Moodle: Jane Doe_123_assignsubmission_file_/A3.py.
# Gradescope: submission_123/A3.py.
PLATFORM_NAMES = {
    "canvas": re.compile(r"([^_]+)(?:_LATE)?_([1-9]\d+)_([1-9]\d{2,})_"),
    "moodle": re.compile(r"(.+?)_(\d+)_assignsubmission_(?:file_)?"),
    "gradescope": re.compile(r"(submission)_(\d+)$"),
}
# The folder or zip of Gradescope's export, and what a browser makes of a second one.
EXPORT = re.compile(r"assignment_\d+_export.*")
# Words of a file's or folder's name that do not tell one student from another.
EMPTY_WORDS = frozenset(
    """
    a3 py ipynb zip hw hw3 homework homework3 assignment assignment3 submission submissions
    solution my copy of the final finished done new newest old older last latest backup bak draft
    checkpoint version fixed real actual updated update resubmission resubmit src code
    release starter template handout original submitted upload handin turnin attempt
    """.split()  # noqa: SIM905
)
LATE_FOR_CANVAS = re.compile(r"[^_]+_LATE_\d{2,}_\d{3,}_")
# Of these the ones that part what is meant from what was.
ASIDE = frozenset(
    """
    old older oldest backup bak draft checkpoint starter template handout original
    """.split()  # noqa: SIM905
)
MEANT = frozenset(
    {"final", "new", "newest", "latest", "last", "fixed", "updated", "resubmission", "resubmit"}
)
VERSION = re.compile(r"(?:(?<![^\W_])v|\()(\d{1,3})\b")
# Canvas puts it behind a file's name when a student uploads the same name again.
CANVAS_COUNT = re.compile(r"-(\d{1,3})$")
COPY = re.compile(r"\s*\(\d+\)|\s+-\s+copy\b", re.IGNORECASE)

Owner = tuple[str, ...]


def without_ending(part: str) -> str:
    """Return a part of a path without the ending of a submission or a zip."""
    stem, dot, ending = part.rpartition(".")
    return stem if dot and stem and f".{ending.lower()}" in (*ENDINGS, ".zip") else part


def is_zip(name: str) -> bool:
    """Say whether a file is a zip by its name."""
    return name.lower().endswith(".zip")


def words_of(part: str) -> list[str]:
    """Return the words of a part of a path, in lower case."""
    return re.findall(r"[^\W_]+", without_ending(part).casefold())


def says_nothing(part: str) -> bool:
    """Say whether a part of a path has words and none of them could be a student's."""
    words = words_of(part)
    return bool(words) and all(map(is_empty, words))


def is_empty(word: str) -> bool:
    """Say whether a word of a name tells no student from another: one of those, or a version."""
    return word in EMPTY_WORDS or re.fullmatch(r"v\d+", word) is not None


def without_copy_mark(file: str) -> str:
    """Return a file's name without the mark that browsers put on a second download."""
    return COPY.sub("", without_ending(file))


def is_named_after_the_assignment(part: str) -> bool:
    """Say whether a file's name has A3 for a word, as in `my A3 (1).py`."""
    return ASSIGNMENT.casefold() in words_of(part)


def is_put_aside(folder: str) -> bool:
    """Say whether a folder's name says that what is in it is no longer meant."""
    return says_nothing(folder) and bool(ASIDE & {*words_of(folder)})


def version_of(part: str) -> int:
    """Return the number of a version or copy in a name, as in `A3_v2` and `A3 (2)`, else 0."""
    return max((int(number) for number in VERSION.findall(part.casefold())), default=0)


def own_stem(file: str) -> str:
    """Return what a student called a file: no ending, and nothing that a platform put before."""
    stem = without_ending(file)
    known = platform_of(file)
    if known is None:
        return stem
    found = PLATFORM_NAMES[known[0]].match(stem)
    own = stem[found.end() :] if found else stem
    return CANVAS_COUNT.sub("", own) if known[0] == "canvas" else own


def canvas_name(part: str) -> re.Match[str] | None:
    """Return what Canvas has put before a file's name, None where it is not from there."""
    known = platform_of(part)
    is_canvas = known is not None and known[0] == "canvas"
    return PLATFORM_NAMES["canvas"].match(without_ending(part)) if is_canvas else None


def canvas_count(file: str) -> int:
    """Return the number that Canvas gave a file that was uploaded again, 0 where it gave none."""
    found = CANVAS_COUNT.search(without_ending(file)) if canvas_name(file) else None
    return int(found[1]) if found else 0


def canvas_attachment(file: str) -> int:
    """Return the number of an upload to Canvas, which grows with time, 0 where there is none."""
    found = canvas_name(file)
    return int(found[3]) if found else 0


def is_late_for_canvas(part: str) -> bool:
    """Say whether Canvas marked a file as handed in after its due date."""
    return LATE_FOR_CANVAS.match(part) is not None


def platform_of(part: str) -> tuple[str, str, str] | None:
    """Return the platform that named a file or folder, the student's name there and number.

    Gradescope names folders. What begins as Canvas names files and has no student's name, such as
    `hw3_2025_1105_ann.py`, is from somebody else.
    """
    part = unicodedata.normalize("NFC", part)
    for platform, pattern in PLATFORM_NAMES.items():
        found = pattern.match(part if platform == "gradescope" else without_ending(part))
        if not found or (platform == "canvas" and not could_be_canvas_s(found[1])):
            continue
        return platform, found[1], found[2]
    return None


def could_be_canvas_s(name: str) -> bool:
    """Say whether Canvas could write a student's name so: letters and digits, one of them hers."""
    return not says_nothing(name) and all(is_of_a_name(c) and c not in "_-" for c in name)


def owner_of(
    parts: Sequence[str],
    ordinary: Container[tuple[str, ...]] = (),
    counted: Container[tuple[str, ...]] = (),
) -> Owner:
    """Return what a file's path says of its owner: the same for all files of one student.

    In the folder that was given, each file is somebody's: its whole name counts there. `ordinary`
    are paths whose last part is no platform's, `counted` folders that are a student's by any name.
    """
    for length, part in enumerate(parts, start=1):
        found = platform_of(part)
        if found and tuple(parts[:length]) not in ordinary:
            return found
    *folders, file = parts
    stem = without_ending(file)
    if not folders:
        return () if stem.casefold() == ASSIGNMENT.casefold() else (stem,)
    owner = tuple(
        without_ending(part)
        for length, part in enumerate(folders, start=1)
        if not says_nothing(part) or tuple(parts[:length]) in counted
    )
    # What only looks like a platform's part is the same for all.
    stem = without_copy_mark(own_stem(file) if tuple(parts) in ordinary else file)
    if says_nothing(stem):
        return owner
    if is_named_after_the_assignment(stem):
        known = {word for part in owner for word in words_of(part)}
        words = [word for word in words_of(stem) if word not in known and not is_empty(word)]
        return (*owner, "_".join(words)) if words else owner
    return (*owner, stem)


def name_of(parts: Sequence[str], owner: Owner) -> str:
    """Return the name of a submission's results, from its path in the folder that was given.

    It has no dot, and each file of the grader's own beside it has one, so the two never meet.
    """
    for part in parts:
        found = platform_of(part)
        if found and found == owner:
            return folder_name(f"{found[1]}_{found[2]}")
    of_folders = "_".join(owner) if len(parts) > 1 else ""
    return folder_name(of_folders or without_ending(parts[-1]))


def folder_name(text: str) -> str:
    """Return a text as the name of a folder: letters, digits, `_` and `-` on every system."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(char if is_of_a_name(char) else " " for char in composed)
    safe = re.sub(r" +", "_", kept).strip("_-").encode()[:LONGEST_NAME]
    return safe.decode(errors="ignore").strip("_-") or "submission"


def is_of_a_name(char: str) -> bool:
    """Say whether a character may stand in a folder's name; vowels of some scripts are marks."""
    return char in "_-" or char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")


def comparable(name: str) -> str:
    """Return a name as the most forgetful of file systems compares it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
