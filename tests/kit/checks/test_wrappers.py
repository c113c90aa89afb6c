"""A helper that a function only passes its arguments on to is followed as the function itself."""

from types import FunctionType
from typing import Any

import pytest
import torch

from a3lib.kit.checks.probes.aliases import aliases_followed
from a3lib.kit.checks.probes.spies import borrowed
from a3lib.kit.checks.probes.wrappers import passed_on

HELPER = """
def helper(first, second, third=3):
    return first, second, third

def of_any(*given, **more):
    return given, more

def with_a_choice(first, second, *, third=3):
    return first, second, third
"""
SAME = {
    "by places": "(a, b, c=5): return helper(a, b, c)",
    "by names": "(first, second, third): return helper(first, second=second, third=third)",
    "names in another order": (
        "(first, second, third): return helper(third=third, first=first, second=second)"
    ),
    "with a text": "(a, b, c):\n    'What it does.'\n    return helper(a, b, c)",
    "with types": "(a: int, b: int, c: int) -> tuple:\n    return helper(a, b, c)",
    "kept first": "(a, b, c):\n    result = helper(a, b, c)\n    return result",
    "unpacked first": "(a, b, c):\n    x, y, z = helper(a, b, c)\n    return x, y, z",
    "whatever is given": "(*given, **more): return of_any(*given, **more)",
    "whatever is given, kept first": (
        "(*given, **more):\n    result = of_any(*given, **more)\n    return result"
    ),
    "without gradients": "(a, b, c):\n    with torch.no_grad():\n        return helper(a, b, c)",
    "without gradients, unpacked": (
        "(a, b, c):\n    with torch.no_grad():\n        x, y = helper(a, b, c)\n    return x, y"
    ),
}
OTHERS = {
    "other arguments": "(a, b, c): return helper(a, b, 5)",
    "another order": "(a, b, c): return helper(b, a, c)",
    "an argument is left out": "(a, b, c): return helper(a, b)",
    "one name for two": "(first, second, third): return helper(first, second, third=second)",
    "a part of the result": "(a, b, c): return helper(a, b, c)[0]",
    "another sign": "(a, b, c): return -helper(a, b, c)",
    "results swapped": "(a, b, c):\n    x, y = helper(a, b, c)\n    return y, x",
    "something before": "(a, b, c):\n    a.eval()\n    return helper(a, b, c)",
    "called twice": "(a, b, c):\n    helper(a, b, c)\n    return helper(a, b, c)",
    "with gradients": "(a, b, c):\n    with torch.enable_grad():\n        return helper(a, b, c)",
    "a choice that is not passed on": "(a, b): return with_a_choice(a, b)",
    "no function": "(a, b, c): return tuple(a, b, c)",
    "one at a time": "(a, b, c): yield helper(a, b, c)",
}


def namespace_of(rest: str, beginning: str = "import torch\n") -> dict[str, Any]:
    """Return the globals of a text with the helpers, in which `evaluate` has this rest."""
    made: dict[str, Any] = {"torch": torch}
    exec(f"{beginning}{HELPER}\ndef evaluate{rest}\n", made)
    return made


@pytest.mark.parametrize("beginning", ["", "import torch\n"])
@pytest.mark.parametrize("form", SAME)
def test_a_function_that_passes_all_on_is_known(form: str, beginning: str) -> None:
    namespace = namespace_of(SAME[form], beginning)
    passed = passed_on(namespace["evaluate"], namespace)
    assert passed is not None and passed.helper is namespace[passed.name]


@pytest.mark.parametrize("form", OTHERS)
def test_a_function_that_does_more_is_no_wrapper(form: str) -> None:
    namespace = namespace_of(OTHERS[form])
    assert passed_on(namespace["evaluate"], namespace) is None


def test_another_torch_may_do_anything() -> None:
    namespace = namespace_of(SAME["without gradients"])
    namespace["torch"] = object()
    assert passed_on(namespace["evaluate"], namespace) is None


def test_a_helper_gets_the_stand_in_with_the_functions_own_places() -> None:
    namespace = namespace_of("(third, first, second=2): return helper(third, first, third=second)")
    assert passed_on(namespace["evaluate"], namespace) is None, "two arguments of one name"
    namespace = namespace_of(
        "(third, first, second=2): return helper(first=first, third=third, second=second)"
    )
    helper = namespace["helper"]
    before = helper.__code__, helper.__defaults__
    with aliases_followed(namespace):
        assert namespace["evaluate"]("c", "a") == ("a", 2, "c")
        assert helper("a", "b") == ("a", "b", 3), "without a stand-in it does what it did"
        with borrowed(namespace, {"evaluate": lambda *given, **more: (given, more)}):
            assert helper("a", second="b") == ((3, "a", "b"), {})
    assert (helper.__code__, helper.__defaults__) == before
    assert namespace["evaluate"]("c", "a") == ("a", 2, "c") and namespace["helper"] is helper


def test_another_function_of_the_assignment_is_not_taken_for_a_helper() -> None:
    namespace = namespace_of("(a, b, c): return get_log_probs(a, b, c)")
    exec("def get_log_probs(a, b, c): return 'own'", namespace)
    with (
        aliases_followed(namespace),
        borrowed(namespace, {"evaluate": lambda *given: "stand-in"}),
    ):
        assert namespace["get_log_probs"](1, 2, 3) == "own"


def test_names_that_are_none_are_never_executed() -> None:
    namespace = namespace_of(SAME["by places"])
    code = namespace["evaluate"].__code__
    forged = code.replace(co_varnames=("a", "b=print('executed')", "c"))
    function = FunctionType(forged, namespace)
    assert passed_on(function, namespace) is None
    exec("def around(free):\n    def evaluate(): return free\n    return evaluate", namespace)
    inner = namespace["around"](1)
    forged = inner.__code__.replace(co_freevars=("free=missing",))
    namespace["evaluate"] = FunctionType(forged, namespace, closure=inner.__closure__)
    before = namespace["evaluate"]
    with aliases_followed(namespace):
        assert namespace["evaluate"] is before


@pytest.mark.parametrize(
    "decorator", ["torch.no_grad()", "torch.no_grad", "torch.inference_mode()"]
)
def test_what_torch_decorates_is_followed_and_stays_decorated(decorator: str) -> None:
    namespace: dict[str, Any] = {}
    source = (
        f"import torch\n@{decorator}\ndef evaluate(x):\n    return x, torch.is_grad_enabled()\n"
    )
    exec(source, namespace)
    function = namespace["evaluate"]
    inner = function.__wrapped__
    code = inner.__code__
    with aliases_followed(namespace):
        assert namespace["evaluate"] is not function and namespace["evaluate"](1) == (1, False)
        assert function(1) == (1, False)
        with borrowed(namespace, {"evaluate": lambda x: ("stand-in", x)}):
            assert function(1) == ("stand-in", 1)
    assert (
        namespace["evaluate"] is function and inner.__code__ is code and function(2) == (2, False)
    )
