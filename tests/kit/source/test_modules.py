"""Modules that a notebook writes are its code; those that only their author has are named."""

from pathlib import Path

import pytest
from helpers.exporters import EXPORTERS
from helpers.read_submissions import NEW, kept, loaded, read, read_cells

from a3lib.kit.source.modules import is_installed

HELPER = (
    "%%writefile helper.py\nimport math\nFOUND = {}\nFOUND['one'] = 1\nCOUNT = 0\n\n\n"
    "def one():\n    return FOUND['one']\n\n\ndef count():\n    global COUNT\n    COUNT += 1\n"
    "    return COUNT\n\n\nif __name__ == '__main__':\n    FOUND['one'] = 'wrong'"
)
# Code that uses the module: `evaluate()` is 1.
USES = {
    "import": "import helper\ndef evaluate():\n    return helper.one()",
    "import as": "import json, helper as h\ndef evaluate():\n    return json.loads(str(h.one()))",
    "from": "from helper import one\ndef evaluate():\n    return one()",
    "from as": "from helper import (one as eins, FOUND as found)\ndef evaluate():\n"
    "    return eins() * found['one']",
    "star": "from helper import *\ndef evaluate():\n    return one()",
    "inside": "def evaluate():\n    import helper\n    from helper import one, FOUND as found\n"
    "    return one() * helper.one() * found['one']",
    "an attribute": "import helper\nhelper.COUNT = 3\ndef evaluate():\n"
    "    return helper.count() - 3",
    "a dict of it": "import helper\nhelper.FOUND['two'] = 2\ndef evaluate():\n"
    "    return helper.FOUND['two'] - 1",
    "a value of it": "import helper\nLEFT = helper.one()\ndef evaluate():\n    return LEFT",
    "try": "try:\n    import helper\nexcept ImportError:\n    helper = None\n"
    "def evaluate():\n    return helper.one()",
}


@pytest.mark.parametrize("use", USES)
def test_a_module_that_the_notebook_writes_is_its_code(use: str, tmp_path: Path) -> None:
    found = read_cells(tmp_path, HELPER, USES[use])
    assert loaded(found)["evaluate"]() == 1
    assert [item.needed_by for item in found.left_out] == [()]
    notebook = NEW.new_notebook(cells=[NEW.new_code_cell(HELPER), NEW.new_code_cell(USES[use])])
    for exporter in ("ours", "nbconvert"):
        found = read(tmp_path, EXPORTERS[exporter](notebook))
        assert loaded(found)["evaluate"]() == 1, exporter


def test_a_name_that_both_have_is_a_problem(tmp_path: Path) -> None:
    own = "import math\ndef one():\n    return 2"
    found = read_cells(tmp_path, HELPER, own, "import helper\ndef evaluate(): return helper.one()")
    (item,) = (item for item in found.left_out if item.needed_by)
    assert item.why == "the rest of the file has one too: give them other names"
    assert (item.cell, item.text) == (1, "%%writefile helper.py")


FILES = {
    "%%writefile helper.py": True,
    "%%writefile -a ./helper.py": True,
    "%%file 'helper.py'": True,
    "%%writefile folder/helper.py": False,
    "%%writefile helper.txt": False,
    "%%bash": False,
}


@pytest.mark.parametrize("magic", FILES)
def test_only_a_module_in_the_notebook_s_folder_is_code(magic: str, tmp_path: Path) -> None:
    found = read_cells(tmp_path, f"{magic}\ndef f():\n    pass")
    assert found.functions == ({"f"} if FILES[magic] else frozenset())


def test_a_module_that_does_not_compile_is_no_code(tmp_path: Path) -> None:
    found = read_cells(tmp_path, "%%writefile helper.py\ndef f(:\n    pass", "def g(): pass")
    assert found.functions == {"g"}
    assert found.left_out[0].why == "the entire cell is for the notebook's magic %%writefile"


IMPORTS = {
    "import helper": "helper",
    "import helper.more as h": "helper",
    "from helper import h": "helper",
    "from . import h": "h",
    "from .helper import h": "helper",
    "from helper import *": "helper",
    "import torch.nn as h": None,
    "from a3lib.data import load_pairs as h": None,
    "import json as h": None,
    "try:\n    import helper as h\nexcept ImportError:\n    h = None": None,
}


@pytest.mark.parametrize("line", IMPORTS)
def test_a_module_that_only_its_author_has_is_named(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helper.py").write_text("h = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    name = "helper" if line in ("import helper",) or ("." in line and "as" not in line) else "h"
    found = read(tmp_path, f"{line}\ndef evaluate():\n    return {name}, h\n")
    module = IMPORTS[line]
    assert len(found.left_out) == (module is not None)
    if module:
        why = found.left_out[0].why
        assert why.startswith(f"{module} is no installed package, and a grader has no other file")
        assert why.endswith(f"%%writefile {module}.py")
        assert kept(found) == [f"def evaluate():;     return ({name}, h)"]


def test_an_import_in_a_function_counts_where_it_is_asked_for(tmp_path: Path) -> None:
    source = "def more():\n    import helper\n    return helper\ndef evaluate():\n    return {}\n"
    assert read(tmp_path, source.format("1")).left_out == ()
    (item,) = read(tmp_path, source.format("more()")).left_out
    assert (item.line, item.text, item.needed_by) == (2, "import helper", ("evaluate",))


def test_installed_is_what_the_library_s_own_folder_has_not() -> None:
    assert all(map(is_installed, ("torch", "sys", "json", "a3lib", "numpy")))
    assert not is_installed("tests") and not is_installed("helpers")


def test_a_public_package_that_is_missing_is_not_taken_for_a_file(tmp_path: Path) -> None:
    found = read(tmp_path, "import wandb\ndef train():\n    wandb.log(1)\n")
    (item,) = found.left_out
    assert (
        item.why
        == "a grader does not have wandb: do without it in the functions that are asked for"
    )
    assert item.needed_by == ("train",)
