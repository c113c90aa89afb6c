"""The table of commands: each is there where its module is, and loads nothing but its own."""

import os
import subprocess
import sys

import pytest

from a3lib import __main__ as commands
from a3lib.__main__ import main, make_parser


def test_a_command_whose_module_is_absent_is_not_offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(commands.COMMANDS, "dance", ("a3lib.kit.dance", "turn round"))
    assert "dance" not in make_parser([]).format_help()
    assert "run" in make_parser([]).format_help()
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_only_the_command_that_is_called_has_its_options_read() -> None:
    assert make_parser(["run"]).parse_args(["run", "--debug"]).debug
    with pytest.raises(SystemExit):
        make_parser(["study"]).parse_args(["run", "--debug"])


def test_the_table_itself_loads_no_library_that_is_slow() -> None:
    code = "import sys, a3lib.__main__ as m; m.make_parser([]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "nbconvert"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        ("export", {"torch", "transformers", "datasets", "nbformat", "matplotlib.pyplot"}),
        ("grade", {"torch", "transformers", "datasets", "nbformat", "pandas"}),
        ("release", {"torch", "transformers", "datasets", "pandas"}),
        ("run", {"torch", "transformers", "datasets"}),
        ("writeup", {"torch", "transformers", "datasets", "nbformat"}),
    ],
)
def test_a_command_that_runs_no_model_starts_without_the_libraries_for_it(
    command: str, not_needed: set[str]
) -> None:
    """They take seconds to import, each time; the processes that need them import them."""
    code = f"import sys, a3lib.kit.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not_needed & set(done.stdout.split()) == set()


def test_where_python_lacks_what_grading_needs_one_sentence_says_so() -> None:
    windows = "import sys; sys.modules.update(resource=None, fcntl=None); "
    call = "from a3lib.__main__ import main; sys.exit(main(['grade', 'A3.py']))"
    ended = subprocess.run([sys.executable, "-c", windows + call], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "a3lib: grade runs on Linux; use a container or WSL.\n"


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_reader_that_leaves_early_gets_no_traceback(size: int) -> None:
    """`python -m a3lib study | head -n 1`, whether Python writes before its end or at it."""
    code = (
        "import sys, a3lib.__main__ as m; "
        "from a3lib.kit import grade; "
        f"grade.add_arguments = lambda parser: None; grade.execute = lambda a: 'x' * {size}; "
        "sys.exit(m.main(['grade']))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")
