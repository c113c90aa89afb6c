"""summary.json: what is written is read again; older files are read, and others refused."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.example_run import example_summary
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib.errors import InputError
from a3lib.results.summary import (
    BestRun,
    DpoResult,
    Evaluation,
    ForecastScores,
    KlResult,
    MatchedGroup,
    MatchedMethod,
    ReinforceResult,
    RunSummary,
    StudySection,
    StudySummary,
    UntrainedPolicy,
    Verdict,
    inspect_summary,
    read_summary,
    write_summary,
)

BEST = BestRun(
    method="rso", beta=0.3, coefficient=0.6, reward=0.75, naturalness=None, finite=True, runs=3
)
SCORES = ForecastScores(2, 0.5, 0.7, None, 0.25, 0.5, 0.5, 0, 0, 0)
RUN = RunSummary(
    profile="tiny",
    settings={"name": "tiny", "alphas": [0.0, 1], "limit_train": None},
    versions={"python": "3.11"},
    seconds={"baseline": 1.5},
    baseline=Evaluation(0.5, 0.99),
    reinforce=ReinforceResult(0.75, 0.25, (0.5, 0.625)),
    kl=(KlResult(0.0, 0.9, None, (0.0, 40.5), (0.5, 0.9)),),
    dpo=(DpoResult(0.1, 0.8, 0.9, (0.7, 0.6), 0.65),),
    forecast=SCORES,
    own_forecast=replace(SCORES, log_loss_error=0.125),
    study=StudySection({"tournament, seed 1": {"pairs": 3}}, (BEST,)),
)
STUDY = StudySummary(
    settings={"methods": ["rso"]},
    versions={"python": "3.11"},
    made={"tournament, seed 1": {"pairs": 3}},
    runs=4,
    diverged=("rso: the loss is nan",),
    sft=UntrainedPolicy(0.5, 2.0),
    best=(BEST,),
    matched={
        "others": MatchedGroup(
            0.7, (MatchedMethod("rso", (1.0, 0.9, 1.1), 3, (0.5, 0.4, 0.6), 4.0, 0.75),)
        )
    },
    verdicts={"sigmoid": Verdict("seen", "It is seen.")},
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)
HISTORIES = st.lists(NUMBERS, min_size=1, max_size=5).map(tuple)
QUICK = settings(deadline=None, derandomize=True, max_examples=60)


def written(folder: Path, content: Any) -> Path:
    """A folder whose summary.json holds this, as JSON where it is no text."""
    folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "summary.json").write_text(text, encoding="utf-8")
    return folder


def content_of(folder: Path) -> dict[str, Any]:
    """What is in a folder's summary.json."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


# What is written


@pytest.mark.parametrize("summary", [RUN, STUDY])
def test_what_is_written_is_read(tmp_path: Path, summary: RunSummary | StudySummary) -> None:
    file = write_summary(summary, tmp_path)
    assert file == tmp_path / "summary.json"
    assert read_summary(tmp_path, type(summary)) == read_summary(file, type(summary)) == summary
    inspection = inspect_summary(tmp_path)
    assert (inspection.summary, inspection.problem, inspection.damaged) == (summary, "", {})


def test_the_keys_stand_in_the_order_of_the_run(tmp_path: Path) -> None:
    write_summary(RUN, tmp_path)
    content = content_of(tmp_path)
    assert [*content] == [
        "schema_version",
        "profile",
        "settings",
        "versions",
        "seconds",
        "baseline",
        "reinforce",
        "kl",
        "dpo",
        "forecast",
        "own_forecast",
        "study",
    ]
    assert content["schema_version"] == 2
    assert [*content["kl"][0]] == ["alpha", "reward", "naturalness", "kl_divergences", "rewards"]
    assert [*content["dpo"][0]] == ["beta", "reward", "naturalness", "losses", "test_loss"]
    assert [*content["reinforce"]] == ["reward", "naturalness", "rewards"]
    assert content["study"]["best"][0]["naturalness"] is None
    assert [*content["study"]["best"][0]] == [
        "method",
        "beta",
        "coefficient",
        "reward",
        "entropy",
        "kl",
        "unigram_entropy",
        "distinct_2",
        "naturalness",
        "held_out_start",
        "held_out_end",
        "accuracy",
        "stopped_step",
        "beyond",
        "gain",
        "finite",
        "runs",
    ]


def test_a_run_leaves_out_what_it_has_not_reached(tmp_path: Path) -> None:
    write_summary(RunSummary("tiny"), tmp_path)
    names = ["schema_version", "profile", "settings", "versions", "seconds"]
    assert [*content_of(tmp_path)] == names
    assert read_summary(tmp_path, RunSummary) == RunSummary("tiny")


def test_a_study_is_written_whole(tmp_path: Path) -> None:
    write_summary(StudySummary(), tmp_path)
    content = content_of(tmp_path)
    assert [*content] == [
        "schema_version",
        "settings",
        "versions",
        "made",
        "runs",
        "diverged",
        "sft",
        "best",
        "matched",
        "verdicts",
    ]
    assert (content["diverged"], content["best"], content["sft"]) == ([], [], None)


def test_intervals_are_lists_of_three(tmp_path: Path) -> None:
    write_summary(STUDY, tmp_path)
    method = content_of(tmp_path)["matched"]["others"]["methods"][0]
    assert method["entropy"] == [1.0, 0.9, 1.1]
    assert [*method] == ["method", "entropy", "seeds", "kl", "unigram_entropy", "naturalness"]


def test_a_number_that_is_not_finite_is_valid_json(tmp_path: Path) -> None:
    run = replace(RUN, reinforce=ReinforceResult(math.nan, None, (0.5, math.inf, -math.inf)))
    write_summary(run, tmp_path)
    assert content_of(tmp_path)["reinforce"] == {
        "reward": None,
        "naturalness": None,
        "rewards": [0.5, None, None],
    }
    read = read_summary(tmp_path, RunSummary).reinforce
    assert read is not None and read.naturalness is None
    missing = [math.isnan(value) for value in (read.reward, *read.rewards)]
    assert missing == [True, False, True, True]


def test_a_value_that_json_has_not_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_summary(RUN, tmp_path)
    with pytest.raises(TypeError):
        write_summary(replace(RUN, settings={"a": object()}), tmp_path)
    assert read_summary(tmp_path, RunSummary) == RUN
    assert os.listdir(tmp_path) == ["summary.json"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"summary\.json' cannot be written .*another folder\.$"):
        write_summary(RUN, tmp_path / "file")


@QUICK
@given(
    rewards=HISTORIES,
    divergences=HISTORIES,
    alpha=NUMBERS,
    natural=st.none() | NUMBERS,
    names=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
def test_any_numbers_and_texts_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    rewards: tuple[float, ...],
    divergences: tuple[float, ...],
    alpha: float,
    natural: float | None,
    names: dict[str, str],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    kl = KlResult(alpha, rewards[0], natural, divergences, rewards)
    summary = replace(RUN, kl=(kl, kl), versions=names, settings=names)
    write_summary(summary, folder)
    assert read_summary(folder, RunSummary) == summary
    before = (folder / "summary.json").read_bytes()
    write_summary(read_summary(folder, RunSummary), folder)
    assert (folder / "summary.json").read_bytes() == before


# What is read


def test_a_file_from_before_there_was_a_version_is_read_and_keeps_every_digit(
    tmp_path: Path,
) -> None:
    content = example_summary()
    summary = read_summary(written(tmp_path, content), RunSummary)
    assert (
        summary.kl[1].alpha == 0.003 and summary.dpo[0].losses[0] == content["dpo"][0]["losses"][0]
    )
    write_summary(summary, tmp_path)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    lines = text.replace('  "schema_version": 2,\n', "", 1)
    assert lines == json.dumps(content, indent=2) + "\n"


@pytest.mark.parametrize("version", [{}, {"schema_version": 1}])
@pytest.mark.parametrize("summary", [RUN, STUDY])
def test_version_1_called_the_coefficient_a_knob(
    tmp_path: Path, summary: RunSummary | StudySummary, version: dict[str, int]
) -> None:
    write_summary(summary, tmp_path)
    content = content_of(tmp_path)
    del content["schema_version"]
    older = json.dumps(version | content).replace('"coefficient"', '"knob"')
    assert older.count('"knob": 0.6') == 1
    assert read_summary(written(tmp_path, older), type(summary)) == summary


def test_version_2_has_no_knob(tmp_path: Path) -> None:
    write_summary(STUDY, tmp_path)
    content = content_of(tmp_path)
    content["best"][0]["knob"] = 7.0
    assert read_summary(written(tmp_path, content), StudySummary) == STUDY


@pytest.mark.parametrize("part", ["best", "study"])
@pytest.mark.parametrize("value", ["rows", 3, [3], {"best": 3}, {"best": [3]}])
def test_damage_where_version_1_had_its_knobs_is_said(
    tmp_path: Path, part: str, value: Any
) -> None:
    kind = {"best": {"settings": {}, "best": []}, "study": example_summary()}[part]
    assert [*inspect_summary(written(tmp_path, kind | {part: value})).damaged] == [part]


def test_keys_that_are_no_fields_are_passed_over(tmp_path: Path) -> None:
    content = example_summary() | {"own": 1}
    content["baseline"]["own"] = 2
    read = read_summary(written(tmp_path, content), RunSummary)
    assert read.baseline == Evaluation(0.487, 0.997)


def test_figures_that_an_older_study_lacks_are_not_numbers(tmp_path: Path) -> None:
    rows = [{"method": "rso", "reward": 0.75, "finite": False}]
    best = read_summary(written(tmp_path, {"settings": {}, "best": rows}), StudySummary).best
    assert (best[0].method, best[0].reward, best[0].finite) == ("rso", 0.75, False)
    assert math.isnan(best[0].beta) and best[0].naturalness is None


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_file_that_an_editor_saved_in_its_own_way_is_read(tmp_path: Path, mark: str) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(example_summary()), encoding=mark)
    assert read_summary(tmp_path, RunSummary).profile == "tiny"


def test_a_run_needs_a_step_of_every_alpha() -> None:
    with pytest.raises(InputError, match=r"no kl_divergences at alpha = 0\.1; train for a step"):
        KlResult(0.1, 0.5, None, (), ())


@pytest.mark.parametrize(("key", "name"), [("kl", "alpha"), ("dpo", "beta")])
def test_a_model_whose_number_is_missing_is_damaged_and_not_called_nan(
    tmp_path: Path, key: str, name: str
) -> None:
    content = example_summary()
    content[key][0][name] = None
    inspection = inspect_summary(written(tmp_path, content))
    assert f"{name} is nan; give the " in inspection.damaged[key]
    with pytest.raises(InputError, match=f"{name} is nan"):
        read_summary(tmp_path, RunSummary)


# What is refused


@pytest.mark.parametrize("kind", [RunSummary, StudySummary])
def test_where_there_is_none_it_is_one_sentence(tmp_path: Path, kind: Any) -> None:
    for source in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError) as refused:
            read_summary(source, kind)
        assert str(refused.value) == (
            f"There is no summary.json in {str(source)!r}; give the folder of a run or a study, "
            "as python -m a3lib run leaves it in runs/."
        )
        with pytest.raises(InputError, match=r"There is no summary\.json"):
            inspect_summary(source)


DAMAGED = r"is damaged, so the numbers are missing; run it again"
FOREIGN = r"is not that of a run or a study; give a folder that python -m a3lib run made"
WHOLE_RUN = example_summary()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        *[(text, DAMAGED) for text in ("", "{", "\x00", "[1]", "null", '"a"', "3", "[" * 100000)],
        *[(WHOLE_RUN | {"schema_version": v}, DAMAGED) for v in ("1", None, 1.5, True, [1], 0, -3)],
        ({}, FOREIGN),
        ({"submissions": 3, "graded": 3, "scores": []}, FOREIGN),
        ({"settings": {}}, FOREIGN),
        ({"seconds": {}, "best": []}, FOREIGN),
        ({"schema_version": 7}, FOREIGN),
    ],
)
def test_what_is_no_summary_is_refused_and_said(tmp_path: Path, content: Any, problem: str) -> None:
    folder = written(tmp_path, content)
    inspection = inspect_summary(folder)
    assert (inspection.summary, inspection.problem, inspection.damaged) == (None, problem, {})
    with pytest.raises(InputError) as refused:
        read_summary(folder, RunSummary)
    assert str(refused.value) == f"{str(folder / 'summary.json')!r} {problem}."


@pytest.mark.parametrize("kind", [RunSummary, StudySummary])
def test_a_newer_file_is_refused_and_its_kind_known(tmp_path: Path, kind: Any) -> None:
    content = {RunSummary: WHOLE_RUN, StudySummary: {"settings": {}, "best": "new"}}[kind]
    folder = written(tmp_path, content | {"schema_version": 3})
    inspection = inspect_summary(folder)
    assert inspection.summary == kind() and inspection.damaged == {}
    with pytest.raises(InputError) as refused:
        read_summary(folder, kind)
    assert str(refused.value) == (
        f"{str(folder / 'summary.json')!r} was written by a newer a3lib (its schema is 3, the "
        "newest that this one reads is 2); update a3lib."
    )


def test_a_run_is_no_study_and_a_study_no_run(tmp_path: Path) -> None:
    write_summary(STUDY, tmp_path)
    with pytest.raises(InputError, match=r"is not that of a run; give the folder of a run\.$"):
        read_summary(tmp_path, RunSummary)
    write_summary(RUN, tmp_path)
    with pytest.raises(InputError, match=r"is not that of a study; give the folder of a study\.$"):
        read_summary(tmp_path, StudySummary)


@pytest.mark.parametrize(
    ("part", "value", "wrong"),
    [
        ("profile", 3, "profile is 3, not a text"),
        ("settings", [], "settings is [], not an object"),
        ("versions", {"python": 3}, "versions.python is 3, not a text"),
        ("seconds", {"dpo": "1"}, "seconds.dpo is '1', not a number"),
        ("baseline", {"reward": 0.5}, "baseline has no naturalness"),
        ("baseline", {"naturalness": 0.5}, "baseline has no reward"),
        ("reinforce", {"reward": 0.5, "naturalness": None}, "reinforce has no rewards"),
        ("reinforce", 0.5, "reinforce is 0.5, not an object"),
        ("kl", [WHOLE_RUN["kl"][0] | {"rewards": 1}], "kl[0].rewards is 1, not a list"),
        (
            "kl",
            [WHOLE_RUN["kl"][0], WHOLE_RUN["kl"][1] | {"kl_divergences": []}],
            "There are no kl_divergences at alpha = 0.003; train for a step or more.",
        ),
        ("dpo", [WHOLE_RUN["dpo"][0] | {"losses": ["a"]}], "dpo[0].losses[0] is 'a', not a number"),
        ("forecast", {"count": 1}, "forecast has no accuracy"),
        ("own_forecast", [], "own_forecast is [], not an object"),
        ("study", {"best": []}, "study has no made"),
        ("study", {"made": {}, "best": [{"method": "a"}]}, "study.best[0] has no reward"),
    ],
)
def test_a_damaged_part_is_named_and_the_others_are_read(
    tmp_path: Path, part: str, value: Any, wrong: str
) -> None:
    folder = written(tmp_path, WHOLE_RUN | {part: value})
    inspection = inspect_summary(folder)
    assert inspection.damaged == {part: wrong} and inspection.problem == ""
    whole = read_summary(written(tmp_path / "whole", WHOLE_RUN), RunSummary)
    assert inspection.summary == replace(whole, **{part: getattr(RunSummary(), part)})
    with pytest.raises(InputError) as refused:
        read_summary(folder, RunSummary)
    assert str(refused.value) == (
        f"What is in {str(folder / 'summary.json')!r} is not what a run writes ({wrong}); make the "
        "run again."
    )


def test_a_damaged_study_is_told_by_its_own_words(tmp_path: Path) -> None:
    write_summary(STUDY, tmp_path)
    content = content_of(tmp_path)
    content["matched"]["others"]["methods"][0]["kl"] = [1, 2]
    wrong = "matched.others.methods[0].kl is [1, 2], not a list of 3"
    assert inspect_summary(written(tmp_path, content)).damaged == {"matched": wrong}
    with pytest.raises(
        InputError, match=r"is not what a study writes \(.*\); make the study again"
    ):
        read_summary(tmp_path, StudySummary)
