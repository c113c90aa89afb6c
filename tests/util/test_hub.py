"""The loopback hub answers the real client libraries as the Hugging Face hub does.

The libraries read their environment when they are imported: the functions `load_everything` and
`fail_to_load` are called by `in_fresh_process`, in a Python process of their own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import datasets  # type: ignore[import-untyped]
import pytest
import torch
from helpers.loopback_hub import client_environment, serve_hub
from helpers.tiny_checkpoints import (
    REVIEWS,
    save_tiny_classifier,
    save_tiny_gpt2,
    save_tiny_reviews,
)
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from a3lib.util.files import PROJECT

LANGUAGE_MODEL = "distilbert/distilgpt2"
CLASSIFIER = "omidroshani/imdb-sentiment-analysis"
DATASET = "stanfordnlp/imdb"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every repository lies under its own name."""
    root = tmp_path_factory.mktemp("repositories")
    save_tiny_gpt2(root / LANGUAGE_MODEL)
    save_tiny_classifier(root / CLASSIFIER)
    save_tiny_reviews(root / DATASET)
    return root


def test_clients_load_what_is_served(root: Path, tmp_path: Path) -> None:
    models = {name: root / name for name in (LANGUAGE_MODEL, CLASSIFIER)}
    with serve_hub(models, {DATASET: root / DATASET}) as hub:
        loaded = in_fresh_process(
            client_environment(hub.endpoint, tmp_path), f"load_everything({str(root)!r})"
        )

    rows = {
        split: [{"text": text, "label": label} for text, label in reviews]
        for split, reviews in REVIEWS.items()
    }
    assert loaded["differing weights"] == []
    assert loaded["differing tokens"] == []
    assert loaded["rows"] == rows
    assert loaded["training rows"] == rows["train"]
    assert loaded["streamed rows"] == rows["test"]
    assert loaded["unknown model"]["class"] == "OSError"
    assert "is not a valid model identifier" in loaded["unknown model"]["message"]
    assert loaded["unknown dataset"]["class"] == "DatasetNotFoundError"

    answered = {
        (request.path.split("/resolve/")[0], request.path.rpartition("/")[2])
        for request in hub.requests
        if request.method == "GET" and request.status == 200
    }
    assert (f"/{LANGUAGE_MODEL}", "model.safetensors") in answered
    assert (f"/{CLASSIFIER}", "model.safetensors") in answered
    assert (f"/datasets/{DATASET}", "train-00000-of-00001.parquet") in answered
    assert not any("nobody" in repository for repository, _ in answered)


def test_stopped_hub_is_a_connection_error_in_bounded_time(tmp_path: Path) -> None:
    with serve_hub() as hub:
        pass
    failures = in_fresh_process(client_environment(hub.endpoint, tmp_path), "fail_to_load()")

    assert failures["model"]["class"] == "OSError"
    assert f"We couldn't connect to '{hub.endpoint}'" in failures["model"]["message"]
    assert failures["dataset"]["class"] == "ConnectionError"
    assert f"Couldn't reach '{DATASET}'" in failures["dataset"]["message"]
    # Nothing but the offline mode shortens this: for each file the clients ask again after 1, 2,
    # 4, 8 and 8 seconds, and some versions ask for a second file.
    assert 0 < failures["model"]["waited"] <= 60
    assert 0 < failures["dataset"]["waited"] <= 60
    assert failures["model"]["seconds"] + failures["dataset"]["seconds"] < 20


def test_offline_mode_fails_at_once_and_asks_nothing(root: Path, tmp_path: Path) -> None:
    with serve_hub({LANGUAGE_MODEL: root / LANGUAGE_MODEL}, {DATASET: root / DATASET}) as hub:
        environment = {**client_environment(hub.endpoint, tmp_path), "HF_HUB_OFFLINE": "1"}
        failures = in_fresh_process(environment, "fail_to_load()")

    assert failures["model"]["class"] == "OSError"
    assert failures["dataset"]["class"] == "ConnectionError"
    assert failures["model"]["waited"] == failures["dataset"]["waited"] == 0
    assert hub.requests == []


def test_files_come_in_ranges_and_are_named_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("hello\n")
    with serve_hub({"someone/words": tmp_path}) as hub:
        address = f"{hub.endpoint}/someone/words/resolve/main/words.txt"
        with urlopen(Request(address, headers={"Range": "bytes=1-3"})) as part:
            assert (part.status, part.read()) == (206, b"ell")
            assert part.headers["Content-Range"] == "bytes 1-3/6"
            # The object id that `git hash-object` gives to this content.
            assert part.headers["ETag"] == '"ce013625030ba8dba906f756967f9e9ca394464a"'
            commit = part.headers["X-Repo-Commit"]
        with urlopen(Request(address.replace("main", commit), method="HEAD")) as whole:
            assert (whole.headers["Content-Length"], whole.read()) == ("6", b"")


def in_fresh_process(environment: dict[str, str], call: str) -> Any:
    """Evaluate a call to a function of this module in a process with this environment."""
    program = f"import json, test_hub as here; print(json.dumps(here.{call}))"
    completed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout.splitlines()[-1])


def load_everything(root: str) -> dict[str, Any]:
    """Load every repository by its name and compare it with its folder."""
    loaders = {
        LANGUAGE_MODEL: AutoModelForCausalLM.from_pretrained,
        CLASSIFIER: AutoModelForSequenceClassification.from_pretrained,
    }
    all_rows = datasets.load_dataset(DATASET)
    return {
        "differing weights": [
            name
            for name, load in loaders.items()
            if not same_weights(load(name), load(f"{root}/{name}"))
        ],
        "differing tokens": [name for name in loaders if tokens(name) != tokens(f"{root}/{name}")],
        "rows": {split: rows.to_list() for split, rows in all_rows.items()},
        "training rows": datasets.load_dataset(DATASET, split="train").to_list(),
        "streamed rows": list(datasets.load_dataset(DATASET, split="test", streaming=True)),
        "unknown model": failure_of(lambda: AutoTokenizer.from_pretrained("nobody/nothing")),
        "unknown dataset": failure_of(lambda: datasets.load_dataset("nobody/nothing")),
    }


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    """Whether two models have the same parameters with the same values."""
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )


def tokens(source: str) -> list[int]:
    """The tokens of a sentence according to the tokenizer from a name or folder."""
    token_ids: list[int] = AutoTokenizer.from_pretrained(source)("A film to forget.")["input_ids"]
    return token_ids


def fail_to_load() -> dict[str, Any]:
    """Try to load a model and a data set, and report how that fails."""
    return {
        "model": failure_of(lambda: AutoModelForCausalLM.from_pretrained(LANGUAGE_MODEL)),
        "dataset": failure_of(lambda: datasets.load_dataset(DATASET)),
    }


def failure_of(action: Callable[[], object]) -> dict[str, Any]:
    """The exception of an action, the seconds it slept for and the seconds it took besides."""
    pauses: list[float] = []
    start = time.monotonic()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Exception) as caught:
        # The clients' pauses between their attempts are added up instead of being waited for.
        patch.setattr(time, "sleep", pauses.append)
        action()
    return {
        "class": type(caught.value).__name__,
        "message": str(caught.value),
        "waited": sum(pauses),
        "seconds": time.monotonic() - start,
    }
