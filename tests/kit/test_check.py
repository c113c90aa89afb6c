"""`check(function)` in a notebook, and `python -m a3lib check FILE`."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.solutions import PLAIN, Wrong, namespace_of, source_of
from mutants.wrong_kl import DIVERGENCES

from a3lib.__main__ import main
from a3lib.errors import InputError
from a3lib.kit.check import GREEN, RED, YELLOW, check, check_file, verdict_on
from a3lib.kit.check import PLAIN as DEFAULT
from a3lib.kit.checks.catalogue import EXERCISES, public_checks
from a3lib.kit.checks.probes.spies import borrowed
from a3lib.kit.source.told import NEEDED, OTHERS

CHECKS = {one.name: one for one in public_checks()}
MASKED = "    in_completion = (real == 1) & (real.cumsum(dim=1) > lengths)\n"
UNMASKED = Wrong("unmasked", "labels.values", "", ((MASKED, "    in_completion = real == 1\n"),))


@pytest.fixture
def plain() -> dict[str, Any]:
    return namespace_of(PLAIN.read_text(encoding="utf-8"))


def todo() -> str:
    """Return a script whose functions are all still to be written."""
    functions = [
        f"def {name}(*arguments, **more):\n    raise NotImplementedError('TODO')\n"
        for name in EXERCISES
    ]
    return "\n".join(functions)


@pytest.mark.parametrize("name", EXERCISES)
def test_a_right_function_gets_a_green_table(
    name: str, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(plain)
    assert check(plain[name]) is None
    lines = capsys.readouterr().out.splitlines()
    titles = [one.title for one in public_checks() if one.function == name]
    assert lines[-1] == f"{len(titles)} of {len(titles)} checks passed"
    assert lines[:-1] == [f"{GREEN}passed{DEFAULT}               {name}: {t}" for t in titles]
    assert plain == before


def test_what_needs_the_next_section_waits(
    plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with borrowed(plain, {"compute_kl_divergence": None}):
        check(plain["train"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "4 of 6 checks passed; 2 wait for what is not implemented yet"


def test_a_mistake_is_told_with_what_was_expected_and_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    namespace = namespace_of(source_of(UNMASKED))
    check(namespace["create_labels_from_attention_mask"])
    assert capsys.readouterr().out.splitlines()[:3] == [
        f"{RED}failed{DEFAULT}               create_labels_from_attention_mask: "
        "prompt and padding are -100",
        "                     the labels at [0, 2]: expected -100, got 17",
        "                     It looks like this: prompt not masked: labels[0, 2] should be -100.",
    ]


def test_a_function_that_raises_is_an_error_and_its_message_one_short_line(
    plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(
        "def compute_DPO_loss(*sums, beta=0.1):\n    raise ValueError('two\\nlines ' + 'x' * 999)",
        plain,
    )
    check(plain["compute_DPO_loss"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{RED}error{DEFAULT}  ")
    assert lines[1].strip().startswith("it raised an error: ValueError: two lines xxx")
    assert len(lines[1]) < 300 and len(lines) == 9


def test_what_is_not_written_yet_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    namespace = namespace_of(todo())
    for name in EXERCISES:
        check(namespace[name])
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith(f"{YELLOW}not implemented yet")]) == 45
    assert len([line for line in lines if line.startswith("0 of ")]) == len(lines) - 45 == 11


def test_what_the_function_prints_is_not_shown(
    plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(
        "import sys\ntheirs = compute_DPO_loss\n"
        "def compute_DPO_loss(*sums, **more):\n"
        "    print('noise')\n    print('noise', file=sys.stderr)\n    return theirs(*sums, **more)",
        plain,
    )
    check(plain["compute_DPO_loss"])
    out, err = capsys.readouterr()
    assert "noise" not in out + err and "4 of 4 checks passed" in out


def test_a_function_s_error_is_told_in_one_printable_line(plain: dict[str, Any]) -> None:
    def broken(*arguments: Any, **more: Any) -> None:
        raise ValueError("two\nlines \x1b[2J" + "x" * 1000)

    plain["compute_DPO_loss"] = broken
    message = verdict_on(CHECKS["dpo_loss.values"], plain).message
    assert "ValueError: two lines \\x1b[2Jxxx" in message and message.isprintable()
    assert len(message) < 400


def test_another_function_is_refused() -> None:
    with pytest.raises(
        InputError, match="There are no checks of 'my_own'; give one of compute_rew"
    ):
        exec("def my_own(): pass\ncheck(my_own)", {"check": check})
    with pytest.raises(InputError, match="There are no checks of '3'"):
        check(3)  # type: ignore[arg-type]


def test_the_second_try_counts_where_another_function_is_wrong(plain: dict[str, Any]) -> None:
    def broken(*arguments: Any, **more: Any) -> None:
        raise ValueError("another exercise's mistake")

    plain["compute_reward_for_mini_batch"] = broken
    assert verdict_on(CHECKS["evaluate.mean"], plain).passed
    plain["evaluate"] = broken
    verdict = verdict_on(CHECKS["evaluate.mean"], plain)
    # The first try's message is told, not the stand-ins'.
    assert not verdict.passed and "another exercise's mistake" in verdict.message


def test_positions_are_a_setting() -> None:
    (seed,) = (wrong for wrong in DIVERGENCES if wrong.mistake == "prompt included")
    namespace = namespace_of(source_of(seed))
    passed = [verdict_on(CHECKS["kl.values"], namespace, p).passed for p in ("20", "29", "either")]
    assert passed == [False, True, True]


def test_the_command_prints_all_checks_and_bad_statements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "A3.py"
    file.write_text(
        "import no_such_module_anywhere\nSIZE = len(3)\ndef helper(size=SIZE):\n    pass\n" + todo()
    )
    assert main(["check", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("This line could not be executed: SIZE = len(3): TypeError: ")
    assert lines[2] == f"{OTHERS}:"
    assert lines[3].startswith("  line 1: import no_such_module_anywhere (no_such_module_anywhere ")
    assert len([x for x in lines if x.startswith("not implemented yet  ")]) == len(CHECKS)
    assert lines[-1] == f"0 of {len(CHECKS)} checks passed"
    assert "\033" not in "".join(lines)


def test_the_command_for_one_function_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "A3.py"
    file.write_text(source_of(UNMASKED))
    main(["check", str(file), "--json", "--function", "create_labels_from_attention_mask"])
    found = json.loads(capsys.readouterr().out)
    assert [item["check"] for item in found] == ["labels.values", "labels.eos", "labels.unchanged"]
    assert found[0] == {
        "check": "labels.values",
        "function": "create_labels_from_attention_mask",
        "status": "failed",
        "message": "the labels at [0, 2]: expected -100, got 17",
        "mistake": "prompt not masked: labels[0, 2] should be -100.",
    }


def test_a_file_is_checked_without_its_training(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    file.write_text(PLAIN.read_text(encoding="utf-8") + "\ntrain(model_name)\n")
    verdicts, loaded = check_file(file)
    assert loaded.complete and "train(model_name)" in "".join(loaded.notes)
    assert not [note for note in loaded.notes if "could not be executed" in note]
    assert len(verdicts) == len(CHECKS) and all(verdict.passed for verdict in verdicts)


LABELS = "create_labels_from_attention_mask"
# Texts put before the functions, and the exit status for the labels' checks.
STATUSES = {
    "": 0,
    "print(1)\ntrain(model_name)\n": 0,
    "CONFIG = {}\nCONFIG['ignore'] = -100\n": 0,
    f"def more():\n    return open('x')\n{LABELS}.path = more()\n": 1,
    "import module_beside\ndef extra():\n    return module_beside.x\n": 0,
}


@pytest.mark.parametrize("more", STATUSES)
def test_the_status_says_whether_all_is_right(more: str, tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    (tmp_path / "module_beside.py").write_text("x = 1")
    file.write_text(PLAIN.read_text(encoding="utf-8") + more)
    for option in ([], ["--json"]):
        assert main(["check", str(file), "--function", LABELS, *option]) == STATUSES[more]


def test_what_is_not_right_or_not_written_has_status_1(tmp_path: Path) -> None:
    file = tmp_path / "A3.py"
    for source in (source_of(UNMASKED), todo(), "x = 1\n"):
        file.write_text(source)
        assert main(["check", str(file), "--function", LABELS]) == 1


def test_a_module_beside_the_file_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "A3.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "module_beside.py").write_text("IGNORE = -100")
    use = ("labels[~in_completion] = -100", "labels[~in_completion] = IGNORE")
    first = "from module_beside import IGNORE\n"
    file.write_text(first + source_of(Wrong("", "", "", (use,))))
    assert main(["check", str(file), "--function", LABELS]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{NEEDED}:" and "train_DPO" in lines[1]
    assert "put its code into a cell that begins with %%writefile module_beside.py" in lines[1]
    inside = (
        "    labels[~in_completion] = -100",
        f"    {first}    labels[~in_completion] = IGNORE",
    )
    file.write_text(source_of(Wrong("", "", "", (inside,))))
    assert main(["check", str(file), "--function", LABELS]) == 1
    assert "module_beside is no installed package" in capsys.readouterr().out


def test_the_command_takes_the_positions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (seed,) = (wrong for wrong in DIVERGENCES if wrong.mistake == "prompt included")
    file = tmp_path / "A3.py"
    file.write_text(source_of(seed))
    name = ["--function", "compute_kl_divergence"]
    main(["check", str(file), *name, "--positions", "20"])
    assert "prompt included: only the 20 generated tokens count." in capsys.readouterr().out
    main(["check", str(file), *name])
    assert "3 of 3 checks passed" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nowhere.py"]) == 1
    assert "nowhere.py cannot be read" in capsys.readouterr().err
