"""The notebook as it is kept, and a debug run of it from the first cell to the last."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from a3lib.errors import NotebookFailed
from a3lib.kit.export import export_notebook, verify_script
from a3lib.kit.run import run_notebook
from a3lib.kit.source.interface import REQUIRED_FUNCTIONS
from a3lib.profiles import SAMPLE_PROMPTS, SETTINGS_VARIABLE, model_names
from a3lib.results.run import RUN_FOLDER_VARIABLE
from a3lib.results.samples import read_samples
from a3lib.util.files import PROJECT

SLOW = pytest.mark.slow("executes the notebook")

NOTEBOOK = PROJECT / "A3.ipynb"
# A training loop is written out, with its TODO.
LONGEST_CELL = 34
QUESTIONS = [
    f"Q{s}.{q}" for s, last in ((1, 3), (2, 5), (3, 4), (4, 6), (5, 2)) for q in range(1, last + 1)
]
# Two of each are enough to see that a run goes from one to the next.
ALPHAS, BETAS = [0.0, 0.1], [0.1, 0.5]
DEBUG = {"profile": "tiny", "debug": True, "alphas": ALPHAS, "betas": BETAS}


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    return nbformat.read(NOTEBOOK, as_version=4).cells


def code_of(cells: list[Any]) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


def test_no_outputs_are_stored(cells: list[Any]) -> None:
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_cell_ids_are_names_that_stay(cells: list[Any]) -> None:
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    # Jupyter's own ids are eight hexadecimal digits and change with every new cell.
    assert all(any(letter in "ghijklmnopqrstuvwxyz" for letter in name) for name in ids)


def test_no_cell_is_long(cells: list[Any]) -> None:
    assert max(len(source.splitlines()) for source in code_of(cells)) <= LONGEST_CELL


def test_every_function_of_the_interface_has_its_check_below_it(cells: list[Any]) -> None:
    sources = code_of(cells)
    for name in REQUIRED_FUNCTIONS:
        written = [n for n, source in enumerate(sources) if f"def {name}(" in source]
        checked = [n for n, source in enumerate(sources) if source == f"check({name})"]
        assert len(written) == 1 and checked, name
        between = sources[written[0] + 1 : checked[0]]
        assert all(source.startswith("check(") for source in between), name


def test_every_question_stands_once_with_a_place_for_the_answer(cells: list[Any]) -> None:
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for question in QUESTIONS:
        assert prose.count(f"**{question}**") == 1
        assert "*Your answer:*" in prose.split(f"**{question}**")[1].split("**Q")[0]


def test_the_functions_that_graders_call_have_their_arguments(cells: list[Any]) -> None:
    source = "\n".join(
        line for s in code_of(cells) for line in s.splitlines() if "%pip" not in line
    )
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = tuple(argument.arg for argument in node.args.args)
    for name, arguments in REQUIRED_FUNCTIONS.items():
        assert found[name] == tuple(arguments), name


@pytest.fixture(scope="module")
def debug_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SETTINGS_VARIABLE, "{}")
        patch.setenv(RUN_FOLDER_VARIABLE, "")
        run_notebook(NOTEBOOK, folder, DEBUG)
    return folder


@SLOW
def test_a_debug_run_leaves_everything_that_a_run_leaves(debug_run: Path) -> None:
    folder = debug_run
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["profile"] == "tiny"
    assert set(summary["baseline"]) == {"reward", "naturalness"}
    assert set(summary["reinforce"]) == {"reward", "rewards", "naturalness"}
    assert {"alpha", "reward", "kl_divergences", "naturalness"} <= set(summary["kl"][0])
    assert {"beta", "losses", "test_loss", "reward"} <= set(summary["dpo"][0])
    assert [kl["alpha"] for kl in summary["kl"]] == ALPHAS
    assert [dpo["beta"] for dpo in summary["dpo"]] == BETAS
    assert {"gain", "held_out_end", "finite"} <= set(summary["study"]["best"][0])
    assert set(summary["seconds"]) == {"baseline", "reinforce", "kl", "dpo", "study"}
    figures = {file.name for file in (folder / "figures").iterdir()}
    names = ("baseline_rewards", "reinforce_reward", "kl_and_reward", "dpo_loss")
    names += ("divergence_scores", "study_reward_entropy", "study_reward_kl", "study_training")
    names += ("results_overview",)
    assert {f"{name}.{ending}" for name in names for ending in ("png", "pdf")} <= figures
    assert 'id="explorer"' in (folder / "report.html").read_text(encoding="utf-8")
    page = (folder / "A3.html").read_text(encoding="utf-8")
    assert "data:image/png;base64" in page and "average reward on the test set" in page


@SLOW
def test_every_model_continues_the_same_beginnings(debug_run: Path) -> None:
    samples = read_samples(debug_run)
    assert [m.name for m in samples.models] == model_names(ALPHAS, BETAS)
    assert len(samples.prompts) == SAMPLE_PROMPTS
    original, *others = samples.models
    assert original.kl == pytest.approx([0.0] * SAMPLE_PROMPTS, abs=1e-4)
    # No two of them may be far apart after two steps, but each has moved.
    assert all(0 < sum(model.kl) < 10 * SAMPLE_PROMPTS for model in others)
    assert all(0 <= reward <= 1 for model in samples.models for reward in model.rewards)


@SLOW
def test_the_first_loss_of_dpo_is_ln_2(debug_run: Path) -> None:
    summary = json.loads((debug_run / "summary.json").read_text())
    for found in summary["dpo"]:
        assert found["losses"][0] == pytest.approx(0.6931472, abs=1e-5)


@SLOW
def test_a_second_run_by_the_exported_script_gives_the_same_numbers(
    debug_run: Path, tmp_path: Path
) -> None:
    """The script does what the notebook does, and a run is repeatable: all digits are compared."""
    script = tmp_path / "A3.py"
    export_notebook(NOTEBOOK, script)
    check = verify_script(script)
    assert check.error is None
    assert set(check.correct) == set(REQUIRED_FUNCTIONS)
    settings = {
        SETTINGS_VARIABLE: json.dumps(DEBUG),
        RUN_FOLDER_VARIABLE: str(tmp_path / "run"),
        "PYTHONPATH": str(NOTEBOOK.parent),
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | settings,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "average reward on the test set" in done.stdout
    summaries = [
        json.loads((folder / "summary.json").read_text())
        for folder in (debug_run, tmp_path / "run")
    ]
    for summary in summaries:
        del summary["seconds"]
    assert summaries[0] == summaries[1]


@SLOW
def test_bad_input_is_one_sentence_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTINGS_VARIABLE, "{}")
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, "")
    bad = tmp_path / "reviews.csv"
    bad.write_text("review,stars\nfine,4\n")
    with pytest.raises(
        NotebookFailed, match=r"^'.*reviews.csv' has no column text \(it has review"
    ):
        run_notebook(NOTEBOOK, tmp_path / "run", DEBUG | {"reviews": str(bad)})
    assert "has no column text" in (tmp_path / "run/A3.html").read_text(encoding="utf-8")
    assert not (tmp_path / "run/summary.json").exists()


def test_the_write_up_asks_what_the_notebook_asks(cells: list[Any]) -> None:
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    tex = (NOTEBOOK.parent / "writeup/A3.tex").read_text(encoding="utf-8")
    asked = dict(re.findall(r"\\question\{(\d\.\d)\}\{((?:[^{}]|\{[^{}]*\})*)\}", tex))
    assert [f"Q{number}" for number in asked] == QUESTIONS
    for number, text in asked.items():
        plain = re.sub(r"\\texttt\{([^}]*)\}", r"`\1`", text).replace("\\_", "_")
        told = prose.split(f"**Q{number}**")[1].split("*Your answer:*")[0]
        assert plain.split() == told.split()
