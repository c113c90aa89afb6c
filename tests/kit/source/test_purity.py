"""Which objects are harmless to make when a submission is loaded."""

from pathlib import Path

import pytest
from helpers.read_submissions import RUNS_CODE, kept, read, reasons

# An assignment, and why it is left out (None: it is kept).
HELPERS = {
    "h = nn.KLDivLoss(reduction='none', log_target=True)": None,
    "h = float('0.1')": None,
    "h = {k: int(k) for k in ['1', '2']}": None,
    "h = 'a b'.split()": None,
    "h = [*map(str, range(3))]": None,
    "h = DataLoader(train_texts, batch_size=4, collate_fn=f)": None,
    "h = partial(f, x=3)": None,
    "h = os.path.join('a', 'b')": None,
    "h = Config()": None,
    "h = tokenizer.encode('good')": None,
    "h: float = float('0.1')": None,
    "h = g = float('1')": None,
    "h, g = divmod(5, 3)": None,
    "h = f(1)": "it calls f, which this file defines",
    "h = [f(i) for i in range(3)]": "it calls f, which this file defines",
    "h = list(map(f, [1]))": "it may call f, which this file defines",
    "h = Runner()": "it calls Runner, which this file defines",
    "h = AutoModel.from_pretrained('x')": "it calls from_pretrained",
    "h = torch.load('x')": "it calls load",
    "h = load_dataset('imdb')": "it calls load_dataset",
    "h = open('x').read()": "it calls read",
    "h = list(open('x'))": "it calls open",
    "h = eval('1')": "it calls eval",
    "h = exec": None,
    "h = input()": "it calls input",
    "h = setattr(model, 'x', 1)": "it calls setattr",
    "h = os.system('ls')": "it calls os.system",
    "h = os.listdir('.')": "it calls os.listdir",
    "h = nltk.download('x')": "it calls download",
    "h = pipeline('x')": "it calls pipeline",
    "h = model.generate(1)": "it calls generate",
    "h = model(1)": "it calls model",
    "h = (lambda: 3)()": "it calls lambda: 3",
    "h = lambda x=model.generate(1): x": "it calls generate",
    "h = lambda *, x=model.generate(1): x": "it calls generate",
    "h = subprocess.run(['ls'])": "it calls subprocess.run",
    "h = nn.Linear(unknown, 2)": "it needs unknown, and that is not kept",
    "h[0] = float('1')": RUNS_CODE,
    "h = await float('1')": "it runs code",
    "h = (g := float('1'))": "it runs code",
}
BEFORE_HELPERS = """\
import os, subprocess, torch, nltk
from torch import nn
from functools import partial
from torch.utils.data import DataLoader
from datasets import load_dataset
from transformers import AutoModel, pipeline
def f(x):
    return h, x
class Config:
    def __init__(self, lr=1): self.lr = lr
class Runner:
    def __init__(self): f(1)
"""


@pytest.mark.parametrize("helper", HELPERS)
def test_an_object_that_a_function_reads_is_kept_if_making_it_is_harmless(
    helper: str, tmp_path: Path
) -> None:
    found = read(tmp_path, f"{BEFORE_HELPERS}{helper}\n")
    line = len(BEFORE_HELPERS.splitlines()) + 1
    assert reasons(found).get(line) == HELPERS[helper]
    assert (helper in kept(found)) is (HELPERS[helper] is None)
