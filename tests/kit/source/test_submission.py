"""Read submissions as students hand them in, and run what is kept of them."""

import ast
import json
import os
import pickle
import sys
import textwrap
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.exporters import EXPORTERS

from a3lib.errors import InputError
from a3lib.kit.source import submission
from a3lib.kit.source.submission import (
    Submission,
    SubmissionError,
    load_statements,
    read_submission,
)
from a3lib.util.files import PROJECT

NEW = nbformat.v4


def read(folder: Path, source: str, name: str = "A3.py") -> Submission:
    (folder / name).write_text(textwrap.dedent(source), encoding="utf-8")
    return read_submission(folder / name)


def read_cells(folder: Path, *cells: str) -> Submission:
    nodes = [NEW.new_code_cell(textwrap.dedent(cell).strip("\n")) for cell in cells]
    nbformat.write(NEW.new_notebook(cells=nodes), folder / "A3.ipynb")
    return read_submission(folder / "A3.ipynb")


def kept(found: Submission) -> list[str]:
    """Return what is kept, each statement on one line and without its comments."""
    return ["; ".join(ast.unparse(ast.parse(item.text)).split("\n")) for item in found.kept]


def left_out(found: Submission) -> list[tuple[int, str]]:
    return [(item.line, item.text) for item in found.left_out]


def reasons(found: Submission) -> dict[int, str]:
    return {item.line: item.why for item in found.left_out}


def functions_of(found: Submission) -> dict[str, str]:
    """Return each function that is kept, as a tree."""
    nodes = [node for item in found.kept for node in ast.parse(item.text).body]
    return {node.name: ast.dump(node) for node in nodes if isinstance(node, ast.FunctionDef)}


def loaded(found: Submission, **given: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = dict(given)
    assert load_statements([item.text for item in found.kept], namespace) == []
    return namespace


def test_four_exporters_of_the_solved_notebook_agree_and_load(tmp_path: Path) -> None:
    nb = nbformat.read(PROJECT / "A3.ipynb", as_version=4)
    (tmp_path / "A3.ipynb").write_bytes((PROJECT / "A3.ipynb").read_bytes())
    itself = read_submission(tmp_path / "A3.ipynb")
    expected = functions_of(itself)
    assert expected.keys() == itself.functions
    assert {"train", "train_DPO", "_get_batch_logps", "compute_DPO_loss"} <= itself.functions
    names = loaded(itself)
    assert all(callable(names[name]) for name in expected)
    for exporter, write in EXPORTERS.items():
        found = read(tmp_path, write(nb))
        assert functions_of(found) == expected, exporter
        assert found.functions == itself.functions
        without_try = [{text for text in kept(s) if "try:" not in text} for s in (found, itself)]
        # The first cell's `try` has a `pass` fewer where its `%pip` became a comment.
        assert without_try[0] == without_try[1], exporter
        assert callable(loaded(found)["train"])


UNTIDY = (
    "md:# Prose\nwith $\\xi$, $\\underset{a}{b}$ and $\\Nu$",
    "!pip install nothing\n%matplotlib inline\nimport os\nif os:\n    !pip install inside\n"
    "files = !ls\nos?\nSIZE = 3",
    "%%time\n!ls\ndef f(x=SIZE):\n    return '''a\n\n  b''', x\n\nresult = f()",
    "%%capture shown\nfrom json import dumps, loads\n\n\ndef g():\n    return dumps(1)",
    "%%bash\nls\n",
    "%%writefile other.py\ndef never():\n    pass",
    "md:## More",
    "def h():\n"
    "    # %time y = 3\n    for i in range(2):\n        %time f()\n    return SIZE\n%time h()",
    "def k(x):\n    y = 1\n    return x\nmodel = k(3)\ntrain = k\nprint(train(2))",
)


def test_four_exporters_of_an_untidy_notebook_agree(tmp_path: Path) -> None:
    nodes = [
        NEW.new_markdown_cell(cell[3:]) if cell.startswith("md:") else NEW.new_code_cell(cell)
        for cell in UNTIDY
    ]
    nb = NEW.new_notebook(cells=nodes)
    nbformat.write(nb, tmp_path / "A3.ipynb")
    itself = read_submission(tmp_path / "A3.ipynb")
    names = loaded(itself)
    assert names["f"]() == ("a\n\n  b", 3) and names["g"]() == "1" and names["h"]() == 3
    for exporter, write in EXPORTERS.items():
        found = read(tmp_path, write(nb))
        functions = functions_of(found)
        functions.pop("never", None)  # jupytext leaves that cell's text as code.
        expected = functions_of(itself)
        if exporter in ("jupytext", "colab"):  # The timed call is a comment there.
            assert functions.pop("h") != expected.pop("h")
        assert functions == expected, exporter
        names = loaded(found)
        assert names["f"]() == ("a\n\n  b", 3) and names["g"]() == "1" and names["h"]() == 3
        assert found.functions - {"never"} == {"f", "g", "h", "k", "train"}


def test_definitions_imports_and_constants_are_kept_and_the_rest_is_listed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '''\
        """Text."""
        import os, json as j
        from math import pi, e
        SIZE, NAME = 3, "x"
        # of f
        @staticmethod
        def f(x=SIZE):
            return x
        class A:
            pass
        async def co(): pass
        print("text")
        f(1)
        open("file", "w").write("x")
        for i in range(3):
            f(i)
        with open("file") as file:
            pass
        SIZE += 1
        A.x = 3
        double = lambda x: 2 * x
        other = f
        del other
        result = f(2)
        LATER = SIZE * 2
        GONE = result["x"]
        if __name__ == "__main__":
            f(3)
        ''',
    )
    assert kept(found) == [
        "import os",
        "import json as j",
        "from math import pi",
        "from math import e",
        "SIZE, NAME = (3, 'x')",
        "@staticmethod; def f(x=SIZE):;     return x",
        "class A:;     pass",
        "async def co():;     pass",
        "double = lambda x: 2 * x",
        "other = f",
        "LATER = SIZE * 2",
    ]
    assert [item.line for item in found.kept] == [2, 2, 3, 3, 4, 6, 9, 11, 21, 22, 25]
    assert {item.cell for item in found.kept} == {None}
    assert found.functions == {"f", "co", "double", "other"}
    runs = "it runs code, and only definitions, imports and constants are kept"
    assert reasons(found) == {
        **dict.fromkeys((12, 13, 14, 15, 17, 19, 20, 23, 28), runs),
        24: "it calls f, which this file defines",
        26: "it needs result, and that is not kept",
    }
    assert {item.cell for item in found.left_out} == {None}
    assert left_out(found)[3] == (15, "for i in range(3): f(i)")


def test_a_guard_is_read_like_the_top_level(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import math
        if '__main__' == __name__:
            SCALE = math.sqrt(4)
            print(SCALE)
            def f(x=SCALE):
                return x
            if __name__ == "__main__":
                K = 1
        else:
            M = 2
        if __name__ != "__main__":
            N = 3
        if __name__ in ("__main__",):
            P = 4
        if __name__ == "other":
            P = 5
        """,
    )
    assert loaded(found)["N"] == 3 and "P" not in loaded(found)
    assert kept(found)[1:4] == [
        "SCALE = math.sqrt(4)",
        "def f(x=SCALE):;     return x",
        "K = 1",
    ]
    assert [item.line for item in found.kept][1:4] == [3, 5, 8]
    assert left_out(found) == [(4, "print(SCALE)")]


def test_imports_that_may_fail_are_kept_without_what_runs(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        try:
            import absent_module, json
        except ImportError:
            absent_module = None
        try:
            import math
            READY = True
        except ImportError as error:
            print("no")
            raise
        finally:
            started = math.sqrt(2)
        try:
            f()
        except Exception:
            pass
        if math.pi > 3:
            import string
            def f():
                return string
            model = 3
            f()
        if f():
            import os
        if unknown:
            import re
        VERSION = math.floor(3.5)
        if VERSION > 2:
            import string
        """,
    )
    assert kept(found) == [
        "try:;     import absent_module, json; except ImportError:;     absent_module = None",
        "try:;     import math;     READY = True; except ImportError as error:;     pass;     pass"
        "; finally:;     pass",
        "if math.pi > 3:;     import string; ;     def f():;         return string;     pass"
        ";     pass",
    ]
    assert found.functions == {"f"}
    assert reasons(found) == {
        9: submission_runs(),
        10: submission_runs(),
        12: submission_runs(),
        13: submission_runs(),
        21: "the grader supplies model",
        22: submission_runs(),
        23: "it calls f",
        25: "it needs unknown, and that is not kept",
        27: "making it runs code, and no function needs it",
        28: "it needs VERSION, and that is not kept",
    }


def submission_runs() -> str:
    return "it runs code, and only definitions, imports and constants are kept"


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
    "h = os.system('ls')": "it calls os.system",
    "h = os.listdir('.')": "it calls os.listdir",
    "h = nltk.download('x')": "it calls download",
    "h = pipeline('x')": "it calls pipeline",
    "h = model.generate(1)": "it calls generate",
    "h = model(1)": "it calls model",
    "h = (lambda: 3)()": "it calls lambda: 3",
    "h = subprocess.run(['ls'])": "it calls subprocess.run",
    "h = nn.Linear(unknown, 2)": "it needs unknown, and that is not kept",
    "h[0] = float('1')": submission_runs(),
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


def test_an_object_that_no_function_reads_is_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        A = float("1")
        B = A + 1
        C = float(B)
        D = float("2")
        E = D + 1
        F = 3
        G = lambda: C
        def f(x=E.real):
            return F
        """,
    )
    assert kept(found)[:4] == ["A = float('1')", "B = A + 1", "C = float(B)", "D = float('2')"]
    found = read(tmp_path, "A = float('1')\nB = A + 1\ndef f(A):\n    return A")
    assert found.functions == {"f"} and len(found.kept) == 1
    assert reasons(found) == dict.fromkeys((1, 2), "making it runs code, and no function needs it")


def test_globals_that_the_grader_supplies_are_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import torch
        device = torch.device("mps")
        model_name, LR = "gpt2", 1e-4
        DEVICE = device = "cpu"
        train_texts, test_texts = load()
        optimizer: object = None
        a, model = model, 1
        def f():
            return device, DEVICE
        """,
    )
    assert kept(found) == [
        "import torch",
        "LR = 0.0001",
        "DEVICE = 'cpu'",
        "def f():;     return (device, DEVICE)",
    ]
    assert left_out(found) == [
        (2, "device = torch.device('mps')"),
        (3, "model_name = 'gpt2'"),
        (4, "device = 'cpu'"),
        (5, "train_texts, test_texts = load()"),
        (6, "optimizer: object = None"),
        (7, "a, model = (model, 1)"),
    ]
    assert reasons(found)[2] == "the grader supplies device"


# A function's body, and what becomes of it.
DEVICES = {
    "return x.to('mps')": "return x.to(device)",
    "return x.to(device='cuda:1')": "return x.to(device=device)",
    "return x.cuda()": "return x.to(device)",
    "return x.a.cuda(0).b('cuda')": "return x.a.to(device).b(device)",
    "return torch.device('cuda', 0)": "return torch.device(device)",
    "return torch.device('mps' if y else 'cpu')": "return torch.device(device if y else 'cpu')",
    "device = 'cuda'; return x.to(device)": "device = 'cpu'; return x.to(device)",
    "device = torch.device('mps')": "device = torch.device('cpu')",
    "torch.mps.empty_cache(); return x": "pass; return x",
    "torch.cuda.synchronize(); return x": "pass; return x",
    "y: str = 'cuda'": "y: str = device",
    "g = lambda a, *, b='cuda': b": "g = lambda a, *, b=device: b",
    "return AdamW(x, lr=1, correct_bias=False)": "return AdamW(x, lr=1)",
    "return transformers.AdamW(x)": "return __import__('torch').optim.AdamW(x)",
    "return tqdm.notebook.tqdm(x)": "return tqdm.tqdm(x)",
    "from tqdm.notebook import tqdm as t": "from tqdm import tqdm as t",
    "from tqdm import tqdm_notebook": "from tqdm import tqdm as tqdm_notebook",
    "import tqdm.notebook as t": "import tqdm as t",
    "from transformers import AutoModelWithLMHead, pipeline": "from transformers import "
    "AutoModelForCausalLM as AutoModelWithLMHead, pipeline",
}
NO_DEVICES = (
    "with torch.autocast('cuda'): return x",
    "return torch.amp.GradScaler('cuda')",
    "return x.device.type == 'cuda'",
    "return torch.cuda.is_available()",
    "return str(x).startswith('cuda')",
    "return {'cuda': 1}['cuda']",
    "return 'cuda cores', x.f('cudax')",
    "return torch.cuda.empty_cache()",
    "from torch.cuda.amp import GradScaler, autocast",
    "return Adam(x, correct_bias=False)",
)


@pytest.mark.parametrize("body", [*DEVICES, *NO_DEVICES])
def test_names_that_only_the_author_has_are_replaced_and_listed(body: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"# above\ndef f(x, y):\n    {body}\n")
    new = DEVICES.get(body, body)
    assert ast.dump(ast.parse(found.kept[0].text)) == ast.dump(
        ast.parse(f"def f(x, y):\n    {new}\n")
    )
    listed = {item.line for item in found.left_out}
    assert listed == ({3} if body in DEVICES else set()) or body.startswith("return tqdm")
    assert body in DEVICES or found.kept[0].text.startswith("# above\n")


def test_replaced_names_say_what_became_of_them(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import torch
        from transformers import AdamW, GPT2Config
        from transformers.optimization import AdamW as Old
        DEV = torch.device("cuda:0")
        OTHER = "mps"
        def f(x, d="cuda"):
            return x.to(DEV), \\
                x.to("mps")
        """,
    )
    assert kept(found)[1:] == [
        "from torch.optim import AdamW",
        "from transformers import GPT2Config",
        "from torch.optim import AdamW as Old",
        "DEV = torch.device(device)",
        "OTHER = device",
        "def f(x, d=device):;     return (x.to(DEV), x.to(device))",
    ]
    assert left_out(found) == [
        (2, "from transformers import AdamW, GPT2Config"),
        (3, "from transformers.optimization import AdamW as Old"),
        (4, "'cuda:0'"),
        (5, "'mps'"),
        (6, "'cuda'"),
        (8, "'mps'"),
    ]
    assert reasons(found)[5] == "rewritten to device, because graders have no such"


def test_google_colab_and_commands_are_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        from google.colab import drive, files
        import torch, google.colab
        drive.mount("/content")
        !pip install x \\
            y
        %cd /
        def f():
            !ls
            return 1
        names = !ls
        def g(x=names):
            return x
        """,
    )
    assert kept(found) == [
        "import torch",
        "def f():;     pass;     return 1",
        "def g(x=names):;     return x",
    ]
    assert [item.line for item in found.kept] == [2, 7, 11]
    assert [line for line, _ in left_out(found)] == [1, 2, 3, 4, 6, 8, 10]


def test_nbconvert_cell_magics_are_read_where_they_stand(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        r"""
        # In[1]:
        A = 1
        get_ipython().run_cell_magic('time', '', 'def f():\n    return 1\n\nx = f()\nK = 2')
        get_ipython().run_cell_magic('bash', '', 'ls\n')
        get_ipython().run_line_magic('pip', 'install x')
        def g():
            return K
        """,
    )
    assert kept(found) == ["A = 1", "def f():;     return 1", "K = 2", "def g():;     return K"]
    assert [item.line for item in found.kept] == [3, 4, 4, 7]
    assert [(line, text) for line, text in left_out(found)] == [
        (4, "%%time"),
        (4, "x = f()"),
        (5, "%%bash"),
        (6, "get_ipython().run_line_magic('pip', 'install x')"),
    ]


def test_colab_cells_that_were_commented_out_come_back(tmp_path: Path) -> None:
    note = "# Commented out IPython magic to ensure Python compatibility."
    found = read(
        tmp_path,
        f"""\
# -*- coding: utf-8 -*-
{note}
# %%time
# def f():
#   return '''a
# 
#   b'''
# 
# !pip install x

{note}
# %%bash
# A = 1

{note}
# %matplotlib inline
B = 1
# C = 2
if B:
#     %time f()
""",
    )
    assert loaded(found)["f"]() == "a\n\n  b"
    assert kept(found)[1:] == ["B = 1"]
    assert [item.line for item in found.kept] == [4, 17]
    assert left_out(found) == [(9, "!pip install x")]


def test_a_syntax_error_costs_only_its_cell(tmp_path: Path) -> None:
    found = read_cells(
        tmp_path, "def f():\n    return 1", "x = 1\ndef g(:\n    pass", "def h(): pass"
    )
    assert found.functions == {"f", "h"}
    assert [(o.cell, o.line, o.text, o.why) for o in found.left_out] == [
        (2, 2, "def g(:", "the entire cell, because of a syntax error (invalid syntax)")
    ]
    assert [(item.cell, item.line) for item in found.kept] == [(1, 1), (3, 1)]
    for marker in ("# In[1]:", "# %%", "# %% text", "# +", "# In [ ]:"):
        source = f"def f(): pass\n{marker}\ndef g(:\n    pass\n{marker}\n\ndef h(): pass\n"
        found = read(tmp_path, source)
        assert found.functions == {"f", "h"}
        assert left_out(found) == [(3, "def g(:")]
        assert [item.line for item in found.kept] == [1, 7]


def test_markers_in_a_string_are_no_cells(tmp_path: Path) -> None:
    found = read(tmp_path, 'A = """\n# %%\n  x\n"""\n!ls\ndef f(): return A\n')
    assert loaded(found)["f"]() == "\n# %%\n  x\n"


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "a syntax error": ("A3.py", b"x = 1\n\ndef f(:\n    pass\n", "syntax error in line 3 (invalid"),
    "all cells bad": ("A3.py", b"# %%\nx = = 1\n# %%\ny = = 2\n", "error in line 2 (invalid"),
    "not UTF-8": ("A3.py", b"x = '\xff\xfe'\n", "is not UTF-8 text"),
    "a notebook, not UTF-8": ("A3.ipynb", b'{"cells": "\xff"}', "is not UTF-8 text"),
    "empty": ("A3.py", b" \n", "is empty"),
    "null bytes": ("A3.py", b"x = 1\n\0", "has null bytes"),
    "a PDF": ("A3.pdf", b"%PDF", "is no .py and no .ipynb"),
    "no JSON": ("A3.ipynb", b"def f(): pass", "is not a notebook"),
    "a list": ("A3.ipynb", b"[]", "is not a notebook"),
    "JSON too deep": ("A3.ipynb", b"[" * 100_000, "is nested too deeply"),
    "unary": ("A3.py", b"x = " + b"-" * 100_000 + b"1", "is nested too deeply"),
    "parentheses": ("A3.py", b"x = " + b"(" * 10_000, "too many nested parentheses"),
    "attributes": ("A3.py", b"x = a" + b".b" * 50_000, "is nested too deeply"),
    "sums": ("A3.py", b"x = a" + b"+b" * 50_000, "is nested too deeply"),
    "blocks": ("A3.py", b"".join(b" " * i + b"if 1:\n" for i in range(150)), "too many levels"),
    "commands": ("A3.py", b"!ls\n" * 600, "too many commands"),
    "long commands": ("A3.py", b"!ls\n" * 100 + b"x = 1\n" * 50_000, "too much code"),
    "long": ("A3.py", b"x = 1\n" * 170_000, "too much code"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_gives_one_sentence(case: str, tmp_path: Path) -> None:
    name, content, message = BAD_FILES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SubmissionError) as caught:
        read_submission(tmp_path / name)
    assert isinstance(caught.value, InputError)
    text = str(caught.value)
    assert text.startswith(name) and message in text and text.endswith(".") and "\n" not in text
    assert str(tmp_path) not in text


def test_what_is_no_plain_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "A3.py").write_text("x = 1")
    (tmp_path / "link.py").symlink_to(tmp_path / "A3.py")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("link.py", "folder.py", "pipe.py"):
        with pytest.raises(SubmissionError, match=f"{name} is not a plain file"):
            read_submission(tmp_path / name)
    with pytest.raises(SubmissionError, match=r"absent\.py cannot be read \(No such file"):
        read_submission(tmp_path / "absent.py")
    with pytest.raises(SubmissionError, match=r"a\\x1bb\.py cannot be read"):
        read_submission(tmp_path / "a\x1bb.py")
    monkeypatch.setattr(submission, "LARGEST_FILE", 4)
    with pytest.raises(SubmissionError, match="has more than"):
        read_submission(tmp_path / "A3.py")


def test_a_deep_cell_of_a_notebook_costs_only_itself(tmp_path: Path) -> None:
    found = read_cells(tmp_path, "def f(): pass", "x = " + "-" * 100_000 + "1", "def g(): pass")
    assert found.functions == {"f", "g"}
    assert "nested too deeply" in found.left_out[0].why
    assert len(found.left_out[0].text) <= 160


def test_files_of_other_systems_are_read(tmp_path: Path) -> None:
    source = "A = 'ü'\r\ndef f():\r\n    return '''x\r\n'''\r\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "A3.py").write_bytes(source.encode(encoding))
        found = read_submission(tmp_path / "A3.py")
        assert loaded(found)["A"] == "ü" and loaded(found)["f"]() == "x\n"
    (tmp_path / "A3.py").write_bytes(b"def f():\r    return 1\r")
    assert read_submission(tmp_path / "A3.py").functions == {"f"}
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "language": "python"}
    cells = [{**code, "input": ["def f():\n", "    return 1"], "prompt_number": 1}]
    old = {"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}
    (tmp_path / "A3.ipynb").write_text(json.dumps(old))
    assert read_submission(tmp_path / "A3.ipynb").functions == {"f"}
    (tmp_path / "A3.py").write_text(json.dumps(old))  # A notebook under a script's name.
    assert read_submission(tmp_path / "A3.py").functions == {"f"}


def test_what_is_listed_is_printable_and_short(tmp_path: Path) -> None:
    found = read(tmp_path, "print('\x1b[31m', 'é\u202e')\nprint('" + "x" * 1000 + "')\n")
    assert left_out(found)[0] == (1, "print('\\x1b[31m', 'é\\u202e')")
    assert len(left_out(found)[1][1]) == 160 and left_out(found)[1][1].endswith("...")


def test_nothing_is_run_when_a_submission_is_read(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    source = f"open({str(marker)!r}, 'w')\ndef f(x=open({str(marker)!r}, 'w')):\n    pass\n"
    assert read(tmp_path, source).functions == {"f"}
    read_cells(tmp_path, source, "%%time\n" + source, f"!touch {marker}")
    assert not marker.exists()


def test_statements_are_run_one_by_one() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "given": 1}
    errors = load_statements(
        [
            "# above\nimport absent_module",
            "A = given",
            "import sys\nsys.exit(3)",
            "raise KeyboardInterrupt",
            "def f(x=missing):\n    pass",
            "raise ValueError('a\\nb\\x1b' + 'x' * 1000)",
            "class Odd(Exception):\n    def __str__(self): raise SystemExit",
            "raise Odd",
            "def g(:\n    pass",
            "B = __name__",
        ],
        namespace,
    )
    assert errors[:4] == [
        "import absent_module: ModuleNotFoundError: No module named 'absent_module'",
        "import sys: SystemExit: 3",
        "raise KeyboardInterrupt: KeyboardInterrupt",
        "def f(x=missing):: NameError: name 'missing' is not defined",
    ]
    assert "ValueError: a b\\x1bxxx" in errors[4] and len(errors[4]) < 450
    assert errors[5] == "raise Odd: Odd"
    assert errors[6].startswith("def g(:: SyntaxError: invalid syntax")
    assert len(errors) == 7
    assert namespace["A"] == 1 and namespace["B"] == "submission"


def test_loaded_names_work_with_dataclasses_pickle_inspect_and_future_imports() -> None:
    namespace: dict[str, Any] = {}
    texts = [
        "from __future__ import annotations",
        "import dataclasses, inspect, typing",
        "@dataclasses.dataclass\nclass Pair:\n    a: int = 1\n    b: typing.ClassVar[int] = 2",
        "def f(x: undefined) -> None:\n    return inspect.getsource(f)",
        "def hint(x: Pair): return typing.get_type_hints(hint)",
    ]
    assert load_statements(texts, namespace) == []
    pair = namespace["Pair"](3)
    assert pickle.loads(pickle.dumps(pair)) == pair
    assert namespace["f"](1) == texts[3]
    assert namespace["hint"](1) == {"x": namespace["Pair"]}
    assert [field.name for field in namespace["dataclasses"].fields(pair)] == ["a"]
    assert load_statements(["def f(x: undefined): pass"], {})  # Flags end with their file.
    del sys.modules["submission"]


def test_a_failing_import_leaves_the_others(tmp_path: Path) -> None:
    found = read(tmp_path, "from math import absent, pi\nimport absent_module, json\ndef f(): pass")
    namespace: dict[str, Any] = {}
    errors = load_statements([item.text for item in found.kept], namespace)
    assert [error.split(":")[0] for error in errors] == [
        "from math import absent",
        "import absent_module",
    ]
    assert {"pi", "json", "f"} <= namespace.keys()
