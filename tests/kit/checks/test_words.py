"""Words for answers: each answer that a check wants has one, and nothing internal is shown."""

import json
from pathlib import Path

import pytest

from a3lib.kit.checks import judge as judging
from a3lib.kit.checks.catalogue import Check, public_checks
from a3lib.kit.checks.judge import judge, not_judged
from a3lib.kit.checks.words import WORDS, in_words

EXPECTED = json.loads(Path(judging.__file__).with_name("expected.json").read_text("utf-8"))


def keys_that_are_wanted() -> set[str]:
    parts = [e["right"] for e in EXPECTED.values()]
    parts += [part for e in EXPECTED.values() for part in e.get("positions", {}).values()]
    return {key for part in parts for key in part}


def test_each_answer_that_is_wanted_has_words_and_no_other() -> None:
    assert keys_that_are_wanted() == set(WORDS)


def test_words_have_no_names_of_ours() -> None:
    allowed = {"output_tokens", "log_probs", "input_ids", "attention_mask", "get_log_probs"}
    words = {word for text in WORDS.values() for word in text.replace(",", " ").split()}
    assert {word for word in words if "_" in word} <= allowed
    assert in_words("something_new") == "something new"


@pytest.mark.parametrize("check", public_checks(), ids=lambda check: check.name)
def test_a_message_names_no_key_and_no_infinity(check: Check) -> None:
    for answers in ({}, {key: 1234.5 for key in keys_that_are_wanted()}):
        message = judge(check, answers).message
        assert message and "inf" not in message.replace("inference", "")
        assert not any(key in message for key in WORDS if "_" in key and key not in WORDS[key])


def test_a_result_of_another_form_is_told_in_its_own_words() -> None:
    check = public_checks()[0]
    text = "f returned 2 values; needed a, b, c"
    verdict = not_judged(check, "raised", f"WrongResult: {text}")
    assert verdict.message == text and verdict.mistake == f"returned values: {text}."
