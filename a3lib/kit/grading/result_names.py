"""The names of submissions' results: no two alike, and each the same from call to call."""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from a3lib.kit.grading.owners import comparable
from a3lib.kit.grading.results import RESULTS_FILE, read_results

SHORTEST_MARK = 8
MARK = re.compile(rf"|-[0-9a-f]{{{SHORTEST_MARK},}}")


def recorded_names(out: Path | None) -> dict[str, list[str]]:
    """Return the names that earlier calls gave, by the path of the submission.

    There may be several, where somebody has copied a folder of results.
    """
    recorded: dict[str, list[str]] = defaultdict(list)
    for file in sorted(out.glob(f"*/{RESULTS_FILE}")) if out is not None else ():
        extra = read_results(file).get("extra_data")
        path = extra.get("path") if isinstance(extra, dict) else None
        if isinstance(path, str):
            recorded[path].append(file.parent.name)
    return recorded


def distinct_names(
    named: Sequence[tuple[str, str]],
    recorded: Mapping[str, Sequence[str]],
    others: Mapping[str, Sequence[str]] | None = None,
    seen: Container[str] = (),
) -> list[str]:
    """Return a name for each pair of a path and the name that the path suggests.

    `others` are for a path those of the same student that are not graded: what was graded before is
    the same submission, and keeps its name. `seen` are all paths of files and zips in this call.

    A path keeps the name that is recorded for it, so that results and marks by hand stay where they
    are when somebody of nearly the same name comes later. Of others that are the same but for
    case or the way a letter is written, which some systems do not tell apart, each gets a mark. So
    does one whose name is recorded for another path that is still there: it is somebody else's.
    """
    of_one = {path: [path, *(others or {}).get(path, ())] for path, _ in named}
    given = {path for paths in of_one.values() for path in paths}
    elsewhere = {
        comparable(name)
        for path, its in recorded.items()
        if path not in given and is_still_there(path, seen)
        for name in its
    }
    kept: dict[str, str] = {}
    for path, name in named:
        before = name_before([recorded.get(known, ()) for known in of_one[path]], name)
        if before and before not in kept.values():
            kept[path] = before
    counts = Counter(comparable(name) for path, name in named if path not in kept)
    taken = {comparable(name) for name in kept.values()} | elsewhere
    taken |= {name for name, count in counts.items() if count == 1} - taken
    names = []
    for path, name in named:
        if path in kept:
            names.append(kept[path])
            continue
        alone = counts[comparable(name)] == 1
        beside_kept = any(comparable(name) == comparable(other) for other in kept.values())
        free = alone and not beside_kept and comparable(name) not in elsewhere
        names.append(name if free else marked(name, path, taken))
        taken.add(comparable(names[-1]))
    return names


def name_before(recorded: Sequence[Sequence[str]], name: str) -> str:
    """Return the name that a student's paths had: of several the one that is suggested now."""
    for names in recorded:
        like = [one for one in names if is_form_of(one, name)]
        if like or len(names) == 1:
            return like[0] if like else names[0]
    return ""


def is_still_there(path: str, seen: Container[str] = ()) -> bool:
    """Say whether a file is there, or the zip that it was in, if that was not looked into."""
    if os.path.exists(path) or path in seen:
        return True
    return any(parent.is_file() and str(parent) not in seen for parent in Path(path).parents)


def is_form_of(recorded: str, name: str) -> bool:
    """Say whether a recorded name is this name, with a mark or without."""
    mark = recorded.removeprefix(name)
    return recorded.startswith(name) and bool(MARK.fullmatch(mark))


def marked(name: str, path: str, taken: set[str]) -> str:
    """Return a name with a mark that follows from the path; nobody is named after it."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()
    # Somebody may have named a file after another one's mark.
    for length in range(SHORTEST_MARK, len(digest)):
        if comparable(f"{name}-{digest[:length]}") not in taken:
            return f"{name}-{digest[:length]}"
    return f"{name}-{digest}"
