"""Read submissions as students hand them in."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from helpers.exporters import EXPORTERS
from helpers.read_submissions import NEW, functions_of, kept, left_out, loaded, read, read_cells

from a3lib.errors import InputError
from a3lib.kit.source import submission
from a3lib.kit.source.submission import (
    SubmissionError,
    read_submission,
)
from a3lib.util.files import PROJECT


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
        expected = functions_of(itself)
        if exporter == "colab":  # The module that is written is a comment there.
            del expected["never"]
        if exporter in ("jupytext", "colab"):  # The timed call is a comment there.
            assert functions.pop("h") != expected.pop("h")
        assert functions == expected, exporter
        names = loaded(found)
        assert names["f"]() == ("a\n\n  b", 3) and names["g"]() == "1" and names["h"]() == 3
        assert found.functions - {"never"} == {"f", "g", "h", "k", "train"}


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
    "a PDF": ("A3.pdf", b"%PDF", "is neither a .py nor an .ipynb"),
    "no JSON": ("A3.ipynb", b"some words", "is not a notebook"),
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


@pytest.mark.parametrize("start", ["", "\n# a comment\n", "\ufeff"])
def test_a_script_that_is_named_as_a_notebook_is_read(tmp_path: Path, start: str) -> None:
    """As a notebook that is named .py is."""
    file = tmp_path / "A3.ipynb"
    file.write_text(f"{start}import torch\ndef train():\n    return torch\n", encoding="utf-8")
    assert read_submission(file).functions == {"train"}
