"""Compare two gradings of one submission: the same file must get the same verdicts every time."""

from typing import Any


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return a sentence for each check that came out differently in two results.json."""
    before, after = statuses(first), statuses(second)
    return [
        f"{name} {before.get(name, 'was not asked')} the first time and "
        f"{after.get(name, 'was not asked')} the second time."
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def statuses(results: dict[str, Any]) -> dict[str, str]:
    """Return whether each check passed or failed, and that a file cannot be read."""
    found = {test["extra_data"]["check"]: test["status"] for test in results["tests"]}
    if results["extra_data"]["unreadable"]:
        found["the file"] = "could not be read"
    return found
