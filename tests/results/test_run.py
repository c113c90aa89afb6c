"""A run's folder: summary.json is complete after every record, with seconds and figures."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure

from a3lib.errors import InputError
from a3lib.profiles import get_profile
from a3lib.results import run as runs
from a3lib.results.run import RUN_FOLDER_VARIABLE, Run, run_folder
from a3lib.results.summary import Evaluation, StudySection


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests begin in an empty folder and with no folder named by a command line."""
    monkeypatch.delenv(RUN_FOLDER_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(get_profile("tiny"), tmp_path / "results")


def written(run: Run) -> dict[str, Any]:
    """What is in the run's summary.json, which must be valid JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    text = (run.folder / "summary.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return content


def set_clock(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    """Let the module's clock show these times, one a look."""
    shown = iter(times)
    clock = SimpleNamespace(perf_counter=lambda: next(shown))
    monkeypatch.setattr(runs, "time", clock)


def test_the_environment_chooses_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run_folder("mine") == Path("runs/mine")
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, str(tmp_path / "chosen"))
    assert run_folder("mine") == tmp_path / "chosen"
    assert Run(get_profile("tiny")).folder == tmp_path / "chosen"


def test_without_a_name_the_folder_is_called_after_the_profile() -> None:
    run = Run(get_profile("tiny"))
    assert run.folder == Path("runs/notebook-tiny")
    assert run.folder.is_dir()


def test_a_given_folder_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, str(tmp_path / "chosen"))
    assert Run(get_profile("tiny"), tmp_path / "given").folder == tmp_path / "given"


def test_an_existing_folder_is_used_again(run: Run) -> None:
    assert Run(get_profile("tiny"), run.folder).folder == run.folder


def test_the_summary_says_profile_settings_and_versions(run: Run) -> None:
    run.record(baseline=Evaluation(0.5, None))
    content = written(run)
    assert list(content) == [
        "schema_version",
        "profile",
        "settings",
        "versions",
        "seconds",
        "baseline",
    ]
    assert content["profile"] == "tiny"
    assert content["settings"]["alphas"] == list(get_profile("tiny").alphas)
    assert content["settings"]["limit_train"] is None
    assert set(content["versions"]) == {"python", "torch", "transformers", "datasets"}
    assert all(content["versions"].values())


def test_the_summary_is_written_after_each_record(run: Run) -> None:
    first, second = Evaluation(0.25, 0.5), StudySection({"é": "é"}, ())
    run.record(baseline=first)
    assert written(run)["baseline"] == {"reward": 0.25, "naturalness": 0.5}
    assert "study" not in written(run)
    run.record(study=second)
    assert written(run)["baseline"] == {"reward": 0.25, "naturalness": 0.5}
    assert written(run)["study"] == {"made": {"é": "é"}, "best": []}
    assert (run.summary.baseline, run.summary.study) == (first, second)


def test_a_result_of_the_same_name_is_replaced(run: Run) -> None:
    run.record(baseline=Evaluation(0.25, None))
    run.record(baseline=Evaluation(0.5, None))
    assert written(run)["baseline"]["reward"] == 0.5


def test_a_value_that_is_no_json_leaves_file_and_summary_whole(run: Run) -> None:
    run.record(baseline=Evaluation(0.25, None))
    with pytest.raises(TypeError):
        run.record(study=StudySection({"wrong": object()}, ()))
    with pytest.raises(TypeError, match="wrong"):
        run.record(wrong=1)
    assert written(run)["baseline"]["reward"] == 0.25
    assert run.summary.study is None


def test_a_folder_that_went_away_is_made_again(run: Run) -> None:
    run.folder.rmdir()
    run.record(baseline=Evaluation(0.25, None))
    assert written(run)["baseline"]["reward"] == 0.25


def test_a_folder_that_cannot_be_written_is_one_sentence(run: Run) -> None:
    run.folder.rmdir()
    run.folder.write_text("a file")
    with pytest.raises(InputError, match=r"summary\.json' cannot be written"):
        run.record(baseline=Evaluation(0.25, None))
    assert run.summary.baseline is None


def test_seconds_are_those_of_each_section(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    set_clock(monkeypatch, 10.0, 12.54, 20.0, 50.0)
    run.begin("baseline")
    assert run.summary.seconds == {}
    run.begin("reinforce")
    assert written(run)["seconds"] == {"baseline": 2.5}
    run.end()
    assert written(run)["seconds"] == {"baseline": 2.5, "reinforce": 30.0}


def test_ending_twice_changes_nothing(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    set_clock(monkeypatch, 1.0, 3.0)
    run.begin("baseline")
    run.end()
    run.end()
    assert written(run)["seconds"] == {"baseline": 2.0}


def test_an_end_without_a_section_writes_nothing(run: Run) -> None:
    run.end()
    assert not (run.folder / "summary.json").exists()


def test_figures_go_to_their_folder_and_come_back(run: Run) -> None:
    figure = Figure()
    assert run.figure(figure, "rewards") is figure
    found = sorted(path.relative_to(run.folder) for path in run.folder.rglob("*"))
    assert found == [Path("figures"), Path("figures/rewards.pdf"), Path("figures/rewards.png")]
