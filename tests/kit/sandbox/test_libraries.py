"""What torch can do with a compiler or other processes works in a child, which has neither."""

from pathlib import Path

import pytest
from helpers.solutions import Right, source_of
from mutants.right_libraries import RIGHT

from a3lib.kit.checks.catalogue import public_checks
from a3lib.kit.grading.grader import texts_of, verdict_of
from a3lib.kit.sandbox.worker import Worker
from a3lib.kit.source.submission import read_submission

CHECKS = {
    one.name: one
    for one in public_checks()
    if one.name in ("dpo_loss.values", "batch_logps.values", "log_probs.values", "evaluate.mean")
    or one.function == "train"
}


@pytest.mark.slow("starts a real worker and trains in it")
def test_compiled_code_and_loaders_with_processes_get_every_point(tmp_path: Path) -> None:
    wrong = []
    with Worker() as worker:
        for right in RIGHT:
            wrong += [f"{right.name}: {text}" for text in failures(right, tmp_path, worker)]
    assert wrong == []


def failures(right: Right, folder: Path, worker: Worker) -> list[str]:
    """Return what fails of a right solution in a child: statements, and checks."""
    (folder / "A3.py").write_text(source_of(right), encoding="utf-8")
    with worker.child(texts_of(read_submission(folder / "A3.py"))) as child:
        replies = [(check, child.ask(check.probe, check.inputs)) for check in CHECKS.values()]
    verdicts = [(check, verdict_of(check, reply, "either"), reply) for check, reply in replies]
    failed = [f"{c.name}: {v.message} {reply.text}" for c, v, reply in verdicts if not v.passed]
    return [*child.load_errors, *failed]
