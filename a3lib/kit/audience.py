"""Who gets which part of this tree: the one place that says so, by folder where it can."""

# They hold answers, so a student's copy is without them and a submission cannot read them. A
# folder stands for all that is in it.
ANSWERS = (
    "a3lib.generation",
    "a3lib.rewards",
    "a3lib.logprobs",
    "a3lib.losses",
    "a3lib.preferences",
    "a3lib.training",
    "a3lib.study",
    "a3lib.tinyworld.build",
    "a3lib.kit.checks.answers",
)

# Of the kit a student has these, and none of the course's own tools.
STUDENT_KIT = (
    "a3lib.kit.audience",
    "a3lib.kit.check",
    "a3lib.kit.checks",
    "a3lib.kit.export",
    "a3lib.kit.latex",
    "a3lib.kit.run",
    "a3lib.kit.script",
    "a3lib.kit.source",
    "a3lib.kit.writeup",
)


def is_in(module: str, places: tuple[str, ...]) -> bool:
    """Say whether a module, by its full name, is one of these or in a folder among them."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def holds_answers(module: str) -> bool:
    """Say whether a module, given by its full name, holds answers."""
    return is_in(module, ANSWERS)


def is_for_students(module: str) -> bool:
    """Say whether a module, given by its full name, is in a student's copy."""
    if holds_answers(module):
        return False
    return not module.startswith("a3lib.kit.") or is_in(module, STUDENT_KIT)
