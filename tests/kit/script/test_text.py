"""What of a notebook's cells stands in the script, and how the script behaves."""

import textwrap
from pathlib import Path

from helpers.exported_scripts import exported, imported, left_out, run_script


def top_level(folder: Path) -> str:
    return (folder / "A3.py").read_text().split("if __name__ ==")[0]


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
    # No grader makes a variable of this name.
    assert report.supplied_globals == ()
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
