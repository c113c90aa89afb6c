"""The `smoke` profile, unmodified, against a hub on loopback that serves the real names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset
from helpers.loopback_hub import client_environment, serve_hub
from helpers.tiny_checkpoints import save_tiny_gpt2
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from a3lib import tinyworld
from a3lib.util.files import PROJECT

pytestmark = pytest.mark.slow("executes the notebook and a study on what a hub serves")

ROWS = 70  # more than the profile's limit of 64


def save_unnamed_classifier(folder: Path) -> None:
    """Save the tiny world's classifier with the labels LABEL_0 and LABEL_1, as on the hub."""
    config = AutoConfig.from_pretrained(tinyworld.REWARD_MODEL_FOLDER)
    config.id2label, config.label2id = (
        {0: "LABEL_0", 1: "LABEL_1"},
        {"LABEL_0": 0, "LABEL_1": 1},
    )
    model = AutoModelForSequenceClassification.from_pretrained(
        tinyworld.REWARD_MODEL_FOLDER, config=config
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tinyworld.REWARD_MODEL_FOLDER).save_pretrained(folder)


def save_splits(folder: Path, rows: dict[str, list]) -> None:
    """Save rows as the parquet files of a hub data set."""
    for split, split_rows in rows.items():
        Dataset.from_list(split_rows).to_parquet(folder / f"{split}-00000-of-00001.parquet")


def repeat_prompt(row: dict[str, str]) -> dict[str, str]:
    """Return a pair whose completions begin with the prompt."""
    sides = ("positive_completion", "negative_completion")
    return row | {side: row["prompt"] + row[side] for side in sides}


@pytest.fixture(scope="module")
def hub_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("hub")
    folders = {name: root / name for name in ("policy", "reward", "reviews", "pairs")}
    save_tiny_gpt2(folders["policy"])
    save_unnamed_classifier(folders["reward"])
    splits = ("train", "test")
    save_splits(folders["reviews"], {s: tinyworld.reviews(s)[:ROWS] for s in splits})
    pairs = {s: tinyworld.pairs(s)[:ROWS] for s in splits}
    pairs["train"] = [repeat_prompt(r) if n % 2 else r for n, r in enumerate(pairs["train"])]
    save_splits(folders["pairs"], pairs)
    return folders


def run_smoke(
    environment: dict[str, str], folder: Path, command: str = "run", *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, the whole notebook if no other is named, with the profile as it stands."""
    return subprocess.run(
        [sys.executable, "-m", "a3lib", command, "--profile", "smoke", "--name", "smoke", *options],
        env=environment | {"PYTHONPATH": str(PROJECT), "CUDA_VISIBLE_DEVICES": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_smoke_profile_runs_against_the_hub(hub_folders: dict[str, Path], tmp_path: Path) -> None:
    models = {
        "distilbert/distilgpt2": hub_folders["policy"],
        "omidroshani/imdb-sentiment-analysis": hub_folders["reward"],
    }
    data = {
        "stanfordnlp/imdb": hub_folders["reviews"],
        "hallisky/synthetic-imdb-movie-reviews-parallel": hub_folders["pairs"],
    }
    with serve_hub(models=models, datasets=data) as hub:
        environment = client_environment(hub.endpoint, tmp_path / "home")
        done = run_smoke(environment, tmp_path, "run", "--notebook", str(PROJECT / "A3.ipynb"))
        asked = " ".join(request.path for request in hub.requests if request.status == 200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(name in asked for name in [*models, *data])
    summary = json.loads((tmp_path / "runs/smoke/summary.json").read_text())
    assert summary["profile"] == "smoke"
    assert summary["settings"]["learning_rate"] == 1e-4
    assert len(summary["reinforce"]["rewards"]) == 2  # 64 rows in batches of 32
    assert [len(found["losses"]) for found in summary["dpo"]] == [8, 8, 8]  # 2 epochs of 4
    assert summary["baseline"]["naturalness"] is None
    assert "study" not in summary  # section 6 is optional
    assert (tmp_path / "runs/smoke/A3.html").stat().st_size > 100_000


def test_the_smoke_study_runs_against_the_hub(hub_folders: dict[str, Path], tmp_path: Path) -> None:
    models = {
        "lvwerra/gpt2-imdb": hub_folders["policy"],
        "lvwerra/distilbert-imdb": hub_folders["reward"],
    }
    data = {"stanfordnlp/imdb": hub_folders["reviews"]}
    with serve_hub(models=models, datasets=data) as hub:
        environment = client_environment(hub.endpoint, tmp_path / "home")
        methods = "sigmoid-alpha_0.5,hinge-forward_kl,rrhf,rso"
        options = ("--methods", methods, "--sft-steps", "3", "--workers", "1")
        done = run_smoke(environment, tmp_path, "study", *options)
        asked = " ".join(request.path for request in hub.requests if request.status == 200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(name in asked for name in [*models, *data])
    summary = json.loads((tmp_path / "runs/smoke/summary.json").read_text())
    assert (summary["runs"], summary["diverged"]) == (9, [])
    assert [found["naturalness"] for found in summary["best"]] == [None] * 4
    # 3 steps on a policy that knows nothing already help.
    assert summary["made"]["sft"]["perplexity_after"] < summary["made"]["sft"]["perplexity_before"]


def test_unreachable_hub_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    environment = client_environment("http://127.0.0.1:9", tmp_path / "home")
    notebook = str(PROJECT / "A3.ipynb")
    done = run_smoke({**os.environ, **environment}, tmp_path, "run", "--notebook", notebook)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("a3lib: The reviews 'stanfordnlp/imdb' cannot be loaded")
    assert "--reviews" in message and "--profile tiny" in message
