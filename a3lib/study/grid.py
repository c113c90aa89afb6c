"""The preference study: a grid of offline runs over methods, betas and seeds.

A study is a folder: settings.json, what `artifacts` keeps there, rows/ with a file a run, written
as soon as it is done, and at the end study.parquet with all rows. A run whose row is there is not
repeated.
"""

import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pandas as pd
import torch
from tqdm import tqdm

from a3lib.errors import TrainingDiverged
from a3lib.models import load_policy
from a3lib.study.analysis import SFT
from a3lib.study.artifacts import (
    Tools,
    acceptance_rate,
    load_candidate_pairs,
    load_preferences,
    load_tools,
    make_sft_policy,
    policy_source,
)
from a3lib.study.candidates import check_same_settings
from a3lib.study.config import Study
from a3lib.study.methods import find_method
from a3lib.study.train import measure_policy, train_offline
from a3lib.util.cpu import cores
from a3lib.util.files import write_at_once

RESULTS_FILE, ROWS_FOLDER, SETTINGS_FILE = "study.parquet", "rows", "settings.json"
# A folder may be continued with more of the grid, but not with another study.
GRID_FIELDS = ("methods", "betas", "exponential_betas", "seeds")
# Folders of earlier versions have other words for the same values.
OLD_NAMES = {"longest_gradient": "max_grad_norm", "knob": "coefficient"}


class Job(NamedTuple):
    """One run of the grid; `beta` is plain DPO's, which the method turns into its own number."""

    method: str
    beta: float
    seed: int


def grid(study: Study) -> list[Job]:
    """Return all runs of a study, those of the untrained policy first."""
    # The untrained policy is one that is held back by an infinite beta.
    jobs = [Job(SFT, math.inf, seed) for seed in study.seeds]
    for name in study.methods:
        betas = study.betas_of(find_method(name).divergence)
        jobs += [Job(name, beta, seed) for beta in betas for seed in study.seeds]
    return jobs


def workload(study: Study) -> tuple[int, int]:
    """Return how much a study has to do: optimizer steps, and completions to sample and score."""
    runs = len(grid(study))
    completions = runs * study.test_prompts + study.prompts * study.candidates
    if any(find_method(name).data == "rejection" for name in study.methods):
        completions += study.rejection_prompts * study.rejection_candidates
    return runs * study.steps, completions


def measure(study: Study, tools: Tools, policy: Any, seed: int) -> dict[str, Any]:
    """Measure a policy on the test prompts, with draws that depend on the seed alone."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return measure_policy(
            policy,
            tools.reference,
            tools.tokenizer,
            tools.test_prompts,
            tools.reward_of,
            max_new_tokens=study.max_new_tokens,
            unigram_tokens=study.unigram_tokens,
            has_grammar=study.has_grammar,
        )


def run_job(study: Study, folder: Path, job: Job) -> dict[str, Any]:
    """Run one job and return its row: what was measured at the end, and the history of training.

    Where the held-out loss was lower before the end, `stopped` holds what early stopping would
    have given: the policy of that step, measured in the same way. A run that diverges has the
    message in `failed` and no measurement.
    """
    started = time.perf_counter()
    tools = load_tools(study, folder)
    row: dict[str, Any] = {**job._asdict(), "failed": ""}
    if job.method == SFT:
        row |= measure(study, tools, tools.reference, job.seed)
        return row | {"seconds": time.perf_counter() - started}
    method = find_method(job.method)
    data = load_preferences(study, folder, method.data, job.seed)
    held_out = load_preferences(study, folder, "held_out", job.seed)
    policy = load_policy(policy_source(study, folder), tools.reference.device)
    try:
        history, best = train_offline(
            policy,
            method,
            job.beta,
            data,
            held_out,
            steps=study.steps,
            batch_size=study.batch_size,
            learning_rate=study.learning_rate,
            max_grad_norm=study.max_grad_norm,
            held_out_every=study.held_out_every,
            seed=job.seed,
        )
    except TrainingDiverged as error:
        return (
            row
            | error.history
            | {"failed": str(error), "coefficient": method.coefficient(job.beta)}
        )
    row |= measure(study, tools, policy, job.seed)
    evaluations = history["held_out_losses"]
    stopped_step = history["held_out_steps"][evaluations.index(min(evaluations))]
    row |= history | {"coefficient": method.coefficient(job.beta), "stopped_step": stopped_step}
    if stopped_step != study.steps:
        policy.load_state_dict(best)
        stopped = measure(study, tools, policy, job.seed)
        figures = ("reward", "entropy", "kl", "unigram_entropy", "distinct_2", "naturalness")
        row |= {f"stopped_{name}": stopped[name] for name in figures}
    return row | {"seconds": time.perf_counter() - started}


def run_jobs(
    study: Study, folder: Path, jobs: list[Job], workers: int
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Run jobs, in this process or in several, and yield each with its row as it finishes."""
    if workers == 1:
        for job in jobs:
            yield job, run_job(study, folder, job)
        return
    # Several processes of one thread are faster than one of several, for models of this size.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=begin_worker,
        initargs=(max(1, cores() // workers),),
    )
    with pool:
        futures = {pool.submit(run_job, study, folder, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def begin_worker(threads: int) -> None:
    """Set up a worker process, and have it end by itself when the study is killed."""
    torch.set_num_threads(threads)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait until the process that started this one is gone, then end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def default_workers() -> int:
    """Return one process per core, or a single one where a GPU does the work."""
    return 1 if torch.cuda.is_available() else cores()


def read_record(file: Path) -> dict[str, Any]:
    """Return a file of settings or a run's row, with today's names for what older folders hold."""
    record = json.loads(file.read_text(encoding="utf-8"))
    return {OLD_NAMES.get(key, key): value for key, value in record.items()}


def claim_folder(study: Study, folder: Path, identity: dict[str, str]) -> None:
    """Write the study's settings into its folder, or check that they are the ones in there.

    Raises InputError, naming the difference, where the folder holds another study.
    """
    fixed = {key: value for key, value in asdict(study).items() if key not in GRID_FIELDS}
    # Models are compared by their weights, so a folder that was moved is still the same one.
    settings = {key: v for key, v in fixed.items() if key not in ("policy", "reward_model")}
    settings = json.loads(json.dumps(settings | identity))
    file = folder / SETTINGS_FILE
    if file.is_file():
        check_same_settings(read_record(file), settings, f"The study {str(folder)!r}")
    write_at_once(file, json.dumps(settings, indent=2) + "\n")


def save_row(row: dict[str, Any], folder: Path) -> None:
    """Keep the row of a run in a file of its own."""
    file = folder / ROWS_FOLDER / f"{row['method']}_{row['beta']}_{row['seed']}.json"
    write_at_once(file, json.dumps(row))


def read_rows(folder: Path) -> dict[Job, dict[str, Any]]:
    """Return the rows of the finished runs, by job."""
    rows = [read_record(file) for file in (folder / ROWS_FOLDER).glob("*.json")]
    return {Job(row["method"], row["beta"], row["seed"]): row for row in rows}


def prepare(study: Study, folder: Path) -> dict[str, Any]:
    """Make the policy and every seed's data where they are missing; say how they were made.

    Before the grid, so that no two processes sample the same data.

    Raises InputError where an input is wrong or the folder holds another study.
    """
    provenance: dict[str, Any] = {}
    if study.sft_steps:
        provenance["sft"] = make_sft_policy(study, folder)
    tools = load_tools(study, folder)
    claim_folder(study, folder, tools.identity)
    for seed in study.seeds:
        for kind in ("held_out", *sorted({find_method(name).data for name in study.methods})):
            # Without the reference's scores, which each process of the grid computes for itself.
            candidates, pairs = load_candidate_pairs(study, folder, kind, seed)
            rewards = candidates.rewards
            provenance[f"{kind}, seed {seed}"] = {
                "candidates": rewards.numel(),
                "mean_reward": rewards.mean().item(),
                "pairs": len(pairs),
            }
            if kind == "rejection":
                rate = acceptance_rate(rewards, study.rejection_beta)
                provenance[f"{kind}, seed {seed}"]["acceptance_rate"] = rate
    return provenance


def run_study(study: Study, folder: Path, workers: int | None = None) -> pd.DataFrame:
    """Run what is missing of a prepared study; return and save all rows, in the grid's order."""
    done = read_rows(folder)
    jobs = [job for job in grid(study) if job not in done]
    workers = min(workers or default_workers(), max(1, len(jobs)))
    with tqdm(total=len(jobs), desc="study", file=sys.stdout) as bar:
        for job, row in run_jobs(study, folder, jobs, workers):
            save_row(row, folder)
            done[job] = row
            bar.update()
            bar.set_postfix_str(f"{job.method}, beta {job.beta:g}, seed {job.seed}")
    runs = pd.DataFrame([done[job] for job in grid(study)])
    write_at_once(folder / RESULTS_FILE, runs.to_parquet())
    return runs
