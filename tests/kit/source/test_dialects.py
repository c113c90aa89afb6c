"""What exporters do to notebook commands is undone."""

from pathlib import Path

from helpers.read_submissions import kept, left_out, loaded, read


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
