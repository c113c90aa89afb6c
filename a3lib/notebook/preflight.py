"""Load what a run needs and say what it is about to do: where, with what, and for how long."""

import importlib.util
import os
from importlib.metadata import version

import torch

from a3lib.data import count_blank
from a3lib.models import choose_device
from a3lib.notebook.inputs import Inputs, load_inputs
from a3lib.notebook.timing import estimate_sections
from a3lib.profiles import Profile
from a3lib.results.run import LIBRARIES
from a3lib.results.tables import text_table
from a3lib.tinyworld import shown_name


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


def check_reward_model(inputs: Inputs) -> None:
    """Raise InputError where the reward model's positive class cannot be determined.

    A copy of the library without the solutions has nothing to check it with.
    """
    if importlib.util.find_spec("a3lib.rewards"):
        from a3lib.rewards import positive_label

        positive_label(inputs.reward_model, inputs.reward_tokenizer)


def preflight(profile: Profile) -> Inputs:
    """Load all that a run needs, print what it is about to do, and return what was loaded.

    The table says where it runs, with which versions, models and data, and how long each section
    will take.

    Raises InputError for every fault of models and data that shows when they are loaded.
    """
    device = choose_device()
    inputs = load_inputs(profile, device)
    blank = count_blank(inputs.train_texts), count_blank(inputs.test_texts)
    if any(blank):
        print(f"{blank[0]} train and {blank[1]} test reviews are blank and seeded with EOS.")
    check_reward_model(inputs)
    sections = estimate_sections(profile, inputs, device)
    rows = [
        ["device", device.type],
        ["free memory", free_memory(device)],
        *[[library, version(library)] for library in LIBRARIES],
        ["profile", profile.name],
        ["policy", shown_name(profile.policy)],
        ["reward model", shown_name(profile.reward_model)],
        ["reviews", profile.reviews],
        ["pairs", profile.pairs],
        *[[f"section {name}", f"about {duration(value)}"] for name, value in sections.items()],
        ["all sections", f"about {duration(sum(sections.values()))}"],
    ]
    print(text_table(["preflight", ""], rows))
    return inputs
