"""Which objects are harmless to make when a submission is loaded."""

from pathlib import Path

import pytest
from helpers.read_submissions import kept, read, reasons

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
    "h = f(1)": None,
    "h = [f(i) for i in range(3)]": None,
    "h = list(map(f, [1]))": None,
    "h = Runner()": None,
    "h = AutoModel.from_pretrained('x')": "it calls from_pretrained",
    "h = torch.load('x')": "it calls load",
    "h = load_dataset('imdb')": "it calls load_dataset",
    "h = open('x').read()": "it calls open",
    "h = list(open('x'))": "it calls open",
    "h = eval('1')": "it calls eval",
    "h = exec": None,
    "h = input()": "it calls input",
    "h = setattr(model, 'x', 1)": None,
    "h = os.system('ls')": "it calls system",
    "h = os.listdir('.')": "it calls os.listdir",
    "h = nltk.download('x')": "it calls download",
    "h = pipeline('x')": "it calls pipeline",
    "h = model.generate(1)": "it calls generate",
    "h = model(1)": None,
    "h = (lambda: 3)()": None,
    "h = lambda x=model.generate(1): x": "it calls generate",
    "h = lambda *, x=model.generate(1): x": "it calls generate",
    "h = subprocess.run(['ls'])": "it calls subprocess.run",
    "h = nn.Linear(unknown, 2)": "it needs unknown, and that is not kept",
    "h[0] = float('1')": "it needs h, and that is not kept",
    "h = await float('1')": "it runs code",
    "h = (g := float('1'))": None,
    "h = steps()": "it calls steps, and that calls backward",
    "h = list(map(steps, [1]))": "it calls steps, and that calls backward",
    "h = run(steps)": "it calls steps, and that calls backward",
    "h = kept(steps)": None,
    "h = partial(steps, 1)": None,
    "h = partial(steps, 1)()": "it calls steps, and that calls backward",
    "h = later(1)": "it calls steps, and that calls backward",
    "h = Trainer()": "it calls __init__, and that calls fit, and that calls steps, and that calls "
    "backward",
    "h = [trainer for trainer in [1]]": None,
    "h = box.fit()": "it calls fit, and that calls steps, and that calls backward",
    "h = inner_load()": "it calls inner_load, and that calls fetch, and that calls urlopen",
    "h = (lambda: torch.load('x'))()": "it calls load",
    "h = sorted([1], key=lambda x: open('x'))": "it calls open",
    "h = TABLE['steps']()": "it calls steps, and that calls backward",
    "h = endless()": None,
    "h = evaluate(1)": "it calls evaluate",
    "h = threading.Thread(target=f)": "it calls threading.Thread",
    "h = model.load_state_dict({})": None,
}
BEFORE_HELPERS = """\
import os, subprocess, threading, torch, nltk
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
def steps():
    torch.ones(1).backward()
def run(function):
    return function()
def kept(function):
    def inner():
        return function()
    return inner
later = partial(steps, 1)
class Trainer:
    def __init__(self): self.fit()
    def fit(self): steps()
box = Config()
def inner_load():
    from urllib.request import urlopen
    def fetch(): return urlopen("x")
    return fetch()
TABLE = {"steps": steps}
def endless(): return endless()
"""


@pytest.mark.parametrize("helper", HELPERS)
def test_an_object_that_a_function_reads_is_kept_if_making_it_is_harmless(
    helper: str, tmp_path: Path
) -> None:
    found = read(tmp_path, f"{BEFORE_HELPERS}{helper}\n")
    line = len(BEFORE_HELPERS.splitlines()) + 1
    assert reasons(found).get(line) == HELPERS[helper]
    assert (helper in kept(found)) is (HELPERS[helper] is None)
