"""Steer a small language model towards positive movie reviews: REINFORCE, KL, DPO and a study."""

import warnings

# Our progress bars are plain text; without ipywidgets another library's import warns about its own.
warnings.filterwarnings("ignore", message="IProgress not found")
