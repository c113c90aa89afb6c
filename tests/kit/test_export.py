"""Export small notebooks, and run and import the scripts in fresh processes."""

import contextlib
import hashlib
import io
import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path
from typing import Any

import nbformat
import pytest

from a3lib.errors import InputError
from a3lib.kit import export
from a3lib.kit.export import ExportError, ExportReport, export_notebook, export_this_notebook
from a3lib.kit.script import current_notebook
from a3lib.kit.script.verify import verify_script
from a3lib.kit.source import interface
from a3lib.util.files import PROJECT


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells; a text that starts with "md:" becomes a markdown cell."""
    new = nbformat.v4
    nodes = [
        new.new_markdown_cell(textwrap.dedent(cell[3:]))
        if cell.startswith("md:")
        else new.new_code_cell(textwrap.dedent(cell).strip("\n"))
        for cell in cells
    ]
    nbformat.write(new.new_notebook(cells=nodes), path)
    return path


def exported(folder: Path, *cells: str) -> ExportReport:
    return export_notebook(write_notebook(folder / "A3.ipynb", *cells), folder / "A3.py")


def python(folder: Path, *arguments: str) -> str:
    """Return what a fresh Python prints in a folder, which must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_script(folder: Path) -> str:
    return python(folder, "A3.py")


def imported(folder: Path, expression: str) -> str:
    """Return the value of an expression on the imported script, which must print nothing itself."""
    return python(folder, "-c", f"import A3; print({expression})").removesuffix("\n")


def run_cells(cells: tuple[str, ...]) -> str:
    """Return what the cells print when they run in order, as in a notebook without magics."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell in cells:
            exec(compile(textwrap.dedent(cell), "cell", "exec", dont_inherit=True), namespace)
    return printed.getvalue()


def left_out(report: ExportReport) -> list[tuple[int, int, str]]:
    return [(item.cell, item.line, item.text) for item in report.left_out]


def top_level(folder: Path) -> str:
    return (folder / "A3.py").read_text().split("if __name__ ==")[0]


# Cells, an expression on the imported script, and its value there.
SAME_BEHAVIOUR = {
    "code that runs is guarded": (
        (
            "for i in range(2):\n    print(i)",
            "import io\nwith io.StringIO('in with') as f:\n    print(f.read())",
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)\nelse:\n    pass",
            "if i == 5:\n    print(5)\nelif i == 1:\n    print('elif')",
            "while i:\n    i -= 1\n    print('while')",
            "match i:\n    case 0:\n        print('zero')",
        ),
        "hasattr(A3, 'i'), hasattr(A3, 'io')",
        "False True",
    ),
    "plain constants stay": (
        (
            "A = 2\nB, C = -A, [A, 'x']\nD: int = A if B < 0 else 0\nE = F = {'a': (1, *C)}",
            "G = f'{A}-{B:>4}'\nH = C[0] + E['a'][1]\nK = lambda x, y=A: undefined(x)\nL: int",
            "N = len(C)\nP = A + N\nQ = sorted\nR = [Q([A])]\nS = open",
            "print(A, B, C, D, E, F, G, H, N, P)\nT = print('called').__class__",
            "import os\nos.environ['U'] = 'u'\nU = os.environ['U']\nV = os.sep\nprint(U, V)",
            "exec('x = 1')\nW = x\ndef f(y=x):\n    return y\nprint(f(), W)",
            "from string import *\nX = digits\ntry:\n    Y = X\nfinally:\n    pass",
        ),
        "A3.A, A3.B, A3.C, A3.D, A3.E, A3.F, A3.G, A3.H, A3.K.__defaults__, A3.Q.__name__, "
        "A3.V, A3.X, A3.Y, [n for n in 'NPRTUWf' if hasattr(A3, n)]",
        "2 -2 [2, 'x'] 2 {'a': (1, 2, 'x')} {'a': (1, 2, 'x')} 2-  -2 4 (2,) sorted "
        "/ 0123456789 0123456789 []",
    ),
    "constants used by a default, a decorator and a class": (
        (
            "import functools\nSIZE = 3\nprint('ran')",
            "LAST = SIZE - 1\n@functools.lru_cache(maxsize=SIZE)\ndef f(x=SIZE):\n    return x",
            "class Settings:\n    size = LAST\n    def get(self, more=SIZE):\n        return more\n"
            "print(f(), Settings.size, Settings().get())",
        ),
        "A3.f(), A3.f.cache_info().maxsize, A3.Settings.size, A3.Settings().get()",
        "3 3 2 3",
    ),
    "a guarded name in a function is no obstacle": (
        ("def f():\n    return model + 1", "model = int('4')", "print(f())"),
        "A3.f.__name__",
        "f",
    ),
    "a guarded name in a default": (
        (
            "model = int('4')",
            "def f(x=model):\n    return x",
            "def g():\n    return f()\nprint(g())",
        ),
        "hasattr(A3, 'f'), hasattr(A3, 'g')",
        "False True",
    ),
    "a guarded name in a decorator, an annotation, a base and a class body": (
        (
            "make = int('1') and (lambda f: f)\nBase = type('Base', (), {})",
            "@make\ndef f():\n    return 'f'\ndef g(x: make):\n    return 'g'",
            "class A(Base):\n    pass\nclass B:\n    value = [make for _ in range(1)]",
            "print(f(), g(0), A.__name__, len(B.value))",
        ),
        "[n for n in ('f', 'g', 'A', 'B') if hasattr(A3, n)]",
        "[]",
    ),
    "a function defined again after a use": (
        (
            "def f():\n    return 1\ndef g():\n    return f()",
            "print('no use')",
            "def h():\n    return 'old'",
            "def h():\n    return 'new'",
            "print(g())",
            "def f():\n    return 2",
            "print(f(), g(), h())",
        ),
        "A3.f(), A3.h()",
        "1 new",
    ),
    "a use through an object": (
        (
            "def f():\n    return 1\nclass Box:\n    def get(self):\n        return f()",
            "box = Box()\nmore = [box]",
            "print(more[0].get())\ndef f():\n    return 2",
            "print(more[0].get())",
        ),
        "A3.f()",
        "1",
    ),
    "a constant assigned again": (
        (
            "K = 1\nM = 1\ndef f():\n    return K",
            "print(f())\nK = 2\nL = K + 1\nprint(f(), L)",
            "def g(k=K):\n    return k",
            "M = 1\nK = int('3')",
            "K = 1\nprint(f(), g(), K, L, M)",
        ),
        "A3.K, A3.M, hasattr(A3, 'L'), hasattr(A3, 'g')",
        "1 1 False False",
    ),
    "a constant assigned again with nothing between": (
        ("K = 1\nprint('unrelated')", "K = 2\nprint(K)"),
        "A3.K",
        "2",
    ),
    "a constant that a function rebinds": (
        ("K = 1\ndef f():\n    global K\n    K += 1", "f()\nL = K * 10", "print(K, L)"),
        "A3.K, hasattr(A3, 'L')",
        "1 False",
    ),
    "a list and a class that guarded code changes": (
        (
            "A = [1]\nB = A\nclass C:\n    size = 1",
            "A.append(2)\nC.size = 3\nD = B + [0]\nE = C.size\nprint(A, B, D, E)",
            "try:\n    F = A[1]\nexcept IndexError:\n    F = None\nprint(F)",
            "A = [1]\nprint(A, B)",
        ),
        "A3.A, A3.B, hasattr(A3, 'D'), hasattr(A3, 'E')",
        "[1] [1] False False",
    ),
    "a builtin that gets another value after a use": (
        ("print(max(1, 2))", "def max(*values):\n    return 'mine'", "print(max(1, 2))"),
        "hasattr(A3, 'max')",
        "False",
    ),
    "an import again": (
        (
            "import json\nimport xml.dom as nn, os.path",
            "print(json.dumps(1), nn.__name__, os.sep)\nif True:\n    import json, csv",
            "import csv\nfrom xml import dom as nn\nimport os",
            "def f(x: json.JSONDecoder = nn, y=os, z=csv):\n    return x",
            "print(f().__name__)",
            "from pickle import dumps\nprint(dumps.__module__)\nfrom json import dumps",
            "print(dumps(1))",
        ),
        "A3.f().__name__, A3.dumps.__module__",
        "xml.dom _pickle",
    ),
    "an import with something to fall back on": (
        (
            "try:\n    import absent_module\n    FOUND = True\nexcept ImportError:\n"
            "    absent_module = None\n    FOUND = False",
            "def f(x=FOUND):\n    return x, absent_module",
            "try:\n    import absent_module\nexcept ImportError:\n    print('not there')",
            "print(f())",
        ),
        "A3.f()",
        "(False, None)",
    ),
    "strings over several lines": (
        (
            'y = len("")\n\nif y == 0:\n'
            '    print("""a\n  b\n\n!c""", f"""{1 +\n1}\n  %d""", b"""x\n  y""")\n'
            "    print('long \\\n  line', ('p'\n      'q'))",
            'def f():\n    """Say.\n\n    more\n    """\nX = """one\n  two"""',
            'print(X)\ndef f():\n    """Other.\n      deep\n    """\nprint(f.__doc__)',
            'print(f.__doc__)\ndef f():\n    """Third.\n      deep\n    """\n',
            'print(f.__doc__, """\n""")',
        ),
        "A3.X, A3.f.__doc__",
        "one\n  two Other.\n      deep\n    ",
    ),
    "text that looks like a magic": (
        (
            'A = """\n!text\n%matplotlib inline\n%%time\nx?\n"""\nB = "%d items! 100%%"',
            "print(A, B % 3, '!ls', 7 % 4)\nb = 5; b \\\n%3",
        ),
        "A3.A, A3.B",
        "\n!text\n%matplotlib inline\n%%time\nx?\n %d items! 100%%",
    ),
    "statements on one line": (
        (
            "a = 1; b = 2; print(a); c = '''x\n  y'''; print(c); d = 4",
            "def f(): return 1; x = 2\nif a: print('y'); e = 5\nprint(f(), e);",
            "for i in (1,): print(i); print('ü!', '''\n  z'''); k = 'é'",
        ),
        "A3.a, A3.b, A3.c, A3.d",
        "1 2 x\n  y 4",
    ),
    "decorators": (
        (
            "def twice(f):\n    return lambda: f() * 2",
            "# above\n@twice\n# between\n@staticmethod\n@(lambda f: f)\ndef f():\n    return 1",
            "print(f())",
        ),
        "A3.f()",
        "2",
    ),
    "kinds of binding": (
        (
            "x = [y := int('2'), 3]\n[z := i for i in x]\ndel x[0]\nx += [1]\n*p, q = x",
            "async def co():\n    return y\na = b = z\n(c, (d, e)) = 1, (2, 3)",
            "print(x, y, z, q, a, e)",
        ),
        "[n for n in 'xyzabcdepq' if hasattr(A3, n)], A3.co.__name__",
        "[] co",
    ),
}


@pytest.mark.parametrize("case", SAME_BEHAVIOUR)
def test_script_does_what_the_notebook_does_and_its_import_runs_nothing(
    case: str, tmp_path: Path
) -> None:
    cells, expression, value = SAME_BEHAVIOUR[case]
    report = exported(tmp_path, *cells)
    assert report.left_out == ()
    assert run_script(tmp_path) == run_cells(cells)
    assert " \n" not in (tmp_path / "A3.py").read_text()
    assert imported(tmp_path, expression) == value


def test_shell_lines_and_magics_are_left_out_and_reported(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "md:# Title",
        """

        !pip install \\
            nothing
        %matplotlib inline
        A = 1
        if A:
            !pip install inside
            # kept comment
        for i in [1]:
            with open(__file__) as file:
                x = !ls {i}
            try:
                A?
            except ValueError:
                ?A
        n, m = !ls
        A??
        print('A', A)
        """,
        "%%bash\nls",
        "%%writefile other.py\nthis is = not Python",
        "%%html\n<b>!</b>",
        "!!ls\n%cd /\n%load_ext autoreload\nprint('end')",
        "def f():\n    !ls\n    A = !ls\n\nf()",
        "y = [1]; get_ipython().system('ls'); print(y)\n"
        "if get_ipython().getoutput('ls'):\n    print(0)\nprint(A)",
        "get_ipython().system('a' \\\n'b')\n!ls",
    )
    assert left_out(report) == [
        (2, 1, "!pip install \\ nothing"),
        (2, 3, "%matplotlib inline"),
        (2, 6, "!pip install inside"),
        (2, 10, "x = !ls {i}"),
        (2, 12, "A?"),
        (2, 14, "?A"),
        (2, 15, "n, m = !ls"),
        (2, 16, "A??"),
        (3, 1, "%%bash"),
        (4, 1, "%%writefile other.py"),
        (5, 1, "%%html"),
        (6, 1, "!!ls"),
        (6, 2, "%cd /"),
        (6, 3, "%load_ext autoreload"),
        (7, 2, "!ls"),
        (7, 3, "A = !ls"),
        (8, 1, "get_ipython().system('ls')"),
        (8, 2, "if get_ipython().getoutput('ls'): print(0)"),
        (9, 1, "get_ipython().system('a' \\ 'b')"),
        (9, 3, "!ls"),
    ]
    reasons = {(item.cell, item.line): item.why for item in report.left_out}
    assert reasons[2, 1] == "a shell command"
    assert reasons[2, 15] == "a shell command, and with it m and n"
    assert reasons[2, 3] == "a magic of the notebook"
    assert reasons[3, 1] == "the entire cell is for the notebook's magic %%bash"
    assert run_script(tmp_path) == "A 1\nend\n[1]\n1\n"
    assert imported(tmp_path, "A3.A, A3.y, A3.f()") == "1 [1] None"
    assert "# kept comment" in (tmp_path / "A3.py").read_text()
    assert report.problems == ()


def test_a_use_of_a_name_whose_line_is_left_out_is_a_problem(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "files = !ls\nprint('before')",
        "for file in files:\n    print(file)",
        "def f():\n    return files\ndef g(x=files):\n    return x",
        "files = int('3')\nprint(files)",
        "for i in []:\n    out = !ls\n    print(out)",
        "%%capture shown --no-stderr\nprint(1)",
        "shown.show()\ndef h():\n    return shown",
    )
    text = "is used, but the line that made it is left out"
    assert report.problems == (
        f"cell 2, line 1: files {text}",
        f"cell 3, line 1: files {text}",
        f"cell 3, line 3: files {text}",
        "cell 3, line 3: g is under the guard, so an import lacks it: "
        "it needs files when it is defined, not only when it is called",
        f"cell 5, line 1: out {text}",
        f"cell 7, line 1: shown {text}",
        f"cell 7, line 2: shown {text}",
    )
    assert report.supplied_globals == ("files", "shown")
    assert imported(tmp_path, "hasattr(A3, 'f'), hasattr(A3, 'g')") == "True False"


def test_timed_and_captured_code_is_kept(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "\n\n%%time\n!ls\ndef f():\n    return 1\nx = f()\n%time y = 2",
        "%%capture output\n%%time\nprint('captured')",
        "%%timeit -n 1 -r 1\nA = 1",
        "%time print('timed')\nz = %time f() + 5\n%timeit f()\n%time w = !ls\n"
        "if x:\n    %timeit f()\nif x:\n    %time print('inside')",
        "print(x, y, z)",
        "%time v = = 1\nv = %time w = 2\n"
        "if get_ipython().run_line_magic('time', '1'):\n    print('never')",
    )
    assert left_out(report) == [
        (1, 1, "%%time"),
        (1, 2, "!ls"),
        (1, 6, "%time y = 2"),
        (2, 1, "%%capture output"),
        (2, 2, "%%time"),
        (3, 1, "%%timeit -n 1 -r 1"),
        (4, 1, "%time print('timed')"),
        (4, 2, "z = %time f() + 5"),
        (4, 3, "%timeit f()"),
        (4, 4, "%time w = !ls"),
        (4, 6, "%timeit f()"),
        (4, 8, "%time print('inside')"),
        (6, 1, "%time v = = 1"),
        (6, 2, "v = %time w = 2"),
        (6, 3, "if get_ipython().run_line_magic('time', '1'): print('never')"),
    ]
    reasons = [item.why for item in report.left_out]
    assert reasons[0] == "a magic of the notebook; the rest of the cell is kept"
    assert reasons[2] == "a magic of the notebook; the statement it times is kept"
    assert reasons[8] == "a magic of the notebook"
    assert run_script(tmp_path) == "captured\ntimed\ninside\n1 2 6\n"
    assert imported(tmp_path, "A3.f(), A3.y, A3.A") == "1 2 1"


def test_colab_is_left_out(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "from google.colab import drive, files as f\nimport json, google.colab as gc\n"
        "drive.mount('/content'); f.upload(); k = 'k'",
        "for i in range(2):\n    print(i)\n    f.download('x')",
        "gc.output.clear()\nsecret = f.upload()\nprint(secret)",
        "try:\n    import google.colab\n    COLAB = True\nexcept ImportError:\n    COLAB = False",
        "if COLAB:\n    from google.colab import data\n    data.get('/')\nprint(COLAB)",
        "def save(f):\n    drive = f\n    return drive, json.dumps(1)",
        "f = [3]\nprint(f.pop(), save(1), k)\nfrom google import genai\ngenai.__name__",
        "import google.colab.drive\nfrom google import colab\ncolab.drive.mount('/')",
        "@colab.register\ndef hook():\n    pass",
    )
    assert left_out(report) == [
        (1, 1, "from google.colab import drive, files as f"),
        (1, 2, "import json, google.colab as gc"),
        (1, 3, "drive.mount('/content')"),
        (1, 3, "f.upload()"),
        (2, 3, "f.download('x')"),
        (3, 1, "gc.output.clear()"),
        (3, 2, "secret = f.upload()"),
        (8, 1, "import google.colab.drive"),
        (8, 2, "from google import colab"),
        (8, 3, "colab.drive.mount('/')"),
        (9, 1, "def hook(): pass"),
    ]
    assert {item.why for item in report.left_out} == {"google.colab exists only on Colab"}
    assert report.problems == (
        "cell 3, line 3: secret is used, but the line that made it is left out",
    )
    script = (tmp_path / "A3.py").read_text()
    (tmp_path / "A3.py").write_text(script.replace("print(secret)", "pass"))
    (tmp_path / "google").mkdir()
    (tmp_path / "google" / "genai.py").touch()
    assert run_script(tmp_path) == "0\n1\nFalse\n3 (1, '1') k\n"
    assert imported(tmp_path, "A3.save(2)") == "(2, '1')"


def test_adamw_comes_from_torch(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "from transformers import (\n    AdamW as Optimizer,\n    pipeline,\n)\nx = !ls\nx, x",
        "if True:\n    from transformers.optimization import AdamW\n    print(AdamW, Optimizer)",
        "from transformers import AdamW\nprint(AdamW, pipeline)",
        "from torch.optim import AdamW\nfrom other import AdamWeight",
    )
    assert left_out(report) == [
        (1, 1, "from transformers import ( AdamW as Optimizer, pipeline, )"),
        (1, 5, "x = !ls"),
        (2, 2, "from transformers.optimization import AdamW"),
        (3, 1, "from transformers import AdamW"),
    ]
    assert "rewritten to torch.optim's AdamW" in report.left_out[0].why
    assert report.problems == ("cell 1, line 6: x is used, but the line that made it is left out",)
    script = (tmp_path / "A3.py").read_text()
    (tmp_path / "A3.py").write_text(script.replace("x, x", "pass"))
    # Stand-ins, because an import of the real ones takes seconds.
    (tmp_path / "transformers.py").write_text("pipeline = 'pipeline'")
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / "torch" / "optim.py").write_text("AdamW = 'new'")
    (tmp_path / "other.py").write_text("AdamWeight = 0")
    assert run_script(tmp_path) == "new new\nnew pipeline\n"
    assert imported(tmp_path, "A3.AdamW, A3.Optimizer") == "new new"


def test_top_level_await_runs(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "import asyncio\nasync def get(x):\n    await asyncio.sleep(0)\n    return x",
        "await get(1)\nx = await get(2)\nprint(x)",
        "y, z = await asyncio.gather(get(3), get('''four\n  five'''))",
        "s = [await get(i) for i in range(2)]; print(y, z, s)",
        "if True:\n    w = await get(6)\nw: int = await get(7)\nprint(w)",
    )
    assert run_script(tmp_path) == "2\n3 four\n  five [0, 1]\n6\n"
    assert left_out(report) == [(5, 3, "w: int = await get(7)")]
    assert report.problems == ("cell 5, line 4: w is used, but the line that made it is left out",)
    assert imported(tmp_path, "hasattr(A3, 'x'), A3.get.__name__") == "False get"


def test_names_that_only_a_notebook_has_are_imported(tmp_path: Path) -> None:
    cells = (
        "md:# no code",
        "def show(x):\n    display(x)",
        "show(3)\nprint(get_ipython())",
    )
    exported(tmp_path, *cells)
    assert run_script(tmp_path) == "3\nNone\n"
    script = (tmp_path / "A3.py").read_text()
    assert script.index("from IPython.display import display") < script.index("def show")
    exported(tmp_path, *cells, "from IPython.display import HTML, display")
    script = (tmp_path / "A3.py").read_text()
    assert "import HTML, display" in script and "import display" not in script
    exported(tmp_path, "def f(display):\n    return display", "display = print\ndisplay(3)")
    assert "IPython" not in (tmp_path / "A3.py").read_text()


def test_future_imports_come_first(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "import json\nmodel = json.loads('1')",
        "from __future__ import annotations\ndef f(x: model) -> absent:\n    return x\nprint(f(2))",
        "from __future__ import division, annotations\ndisplay = print",
    )
    assert top_level(tmp_path).splitlines()[1] == "from __future__ import annotations, division"
    assert run_script(tmp_path) == "2\n"
    assert imported(tmp_path, "A3.f(4)") == "4"
    assert report.problems == ()


def test_comments_headings_and_layout_are_kept(tmp_path: Path) -> None:
    exported(
        tmp_path,
        "md:# One\ntext\n\n```\n# not a heading\n```\n#neither\n## Two ##",
        "!ls",
        "# first\nA = [  # of A\n    1,\n    2,  # two\n]\n\n# of f\ndef f( x ):\n    # inside\n"
        "    return x\n    # end\n\n# of print\nprint( f(1) )  # beside\n# last",
        "md:### Three",
        "# only a comment",
        "print('x')",
    )
    assert (tmp_path / "A3.py").read_text() == textwrap.dedent(
        """\
        # Made from a notebook: change the notebook and export it again.


        # # One
        # ## Two ##
        # %% cell 3
        # first
        A = [  # of A
            1,
            2,  # two
        ]

        # of f
        def f( x ):
            # inside
            return x
            # end


        if __name__ == "__main__":
            # %% cell 3
            # of print
            print( f(1) )  # beside
            # last

            # ### Three
            # %% cell 6
            print('x')
        """
    )


def test_a_notebook_that_runs_nothing_has_no_guard(tmp_path: Path) -> None:
    exported(tmp_path, "A = 1", "'a text'", "def f():\n    '''Say.'''")
    assert "__name__" not in (tmp_path / "A3.py").read_text()
    assert imported(tmp_path, "A3.A") == "1"


def test_globals_that_a_grader_supplies(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "import os\nSIZE = 3\nmodel = int('1')\nprinted = int('2')",
        "def f(batch):\n    local = [model for x in batch]\n    return later(local), SIZE, os, len",
        "class C:\n    def get(self, printed):\n        return lambda: device",
        "later, device, batch, x = map(int, '1234')\nprint(printed)",
    )
    assert report.supplied_globals == ("device", "later", "model")


def test_what_an_import_has_otherwise_is_a_problem(tmp_path: Path) -> None:
    report = exported(
        tmp_path,
        "K = 1\ndef f():\n    return K\nprint(f())",
        "K = 2",
        "def f():\n    return 0",
        "K = 3\nmodel = int('1')\nmodel = 2",
        "def g(x=model):\n    pass",
        "def model():\n    pass",
        "i = 3\nfor i in [1]:\n    pass",
        "import json\ndef same():\n    return 1\nprint(same(), json)",
        "if same():\n    import json\ndef same():\n    return 1\nprint(same(), json)",
    )
    again = (
        "gets another value here, after other code ran, "
        "so this is under the guard and an import has the earlier value"
    )
    lacks = "is under the guard, so an import lacks it"
    assert report.problems == (
        f"cell 2, line 1: K {again}",
        f"cell 3, line 1: f {again}",
        f"cell 5, line 1: g {lacks}: it needs model when it is defined, not only when it is called",
        f"cell 6, line 1: model {lacks}: code before it has another model",
        f"cell 7, line 2: i {again}",
    )
    assert report.supplied_globals == ()


def test_report_has_the_size_and_sum_of_the_file(tmp_path: Path) -> None:
    write_notebook(tmp_path / "A3.ipynb", "x = 'ü'")
    report = export_notebook(tmp_path / "A3.ipynb", tmp_path / "other.py")
    content = (tmp_path / "other.py").read_bytes()
    assert report.output == tmp_path / "other.py"
    assert (report.size, report.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A3.ipynb", "other.py"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "other.py").stat().st_mode) == 0o666 & ~umask


BAD_CELLS = {
    "def f(:\n    pass": (1, "invalid syntax"),
    "x = 1\n\n!ls \\\n  -l\nreturn x": (5, "'return' outside function"),
    "\n\n%%time\nx = 1\ny = = 2": (5, "invalid syntax"),
    "x = (1,\n": (1, "'(' was never closed"),
    "pip install torch": (1, "invalid syntax"),
}


@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_syntax_error_names_the_cell_and_leaves_the_old_file(
    cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [nbformat.v4.new_code_cell("ok = 1"), nbformat.v4.new_markdown_cell("text")]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[*nodes, nbformat.v4.new_code_cell(cell)]), "A3.ipynb"
    )
    Path("A3.py").write_text("old")
    assert export.main([]) == 1
    line, reason = BAD_CELLS[cell]
    printed = capsys.readouterr()
    assert printed.err == (
        f"A3.ipynb: cell 3 (code cell 2) has a syntax error in line {line} ({reason}): "
        "correct that line and export again.\n"
    )
    assert printed.out == ""
    assert Path("A3.py").read_text() == "old"
    assert sorted(os.listdir()) == ["A3.ipynb", "A3.py"]


def test_cells_that_do_not_make_one_script(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"one script.*before global declaration at `global x`"):
        exported(tmp_path, "x = 1", "global x\nx = 2")
    assert not (tmp_path / "A3.py").exists()


NO_NOTEBOOKS = {
    "not JSON": "nonsense",
    "empty": "",
    "no cells": "{}",
    "a list": "[]",
    "a number for cells": '{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "a cell without source": json.dumps(
        {
            "cells": [{"cell_type": "code", "metadata": {}, "outputs": []}],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
    ),
    "an unknown format": '{"cells": [], "metadata": {}, "nbformat": 9, "nbformat_minor": 0}',
}


@pytest.mark.parametrize("case", NO_NOTEBOOKS)
def test_a_file_that_is_no_notebook(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook, output = tmp_path / "A3.ipynb", tmp_path / "A3.py"
    notebook.write_text(NO_NOTEBOOKS[case])
    output.write_text("old")
    assert export.main([str(notebook), "-o", str(output)]) == 1
    assert capsys.readouterr().err == (
        f"{notebook} is not a notebook: save it again where you edit it, and give that file.\n"
    )
    assert output.read_text() == "old"


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "A3.ipynb", "x = 1")
    with pytest.raises(InputError, match=r"other\.ipynb cannot be read .*: give the path"):
        export_notebook(tmp_path / "other.ipynb", tmp_path / "A3.py")
    with pytest.raises(ExportError, match="is the notebook itself"):
        export_notebook(notebook, tmp_path / "." / "A3.ipynb")
    with pytest.raises(ExportError, match=r"A3\.py cannot be written .*: choose another file"):
        export_notebook(notebook, tmp_path / "absent" / "A3.py")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder' cannot be written .*; choose another file"):
        export_notebook(notebook, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A3.ipynb", "folder"]


def test_notebooks_of_other_editors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "A3.ipynb"
    code: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    cells = [{**code, "id": "a", "source": ["x = 1\r\n", "!ls \\\r\n", "  -l\r\n", "print(x)"]}]
    old = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 0}
    path.write_text(json.dumps(old))
    report = export_notebook(path, tmp_path / "A3.py")
    assert left_out(report) == [(1, 2, "!ls \\ -l")]
    assert b"\r" not in (tmp_path / "A3.py").read_bytes()
    assert run_script(tmp_path) == "1\n"


def required_source(without: tuple[str, ...] = ()) -> str:
    return "\n".join(
        f"def {name}({', '.join(required_arguments(name))}):\n    raise NotImplementedError"
        for name in interface.REQUIRED_FUNCTIONS
        if name not in without
    )


def required_arguments(name: str) -> list[str]:
    arguments = interface.REQUIRED_FUNCTIONS[name]
    first_optional = len(arguments) - interface.REQUIRED_DEFAULTS[name]
    return [a if i < first_optional else f"{a}=None" for i, a in enumerate(arguments)]


def test_required_functions_are_those_of_the_assignment() -> None:
    assert len(interface.REQUIRED_FUNCTIONS) == 11
    assert interface.REQUIRED_FUNCTIONS["get_log_probs"] == ("model", "batch")
    assert required_arguments("train_DPO") == [
        "model_name",
        "beta=None",
        "lr=None",
        "batch_size=None",
        "max_length=None",
        "debug=None",
    ]


def test_verification_finds_functions_by_name_and_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    script = tmp_path / "A3.py"
    script.write_text(
        required_source(("evaluate", "train", "get_log_probs", "reset_model_optimizer"))
        + "\nimport functools, os, a3lib, beside\nprint('noise')\nos.write(1, b'more noise')\n"
        "evaluate = 3\ndef train(model_name, other): pass\n"
        "def reset_model_optimizer(model_name, lr): pass\n"
        "def keep(f):\n    return functools.wraps(f)(lambda *a: f(*a))\n"
        "assert __name__ == 'A3'\n"
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: 'int'\n"
        "assert os.environ['HF_HUB_OFFLINE'] == '1' and os.environ['CUDA_VISIBLE_DEVICES'] == ''\n"
        "create_labels_from_attention_mask = keep(create_labels_from_attention_mask)\n"
    )
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "beside.py").touch()
    check = verify_script(script, notebook_folder=tmp_path / "notebooks")
    assert check.error is None
    assert 0 <= check.seconds < 30
    assert check.missing == ("get_log_probs",)
    assert check.different == (
        "evaluate is not a function",
        "reset_model_optimizer(model_name, lr) must have a default for lr",
        "train(model_name, other) must be "
        "train(model_name, alpha, lr, batch_size, use_kl_divergence, debug)",
    )
    assert "create_labels_from_attention_mask" in check.found and len(check.found) == 7
    assert not (tmp_path / "__pycache__").exists()


FAILING = {
    "x = 1\nx.absent": "AttributeError: 'int' object has no attribute 'absent'",
    "def f(:": "SyntaxError: invalid syntax",
    "import sys\nsys.exit(0)": "it ends with 0",
    "import os\nos._exit(3)": "it ends with 3",
}


def test_verification_of_a_script_that_does_not_import(tmp_path: Path) -> None:
    for source, error in FAILING.items():
        (tmp_path / "A3.py").write_text(source)
        check = verify_script(tmp_path / "A3.py")
        assert check.error == error
        assert (check.found, check.missing, check.different) == ((), (), ())


def test_verification_has_a_time_limit(tmp_path: Path) -> None:
    (tmp_path / "A3.py").write_text("import time\ntime.sleep(25)")
    started = time.perf_counter()
    check = verify_script(tmp_path / "A3.py", timeout=0.5)
    assert check.error == "its import takes longer than 0.5 seconds"
    assert time.perf_counter() - started < 20


def test_verification_is_without_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        (tmp_path / "A3.py").write_text(
            f"""
import json, os, socket
def refused(call):
    try:
        call()
    except OSError as error:
        return str(error)
found = [
    refused(lambda: socket.create_connection({address!r})),
    refused(lambda: socket.getaddrinfo("localhost", 80)),
    refused(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", {address!r})),
]
left, right = socket.socketpair()
left.send(b"x")
local = socket.socket(socket.AF_UNIX)
local.bind("here")
local.listen()
socket.socket(socket.AF_UNIX).connect("here")
found += [right.recv(1).decode(), os.getuid(), os.readlink("/proc/self/ns/net")]
json.dump(found, open("found.json", "w"))
"""
        )
        assert verify_script(tmp_path / "A3.py").error is None
    *found, user, network = json.loads((tmp_path / "found.json").read_text())
    assert found == ["a script is imported without network here"] * 3 + ["x"]
    assert user == os.getuid()
    try_it = "import ctypes; exit(ctypes.CDLL(None).unshare(0x40000000) != 0)"
    if subprocess.run([sys.executable, "-c", try_it]).returncode == 0:
        assert network != os.readlink("/proc/self/ns/net")


def test_verification_does_not_wait_for_what_a_script_leaves_behind(tmp_path: Path) -> None:
    (tmp_path / "A3.py").write_text(
        "import subprocess, time\nsubprocess.Popen(['sleep', '20'])\ntime.sleep(20)"
    )
    started = time.perf_counter()
    assert "longer than 0.5" in str(verify_script(tmp_path / "A3.py", timeout=0.5).error)
    assert time.perf_counter() - started < 15


def test_code_that_is_nested_too_deeply(tmp_path: Path) -> None:
    for code in ("x = " + "-" * 100_000 + "1", "x = a" + ".b" * 5000, "x = " + "-" * 900 + "1"):
        with pytest.raises(ExportError, match="nested too deeply"):
            exported(tmp_path, code)
        assert not (tmp_path / "A3.py").exists()


class Kernel:
    """Stands in for a notebook's shell."""

    kernel = "a kernel"

    def __init__(self, **names: Any) -> None:
        self.user_ns = names


@pytest.fixture
def in_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Be in a notebook's kernel, in a folder where a run or an editor has set nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("A3_RUN_FOLDER", raising=False)
    monkeypatch.setattr(current_notebook, "get_ipython", Kernel)
    return monkeypatch


def test_a_script_does_not_export_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "A3.ipynb", "x = 1")
    export_this_notebook()
    assert capsys.readouterr().out.startswith("Only a notebook can export itself")
    monkeypatch.setattr(current_notebook, "get_ipython", lambda: type("Terminal", (), {})())
    export_this_notebook()
    assert capsys.readouterr().out.startswith("Only a notebook can export itself")
    assert not (tmp_path / "A3.py").exists()


def test_a_notebook_exports_itself(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(tmp_path / "Mine.ipynb", "x = 1\nprint(x)")
    export_this_notebook()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "This is Mine.ipynb as it was last saved: save it first if it has changed."
    digest = hashlib.sha256((tmp_path / "Mine.py").read_bytes()).hexdigest()
    assert lines[1].startswith("wrote Mine.py") and lines[1].endswith(digest)
    assert lines[2].endswith("functions found: 0 of 11")
    export_this_notebook("other.py")
    assert (tmp_path / "other.py").read_bytes() == (tmp_path / "Mine.py").read_bytes()
    write_notebook(tmp_path / "Mine.ipynb", "import absent_module")
    capsys.readouterr()
    export_this_notebook()
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Mine.py does not import: ModuleNotFoundError: No module named 'absent_module'"
    )
    write_notebook(tmp_path / "Mine.ipynb", "def f(:")
    with pytest.raises(ExportError, match=r"cell 1 .* has a syntax error in line 1"):
        export_this_notebook()


def test_the_editor_says_which_notebook_it_is(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"No notebook is .*export_this_notebook\(notebook="):
        export_this_notebook()
    (tmp_path / "notes").mkdir()
    for name in ("one", "two"):
        write_notebook(tmp_path / f"{name}.ipynb", f"name = {name!r}")
    write_notebook(tmp_path / "notes" / "three.ipynb", "name = 'three'")
    with pytest.raises(InputError, match=r"2 notebooks are .*export_this_notebook\(notebook="):
        export_this_notebook()
    export_this_notebook(notebook="two.ipynb")
    assert "name = 'two'" in (tmp_path / "two.py").read_text()
    in_kernel.setenv("JPY_SESSION_NAME", str(tmp_path / "notes" / "three.ipynb"))
    export_this_notebook()
    assert "name = 'three'" in (tmp_path / "notes" / "three.py").read_text()
    in_kernel.setenv("JPY_SESSION_NAME", str(tmp_path / "one-jvsc-1.ipynb"))
    with pytest.raises(InputError, match="2 notebooks are"):
        export_this_notebook()
    file = tmp_path / "one.ipynb"
    in_kernel.setattr(current_notebook, "get_ipython", lambda: Kernel(__vsc_ipynb_file__=str(file)))
    export_this_notebook()
    assert "name = 'one'" in (tmp_path / "one.py").read_text()


def test_in_a_run_the_script_goes_to_the_results(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    in_kernel.setenv("A3_RUN_FOLDER", str(tmp_path / "run"))
    export_this_notebook()
    assert capsys.readouterr().out.startswith("No script was made: No notebook is in this folder")
    write_notebook(tmp_path / "A3.ipynb", "x = 1")
    export_this_notebook()
    assert (tmp_path / "run" / "A3.py").exists() and not (tmp_path / "A3.py").exists()


def test_colab_hands_over_the_notebook_of_the_page(
    tmp_path: Path, in_kernel: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1\n!ls")])
    nb.cells[0].source = ["x = 1\n", "!ls"]
    answers: list[Any] = [{"ipynb": nb}, None, {"ipynb": 3}]

    def blocking_request(name: str, **options: Any) -> Any:
        asked.append(name)
        return answers.pop(0)

    modules = {name: types.ModuleType(name) for name in ("google", "google.colab")}
    message = types.ModuleType("google.colab._message")
    message.blocking_request = blocking_request  # type: ignore[attr-defined]
    modules["google.colab"]._message = message  # type: ignore[attr-defined]
    for name, module in [*modules.items(), ("google.colab._message", message)]:
        in_kernel.setitem(sys.modules, name, module)
    write_notebook(tmp_path / "sample.ipynb", "y = 2")
    export_this_notebook()
    out = capsys.readouterr().out
    assert out.startswith("wrote A3.py") and "cell 1, line 2: !ls" in out and "saved" not in out
    assert "x = 1" in (tmp_path / "A3.py").read_text() and asked == ["get_ipynb"]
    for _ in range(2):
        with pytest.raises(InputError, match=r"Colab did not .*export_this_notebook\(notebook="):
            export_this_notebook()
    export_this_notebook(notebook="sample.ipynb")
    assert "y = 2" in (tmp_path / "sample.py").read_text() and len(asked) == 3


def test_command_prints_a_summary(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "beside.py").touch()
    write_notebook(
        tmp_path / "notes" / "A3.ipynb",
        "!pip install x\nimport beside",
        required_source(("train", "evaluate")) + "\ndef evaluate(model):\n    return device",
        "device = int('1')\nprint('training')\nraise SystemExit(3)",
        "def f(x=device):\n    pass",
    )
    command = PROJECT / "export_to_py.py"
    lines = python(tmp_path, str(command), "notes/A3.ipynb").splitlines()
    content = (tmp_path / "A3.py").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert lines[0] == f"wrote A3.py: {len(content)} bytes, SHA-256 {digest}"
    assert lines[1].startswith("imported in ") and lines[1].endswith("functions found: 9 of 11")
    assert lines[2:] == [
        "  missing: train",
        "  different: evaluate(model) must be "
        "evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size)",
        "left out or rewritten: 1",
        "  cell 1, line 1: !pip install x (a shell command)",
        "globals a grader supplies: device",
        "problems: 1",
        "  cell 4, line 1: f is under the guard, so an import lacks it: "
        "it needs device when it is defined, not only when it is called",
    ]


def test_command_fails_for_a_script_that_does_not_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "Other.ipynb", "import absent_module")
    assert export.main(["Other.ipynb"]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "Other.py does not import: ModuleNotFoundError: No module named 'absent_module'\n"
    )
    assert "wrote Other.py" in printed.out and "functions found" not in printed.out
    write_notebook(tmp_path / "Slow.ipynb", "class A:\n    import time\n    time.sleep(25)")
    assert export.main(["Slow.ipynb", "-o", "x.py", "--timeout", "0.5"]) == 1
    assert "x.py does not import: its import takes longer than 0.5" in capsys.readouterr().err
