"""The pages of the two heavy folders name files that are there, and tell students no answer."""

import json
import re
from pathlib import Path

import pytest

from a3lib.kit.checks.judge import expectations, flat
from a3lib.util.files import LIBRARY, PROJECT

PAGES = ("kit/sandbox/README.md", "kit/checks/README.md")
NAMED = re.compile(r"[\w./-]+(?:\.(?:py|json|md)\b|/)(?=[`\s,.)])")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_is_there(page: str) -> None:
    folder = (LIBRARY / page).parent
    text = (LIBRARY / page).read_text(encoding="utf-8")
    # What a grading writes, and what a student hands in.
    names = set(NAMED.findall(text)) - {"results.json", "A3.py"}
    assert len(names) >= 10
    for name in names:
        places = (folder, folder.parent, LIBRARY, PROJECT)
        assert any((place / name).exists() for place in places), name


def test_the_page_that_students_get_holds_no_hidden_number() -> None:
    text = (LIBRARY / "kit/checks/README.md").read_text(encoding="utf-8")
    hidden = json.loads(Path(LIBRARY / "kit/checks/answers/hidden.json").read_text("utf-8"))
    assert hidden.keys() <= expectations().keys()
    numbers = {
        f"{value:.4g}"
        for expected in hidden.values()
        for answer in expected["right"].values()
        if not isinstance(answer, dict)
        for value in flat(answer)
        if value != round(value)
    }
    assert len(numbers) > 100
    assert numbers.isdisjoint(re.findall(r"\d+\.\d+", text))
