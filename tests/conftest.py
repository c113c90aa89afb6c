"""Options of the tests, and how the whole suite is spread over the machine's processors."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# One thread a process, and set before anything imports torch: the models are so small that more
# threads are slower, and much slower beside other tests.
os.environ["OMP_NUM_THREADS"] = "1"
MOST_WORKERS = 8
# Graders that run at the same time would end each other's children, which have the same user.
ONE_AFTER_THE_OTHER = "tests/kit/grading/"
# Hundreds of programs whose tests share nothing: whichever process is free takes the next one.
EACH_BY_ITSELF = (
    "tests/kit/checks/test_more_mutants.py",
    "tests/kit/checks/test_told_mistakes.py",
)


@pytest.fixture(autouse=True)
def no_open_figures() -> Iterator[None]:
    """Close the figures that a test opened: the next one may look whether its own are closed."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--submission", help="the A3.py or A3.ipynb that test_submission.py checks")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use every processor where no files are named; a student's copy has no pytest-xdist.

    Most files stay in one process, with what their tests share.
    """
    whole_suite = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    one_of_several = hasattr(config, "workerinput")
    if not whole_suite or one_of_several or not config.pluginmanager.hasplugin("xdist"):
        return
    options = config.option
    if options.numprocesses is None:
        options.numprocesses, options.maxprocesses = "logical", options.maxprocesses or MOST_WORKERS
        options.dist, options.loadscopereorder = "loadfile", False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of most files in one process, and those of all real graders."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(ONE_AFTER_THE_OTHER):
                return ONE_AFTER_THE_OTHER
            return nodeid if nodeid.startswith(EACH_BY_ITSELF) else super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of slow tests, so that no processor waits for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
