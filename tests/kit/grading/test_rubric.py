"""A rubric: what it may say, how points add up, and that no new grading is needed."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.refusals import refused
from helpers.stand_in_worker import check

from a3lib.kit.checks.catalogue import POINTS
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.grader import all_checks
from a3lib.kit.grading.results import Grading, Outcome, results_of
from a3lib.kit.grading.rubric import BY_HAND, Rubric, applied, read_rubric, rescored, with_points

CHECKS = (
    check("reward.shapes", 1, 4.0),
    check("reward.values", 1, 8.0, hidden=True),
    check("reward.random", 1, 8.0),
    check("train.learns", 2, 5.0),
)


def read(folder: Path, text: str) -> Rubric:
    file = folder / "rubric.toml"
    file.write_text(text)
    return read_rubric(file, CHECKS)


def test_without_a_file_the_points_are_the_courses() -> None:
    checks = all_checks()
    rubric = read_rubric(None, checks)
    assert applied(rubric, checks) == {one.name: one.points for one in checks}
    assert rubric.by_hand == BY_HAND == {"exercise 5": POINTS[5], "write-up": None}


def test_an_exercises_points_are_shared_as_before(tmp_path: Path) -> None:
    rubric = read(tmp_path, "[exercises]\n1 = 40\n")
    assert applied(rubric, CHECKS) == {
        "reward.shapes": 8,
        "reward.values": 16,
        "reward.random": 16,
        "train.learns": 5,
    }


def test_a_fixed_check_leaves_the_rest_to_the_others(tmp_path: Path) -> None:
    rubric = read(tmp_path, '[exercises]\n"exercise 1" = 20\n[checks]\n"reward.shapes" = 12\n')
    points = applied(rubric, CHECKS)
    assert [points[name] for name in ("reward.shapes", "reward.values", "reward.random")] == [
        12,
        4,
        4,
    ]
    # TOML reads a name with a dot as a table.
    rubric = read(tmp_path, "[checks]\nreward.shapes = 12\ntrain.learns = 5\n")
    assert rubric.checks == {"reward.shapes": 12, "train.learns": 5}


def test_without_points_for_the_exercise_the_others_share_what_it_has(tmp_path: Path) -> None:
    points = applied(read(tmp_path, "[checks]\nreward.shapes = 12\n"), CHECKS)
    assert points == {
        "reward.shapes": 12,
        "reward.values": 4,
        "reward.random": 4,
        "train.learns": 5,
    }


def test_columns_by_hand(tmp_path: Path) -> None:
    rubric = read(tmp_path, '[by_hand]\n"write-up" = 10\n"style" = 2.5\n')
    assert rubric.by_hand == {"exercise 5": 15, "write-up": 10, "style": 2.5}
    # Ours are ours in any case.
    rubric = read(tmp_path, "[by_hand]\n'Exercise  5' = 20\n")
    assert rubric.by_hand == {"exercise 5": 20, "write-up": None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[exercises\n", "is no TOML"),
        ("exercises = 3\n", "has exercises = 3"),
        ("[points]\n", "has a table 'points'"),
        ("[exercises]\n5 = 3\n", "points for exercise '5'"),
        ("[exercises]\nfirst = 3\n", "points for exercise 'first'"),
        ("[checks]\n'reward.shape' = 3\n", "'reward.shape'; those with names like it are reward."),
        ("[checks]\nxxyyzz = 3\n", "a check 'xxyyzz'; no name is like it; the name of each check"),
        ("[checks]\n'reward.shapes' = -1\n", "'reward.shapes' -1 points"),
        ("[checks]\n'reward.shapes' = nan\n", "'reward.shapes' NaN points"),
        ("[checks]\n'reward.shapes' = 'three'\n", '"three" points'),
        ("[checks]\n'reward.shapes' = true\n", "true points"),
        ("[exercises]\n1 = 100000\n", "a number from 0 to 10000"),
        ("[exercises]\n1 = [1]\n", "'exercise 1' [1] points"),
        (
            "[exercises]\n2 = 3\n[checks]\n'train.learns' = 4\n",
            "2 4 points, and the exercise has 3;",
        ),
        ("[checks]\n'reward.shapes' = 20.5\n", "the exercise has 20; make the two agree: write 1"),
        ("[checks]\n'train.learns' = 0\n", "exercise 2 0 points, and the exercise has 5;"),
        ("[exercises]\n2 = 5\n[checks]\n'train.learns' = 4\n", "make the two agree"),
        ("[exercises]\n1 = 0\n2 = 0\n", "gives no points at all"),
        ("[by_hand]\nname = 3\n", "another name"),
        ("[by_hand]\nScore = 3\n", "another name"),
        ("[by_hand]\n'a, b' = 3\n", "another name"),
        ("[by_hand]\nstopped = 3\n", "another name"),
        ("[by_hand]\n'Exercise 1' = 3\n", "another name"),
        ("[by_hand]\nstyle = 3\n' style ' = 4\n", "points for 'style' twice"),
        ("[by_hand]\nstyle = 3\nStyle = 4\n", "points for 'style' twice"),
        ("[exercises]\n1 = 3\n'exercise 1' = 4\n", "points for '1' twice"),
        ("[checks]\n'reward.shapes' = 3\nreward.shapes = 3\n", "for 'reward.shapes' twice"),
        ("[exercises]\n1 = 1e-300\n2 = 0\n", "gives no points at all"),
        pytest.param(f"[exercises]\n1 = {'9' * 5000}\n", "is no TOML", id="thousands of digits"),
        ("[by_hand]\n'write-up' = 'ten'\n", "'write-up' \"ten\" points"),
    ],
)
def test_a_wrong_rubric_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with refused("rubric.toml", says):
        read(tmp_path, text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with refused("nowhere.toml", "cannot be read"):
        read_rubric(tmp_path / "nowhere.toml", CHECKS)
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with refused("latin.toml", "no TOML"):
        read_rubric(tmp_path / "latin.toml", CHECKS)


@pytest.mark.parametrize("passed", [(), ("reward.shapes",), ("reward.values", "train.learns")])
def test_results_get_other_points_as_if_they_were_graded_anew(passed: tuple[str, ...]) -> None:
    points = applied(Rubric(exercises={1: 33.3, 2: 7.25}, checks={"train.learns": 7.25}), CHECKS)

    def results(checks: tuple) -> dict:
        outcomes = tuple(Outcome(Verdict(c, c.name in passed, "text", "mistake")) for c in checks)
        return results_of(Grading({"file_sha256": "x"}, checks, outcomes, finished=True))

    old, new = results(CHECKS), results(with_points(CHECKS, points))
    assert rescored(old, points) == new
    assert rescored(new, applied(Rubric(), CHECKS)) == old
    assert rescored(old, applied(Rubric(), CHECKS)) == old


def test_results_without_tests_stay_as_they_are() -> None:
    unreadable = results_of(Grading({}, CHECKS, unreadable="empty", finished=True))
    assert rescored(unreadable, applied(Rubric(exercises={1: 3}), CHECKS)) == unreadable
    assert rescored({}, {}) == {}
    assert with_points(CHECKS, applied(Rubric(), CHECKS)) == CHECKS
    assert replace(CHECKS[0]) == CHECKS[0]
