"""Names that code binds without naming them."""

import ast

import pytest

from a3lib.kit.source.namespaces import (
    ALL,
    aliases_in,
    bound_through_namespaces,
    is_namespace,
    is_this_module,
)


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        ("globals()['a'] = 1", {"a"}),
        ("globals()[name] = 1", {ALL}),
        ("del globals()['a']", {"a"}),
        ("vars()['a'] = 1", {"a"}),
        ("f.__globals__['a'] = 1", {"a"}),
        ("sys.modules[__name__].a = 1", {"a"}),
        ("sys.modules[__name__].__dict__['a'] = 1", {"a"}),
        ("vars(sys.modules[__name__])['a'] = 1", {"a"}),
        ("importlib.import_module(__name__).a = 1", {"a"}),
        ("setattr(sys.modules[__name__], 'a', 1)", {"a"}),
        ("delattr(sys.modules[__name__], 'a')", {"a"}),
        ("setattr(sys.modules[__name__], name, 1)", {ALL}),
        ("setattr(other, 'a', 1)", set()),
        ("exec('a = 1')", {ALL}),
        ("exec('a = 1', globals())", {ALL}),
        ("exec('a = 1', {})", set()),
        ("globals().update(a=1, b=2)", {"a", "b"}),
        ("globals().update({'a': 1}, **more)", {"a", ALL}),
        ("globals().update(more)", {ALL}),
        ("globals().setdefault('a', 1)", {"a"}),
        ("globals().pop('a')", {"a"}),
        ("globals().get('a')", set()),
        ("x = globals()['a']", set()),
        ("SPACE['a'] = 1", {"a"}),
        ("SPACE |= {'a': 1}", {"a"}),
        ("SPACE.update(a=1)", {"a"}),
        ("builtins.a = 1", {"a"}),
        ("builtins.update(a=1)", set()),
        ("CONFIG['a'] = 1", set()),
        ("CONFIG.update(a=1)", set()),
    ],
)
def test_what_is_bound_through_the_module_or_its_names(code: str, bound: set[str]) -> None:
    aliases = aliases_in(ast.parse("import builtins\nSPACE = globals()").body)
    assert bound_through_namespaces(ast.walk(ast.parse(code)), aliases) == bound


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("me = sys.modules[__name__]\nspace = me.__dict__\nmore = space", {"me", "space", "more"}),
        ("import builtins as b", {"b"}),
        ("import builtins", {"builtins"}),
        ("import sys\nx = sys.modules\ny = dict(globals())", set()),
    ],
)
def test_names_for_the_module_are_followed(code: str, names: set[str]) -> None:
    found = aliases_in(ast.parse(code).body)
    assert found - {"builtins", "__builtins__"} == names - {"builtins"}


def test_expressions_that_are_the_module() -> None:
    def parsed(code: str) -> ast.expr:
        return ast.parse(code, mode="eval").body

    assert is_this_module(parsed("sys.modules[__name__]"))
    assert not is_this_module(parsed("sys.modules['os']"))
    assert is_namespace(parsed("locals()"))
    assert not is_namespace(parsed("vars(model)"))
