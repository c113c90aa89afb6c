"""Which names' objects code changes in place, and which names share an object."""

import ast

import pytest

from a3lib.kit.source.changes import at_once, changes_in, roots, shared_by


@pytest.mark.parametrize(
    ("code", "certain"),
    [
        ("CONFIG['a'] = 1", {"CONFIG"}),
        ("CONFIG['a']['b'] = 1", {"CONFIG"}),
        ("del CONFIG['a']", {"CONFIG"}),
        ("model.lr = 1", {"model"}),
        ("NAMES += ['a']", {"NAMES"}),
        ("(A if x else B)['a'] = 1", {"A", "B"}),
        ("(A or B).x = 1", {"A", "B"}),
        ("setattr(model, 'lr', 1)", {"model"}),
        ("builtins.setattr(model, 'lr', 1)", {"model"}),
        ("list.append(NAMES, 1)", {"NAMES"}),
        ("dict.get(CONFIG, 1)", set()),
        ("exec('x = 1', SPACE)", {"SPACE"}),
        ("vars(model)['lr'] = 1", {"vars", "model"}),
        ("globals()['CONFIG']['a'] = 1", {"CONFIG"}),
        ("CONFIG.setdefault('a', [])[0] = 1", {"CONFIG"}),
        ("x = CONFIG['a']", set()),
        ("CONFIG = {}", set()),
    ],
)
def test_what_is_changed_for_certain(code: str, certain: set[str]) -> None:
    assert changes_in(ast.walk(ast.parse(code))).certain == certain


def test_a_method_may_change_its_object() -> None:
    changes = changes_in(ast.walk(ast.parse("NAMES.append(1)\nx = NAMES.pop()\ny = CONFIG.get(1)")))
    assert (changes.called_on, changes.used) == ({"NAMES"}, {"NAMES"})
    assert changes.certain == set()


def test_a_call_may_change_what_it_is_given() -> None:
    changes = changes_in(ast.walk(ast.parse("fill(CONFIG, key=NAMES)\nx = tools.fill(MORE)")))
    assert changes.called == {"fill"}
    assert sorted(changes.passed, key=str) == sorted(
        [
            ("fill", True, {"CONFIG", "NAMES"}),
            ("tools", False, {"MORE"}),
            ("fill", False, {"MORE"}),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("print('a', file=LOG)", {"LOG"}),
        ("torch.add(a, b, out=RESULT)", {"torch", "RESULT"}),
        ("torch.rand(3, generator=NOISE)", {"torch", "NOISE"}),
        ("list(map(NAMES.append, more))", {"NAMES"}),
        ("list(map(lambda x: NAMES.append(x), more))", {"NAMES", "x"}),
        ("list(map(str.lower, more))", set()),
        ("partial(put, CONFIG)('a')", {"partial", "put", "CONFIG"}),
    ],
)
def test_what_a_call_changes_by_what_it_is_given(code: str, used: set[str]) -> None:
    changes = changes_in(ast.walk(ast.parse(f"x = {code}")))
    assert changes.used == used


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a", {"a"}),
        ("a.b[c].d", {"a"}),
        ("[a, (b, {c})]", {"a", "b", "c"}),
        ("{'x': a, b: c}", {"a", "c"}),
        ("a if b else c", {"a", "c"}),
        ("a or b", {"a", "b"}),
        ("(a := b)", {"b"}),
        ("globals()['a']", {"a"}),
        ("globals()[a]", set()),
        ("globals().get('a')", {"globals", "a"}),
        ("getattr(a, 'b')", {"getattr", "a"}),
        ("make(a)", {"make"}),
        ("a + b", set()),
        ("3", set()),
    ],
)
def test_the_names_whose_objects_an_expression_gives(code: str, names: set[str]) -> None:
    assert roots(ast.parse(code, mode="eval").body) == names


@pytest.mark.parametrize(
    ("code", "pairs"),
    [
        ("a = b", {("a", "b", True)}),
        ("a: list = b.c", {("a", "b", True)}),
        ("a = [b, c]", {("a", "b", True), ("a", "c", True)}),
        ("a = make(b)", {("a", "make", False)}),
        ("a = own(b)", {("a", "own", False), ("a", "b", False)}),
        ("a = list(b)", {("a", "list", False), ("a", "b", False)}),
        ("for a in b: pass", {("a", "b", True)}),
        (
            "for i, a in enumerate(b): pass",
            {(x, "b", sure) for x in "ia" for sure in (True, False)},
        ),
        ("x = [a for a in b]", {("a", "b", True)}),
        ("with b as a: pass", {("a", "b", True)}),
        ("a.append(b)", {("a", "b", False)}),
        ("class a(b): pass", {("a", "b", True)}),
        ("a = a", set()),
        ("def f():\n    a = b", set()),
        ("def f(x=(a := b)): pass", {("a", "b", True)}),
    ],
)
def test_names_that_share_an_object(code: str, pairs: set[tuple[str, str, bool]]) -> None:
    found = {
        (name, other, sure)
        for name, other, sure in shared_by(ast.parse(code).body[0], ["own"])
        if other != "enumerate"
    }
    assert found == pairs


def test_bodies_of_functions_do_not_run_with_their_statement() -> None:
    code = (
        "@keep(A)\ndef f(x=B, *, y=C):\n    return D\ng = lambda z=E: F\nclass K(G):\n    h = H\n"
    )
    names = {
        node.id
        for statement in ast.parse(code).body
        for node in at_once(statement)
        if isinstance(node, ast.Name)
    }
    assert names == {"keep", *"ABCEGH", "g", "h"}
