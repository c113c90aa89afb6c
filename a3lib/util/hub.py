"""Names of models and data: which of them are local paths, and whether the hub can be reached."""

from functools import cache
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.utils import get_session

HUB_REMEDY = (
    "check the name and the connection, give local copies with --policy, --reward-model, --reviews "
    "and --pairs, or take the tiny profile (--profile tiny), which needs no hub"
)
SECONDS_TO_ANSWER = 10


def looks_local(name: str) -> bool:
    """Say whether a name is meant as a path: it exists, or cannot be a hub's owner/name."""
    return Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1


@cache
def use_local_cache_if_unreachable() -> None:
    """Ask the hub once whether it is there; if no answer comes, work from the local cache only.

    Left to themselves the clients try every file again for half a minute, and wait forever for a
    hub that accepts the connection and says nothing.
    """
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS_TO_ANSWER)
    except Exception:
        # Whoever only loads models does without it.
        import datasets

        constants.HF_HUB_OFFLINE = True
        datasets.config.HF_HUB_OFFLINE = True


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its name where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
