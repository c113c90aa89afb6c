"""What an import of the script runs, what waits behind its guard, and that both do the same."""

from pathlib import Path

import pytest
from helpers.exported_scripts import exported, imported, run_cells, run_script

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
    # A grader has no `later`.
    assert report.supplied_globals == ("device", "model")


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
