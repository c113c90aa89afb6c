"""What a run is about to do: device, memory, versions, profile, and how long each section takes."""

import importlib
import importlib.util
import os
from importlib.metadata import version

import torch

from a3lib.data import count_blank
from a3lib.models import choose_device
from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.profiles import Profile
from a3lib.results.run import LIBRARIES
from a3lib.results.tables import text_table
from a3lib.tinyworld import shown_name

# Times real training steps; a student's copy is without it, and without the steps.
ESTIMATES = "a3lib.notebook.timing"


def free_memory(device: torch.device) -> str:
    """Return the free memory of the device, in GB, as far as the system tells."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB on {torch.cuda.get_device_name(device)}"
    try:
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{pages / 1e9:.1f} GB"


def duration(seconds: float) -> str:
    """Return seconds as a person would say them."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def time_rows(profile: Profile, inputs: Inputs, device: torch.device) -> list[list[str]]:
    """Return the table's rows on time: an estimate a section, or that none can be given here."""
    if importlib.util.find_spec(ESTIMATES) is None:
        return [["time", "unknown: this copy has no training steps that could be timed"]]
    sections = importlib.import_module(ESTIMATES).estimate_sections(profile, inputs, device)
    return [
        *[[f"section {name}", f"about {duration(value)}"] for name, value in sections.items()],
        ["all sections", f"about {duration(sum(sections.values()))}"],
    ]


def preflight(profile: Profile) -> str:
    """Return a table of where and what is about to run, with an estimate for each section.

    Everything is loaded for it and thrown away afterwards.

    Raises InputError for everything about models and data that can be found out now.
    """
    device = choose_device()
    inputs = load_inputs(profile, device)
    blank = count_blank(inputs.train_texts), count_blank(inputs.test_texts)
    if any(blank):
        print(f"{blank[0]} train and {blank[1]} test reviews are blank and seeded with EOS.")
    rows = [
        ["device", device.type],
        ["free memory", free_memory(device)],
        *[[library, version(library)] for library in LIBRARIES],
        ["profile", profile.name],
        ["policy", shown_name(profile.policy)],
        ["reward model", shown_name(profile.reward_model)],
        ["reviews", profile.reviews],
        ["pairs", profile.pairs],
        *time_rows(profile, inputs, device),
    ]
    return text_table(["preflight", ""], rows)
