"""State at the top level that functions need is kept; what they do not need does not run."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers.read_submissions import kept, loaded, read
from helpers.solutions import Right, source_of
from mutants.right_structure import RIGHT

from a3lib.kit.checks import fixtures
from a3lib.kit.source.submission import read_submission

SUMS = [torch.tensor(values) for values in ((-3.0, -4.0), (-5.0, -1.0), (-3.5, -4.0), (-2.0, -3.0))]
LOSS = -F.logsigmoid(0.1 * (SUMS[0] - SUMS[1] - SUMS[2] + SUMS[3])).mean()


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_state_that_is_made_in_steps_is_kept(right: Right, tmp_path: Path) -> None:
    (tmp_path / "A3.py").write_text(source_of(right), encoding="utf-8")
    found = read_submission(tmp_path / "A3.py")
    assert [item for item in found.left_out if item.needed_by] == []
    names = loaded(found, **fixtures.interface())
    torch.testing.assert_close(torch.as_tensor(names["compute_DPO_loss"](*SUMS)), LOSS)


# Statements after which `train` is defined, and whether the last of them is kept, is only left
# out, or is left out and said to be needed.
KEPT, LEFT, NEEDED = "kept", "left out", "needed"
BEFORE = """
import torch, random, matplotlib.pyplot as plt
from a3lib.models import load_policy
LOG, CONFIG, ORDER, rate = [], {}, [1, 2], 3
class Trainer:
    steps = []
    def __init__(self, size=1):
        self.size = size
    def more(self, order):
        order.append(self.size)
    def fit(self):
        torch.ones(1).backward()
def reset():
    global STARTED
    STARTED = 1
def scaled(x, scale=2):
    return x * scale
"""
AFTER = """
def train(model_name):
    LOG.append(model.train())
    Trainer().steps
    return evaluate(CONFIG, ORDER, rate, scaled, LATER, STARTED)
def evaluate(*arguments):
    loss.backward()
"""
STATEMENTS = {
    "train('gpt2')": LEFT,
    "LOG.append(train('gpt2'))": NEEDED,
    "history = train('gpt2', lr=CONFIG.get('lr'))": LEFT,
    "history = train('gpt2', CONFIG)": LEFT,
    "results = {'a': CONFIG, 'b': train('gpt2')}": LEFT,
    "CONFIG['results'] = train('gpt2')": NEEDED,
    "CONFIG['lr'] = 1": KEPT,
    "print(CONFIG)": LEFT,
    "print(CONFIG.get('lr'), len(LOG))": LEFT,
    "plt.plot(LOG)": LEFT,
    "figure, axes = plt.subplots()\naxes.plot(LOG)": LEFT,
    "random.shuffle(list(ORDER))": LEFT,
    "Trainer().more(ORDER)": KEPT,
    "plt.plot([1, 2])": LEFT,
    "plt.show()": LEFT,
    "torch.manual_seed(rate)": LEFT,
    "random.shuffle(ORDER)": KEPT,
    "random.shuffle([1, 2])": LEFT,
    "while True:\n    pass": LEFT,
    "while True:\n    other = 1": LEFT,
    "for i in range(10**9):\n    total = i": LEFT,
    "trainer = Trainer(3)\ntrainer.fit()": LEFT,
    "trainer = Trainer(load_policy('x', 'cpu'))\ntrainer.size = 1": LEFT,
    "Trainer.steps = [load_policy('x', 'cpu')]": NEEDED,
    "Trainer.steps = [1]": KEPT,
    "LATER = load_policy('x', 'cpu')": NEEDED,
    "LATER = load_policy('x', 'cpu')\nLATER = 3": KEPT,
    "LATER = 3": KEPT,
    "def load_it():\n    return load_policy('x', 'cpu')\nLATER = load_it()": NEEDED,
    "with open('x') as file:\n    LATER = file.read()": NEEDED,
    "with open('x') as file:\n    other = file.read()": LEFT,
    "LATER = torch.load('x')": NEEDED,
    "LATER = torch.ones(1)": KEPT,
    "other = torch.ones(1)": LEFT,
    "LATER = input()": NEEDED,
    "CONFIG.update(torch.load('x'))": NEEDED,
    "other = []\nother.append(1)": LEFT,
    "model.eval()": LEFT,
    "model.config.pad_token_id = 0": LEFT,
    "tokenizer.padding_side = 'left'": LEFT,
    "reset()": KEPT,
    "rate += 1": KEPT,
    "rate = int(input())": NEEDED,
    "del rate": LEFT,
    "scaled.calls = 0": KEPT,
    "other = scaled(1)": LEFT,
    "assert scaled(1) == 2": LEFT,
    "raise SystemExit": LEFT,
    "evaluate(1)": LEFT,
    "LATER = evaluate(1)": NEEDED,
    "exec('LATER = 3')": KEPT,
    "exec(f'LATER = {3}')": NEEDED,
    "try:\n    rate = 4\nexcept NameError:\n    print(1)": LEFT,
    "def late():\n    global STARTED\n    STARTED = open('x')\nlate()": NEEDED,
    "LATER = [evaluate(i) for i in range(3)]": NEEDED,
}


@pytest.mark.parametrize("code", STATEMENTS)
def test_what_functions_do_not_need_and_what_trains_or_loads_is_left_out(
    code: str, tmp_path: Path
) -> None:
    found = read(tmp_path, BEFORE + code + AFTER)
    last = max(line for line in range(1, 60) if line <= BEFORE.count("\n") + code.count("\n") + 1)
    first = last - code[code.rfind("\n", 0, len(code)) + 1 :].startswith(" ")
    lost = [item for item in found.left_out if item.line in (first, last)]
    how = KEPT if not lost else NEEDED if lost[-1].needed_by else LEFT
    assert how == STATEMENTS[code], [*found.left_out, *kept(found)]


def test_a_name_that_is_bound_anew_does_not_need_what_it_was(tmp_path: Path) -> None:
    source = "A = open('x')\nA = []\nA.append(1)\ndef evaluate():\n    return A\n"
    found = read(tmp_path, source)
    assert [(item.line, item.needed_by) for item in found.left_out] == [(1, ())]
    assert loaded(found)["evaluate"]() == [1]
    # A value that a function has when it is called before that is needed.
    source = "A = [2]\nA.append(3)\ndef f():\n    return A\nB = f()\nA = []\ndef evaluate():\n"
    assert loaded(read(tmp_path, f"{source}    return B\n"))["evaluate"]() == [2, 3]


def test_the_functions_that_need_a_lost_line_are_named(tmp_path: Path) -> None:
    source = """
        A = open('x')
        def helper():
            return A
        def evaluate():
            return helper()
        def train():
            return evaluate()
        def get_log_probs():
            return 1
        def plot():
            return A
        """
    (item,) = read(tmp_path, source).left_out
    assert item.needed_by == ("evaluate", "train")


def test_a_long_file_is_read_in_time(tmp_path: Path) -> None:
    lines = [
        f"x{i} = x{i - 1} + f{i}(x{i - 1})\ndef f{i}(y):\n    return f{i - 1}(y)"
        for i in range(1, 400)
    ]
    read(
        tmp_path,
        "x0 = 1\ndef f0(y):\n    return y\n"
        + "\n".join(lines)
        + "\ndef evaluate():\n    return x399\n",
    )
