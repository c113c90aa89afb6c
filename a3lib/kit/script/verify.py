"""Import a script in a fresh process, without network or GPU, and look at its functions."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from a3lib.kit.source.interface import REQUIRED_DEFAULTS, REQUIRED_FUNCTIONS
from a3lib.util.files import PROJECT


@dataclass(frozen=True)
class Verification:
    """A script as a fresh process sees it; `error` is None where it imports.

    The required functions are `correct`, `missing`, or have `different` arguments.
    """

    error: str | None
    seconds: float
    correct: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()


# An audit hook sees every connection that Python makes, and cannot be removed. Where Linux allows
# it, the process also gets a network of its own, which holds for what other code in it tries.
CHILD = """
import ctypes, importlib.util, inspect, json, os, sys, time

def without_network():
    user, group, new_user, new_network = os.getuid(), os.getgid(), 0x10000000, 0x40000000
    unshare = ctypes.CDLL(None).unshare
    if unshare(new_network) and not unshare(new_user | new_network):
        same = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in same.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)

def refuse(event, arguments):
    name = event.removeprefix("socket.")
    by_path = name in ("connect", "sendto", "sendmsg") and arguments[0].family.name == "AF_UNIX"
    if name != event and name in REFUSED and not by_path:
        raise OSError("a script is imported without network here")

REFUSED = {"connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr"}
try:
    without_network()
except Exception:
    pass  # Not Linux, or not allowed: the hook alone must do.
sys.addaudithook(refuse)

script, name, project, *functions = sys.argv[1:]
sys.path.insert(0, project)
import a3lib
sys.path.remove(project)  # What lies beside the library is not where the script will be used.
spec = importlib.util.spec_from_file_location(name, script)
module = sys.modules[name] = importlib.util.module_from_spec(spec)
started = time.perf_counter()
spec.loader.exec_module(module)
seconds = time.perf_counter() - started

def arguments(value):
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.name, p.default is not p.empty] for p in parameters]

signatures = {f: arguments(getattr(module, f)) for f in functions if hasattr(module, f)}
print()  # The script may have left a line open.
print(json.dumps({"seconds": seconds, "signatures": signatures}))
"""


def verify_script(script: Path, timeout: float = 60.0) -> Verification:
    """Import a script in a fresh process without network or GPU, and look at its functions.

    It runs in an empty folder, and of the author's own modules finds none, as where it is graded.
    """
    with tempfile.TemporaryDirectory() as folder:
        return verify_in(Path(folder), script.resolve(), timeout)


def verify_in(folder: Path, script: Path, timeout: float) -> Verification:
    """Import a script as `verify_script` does, in a folder."""
    settings = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(script), script.stem, str(PROJECT), *REQUIRED_FUNCTIONS]
    # Files, not pipes: a process that the script leaves behind would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            child = subprocess.run(
                [sys.executable, "-c", CHILD, *arguments],
                cwd=folder,
                env=kept | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            return Verification(f"its import takes longer than {timeout:g} seconds", timeout)
        printed, complaints = [(file.seek(0), file.read())[1] for file in (output, errors)]
    answers = [line for line in printed.splitlines() if line.startswith('{"seconds"')]
    if child.returncode or not answers:
        lines = complaints.strip().splitlines()
        return Verification(lines[-1] if lines else f"it exits with status {child.returncode}", 0.0)
    answer = json.loads(answers[-1])
    return compare(answer["seconds"], answer["signatures"])


def compare(seconds: float, signatures: dict[str, list[tuple[str, bool]] | None]) -> Verification:
    """Compare a script's functions with `REQUIRED_FUNCTIONS`.

    A signature is the arguments' names, each with whether it has a default.
    """
    correct, missing, different = [], [], []
    for name, required in REQUIRED_FUNCTIONS.items():
        signature = signatures.get(name)
        text = ", ".join(f"{a}=..." if has_default else a for a, has_default in signature or [])
        optional = required[len(required) - REQUIRED_DEFAULTS[name] :]
        if name not in signatures:
            missing.append(name)
        elif signature is None:
            different.append(f"{name} is not a function")
        elif tuple(argument for argument, _ in signature) != required:
            different.append(f"{name}({text}) must be {name}({', '.join(required)})")
        elif not all(has_default for argument, has_default in signature if argument in optional):
            different.append(f"{name}({text}) must have a default for {' and '.join(optional)}")
        else:
            correct.append(name)
    return Verification(None, seconds, tuple(correct), tuple(missing), tuple(different))
