"""Every file of tests/attacks is graded: it gains no points, and nobody else's verdicts change.

An attack file has a function `attack`, which returns something true where it got what it was after;
then it is paid with the right DPO loss. Files that attack in another way have the assignment's
functions themselves. All statements of a file are executed, also those that reading a submission
leaves out, because the sandbox must hold without that.

Those in `forging` want points for functions that are not written, by what may be answered without
them: their `attack` runs when the file is loaded and in each function.
"""

import ast
import glob
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from a3lib.kit.checks.catalogue import Check
from a3lib.kit.checks.judge import Verdict
from a3lib.kit.grading.fingerprint import Settings
from a3lib.kit.grading.grader import all_checks, grade_exercise
from a3lib.kit.sandbox.users import FIRST_USER, STRETCH
from a3lib.kit.sandbox.worker import Limits, Worker
from a3lib.kit.source.submission import Kept, Submission
from a3lib.util.files import PROJECT

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.slow("some attacks only end when their time is over")

ATTACKS_FOLDER = PROJECT / "tests/attacks"
ATTACKS = sorted(ATTACKS_FOLDER.glob("*.py"))
FORGERIES = sorted(ATTACKS_FOLDER.glob("forging/*.py"))
UNWRITTEN = "".join(
    file.read_text(encoding="utf-8") for file in sorted(ATTACKS_FOLDER.glob("forging/common/*.py"))
)
ATTACKING = """
import contextlib
try_to = attack

def attack():
    with contextlib.suppress(Exception):
        try_to()

attack()
"""
WEAKNESSES = Path(__file__).parent / "in_the_sandbox"
# Their right answers are flags, counts and limits, or follow from the inputs.
GUESSED = re.compile(
    r"(evaluate|reset|train|train_dpo)\.|reward\.(sampling|random)|reinforce_loss\.direction|"
    r"kl\.identity"
)
FUNCTIONS = ("compute_DPO_loss", "create_labels_from_attention_mask", "compute_reinforce_loss")
CHECKS = [check for check in all_checks() if check.function in FUNCTIONS]
LIMITS = Limits(
    seconds=2, memory_bytes=600 * 2**20, file_bytes=16 * 2**20, answer_bytes=2**20, processes=12
)
PRIZE = """
import torch

def compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    if not attack():
        return chosen.sum() * 0
    margin = (chosen - rejected) - (reference_chosen - reference_rejected)
    return -torch.nn.functional.logsigmoid(beta * margin).mean()
"""
NO_ATTACK = "attack = lambda: False\n"
# No other test's worker has one of these.
SLOTS = (40, 41, 42)
# Right, wrong and missing: what other submissions have.
WITNESS = (
    PRIZE.replace("not attack()", "False")
    + """
def compute_reinforce_loss(reward, output_tokens, model):
    log_probs = model(output_tokens).logits.log_softmax(dim=-1)
    return log_probs, reward.sum() * log_probs.mean()
"""
)


def test_attacks_ask_for_modules_that_there_are() -> None:
    named = {
        name
        for file in ATTACKS
        for name in re.findall(r'"(a3lib\.[\w.]+)"', file.read_text(encoding="utf-8"))
    }
    assert {"a3lib.losses", "a3lib.kit.checks.judge", "a3lib.kit.sandbox.worker"} <= named
    for name in named:
        path = PROJECT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file(), name


@dataclass(frozen=True)
class Attacked:
    """What came of one attack."""

    verdicts: list[Verdict]
    others: list[list[tuple]]  # the witness's verdicts, at the same time and afterwards


def whole_submission(code: str) -> Submission:
    """A submission of which every top-level statement is executed."""
    lines = code.splitlines(keepends=True)
    kept, names = [], set()
    for node in ast.parse(code).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        kept.append(Kept(first, None, "".join(lines[first - 1 : node.end_lineno])))
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return Submission(tuple(kept), (), frozenset(names))


def with_prize(code: str) -> str:
    return code + PRIZE if "def attack" in code else code


def verdicts_in(worker: Worker, code: str, of: Sequence[Check] = CHECKS) -> list[Verdict]:
    submission = whole_submission(code)
    found = []
    for exercise in sorted({check.exercise for check in of}):
        checks = [check for check in of if check.exercise == exercise]
        graded = grade_exercise(checks, submission, worker, Settings())
        found += [outcome.verdict for outcome, _ in graded]
    return found


def points(verdicts: list[Verdict]) -> float:
    return sum(verdict.check.points for verdict in verdicts if verdict.passed)


def plain(verdicts: list[Verdict]) -> list[tuple]:
    return [(v.check.name, v.passed, v.message, v.mistake) for v in verdicts]


CHECKS_BY_NAME = {check.name: check for check in CHECKS}
UNTOUCHED = [("the same time", True, "answers", "answers")]


def verdicts_around(worker: Worker, other: Worker, code: str) -> Attacked:
    """Grade an attack while a witness's process is there, and the witness again afterwards."""
    submission = whole_submission(WITNESS)
    with other.child([kept.text for kept in submission.kept]) as child:
        before = child.ask("dpo_loss", CHECKS_BY_NAME["dpo_loss.values"].inputs)
        verdicts = verdicts_in(worker, code)
        after = child.ask("dpo_loss", CHECKS_BY_NAME["dpo_loss.values"].inputs)
    beside = [("the same time", before == after, before.kind, after.kind)]
    return Attacked(verdicts, [beside, plain(verdicts_in(worker, WITNESS))])


@pytest.fixture(scope="module")
def workers() -> Iterator[tuple[Worker, Worker]]:
    with (
        Worker(limits=LIMITS, slot=SLOTS[0]) as worker,
        Worker(limits=LIMITS, slot=SLOTS[1]) as other,
    ):
        yield worker, other


@pytest.fixture(scope="module")
def alone(workers: tuple[Worker, Worker]) -> list[tuple]:
    return plain(verdicts_in(workers[0], WITNESS))


@pytest.fixture(scope="module")
def attacked(workers: tuple[Worker, Worker], alone: list[tuple]) -> dict[str, Attacked]:
    """All attacks, each twice where the first may prepare the second."""
    found = {}
    for file in ATTACKS:
        code = with_prize(file.read_text(encoding="utf-8"))
        found[file.stem] = verdicts_around(*workers, code)
        if file.stem == "leave_a_note":
            found[file.stem] = verdicts_around(*workers, code)
    return found


def test_the_prize_and_the_witness_are_worth_points(
    workers: tuple[Worker, Worker], alone: list[tuple]
) -> None:
    """Else nothing could be gained, and nobody could be affected."""
    worker, _ = workers
    assert points(verdicts_in(worker, "attack = lambda: True\n" + PRIZE)) >= 5
    assert points(verdicts_in(worker, NO_ATTACK + PRIZE)) == 0
    assert {passed for _, passed, _, _ in alone} == {True, False}


@pytest.mark.parametrize("name", [file.stem for file in ATTACKS])
def test_an_attack_gains_nothing_and_affects_nobody(
    name: str, attacked: dict[str, Attacked], alone: list[tuple]
) -> None:
    result = attacked[name]
    assert points(result.verdicts) == 0, [v.check.name for v in result.verdicts if v.passed]
    assert result.others == [UNTOUCHED, alone]
    for verdict in result.verdicts:
        assert verdict.message.isprintable() and len(verdict.message) < 500
        assert "forkserver" not in verdict.message and "harness" not in verdict.message


@pytest.mark.parametrize("name", [file.stem for file in FORGERIES])
def test_a_forgery_gains_nothing(name: str, workers: tuple[Worker, Worker]) -> None:
    code = (ATTACKS_FOLDER / "forging" / f"{name}.py").read_text(encoding="utf-8")
    found = verdicts_in(workers[0], UNWRITTEN + code + ATTACKING, of=guessed_checks())
    assert [verdict.check.name for verdict in found if verdict.passed] == []


def test_unwritten_functions_get_no_point_without_an_attack(
    workers: tuple[Worker, Worker],
) -> None:
    """Else a forgery's points would not be its own."""
    found = verdicts_in(workers[0], UNWRITTEN + "def attack(): pass\n", of=all_checks())
    assert points(found) == 0


def guessed_checks() -> list[Check]:
    return [check for check in all_checks() if GUESSED.match(check.name) and not check.hidden]


WEAKER = {
    "knows too much": {"trusted": True, "preload": ("torch", "knows_too_much")},
    "trusted": {"trusted": True, "preload": ("torch",)},
}


@pytest.fixture(scope="module")
def weaker_worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    limits = Limits(seconds=60)
    with Worker(
        limits=limits, slot=SLOTS[2], folders=(WEAKNESSES,), **WEAKER[request.param]
    ) as worker:
        yield worker


@pytest.mark.parametrize(
    ("name", "weaker_worker"),
    [
        ("look_up_the_stack", "knows too much"),
        ("search_the_memory", "knows too much"),
        ("read_the_sources", "trusted"),
        ("import_the_answers", "trusted"),
    ],
    indirect=["weaker_worker"],
)
def test_an_attack_would_succeed_on_a_weaker_sandbox(name: str, weaker_worker: Worker) -> None:
    """Else it would show nothing that it fails."""
    code = with_prize((ATTACKS_FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    assert points(verdicts_in(weaker_worker, code)) >= 5


def test_nothing_is_left_behind(
    workers: tuple[Worker, Worker], attacked: dict[str, Attacked]
) -> None:
    names = ("a3-note", "a3-stays-behind", "fill-0", "renamed", "results.json")
    folders = ("/tmp", "/var/tmp", "/dev/shm", "/", *sys.path)
    left = [Path(folder, name) for folder in folders for name in names]
    assert [path for path in left if path.exists()] == []
    users = {
        Path(entry).stat().st_uid for entry in glob.glob("/proc/[0-9]*") if Path(entry).exists()
    }
    # Other tests may be at work beside this one: theirs are other slots.
    own = range(FIRST_USER + STRETCH * SLOTS[0], FIRST_USER + STRETCH * (SLOTS[-1] + 1))
    assert not users & set(own)


def test_the_figures(
    attacked: dict[str, Attacked], alone: list[tuple], capsys: pytest.CaptureFixture[str]
) -> None:
    gained = sum(points(result.verdicts) for result in attacked.values())
    affected = sum(
        found != wanted
        for result in attacked.values()
        for found, wanted in zip(result.others, [UNTOUCHED, alone], strict=True)
    )
    with capsys.disabled():
        print(
            f"\nattacks tried: {len(attacked)}, points gained: {gained:g}, "
            f"other submissions affected: {affected}"
        )
    assert (gained, affected) == (0, 0)
    assert len(attacked) >= 24
