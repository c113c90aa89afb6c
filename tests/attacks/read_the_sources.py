"""Read answers and expected values through every door to a module's source."""

import contextlib
import importlib.util
import inspect
import linecache
import os
import pkgutil
import sys
import zipimport

NAMES = ("a3lib.losses", "a3lib.kit.checks.answers.write", "a3lib.kit.checks.judge")


def read(path):
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()


def attack():
    package = sys.modules["a3lib"]
    folder = os.path.dirname(package.__file__)
    found = []
    for path in (
        "losses.py",
        "kit/checks/expected.json",
        "kit/checks/answers/hidden.json",
        "errors.py",
    ):
        full = os.path.join(folder, path)
        found.append(read(full))
        found.append(linecache.getline(full, 1))
    for name in NAMES:
        with contextlib.suppress(Exception):
            found.append(importlib.util.find_spec(name).loader.get_source(name))
        with contextlib.suppress(Exception):
            found.append(pkgutil.get_data(name, "expected.json"))
        with contextlib.suppress(Exception):
            found.append(pkgutil.get_loader(name).get_code(name))
    with contextlib.suppress(Exception):
        found.append(zipimport.zipimporter(folder).get_source(NAMES[0]))
    with contextlib.suppress(Exception):
        found.append(inspect.getsource(sys.modules["a3lib.kit.checks.probes.dispatch"]))
    for top in ("/", "/root", "/home", "/srv", "/autograder", os.getcwd(), "/proc", "/etc"):
        for inside, _, files in os.walk(top):
            names = {"expected.json", "losses.py"}.intersection(files)
            found += [read(os.path.join(inside, name)) for name in names]
    return any(found)
