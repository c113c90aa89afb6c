"""Which modules a student's copy has: the one place that says so."""

# They hold answers, so a student's copy is without them and a submission cannot read them.
ANSWER_MODULES = (
    "a3lib.generation",
    "a3lib.rewards",
    "a3lib.logprobs",
    "a3lib.losses",
    "a3lib.preferences",
    "a3lib.training",
    # These import them.
    "a3lib.candidates",
    "a3lib.estimates",
    "a3lib.findings",
    "a3lib.methods",
    "a3lib.offline",
    "a3lib.preparation",
    "a3lib.sft",
    "a3lib.studies",
    "a3lib.study",
    "a3lib.study_command",
    "a3lib.tinyworld.build",
    # These know what the checks expect.
    "a3lib.kit.checks.graded",
    "a3lib.kit.checks.hidden",
    "a3lib.kit.checks.mistakes",
    "a3lib.kit.checks.oracle",
    "a3lib.kit.checks.policy_oracle",
    "a3lib.kit.checks.sampling_oracle",
    "a3lib.kit.checks.tensor_oracle",
    "a3lib.kit.checks.training_oracle",
)

# Of the kit a student has these modules, or packages, and none of the course's own tools.
STUDENT_KIT = (
    "a3lib.kit.answers",
    "a3lib.kit.cells",
    "a3lib.kit.check",
    "a3lib.kit.checks",
    "a3lib.kit.export",
    "a3lib.kit.flavours",
    "a3lib.kit.foreign",
    "a3lib.kit.harmless",
    "a3lib.kit.keeping",
    "a3lib.kit.latex",
    "a3lib.kit.loading",
    "a3lib.kit.material",
    "a3lib.kit.names",
    "a3lib.kit.placement",
    "a3lib.kit.run",
    "a3lib.kit.script",
    "a3lib.kit.signatures",
    "a3lib.kit.submission",
    "a3lib.kit.this_notebook",
    "a3lib.kit.typeset",
    "a3lib.kit.verification",
    "a3lib.kit.writeup",
)


def is_for_students(module: str) -> bool:
    """Say whether a module, given by its full name, is in a student's copy."""
    if module in ANSWER_MODULES:
        return False
    if not module.startswith("a3lib.kit."):
        return True
    return any(module == kept or module.startswith(f"{kept}.") for kept in STUDENT_KIT)
