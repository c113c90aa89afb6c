"""Solution regions: what a student sees, what is refused, and that nothing is lost."""

import textwrap

import pytest
from helpers.refusals import refused

from a3lib.kit.student.regions import check_no_markers, find_regions, restore, strip

FUNCTION = """\
def double(x):
    '''Return twice x.'''
    y = x
    # BEGIN SOLUTION
    # TODO: return twice y, without
    # a multiplication.

    # This is what we do.
    total = y + y
    return total
    # END SOLUTION"""


def block(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_student_sees_the_todo_and_an_error_that_names_the_function() -> None:
    assert strip(FUNCTION, 1) == block("""
        def double(x):
            '''Return twice x.'''
            y = x
            # TODO: return twice y, without
            # a multiplication.
            raise NotImplementedError("TODO: double")
    """)


def test_what_follows_a_region_stays() -> None:
    source = FUNCTION + "\n    return y\n\n\nx = 1"
    assert strip(source, 1).endswith(
        '    raise NotImplementedError("TODO: double")\n    return y\n\n\nx = 1'
    )


def test_at_the_top_level_only_the_todo_stays() -> None:
    source = "import os\n# BEGIN SOLUTION\n# TODO: import more.\nimport re\n# END SOLUTION\nx = 1"
    assert strip(source, 1) == "import os\n# TODO: import more.\nx = 1"


def test_several_todos_of_a_region_all_stay() -> None:
    source = block("""
        def f(x):
            # BEGIN SOLUTION
            # TODO: first this,
            # then that.
            a = x
            # TODO: at last return it.
            return a
            # END SOLUTION
    """)
    assert strip(source, 1) == block("""
        def f(x):
            # TODO: first this,
            # then that.
            # TODO: at last return it.
            raise NotImplementedError("TODO: f")
    """)


def test_the_innermost_function_is_named_and_the_indentation_is_the_regions() -> None:
    source = block("""
        class A:
            def outer(self):
                def inner():
                    if True:
                        # BEGIN SOLUTION
                        # TODO: nothing.
                        return 1
                        # END SOLUTION
                return inner
    """)
    assert '                raise NotImplementedError("TODO: inner")' in strip(source, 1)
    assert "return 1" not in strip(source, 1)


def test_a_cell_without_markers_stays_as_it_is_python_or_not() -> None:
    for source in ("%pip install x", "", "x = 1\n", "# a solution begins"):
        assert strip(source, 1) == source
        assert find_regions(source, 1) == []


@pytest.mark.parametrize(
    "source",
    [
        FUNCTION,
        FUNCTION + "\n",
        FUNCTION + "\n\n\n" + FUNCTION.replace("double", "twice").replace("y + y", "2 * y"),
        "x = 1\n# BEGIN SOLUTION\n# TODO: more.\ny = (\n    2\n)\n# END SOLUTION\n\nz = 3",
    ],
)
def test_solutions_put_back_make_the_same_cell(source: str) -> None:
    stripped = strip(source, 1)
    assert "SOLUTION" not in stripped
    assert restore(stripped, find_regions(source, 1)) == source


def test_solutions_do_not_go_into_another_cell() -> None:
    with refused("has no place in", "def other"):
        restore("def other(): ...", find_regions(FUNCTION, 1))


def test_a_regions_own_code_is_without_markers_and_todos() -> None:
    (region,) = find_regions(FUNCTION, 1)
    assert region.line == 4
    assert " ".join(region.code.split()) == "# This is what we do. total = y + y return total"


# What is refused

TOP = "# BEGIN SOLUTION\n# TODO: t\nx = 1\n# END SOLUTION"
REFUSALS = {
    "unclosed": ("x = 0\n# BEGIN SOLUTION\n# TODO: t\nx = 1", 2, "not closed"),
    "nested": (f"# BEGIN SOLUTION\n# TODO: t\n{TOP}\n# END SOLUTION", 3, "nested"),
    "an end alone": ("x = 1\n# END SOLUTION", 2, "has not begun"),
    "a second end": (f"{TOP}\n# END SOLUTION", 5, "has not begun"),
    "code before a marker": (TOP.replace("x = 1\n", "x = 1; "), 3, "alone on its line"),
    "words after a marker": (TOP.replace("# BEGIN SOLUTION", "# BEGIN SOLUTION now"), 1, "alone"),
    "another spelling": (TOP.replace("# END SOLUTION", "#end solution"), 4, "alone on its line"),
    "more hash marks": (TOP.replace("# BEGIN", "### BEGIN"), 1, "alone on its line"),
    "inside a string": (f"text = '''\n{TOP}\n'''", 2, "inside a string"),
    "inside a docstring": (
        "def f():\n    '''\n    # BEGIN SOLUTION\n    '''\n",
        3,
        "inside a string",
    ),
    "inside a call": (f"f(\n{TOP.replace('x = 1', '1,')}\n)", 2, "inside a string or a statement"),
    "no todo": ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION", 1, "no '# TODO:'"),
    "a todo in a string": (
        "# BEGIN SOLUTION\nx = '# TODO: t'\n# END SOLUTION",
        1,
        "no '# TODO:'",
    ),
    "nothing but a todo": ("# BEGIN SOLUTION\n# TODO: t\n# END SOLUTION", 1, "no solution"),
    "no python": (f"%pip install x\n{TOP}", 1, "plain Python"),
    "a head without its body": (
        "# BEGIN SOLUTION\n# TODO: t\nif x:\n# END SOLUTION\n    y = 1",
        1,
        "cuts a statement",
    ),
    "an else alone": (
        "if x:\n    y = 1\n# BEGIN SOLUTION\n# TODO: t\nelse:\n    y = 2\n# END SOLUTION",
        3,
        "cuts a statement",
    ),
    "an elif alone": (
        "if x:\n    y = 1\n# BEGIN SOLUTION\n# TODO: t\nelif z:\n    y = 2\n# END SOLUTION",
        3,
        "cuts a statement",
    ),
    "an if without its else": (
        "# BEGIN SOLUTION\n# TODO: t\nif x:\n    y = 1\n# END SOLUTION\nelse:\n    y = 2",
        1,
        "cuts a statement",
    ),
    # Without the loop its else would go to the if above.
    "a loop without its else": (
        "if x:\n    y = 1\n# BEGIN SOLUTION\n# TODO: t\nfor z in y:\n    w = 1\n# END SOLUTION\n"
        "else:\n    y = 2",
        3,
        "cuts a statement",
    ),
    "all that a block has": (
        "def f():\n    def g():\n        # BEGIN SOLUTION\n        # TODO: t\n        x = 1\n"
        "    # END SOLUTION",
        3,
        "cuts a statement",
    ),
    "a def without its decorator": (
        "@cache\n# BEGIN SOLUTION\n# TODO: t\ndef f(): ...\n# END SOLUTION\ndef g(): ...",
        2,
        "cuts a statement",
    ),
    "out of its block": (
        "def f():\n    # BEGIN SOLUTION\n    # TODO: t\n    x = 1\n# END SOLUTION",
        2,
        "cuts a statement",
    ),
    "markers less deep than their code": (
        "def f():\n    x = 0\n# BEGIN SOLUTION\n# TODO: t\n    x = 1\n# END SOLUTION",
        3,
        "cuts a statement",
    ),
    "from one function into the next": (
        "def f():\n    # BEGIN SOLUTION\n    # TODO: t\n    x = 1\ndef g():\n    y = 1\n"
        "    # END SOLUTION\n    z = 1",
        2,
        "cuts a statement",
    ),
    "in a block that is no function": (
        "if x:\n    # BEGIN SOLUTION\n    # TODO: t\n    y = 1\n    # END SOLUTION",
        2,
        "top level or inside a function",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_wrong_marker_is_refused_with_cell_and_line(name: str) -> None:
    source, line, reason = REFUSALS[name]
    with refused(f"Cell 17, line {line}: ", reason):
        strip(source, 17)


def test_a_marker_in_a_cell_of_text_is_refused() -> None:
    check_no_markers("# Solutions begin here", 3)
    with refused("Cell 3, line 2: ", "not code"):
        check_no_markers("text\n# BEGIN SOLUTION", 3)
