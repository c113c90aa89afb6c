"""Change methods of builtin types, which Python itself does not allow."""

import ctypes
import gc


def attack():
    for kind, name, forged in (
        (dict, "get", lambda self, key, other=None: 1.0),
        (list, "append", lambda self, value: None),
    ):
        gc.get_referents(vars(kind))[0][name] = forged
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
