"""Which statements of a submission are kept, and why the others are not."""

from pathlib import Path

from helpers.read_submissions import UNNEEDED, kept, left_out, loaded, read, reasons


def test_definitions_imports_and_constants_are_kept_and_the_rest_is_listed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '''\
        """Text."""
        import os, json as j
        from math import pi, e
        SIZE, NAME = 3, "x"
        # of f
        @staticmethod
        def f(x=SIZE):
            return x
        class A:
            pass
        async def co(): pass
        print("text")
        f(1)
        open("file", "w").write("x")
        for i in range(3):
            f(i)
        with open("file") as file:
            pass
        NAME += '1'
        A.x = 3
        double = lambda x: 2 * x
        other = f
        del other
        result = f(2)
        LATER = NAME * 2
        GONE = result["x"]
        if __name__ == "__main__":
            f(3)
        ''',
    )
    assert kept(found) == [
        "import os",
        "import json as j",
        "from math import pi",
        "from math import e",
        "SIZE, NAME = (3, 'x')",
        "@staticmethod; def f(x=SIZE):;     return x",
        "class A:;     pass",
        "async def co():;     pass",
        "double = lambda x: 2 * x",
        "other = f",
    ]
    assert [item.line for item in found.kept] == [2, 2, 3, 3, 4, 6, 9, 11, 21, 22]
    assert {item.cell for item in found.kept} == {None}
    assert found.functions == {"f", "co", "double", "other"}
    lines = (12, 13, 14, 15, 17, 19, 20, 23, 24, 25, 26, 28)
    assert reasons(found) == dict.fromkeys(lines, UNNEEDED)
    assert {item.cell for item in found.left_out} == {None}
    assert left_out(found)[3] == (15, "for i in range(3): f(i)")


def test_a_guard_is_read_like_the_top_level(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import math
        if '__main__' == __name__:
            SCALE = math.sqrt(4)
            print(SCALE)
            def f(x=SCALE):
                return x
            if __name__ == "__main__":
                K = 1
        else:
            M = 2
        if __name__ != "__main__":
            N = 3
        if __name__ in ("__main__",):
            P = 4
        if __name__ == "other":
            P = 5
        """,
    )
    assert loaded(found)["N"] == 3 and "P" not in loaded(found)
    assert kept(found)[1:4] == [
        "SCALE = math.sqrt(4)",
        "def f(x=SCALE):;     return x",
        "K = 1",
    ]
    assert [item.line for item in found.kept][1:4] == [3, 5, 8]
    assert left_out(found) == [(4, "print(SCALE)")]


def test_imports_that_may_fail_are_kept_without_what_runs(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        try:
            import absent_module, json
        except ImportError:
            absent_module = None
        try:
            import math
            READY = True
        except ImportError as error:
            print("no")
            raise
        finally:
            started = math.sqrt(2)
        try:
            f()
        except Exception:
            pass
        if math.pi > 3:
            import string
            def f():
                return string
            model = 3
            f()
        if f():
            import os
        if unknown:
            import re
        if open("file"):
            import csv
        VERSION = math.floor(3.5)
        if VERSION > 2:
            import string
        """,
    )
    assert kept(found) == [
        "try:;     import absent_module, json; except ImportError:;     absent_module = None",
        "try:;     import math;     READY = True; except ImportError as error:;     pass;     pass"
        "; finally:;     pass",
        "if math.pi > 3:;     import string; ;     def f():;         return string;     pass"
        ";     pass",
        "if f():;     import os",
        "VERSION = math.floor(3.5)",
        "if VERSION > 2:;     import string",
    ]
    assert found.functions == {"f"}
    assert reasons(found) == {
        9: UNNEEDED,
        10: UNNEEDED,
        12: UNNEEDED,
        14: UNNEEDED,
        21: "the grader supplies model",
        22: UNNEEDED,
        26: "it needs unknown, and that is not kept",
        28: "it calls open",
    }


def test_an_object_that_no_function_reads_is_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        A = float("1")
        B = A + 1
        C = float(B)
        D = float("2")
        E = D + 1
        F = 3
        G = lambda: C
        def f(x=E.real):
            return F
        """,
    )
    assert kept(found)[:4] == ["A = float('1')", "B = A + 1", "C = float(B)", "D = float('2')"]
    found = read(tmp_path, "A = float('1')\nB = A + 1\ndef f(A):\n    return A")
    assert found.functions == {"f"} and len(found.kept) == 1
    assert reasons(found) == dict.fromkeys((1, 2), UNNEEDED)


def test_globals_that_the_grader_supplies_are_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import torch
        device = torch.device("mps")
        model_name, LR = "gpt2", 1e-4
        DEVICE = device = "cpu"
        train_texts, test_texts = load()
        optimizer: object = None
        a, model = model, 1
        def f():
            return device, DEVICE
        """,
    )
    assert kept(found) == [
        "import torch",
        "LR = 0.0001",
        "DEVICE = 'cpu'",
        "def f():;     return (device, DEVICE)",
    ]
    assert left_out(found) == [
        (2, "device = torch.device('mps')"),
        (3, "model_name = 'gpt2'"),
        (4, "device = 'cpu'"),
        (5, "train_texts, test_texts = load()"),
        (6, "optimizer: object = None"),
        (7, "a, model = (model, 1)"),
    ]
    assert reasons(found)[2] == "the grader supplies device"
