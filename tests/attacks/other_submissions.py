"""Look for other submissions and for earlier results."""

import os
import sys

PROJECT = os.path.dirname(os.path.dirname(sys.modules["a3lib"].__file__))
NAMES = ("results.json", "A3.py", "A3.ipynb", "submission", "submissions", "grades.csv")


def attack():
    for top in ("/", "/root", "/home", "/autograder", "/tmp", PROJECT, "/var", "/mnt"):
        for folder, folders, files in os.walk(top):
            if any(name in NAMES for name in files + folders):
                return folder
    return False
