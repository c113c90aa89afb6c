"""Say what the sandbox protects where this script runs, and what student code can do there.

Started by `elsewhere.py`, with the folder that this library is in. Prints JSON:
`protections`, `missing`, and `done`: for each attempt whether it succeeded.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = Path(sys.argv[1])
sys.path.insert(0, str(ROOT))

from a3lib.errors import InputError  # noqa: E402
from a3lib.kit.sandbox.worker import Limits, Worker  # noqa: E402

CODE = """
import contextlib, os, resource, socket, threading, time

def succeeds(task):
    try:
        return int(task() is not False)
    except (OSError, RuntimeError, ValueError, ImportError):
        return 0

def computes():
    import torch
    a = torch.ones(3, requires_grad=True)
    (a * a).sum().backward()
    return a.grad.tolist()

def reads_answers(folder):
    return succeeds(lambda: open(folder + "/losses.py").read())

def imports_answers():
    def task():
        import a3lib.losses
    return succeeds(task)

def imports_a_neighbour():
    def task():
        import a3_neighbour
    return succeeds(task)

def reads_passwords():
    places = ("/etc/passwd", "/../etc/passwd", "../../../etc/passwd")
    return max(succeeds(lambda: open(place).read()) for place in places)

def signals_the_grader(process):
    return succeeds(lambda: os.kill(process, 0))

def signals_its_parent():
    return succeeds(lambda: os.kill(os.getppid(), 0)) if os.getppid() else 0

def connects():
    return succeeds(lambda: socket.socket().connect_ex(("127.0.0.1", 1)) or True)

def writes_outside():
    # In a mount namespace /tmp is its own folder.
    return succeeds(lambda: open("/var/tmp/a3-note", "w").close())

def writes_inside():
    return succeeds(lambda: open("file", "w").close())

def writes_a_large_file():
    def task():
        with open("large", "wb") as file:
            file.write(bytes(5_000_000))
    return succeeds(task)

def reads_the_policy(folder):
    return succeeds(lambda: open(folder + "/tinyworld/policy/config.json").read())

def starts_a_thread():
    return succeeds(lambda: threading.Thread(target=int).start())

def leaves_a_process(seconds):
    def task():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(0.5)  # Lest it is read as the answer.
                with contextlib.suppress(OSError):
                    os.write(3, b"x" * 64)
                time.sleep(seconds)
            os._exit(0)
    return succeeds(task)

def raises_limits():
    return succeeds(lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)))

def has_capabilities():
    import ctypes, struct
    found = ctypes.create_string_buffer(24)
    ctypes.CDLL(None).capget(struct.pack("Ii", 0x20080522, 0), found)
    return int(any(found.raw))

def user():
    return os.getuid()

def hangs():
    while True:
        pass
"""


def attempts(library: Path) -> dict[str, list[object]]:
    return {
        "computes": [],
        "reads_answers": [str(library)],
        "imports_answers": [],
        "imports_a_neighbour": [],
        "reads_passwords": [],
        "signals_the_grader": [os.getpid()],
        "signals_its_parent": [],
        "connects": [],
        "writes_outside": [],
        "writes_inside": [],
        "writes_a_large_file": [],
        "reads_the_policy": [str(library)],
        "starts_a_thread": [],
        "raises_limits": [],
        "has_capabilities": [],
        "user": [],
        "leaves_a_process": [4321],
        "hangs": [],
    }


def processes_of(slot: int) -> set[int]:
    """The ids of a worker and of all that was forked from it: they have its command line."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f'"slot": {slot},'.encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def wait_for_the_end(slot: int, server: int) -> set[int]:
    """The processes that are still there when those about to end have had time to."""
    for _ in range(100):
        if not (left := processes_of(slot) - {server}):
            break
        time.sleep(0.02)
    return left


def main() -> None:
    library = ROOT / "a3lib"
    slot = 1000 + os.getpid() % 1000
    folder = Path(tempfile.mkdtemp(prefix="a3-report-"))
    folder.chmod(0o755)
    tempfile.tempdir = str(folder)
    try:
        worker = Worker(
            probes="stand_in_probes",
            folders=(HERE,),
            preload=("torch",),
            limits=Limits(seconds=3, file_bytes=4_000_000),
            slot=slot,
        )
    except InputError as problem:
        print(json.dumps({"refused": str(problem)}))
        return
    done = {}
    with worker:
        for probe, arguments in attempts(library).items():
            with worker.child([CODE]) as child:
                reply = child.ask(probe, {"arguments": arguments})
            done[probe] = reply.answers.get("value", reply.kind)
        left = wait_for_the_end(slot, worker._process.pid)
        print(
            json.dumps(
                {
                    "protections": worker.protections,
                    "missing": worker.missing,
                    "done": done,
                    "processes_left": len(left),
                    "folders_left": len(list(folder.glob("a3-child-*"))),
                }
            )
        )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
