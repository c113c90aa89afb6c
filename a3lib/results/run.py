"""The results folder of one run: summary.json, figures, and how long each section took."""

import os
import platform
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from a3lib.plots import save_figure
from a3lib.profiles import Profile
from a3lib.results.summary import RunSummary, write_summary

# The folder that `python -m a3lib run` wants the notebook to write to.
RUN_FOLDER_VARIABLE = "A3_RUN_FOLDER"
LIBRARIES = ("torch", "transformers", "datasets")


def run_folder(name: str) -> Path:
    """Return the folder for results: the one in the environment, or runs/`name`."""
    return Path(os.environ.get(RUN_FOLDER_VARIABLE, str(Path("runs") / name)))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


class Run:
    """Collects the results of a run and writes them down as they come.

    summary.json is written after every part that is recorded, so a run that is interrupted
    leaves its results so far.
    """

    def __init__(self, profile: Profile, folder: Path | None = None) -> None:
        self.folder = folder or run_folder(f"notebook-{profile.name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.summary = RunSummary(profile.name, asdict(profile), versions())
        self._section = ""
        self._started = 0.0

    def begin(self, section: str) -> None:
        """Begin a section and end the one before it; its seconds go into the summary."""
        self.end()
        self._section, self._started = section, time.perf_counter()

    def end(self) -> None:
        """End the current section, if there is one."""
        if self._section:
            elapsed = time.perf_counter() - self._started
            self.record(seconds={**self.summary.seconds, self._section: round(elapsed, 1)})
        self._section = ""

    def record(self, **parts: Any) -> None:
        """Put parts into the summary, fields of `RunSummary` by name, and write it.

        Raises InputError where it cannot be written; the summary is then left as it was.
        """
        summary = replace(self.summary, **parts)
        write_summary(summary, self.folder)
        self.summary = summary

    def figure(self, figure: Figure, name: str) -> Figure:
        """Save a figure as PNG and PDF and return it, so that a cell shows it."""
        save_figure(figure, self.folder / "figures", name)
        return figure
