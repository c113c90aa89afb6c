"""The command `study`: its tables, and what it says where something is wrong."""

import contextlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from a3lib.__main__ import main, make_parser
from a3lib.results.samples import read_samples
from a3lib.study.config import Study

SMALL = [
    "study",
    "--profile",
    "tiny",
    "--debug",
    "--workers",
    "1",
    "--name",
    "small",
    "--methods",
    "sigmoid-reverse_kl,sigmoid-alpha_0.5",
    "--prompts",
    "6",
    "--held-out-prompts",
    "3",
    "--test-prompts",
    "6",
    "--steps",
    "2",
    "--batch-size",
    "2",
    "--unigram-tokens",
    "20",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the command was called, and what it printed."""
    matplotlib.use("Agg")
    place, printed = tmp_path_factory.mktemp("main"), io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(printed):
        assert main(SMALL) == 0
    return place, printed.getvalue()


def test_the_command_prints_the_tables_and_the_verdict(finished: tuple[Path, str]) -> None:
    text = finished[1]
    assert "5 runs, 0 of them diverged. The policy before: reward " in text
    assert "Each method at its best beta, means over seeds:" in text
    rows = [line for line in text.splitlines() if line.startswith("sigmoid-")]
    assert {row.split()[0] for row in rows} == {"sigmoid-reverse_kl", "sigmoid-alpha_0.5"}
    assert "sigmoid: not all divergences were run (sigmoid-alpha_0.3 is not)." in text
    assert "study.parquet and summary.json are in runs/small." in text


def test_the_results_are_in_the_folder_of_that_name(finished: tuple[Path, str]) -> None:
    folder = finished[0] / "runs" / "small"
    assert (folder / "study.parquet").is_file() and (folder / "settings.json").is_file()
    assert len(list((folder / "figures").iterdir())) == 6
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["runs"] == 5
    assert summary["settings"]["methods"] == ["sigmoid-reverse_kl", "sigmoid-alpha_0.5"]
    assert summary["settings"]["steps"] == 2
    assert set(summary["made"]) == {"held_out, seed 1", "tournament, seed 1"}


def test_the_texts_of_each_method_are_kept_and_in_the_report(finished: tuple[Path, str]) -> None:
    folder = finished[0] / "runs" / "small"
    samples = read_samples(folder)
    names = ["SFT", "sigmoid-reverse_kl", "sigmoid-alpha_0.5"]
    assert [model.name for model in samples.models] == names
    assert len(samples.prompts) == 6 and len(set(samples.prompts)) > 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="explorer"' in page and page.count("data-model=") == 3 * 6


def complaint(arguments: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command writes to stderr, which must be one line, with status 1."""
    with contextlib.chdir(place):
        assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("a3lib: ") and error.endswith(".\n") and error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--methods", "dpo"], "no method 'dpo'"),
        (["--methods", "sigmoid-reverse_kl,ipo-forward_kl"], "no method 'ipo-forward_kl'"),
        (["--betas", "0"], "betas"),
        (["--betas", "0.1,-1"], "-1.0"),
        (["--workers", "0"], "--workers is 0"),
        (["--candidates", "3"], "3 candidates"),
        (["--temperature", "0"], "temperature is 0.0"),
        (["--prompts", "1000000"], "--prompts"),
        (["--policy", "nowhere/at/all"], "nowhere/at/all"),
        (["--reviews", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing_behind(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["study", "--profile", "tiny", "--debug", *arguments]
    assert expected in complaint(options, tmp_path, capsys)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--steps", "3"], "steps = 2"),
        (["--learning-rate", "0.5"], "learning_rate = "),
        (["--temperature", "0.9"], "temperature = 0.7"),
    ],
)
def test_another_study_does_not_go_into_the_same_folder(
    arguments: list[str],
    expected: str,
    finished: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = complaint([*SMALL, *arguments], finished[0], capsys)
    assert expected in error and "runs/small" in error and "another name" in error


def read(*arguments: str) -> Any:
    return make_parser(["study"]).parse_args(["study", *arguments])


def test_every_field_of_a_study_has_an_option_that_reads_its_type() -> None:
    texts: dict[Any, tuple[str, Any]] = {
        str: ("word", "word"),
        int: ("7", 7),
        float: ("0.25", 0.25),
        tuple[str, ...]: ("one, two", ["one", "two"]),
        tuple[float, ...]: ("0.1,3", [0.1, 3.0]),
        tuple[int, ...]: ("4,5", [4, 5]),
    }
    for field in fields(Study):
        assert getattr(read(), field.name) is None
        text, expected = texts[field.type]
        assert getattr(read(f"--{field.name.replace('_', '-')}", text), field.name) == expected


def test_without_options_the_profile_is_looked_for_and_the_name_is_study() -> None:
    found = read()
    assert (found.profile, found.name, found.workers, found.debug) == ("auto", "study", None, False)


def test_what_cannot_be_read_at_all_is_told_by_the_parser(
    capsys: pytest.CaptureFixture[str],
) -> None:
    attempts: list[Callable[[], Any]] = [
        lambda: read("--betas", "much"),
        lambda: read("--seeds", "1.5"),
        lambda: read("--profile", "huge"),
        lambda: read("--step-size", "1"),
    ]
    for attempt in attempts:
        with pytest.raises(SystemExit) as caught:
            attempt()
        assert caught.value.code == 2
        assert "error: " in capsys.readouterr().err
