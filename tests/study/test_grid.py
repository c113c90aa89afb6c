"""The study's grid: its order, what is kept, how it goes on, and what is refused."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.refusals import refused
from helpers.synthetic_runs import row_of

from a3lib.errors import TrainingDiverged
from a3lib.study import grid as module
from a3lib.study.analysis import SFT
from a3lib.study.config import Study, get_study
from a3lib.study.grid import (
    Job,
    claim_folder,
    default_workers,
    grid,
    prepare,
    read_rows,
    run_job,
    run_study,
)

METHODS = ("sigmoid-reverse_kl", "sigmoid-alpha_0.5")
IDENTITY = {"policy": "p", "tokenizer": "t", "reward_model": "r"}
LISTS = ("rewards", "lengths", "entropies", "kls", "losses", "held_out_losses", "gradient_norms")


def small_study(**overrides: Any) -> Study:
    sizes: dict[str, Any] = {
        "methods": METHODS,
        "betas": (0.1,),
        "exponential_betas": (0.01,),
        "prompts": 6,
        "held_out_prompts": 3,
        "test_prompts": 4,
        "max_new_tokens": 8,
        "steps": 2,
        "held_out_every": 1,
        "batch_size": 2,
        "unigram_tokens": 8,
        "rejection_candidates": 4,
        "rejection_accepted": 2,
    }
    return get_study("tiny", debug=True, **sizes | overrides)


@pytest.fixture(scope="module", autouse=True)
def nothing_kept_in_memory() -> Iterator[None]:
    """Forget models and data of folders that are gone."""
    yield
    module.load_tools.cache_clear()
    module.load_candidate_pairs.cache_clear()
    module.load_preferences.cache_clear()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path, pd.DataFrame]:
    """A study of three real runs."""
    study, folder = small_study(), tmp_path_factory.mktemp("study")
    prepare(study, folder)
    return study, folder, run_study(study, folder, workers=1)


@pytest.fixture
def jobs_done(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The runs that are begun, which cost nothing; a test may let one fail."""
    seen: list[Job] = []

    def quick(_: Study, __: Path, job: Job) -> dict[str, Any]:
        seen.append(job)
        return row_of(*job, reward=0.5, entropy=1.0)

    monkeypatch.setattr(module, "run_job", quick)
    return seen


def jobs_of(frame: pd.DataFrame) -> list[Job]:
    keys = zip(frame["method"], frame["beta"], frame["seed"], strict=True)
    return [Job(method, beta, seed) for method, beta, seed in keys]


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows that can be compared: lists as lists, missing values as None, and no times."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray | list):
            return list(value)
        return None if value is None or value != value else value

    return [
        {key: plain(value) for key, value in row.items() if key != "seconds"}
        for row in frame.to_dict("records")
    ]


def kept(folder: Path, study: Study) -> pd.DataFrame:
    """The rows that are in the study's folder, in the grid's order."""
    rows = read_rows(folder)
    return pd.DataFrame([rows[job] for job in grid(study)])


def test_the_grid_goes_through_methods_betas_and_seeds() -> None:
    study = small_study(
        methods=("ipo", "hinge-forward_kl"),
        betas=(1.0, 0.1),
        exponential_betas=(0.01, 0.001),
        seeds=(2, 1),
    )
    assert grid(study) == [
        *(Job(SFT, math.inf, seed) for seed in (2, 1)),
        *(Job("ipo", beta, seed) for beta in (1.0, 0.1) for seed in (2, 1)),
        *(Job("hinge-forward_kl", beta, seed) for beta in (0.01, 0.001) for seed in (2, 1)),
    ]


def test_the_untrained_policy_is_the_reference_itself(
    done: tuple[Study, Path, pd.DataFrame],
) -> None:
    row = done[2].iloc[0]
    assert (row["method"], row["beta"], row["failed"]) == (SFT, math.inf, "")
    assert row["kls"] == [0.0] * 4 and row["kl"] == 0.0


def test_every_run_has_its_measurements_and_its_history(
    done: tuple[Study, Path, pd.DataFrame],
) -> None:
    study, folder, frame = done
    assert jobs_of(frame) == grid(study)
    for _, row in frame.iloc[1:].iterrows():
        assert row["failed"] == ""
        assert row["held_out_steps"] == [0, 1, 2]
        assert len(row["losses"]) == len(row["gradient_norms"]) == 2
        assert len(row["rewards"]) == len(row["texts"]) == 4
        assert row["reward"] == pytest.approx(sum(row["rewards"]) / 4)
        assert row["coefficient"] == row["beta"]
        lowest = row["held_out_losses"].index(min(row["held_out_losses"]))
        assert row["stopped_step"] == row["held_out_steps"][lowest]
    assert [row["losses"][0] for _, row in frame.iloc[1:].iterrows()] == pytest.approx(
        [math.log(2)] * 2, rel=1e-4
    )
    assert plain_rows(kept(folder, study)) == plain_rows(frame)
    assert plain_rows(pd.read_parquet(folder / "study.parquet")) == plain_rows(frame)


def test_a_run_is_the_same_again(done: tuple[Study, Path, pd.DataFrame]) -> None:
    study, folder, frame = done
    torch.manual_seed(99)
    again = pd.DataFrame([run_job(study, folder, job) for job in grid(study)])
    assert plain_rows(again) == plain_rows(frame)


def test_a_finished_study_does_nothing_again(
    done: tuple[Study, Path, pd.DataFrame], jobs_done: list[Job]
) -> None:
    study, folder, frame = done
    again = run_study(study, folder, workers=1)
    assert jobs_done == []
    assert plain_rows(again) == plain_rows(frame)


def test_two_processes_find_the_same_rows_as_one(
    done: tuple[Study, Path, pd.DataFrame], tmp_path: Path
) -> None:
    study, _, frame = done
    prepare(study, tmp_path)
    found = run_study(study, tmp_path, workers=2)
    assert jobs_of(found) == grid(study)
    assert sorted(read_rows(tmp_path)) == sorted(grid(study))
    for one, two in zip(plain_rows(frame), plain_rows(found), strict=True):
        assert one["texts"] == two["texts"]
        for key in LISTS:
            # Sums of another number of threads may differ in their last digits.
            assert one[key] == (None if two[key] is None else pytest.approx(two[key], rel=1e-4))


def test_an_interrupted_grid_keeps_its_rows_and_goes_on(
    tmp_path: Path, jobs_done: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(betas=(0.1, 1.0), seeds=(1, 2))
    quick = module.run_job

    def third_fails(study: Study, folder: Path, job: Job) -> dict[str, Any]:
        if len(jobs_done) == 2:
            raise KeyboardInterrupt
        return quick(study, folder, job)

    monkeypatch.setattr(module, "run_job", third_fails)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path, workers=1)
    assert sorted(read_rows(tmp_path)) == sorted(grid(study)[:2])
    assert not (tmp_path / "study.parquet").exists()
    monkeypatch.setattr(module, "run_job", quick)
    jobs_done.clear()
    found = run_study(study, tmp_path, workers=1)
    assert jobs_done == grid(study)[2:]
    assert jobs_of(found) == grid(study)
    assert plain_rows(kept(tmp_path, study)) == plain_rows(found)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["rows", "study.parquet"]
    assert {file.suffix for file in (tmp_path / "rows").iterdir()} == {".json"}


def test_a_row_that_was_cut_off_while_it_was_written_is_done_again(
    tmp_path: Path, jobs_done: list[Job]
) -> None:
    study = small_study()
    run_study(study, tmp_path, workers=1)
    file = next((tmp_path / "rows").glob("sft*.json"))
    file.with_name(f".{file.name}.part").write_text(file.read_text()[:20])
    file.unlink()
    jobs_done.clear()
    assert jobs_of(run_study(study, tmp_path, workers=1)) == grid(study)
    assert jobs_done == [Job(SFT, math.inf, 1)]


def test_betas_that_are_almost_the_same_are_runs_of_their_own(
    tmp_path: Path, jobs_done: list[Job]
) -> None:
    study = small_study(methods=METHODS[:1], betas=(0.1, 0.1000001))
    assert jobs_of(run_study(study, tmp_path, workers=1)) == grid(study)
    assert set(read_rows(tmp_path)) == set(grid(study))


def test_rows_are_in_the_order_of_the_grid_whatever_came_first(
    tmp_path: Path, jobs_done: list[Job]
) -> None:
    run_study(small_study(methods=METHODS[1:], seeds=(2,)), tmp_path, workers=1)
    wider = small_study(seeds=(1, 2))
    assert jobs_of(run_study(wider, tmp_path, workers=1)) == grid(wider)
    # Only what was not there: all but SFT and one run of seed 2.
    assert len(jobs_done) == 2 + len(grid(wider)) - 2
    # A smaller grid in the same folder shows its own rows, and loses none of the others.
    smaller = small_study(seeds=(2,))
    assert jobs_of(run_study(smaller, tmp_path, workers=1)) == grid(smaller)
    assert len(read_rows(tmp_path)) == len(grid(wider))


def test_a_study_without_a_row_has_no_results(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == {}


@pytest.mark.parametrize(
    "grid_field",
    [
        {"methods": ("ipo", "rso")},
        {"betas": (0.5, 5.0)},
        {"exponential_betas": (0.5,)},
        {"seeds": (4, 5, 6)},
    ],
)
def test_a_folder_may_get_more_of_the_grid(grid_field: dict[str, Any], tmp_path: Path) -> None:
    claim_folder(small_study(), tmp_path / "new", IDENTITY)
    before = (tmp_path / "new" / "settings.json").read_text()
    claim_folder(small_study(**grid_field), tmp_path / "new", IDENTITY)
    assert (tmp_path / "new" / "settings.json").read_text() == before


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"learning_rate": 0.5}, "learning_rate = 0.0003"),
        ({"steps": 3}, "steps = 2"),
        ({"prompts": 7}, "prompts = 6"),
        ({"test_prompts": 5}, "test_prompts = 4"),
        ({"pairing": "final"}, "pairing = 'first_round'"),
        ({"rejection_beta": 0.25}, "rejection_beta = 0.5"),
        ({"reviews": "mine.csv"}, "reviews = 'tiny'"),
        ({"sft_steps": 5}, "sft_steps = 0"),
    ],
)
def test_another_setting_is_refused_by_its_name(
    other: dict[str, Any], difference: str, tmp_path: Path
) -> None:
    claim_folder(small_study(), tmp_path, IDENTITY)
    with refused("The study", str(tmp_path), difference, "another name"):
        claim_folder(small_study(**other), tmp_path, IDENTITY)


def test_a_folder_of_an_earlier_version_is_continued_or_refused_by_the_same_value(
    tmp_path: Path, jobs_done: list[Job]
) -> None:
    """It says longest_gradient and knob where this version says max_grad_norm and coefficient."""
    study = small_study()
    claim_folder(study, tmp_path, IDENTITY)
    run_study(study, tmp_path, workers=1)
    settings_file, row_files = tmp_path / "settings.json", [*(tmp_path / "rows").glob("sigmoid*")]
    now = settings_file.read_text()
    for file in (settings_file, *row_files):
        text = file.read_text()
        older = text.replace('"max_grad_norm"', '"longest_gradient"')
        older = older.replace('"coefficient"', '"knob"')
        assert older != text
        file.write_text(older)
    with refused("max_grad_norm = 1.0", "0.5"):
        claim_folder(small_study(max_grad_norm=0.5), tmp_path, IDENTITY)
    claim_folder(study, tmp_path, IDENTITY)
    assert settings_file.read_text() == now
    jobs_done.clear()
    runs = run_study(study, tmp_path, workers=1)
    assert jobs_done == [] and "knob" not in runs
    trained = runs[runs["method"] != SFT]
    assert len(trained) == len(row_files) > 0
    assert (trained["coefficient"] == 2 * trained["beta"]).all()


def test_models_are_told_apart_by_what_they_are_and_not_by_where(tmp_path: Path) -> None:
    study = small_study()
    claim_folder(study, tmp_path, IDENTITY)
    claim_folder(replace(study, policy="elsewhere", reward_model="too"), tmp_path, IDENTITY)
    for part in IDENTITY:
        with refused(f"{part} = '{part[0]}'", "'other'"):
            claim_folder(study, tmp_path, IDENTITY | {part: "other"})


def test_a_real_study_with_another_setting_is_refused_before_anything_is_made(
    done: tuple[Study, Path, pd.DataFrame],
) -> None:
    study, folder, _ = done
    before = sorted(str(file) for file in folder.rglob("*"))
    with refused("prompts = 6", "asks for 7"):
        prepare(replace(study, prompts=7), folder)
    assert sorted(str(file) for file in folder.rglob("*")) == before


def test_preparing_says_what_was_made_for_each_seed(tmp_path: Path) -> None:
    study = small_study(methods=("rso", "ipo"), seeds=(1, 2))
    made = prepare(study, tmp_path)
    kinds = ("held_out", "rejection", "tournament")
    assert sorted(made) == sorted(f"{kind}, seed {seed}" for kind in kinds for seed in (1, 2))
    for key, found in made.items():
        kind, seed = key.split(", seed ")
        data = module.load_preferences(study, tmp_path, kind, int(seed))
        assert found["pairs"] == len(data.pairs)
        assert found["candidates"] == data.candidates.rewards.numel()
        assert found["mean_reward"] == pytest.approx(data.candidates.rewards.mean().item())
        assert ("acceptance_rate" in found) == (kind == "rejection")
    json.dumps(made)
    folders = {file.name for file in (tmp_path / "data").iterdir()}
    assert folders == {f"{kind}-seed-{seed}" for kind in kinds for seed in (1, 2)}


def test_data_that_no_method_asks_for_is_not_made(tmp_path: Path) -> None:
    assert not any("rejection" in key for key in prepare(small_study(), tmp_path))


def test_a_tuned_policy_is_where_the_runs_begin(tmp_path: Path) -> None:
    study = small_study(methods=METHODS[:1], sft_steps=2, sft_learning_rate=1e-3)
    made = prepare(study, tmp_path)
    assert made["sft"]["perplexity_before"] != made["sft"]["perplexity_after"]
    row = run_study(study, tmp_path, workers=1).iloc[1]
    # Begun elsewhere, the loss would not be ln 2.
    assert row["losses"][0] == pytest.approx(math.log(2), rel=1e-4)


def diverging(method: str) -> Callable[..., Any]:
    """Training that goes wrong for one method, after a step."""

    def train(policy: Any, chosen: Any, *arguments: Any, **options: Any) -> Any:
        if chosen.name == method:
            raise TrainingDiverged("It went wrong.", {"losses": [0.7], "gradient_norms": [2.0]})
        return real_training(policy, chosen, *arguments, **options)

    real_training = module.train_offline
    return train


def test_a_run_that_diverges_is_recorded_and_the_grid_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study()
    prepare(study, tmp_path)
    monkeypatch.setattr(module, "train_offline", diverging(METHODS[0]))
    frame = run_study(study, tmp_path, workers=1)
    assert jobs_of(frame) == grid(study)
    assert frame["failed"].tolist() == ["", "It went wrong.", ""]
    failed = frame.iloc[1]
    assert (failed["losses"], failed["gradient_norms"]) == ([0.7], [2.0])
    assert math.isnan(failed["reward"]) and failed["coefficient"] == 0.1
    # It is not done again, and is the same after it was read.
    assert plain_rows(run_study(study, tmp_path, workers=1)) == plain_rows(frame)


def test_early_stopping_is_measured_on_the_policy_of_the_lowest_look(
    done: tuple[Study, Path, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder, frame = done
    history = {
        "losses": [0.7, 0.6],
        "gradient_norms": [1.0, 1.0],
        "beyond_threshold": [0.0, 0.0],
        "held_out_steps": [0, 1, 2],
        "held_out_losses": [0.5, 0.6, 0.7],
        "held_out_accuracies": [0.5, 0.5, 0.5],
    }

    def worse(policy: Any, *_: Any, **__: Any) -> Any:
        best = copy.deepcopy(policy.state_dict())
        with torch.no_grad():
            policy.get_output_embeddings().weight.mul_(0.8)
        return history, best

    monkeypatch.setattr(module, "train_offline", worse)
    row = run_job(study, folder, Job(METHODS[0], 0.1, 1))
    start = frame.iloc[0]
    assert row["stopped_step"] == 0 and row["kl"] > 0.01
    # The policy of step 0 is the untrained one, and is measured with the same draws.
    for name in ("reward", "entropy", "kl", "unigram_entropy", "distinct_2", "naturalness"):
        assert row[f"stopped_{name}"] == pytest.approx(start[name])
    assert row["entropy"] != pytest.approx(start["entropy"], rel=1e-3)
    # Where the end is the lowest there is nothing to add.
    history["held_out_losses"] = [0.7, 0.6, 0.5]
    row = run_job(study, folder, Job(METHODS[0], 0.1, 1))
    assert row["stopped_step"] == 2
    assert not [key for key in row if key.startswith("stopped_") and key != "stopped_step"]


def test_each_run_is_trained_and_measured_with_its_own_seed_and_data(
    done: tuple[Study, Path, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder, _ = done
    asked: list[tuple[str, int]] = []
    trained: list[tuple[str, float, int, int]] = []
    load, train = module.load_preferences, module.train_offline

    def loaded(study: Study, folder: Path, kind: str, seed: int) -> Any:
        asked.append((kind, seed))
        return load(study, folder, kind, seed)

    def watched(policy: Any, method: Any, beta: float, *data: Any, **options: Any) -> Any:
        trained.append((method.name, beta, options["seed"], options["steps"]))
        assert data[0] is load(study, folder, method.data, options["seed"])
        assert data[1] is load(study, folder, "held_out", options["seed"])
        return train(policy, method, beta, *data, **options)

    monkeypatch.setattr(module, "load_preferences", loaded)
    monkeypatch.setattr(module, "train_offline", watched)
    run_job(study, folder, Job("rso", 0.1, 2))
    assert sorted(asked) == [("held_out", 2), ("rejection", 2)]
    assert trained == [("rso", 0.1, 2, 2)]


def test_by_default_there_is_a_process_a_core_and_one_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "cores", lambda: 7)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert default_workers() == 7
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_workers() == 1


def test_there_are_no_more_processes_than_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def quick(_: Study, __: Path, jobs: list[Job], workers: int) -> Iterator[Any]:
        asked.append(workers)
        yield from ((job, row_of(*job, reward=0.5, entropy=1.0)) for job in jobs)

    monkeypatch.setattr(module, "run_jobs", quick)
    for workers in (64, 2):
        (tmp_path / str(workers)).mkdir()
        run_study(small_study(), tmp_path / str(workers), workers=workers)
    monkeypatch.setattr(module, "default_workers", lambda: 2)
    run_study(small_study(seeds=(1, 2)), tmp_path / "2")
    assert asked == [3, 2, 2]
