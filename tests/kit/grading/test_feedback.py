"""A student's page: points beside checks, the mistake, how to see it; nothing hidden, no markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

from helpers.stand_in_worker import check

from a3lib.kit.checks.catalogue import EXERCISES
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.feedback import write_feedback
from a3lib.kit.grading.gradebook import Row
from a3lib.kit.grading.metadata import HandIn, Person
from a3lib.kit.grading.results import Grading, Outcome, results_of
from a3lib.kit.source.cells import LeftOut

COLUMNS = {"exercise 5": 15.0, "write-up": None}
HOSTILE = "</pre></td><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}&amp;\u202e"


class Parsed(HTMLParser):
    """What a browser sees of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(tmp_path: Path, row: Row) -> Parsed:
    write_feedback(row, 100, COLUMNS, tmp_path)
    return Parsed((tmp_path / "feedback.html").read_text(encoding="utf-8"))


def graded(*outcomes: Outcome, **more: object) -> Row:
    checks = tuple(outcome.verdict.check for outcome in outcomes)
    settings = {"finished": True} | more
    results = results_of(Grading({}, checks, outcomes, **settings))
    return Row("ann", "in/ann/A3.py", results, HandIn((Person("Ann"),), "2026-02-01"))


def failed(
    name: str, exercise: int, function: str, message: str, mistake: str = "", **more
) -> Outcome:
    one = check(name, exercise, 4.0, **more)
    object.__setattr__(one, "function", function)
    return Outcome(Verdict(one, False, message, mistake))


def test_points_stand_beside_checks_with_the_mistake_and_the_command(tmp_path: Path) -> None:
    right = Outcome(Verdict(check("fine", 1, 2.5), True))
    wrong = failed("w", 4, "train_DPO", "the loss is 3", "beta is ignored")
    text = page(tmp_path, graded(right, wrong)).text
    assert "2.5 of 100 points so far. Not marked yet: exercise 5." in text
    assert "Ann , handed in 2026-02-01. A3.py was graded." in text
    assert "Exercise 1: 2.5 of 2.5 points" in text
    assert "passed 2.5 of 2.5" in text
    assert "train_DPO: title of w" in text
    assert "the loss is 3 It looks like this: beta is ignored failed 0 of 4" in text
    assert "python -m a3lib check A3.py --function train_DPO check(train_DPO)" in text
    assert text.count("python -m a3lib") == 1
    row = graded(wrong)
    notebook = Row(row.name, "in/roe_12_3456_A3.ipynb", row.results)
    assert "check A3.ipynb --function train_DPO" in page(tmp_path, notebook).text
    assert "train_DPO" in EXERCISES


def test_hidden_checks_are_not_named(tmp_path: Path) -> None:
    hidden = failed("secret", 2, "train", "a secret message", "a secret mistake", hidden=True)
    hidden = Outcome(hidden.verdict, "a secret remark", ("timeout",))
    found = page(tmp_path, graded(hidden))
    assert "secret" not in found.text
    assert "Checks that are not shown 0 of 4" in found.text
    assert "in a check that is not shown" in found.text


def test_hostile_texts_are_texts(tmp_path: Path) -> None:
    clean = page(tmp_path, graded(failed("w", 4, "train", "x", "y")))
    wrong = failed("w", 4, "train", HOSTILE, HOSTILE)
    row = graded(wrong, load_errors=(HOSTILE,), left_out=(LeftOut(1, 3, HOSTILE, HOSTILE),))
    row = Row(HOSTILE, f"in/{HOSTILE}.py", row.results, HandIn((Person(HOSTILE),), HOSTILE))
    for test in row.results["tests"]:
        # As if results.json had been written by somebody else.
        test["name"], test["output"] = HOSTILE, HOSTILE
    row.results["output"] = HOSTILE
    row = Row(row.name, row.file, row.results, row.hand_in, {"write-up": 3.0}, HOSTILE)
    found = page(tmp_path, row)
    tags = {tag for tag, _ in found.tags}
    assert tags - {tag for tag, _ in clean.tags} <= {"th", "p", "tr"}
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert "{{ 7*7 }}" in found.text and "49" not in found.text
    assert found.text.count("<script>alert(1)</script>") >= 4


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    found = page(tmp_path, graded(failed("w", 4, "train", "x")))
    policies = [a["content"] for tag, a in found.tags if a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert {"script", "img", "link", "iframe", "a", "form"}.isdisjoint(t for t, _ in found.tags)
    assert not any({"src", "href", "style"} & set(attributes) for _, attributes in found.tags)


def test_what_a_person_gave_is_shown(tmp_path: Path) -> None:
    row = graded(Outcome(Verdict(check("fine", 1, 2.0), True)))
    assert "exercise 5 not marked yet" in page(tmp_path, row).text
    marked = Row(
        row.name, row.file, row.results, HandIn(), {"exercise 5": 12.0, "write-up": 1.5}, "Nice."
    )
    text = page(tmp_path, marked).text
    assert "exercise 5 12 of 15 write-up 1.5" in text
    assert "Nice." in text and "15.5 of 100 points." in text


def test_what_is_not_graded_says_so(tmp_path: Path) -> None:
    unreadable = results_of(Grading({}, (), unreadable="A3.py is empty.", finished=True))
    text = page(tmp_path, Row("a", "a.py", unreadable)).text
    assert "The file cannot be read: A3.py is empty." in text
    text = page(tmp_path, Row("a", "a.py", {})).text
    assert "This grading is not finished; these are not your points yet." in text
