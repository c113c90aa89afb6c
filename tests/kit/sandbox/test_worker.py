"""The sandbox from the grader's side: what comes back, how long it waits, what is left behind."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from a3lib.errors import InputError
from a3lib.kit.sandbox import worker as worker_module
from a3lib.kit.sandbox.family import family_of
from a3lib.kit.sandbox.machine import MachineFailure
from a3lib.kit.sandbox.worker import Child, Limits, Worker
from a3lib.util.files import PROJECT

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.slow("starts a worker on each kind of machine; loops end with their time")

HERE = Path(__file__).parent / "in_the_sandbox"
LIMITS = Limits(seconds=5, memory_bytes=500 * 2**20, answer_bytes=100_000)


def stand_in_worker(**more: object) -> Worker:
    settings = {"probes": "stand_in_probes", "folders": (HERE,)}
    settings |= {"limits": LIMITS, "slot": 44, "preload": ("torch", "transformers")} | more
    return Worker(**settings)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with stand_in_worker() as started:
        yield started


def ask(worker: Worker, code: str, *arguments: object) -> tuple:
    with worker.child([code]) as child:
        reply = child.ask("f", {"arguments": arguments})
    return reply.kind, reply.answers.get("value", reply.text)


def test_answers_are_plain_numbers(worker: Worker) -> None:
    assert ask(worker, "def f(x, y): return [x + y, [x * y, 0.5]]", 2, 3) == (
        "answers",
        [5, [6, 0.5]],
    )
    kind, value = ask(worker, "def f(): return [float('nan'), float('-inf')]")
    assert kind == "answers" and math.isnan(value[0]) and value[1] == -math.inf


@pytest.mark.parametrize("value", ["True", "None", "'text'", "{'a': 1}", "[[1], 'x']", "2**64"])
def test_anything_but_a_number_is_unreadable(worker: Worker, value: str) -> None:
    assert ask(worker, f"def f(): return {value}")[0] == "unreadable"


def test_after_an_unreadable_answer_the_child_goes_on(worker: Worker) -> None:
    with worker.child(["def f(x): return x if x else object()"]) as child:
        assert child.ask("f", {"arguments": [0]}).kind == "unreadable"
        assert child.ask("f", {"arguments": [4]}).answers == {"value": 4}


def test_a_long_answer_is_unreadable_and_ends_the_child(worker: Worker) -> None:
    with worker.child(["def f(n): return [0] * n"]) as child:
        assert child.ask("f", {"arguments": [20_000]}).kind == "answers"
        reply = child.ask("f", {"arguments": [40_000]})
        assert (reply.kind, reply.text) == ("unreadable", "the answer is longer than 100000 bytes")
        assert child.ask("f", {"arguments": [1]}).kind == "died"


def test_what_a_function_raises_is_told_with_its_place(worker: Worker) -> None:
    code = "def g():\n    raise ValueError('the batch is empty')\ndef f(): return g()"
    assert ask(worker, code) == (
        "raised",
        "ValueError: the batch is empty (in g: raise ValueError('the batch is empty'))",
    )


def test_a_function_that_is_not_there_is_missing(worker: Worker) -> None:
    assert ask(worker, "x = 1") == ("missing", "NotWritten: there is no function f")


def test_statements_that_fail_are_told_and_the_others_count(worker: Worker) -> None:
    texts = ["import no_such_module", "raise SystemExit(1)", "def f(): return 3", "device = 'mps'"]
    with worker.child([*texts, "def g(): return float(device == 'cpu')"]) as child:
        assert [error.split(":")[0] for error in child.load_errors] == texts[:2]
        assert child.ask("f", {}).answers == {"value": 3}
        assert child.ask("g", {}).answers == {"value": 1}, "the interface's globals are set again"


def test_a_child_keeps_its_state_and_the_next_one_starts_afresh(worker: Worker) -> None:
    code = "n = 0\ndef f():\n    global n\n    n += 1\n    return n"
    with worker.child([code]) as child:
        assert [child.ask("f", {}).answers["value"] for _ in range(3)] == [1, 2, 3]
    assert ask(worker, code) == ("answers", 1)


def test_torch_computes_gradients_and_texts_in_a_child(worker: Worker) -> None:
    code = """
def f():
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel
    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=50))
    tokens = model.generate(torch.ones(2, 3, dtype=torch.long), do_sample=True, max_new_tokens=9)
    model(tokens, labels=tokens).loss.backward()
    return [*tokens.shape, float(model.lm_head.weight.grad.abs().sum() > 0)]
"""
    kind, (rows, columns, has_gradient) = ask(worker, code)
    assert (kind, rows, has_gradient) == ("answers", 2, 1) and 3 < columns <= 12


def test_a_clumsy_patch_does_not_break_honest_answers(worker: Worker) -> None:
    code = """
import json, os, struct, sys, builtins
json.dumps = json.loads = os.write = os.read = struct.pack = lambda *a, **k: None
builtins.open = builtins.print = builtins.sum = None
del sys.modules['json'], sys.modules['os']
def f(): return 3
"""
    assert ask(worker, code) == ("answers", 3)


@pytest.mark.parametrize("code", ["while True: pass", "def f():\n    while True: pass"])
def test_the_time_limit_holds_for_loading_and_for_calls(code: str) -> None:
    with (
        stand_in_worker(limits=Limits(seconds=1), preload=()) as worker,
        worker.child([code]) as child,
    ):
        first, second = child.ask("f", {}), child.ask("f", {})
    what = "the call" if "def" in code else "loading the file"
    assert (first.kind, first.text) == ("timeout", f"{what} took longer than 1 seconds")
    assert (second.kind, second.text) == ("died", f"it had ended before: {first.text}")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("os._exit(7)", "ended by itself with status 7, as os._exit does"),
        ("ctypes.memset(0, 0, 1)", "ended by SIGSEGV"),
        ("os.close(3) or time.sleep(99)", "it closed its connection"),
    ],
)
def test_a_process_that_ends_is_told_how(worker: Worker, body: str, text: str) -> None:
    ends_how = ask(worker, f"import ctypes, os, time\ndef f(): {body}")
    if "close" in body:
        # The harness itself stops when it cannot read its channel; asleep it is not told.
        assert ends_how[0] in ("died", "timeout")
    else:
        assert ends_how == ("died", f"the call ended the process: {text}")


def test_memory_is_limited_for_one_process_and_for_a_family(worker: Worker) -> None:
    assert ask(worker, "def f(): return len(b'x' * 10**9)")[1].startswith("MemoryError")
    code = """
import os, time
def f():
    for _ in range(4):
        if os.fork() == 0:
            taken = b'x' * 200_000_000
            time.sleep(60)
    time.sleep(60)
"""
    kind, text = ask(worker, code)
    assert kind == "died" and "SIGKILL" in text


def test_processes_are_limited(worker: Worker) -> None:
    code = """
import os, time
def f():
    started = 0
    for _ in range(100):
        try:
            if os.fork() == 0:
                time.sleep(60)
            started += 1
        except OSError:
            break
    return started
"""
    kind, started = ask(worker, code)
    assert kind == "answers" and 1 <= started < LIMITS.processes


def test_an_answer_to_the_next_question_is_not_taken(worker: Worker) -> None:
    code = """
import os, struct, threading
def f():
    answer = b'{"value": 42}'
    next_one = struct.pack(">IBI", 3, 2, len(answer)) + answer
    threading.Timer(0.3, os.write, (3, next_one)).start()
    return 0
"""
    with worker.child([code]) as child:
        assert child.ask("f", {}).answers == {"value": 0}
        time.sleep(1)
        reply = child.ask("f", {})
    assert (reply.kind, reply.text) == (
        "unreadable",
        "it wrote to the grader without having been asked",
    )


def test_files_are_limited_each_and_together() -> None:
    code = """
def write(name, size):
    with open(name, 'wb') as file:
        return file.write(bytes(size))
def f():
    written = 0
    for number in range(10):
        try:
            written += write(f'file-{number}', 3_000_000)
        except OSError:
            pass
    return written
def g(): return write('large', 5_000_000)
"""
    with (
        stand_in_worker(limits=Limits(seconds=5, file_bytes=4_000_000), preload=()) as worker,
        worker.child([code]) as child,
    ):
        assert child.ask("g", {}).kind == "raised"
        if not any("size is limited" in sentence for sentence in worker.missing):
            assert child.ask("f", {}).answers["value"] <= 6_000_000


def test_a_child_has_a_bare_environment_and_no_files_but_its_channel(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import os, fcntl
def is_open(number):
    try:
        return fcntl.fcntl(number, fcntl.F_GETFD) >= 0
    except OSError:
        return False
def f(): return [number for number in range(64) if is_open(number)]
def g(): return float(any('SECRET' in name for name in os.environ))
def h(): return [len(os.listdir('.')), float('a3lib' in ''.join(__import__('sys').path))]
"""
    monkeypatch.setenv("SECRET", "42")
    with stand_in_worker() as started, started.child([code]) as child:
        assert child.ask("f", {}).answers == {"value": [0, 1, 2, 3]}
        assert child.ask("g", {}).answers == {"value": 0}
        assert child.ask("h", {}).answers == {"value": [0, 0]}


def test_a_worker_that_dies_is_started_again() -> None:
    with stand_in_worker(preload=()) as worker:
        first = worker._process.pid
        with worker.child(["def f(): return 1"]) as child:
            os.kill(first, signal.SIGKILL)
            worker._process.wait()
            assert child.ask("f", {}).answers == {"value": 1}, "a child does without its worker"
        assert ask(worker, "def f(): return 2") == ("answers", 2)
        assert worker._process.pid != first


def test_where_no_worker_can_be_had_the_machine_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stand_in_worker(preload=()) as worker:
        worker._process.kill()
        worker._process.wait()
        monkeypatch.setattr(sys, "executable", "/bin/false")
        monkeypatch.setattr(worker_module, "PAUSES", (0.0, 0.1))
        with pytest.raises(MachineFailure, match="could be started: The process for student"):
            ask(worker, "def f(): return 2")
        monkeypatch.undo()
        assert ask(worker, "def f(): return 2") == ("answers", 2)


# What a machine does to children


def test_a_child_that_is_killed_from_outside_says_so(worker: Worker) -> None:
    with worker.child(["import time\ndef f(): time.sleep(60)"]) as child:
        [running] = family_of(child.guard)
        Timer(0.3, os.kill, (running, signal.SIGKILL)).start()
        reply = child.ask("f", {})
    assert (reply.kind, reply.from_outside) == ("died", True)
    assert "SIGKILL" in reply.text


def test_a_child_whose_guard_is_killed_says_so(worker: Worker) -> None:
    with worker.child(["import time\ndef f(): time.sleep(60)"]) as child:
        Timer(0.3, os.kill, (child.guard, signal.SIGKILL)).start()
        reply = child.ask("f", {})
    assert (reply.kind, reply.from_outside) == ("died", True)


@pytest.mark.parametrize("while_asked", [False, True])
def test_a_kill_from_outside_is_told_from_a_childs_own_doing_however_long_cleaning_takes(
    tmp_path: Path, while_asked: bool
) -> None:
    (tmp_path / "slow_disk.py").write_text("""
import time
from a3lib.kit.sandbox import supervisor
remove = supervisor.remove_tree
supervisor.remove_tree = lambda path: time.sleep(3) or remove(path)
""")
    folders = (HERE, tmp_path)
    with (
        stand_in_worker(folders=folders, preload=("slow_disk",)) as slow,
        slow.child(["import time\ndef f(): time.sleep(60)"]) as child,
    ):
        [running] = family_of(child.guard)
        if while_asked:
            Timer(0.3, os.kill, (running, signal.SIGKILL)).start()
        else:
            os.kill(running, signal.SIGKILL)
            time.sleep(0.3)
        reply = child.ask("f", {})
    assert (reply.kind, reply.from_outside) == ("died", True), reply


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(1)",
        "os.abort()",
        "ctypes.memset(0, 0, 1)",
        "os.close(3) or time.sleep(60)",
        "[os.fork() or time.sleep(60) for _ in range(3)] and os.kill(os.getpid(), 9)",
        "bytes(10**8) * 10",
        "time.sleep(60)",
    ],
)
def test_what_a_child_does_itself_is_not_from_outside(body: str) -> None:
    code = f"import ctypes, os, time\ndef f(): {body}"
    with (
        stand_in_worker(limits=Limits(seconds=2), preload=()) as quick,
        quick.child([code]) as child,
    ):
        reply = child.ask("f", {})
    assert not reply.from_outside


def test_a_family_that_takes_too_much_is_not_ended_from_outside(worker: Worker) -> None:
    code = """
import os, time
def f():
    for _ in range(4):
        if os.fork() == 0:
            taken = b'x' * 200_000_000
            time.sleep(60)
    time.sleep(60)
"""
    with worker.child([code]) as child:
        reply = child.ask("f", {})
    assert (reply.kind, reply.from_outside) == ("died", False)


@pytest.mark.parametrize(
    ("sabotage", "reason"),
    [
        ("tempfile.mkdtemp = no_room", "No space left on device"),
        ("os.fork = no_room_for_children(os.fork)", "Resource temporarily unavailable"),
        ("namespaces.enter = no_memory", "Cannot allocate memory"),
        ("lockdown.is_counted_alone = lambda others: False", "has other processes"),
    ],
)
@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's children are counted otherwise")
def test_a_child_that_cannot_be_had_is_the_machines_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotage: str, reason: str
) -> None:
    (tmp_path / "sabotage.py").write_text(f"""
import errno, os, tempfile
from a3lib.kit.sandbox import lockdown, namespaces
flag = {str(tmp_path / "flag")!r}
whole = tempfile.mkdtemp, namespaces.enter, lockdown.is_counted_alone, os.fork
def fail(number, *_, **__):
    raise OSError(number, os.strerror(number))
no_room = lambda *_, **__: fail(errno.ENOSPC)
no_memory = lambda *_: fail(errno.ENOMEM)
no_room_for_children = lambda fork: lambda: fail(errno.EAGAIN)
import socket
receive = socket.recv_fds
def recv_fds(*given):
    received = receive(*given)
    tempfile.mkdtemp, namespaces.enter, lockdown.is_counted_alone, os.fork = whole
    if os.path.exists(flag):
        {sabotage}
    return received
socket.recv_fds = recv_fds
""")
    monkeypatch.setattr(worker_module, "PAUSES", (0.0, 0.1))
    folders = (HERE, tmp_path)
    with Worker(probes="stand_in_probes", folders=folders, preload=("sabotage",)) as started:
        assert ask(started, "def f(): return 1") == ("answers", 1)
        assert started.trouble() == ""
        (tmp_path / "flag").touch()
        with pytest.raises(MachineFailure, match=reason):
            ask(started, "def f(): return 1")
        assert reason in started.trouble()
        (tmp_path / "flag").unlink()
        server = started._process.pid
        assert ask(started, "def f(): return 1") == ("answers", 1)
        assert started._process.pid == server, "the worker itself went on"


def test_trusted_code_that_does_not_get_what_is_promised_is_told() -> None:
    # More than any address space holds.
    with stand_in_worker(limits=Limits(memory_bytes=2**62), preload=()) as started:
        assert started.trouble() == (
            "trusted code fails here, too (OSError: [Errno 12] Cannot allocate memory)"
        )
    with stand_in_worker(limits=Limits(file_bytes=2**20), preload=()) as started:
        assert started.trouble() == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root's children have users of their own")
def test_children_of_one_worker_have_users_of_their_own(worker: Worker) -> None:
    code = ["import os\ndef f(): return os.getuid()"]
    with worker.child(code) as one, worker.child(code) as two:
        users = [child.ask("f", {}).answers["value"] for child in (one, two)]
    assert len({*users, os.getuid()}) == 3


def test_a_child_that_gets_no_processor_has_its_time_all_the_same() -> None:
    code = """
import time
def f():
    until = time.process_time() + 1.2
    while time.process_time() < until:
        pass
    return 1
"""
    processor = min(os.sched_getaffinity(0))
    with stand_in_worker(limits=Limits(seconds=2), preload=()) as started:
        os.sched_setaffinity(started._process.pid, {processor})
        command = [sys.executable, "-c", RIVAL, str(processor)]
        rivals = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in "abc"]
        try:
            for rival in rivals:
                assert rival.stdout is not None
                rival.stdout.readline()
            begun = time.monotonic()
            assert ask(started, code) == ("answers", 1)
            assert time.monotonic() - begun > 2, "else nothing is shown"
            assert ask(started, "def f():\n    while True: pass")[0] == "timeout"
        finally:
            for rival in rivals:
                rival.kill()
                rival.communicate()


RIVAL = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
print("at work", flush=True)
while True:
    pass
"""


def test_a_child_that_is_let_go_of_is_gone(worker: Worker) -> None:
    while family_of(worker._process.pid):
        pass  # An earlier test's child may still be ending.
    with worker.child(["def f(): return 1"]) as child:
        assert len(family_of(worker._process.pid)) == 2, "the guard and the child"
        assert child.ask("f", {}).kind == "answers"
    while family_of(worker._process.pid):
        pass  # The guard says that all is over just before it ends itself.


def test_a_grader_that_is_killed_leaves_no_process_behind() -> None:
    script = f"""
import sys, time
sys.path[:0] = [{str(PROJECT)!r}]
from pathlib import Path
from a3lib.kit.sandbox.worker import Worker
worker = Worker(probes="stand_in_probes", folders=(Path({str(HERE)!r}),), preload=(), slot=45)
with worker.child(["def f(): return 1"]) as child:
    print(worker._process.pid, flush=True)
    time.sleep(600)
"""
    grader = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert grader.stdout is not None
    server = int(grader.stdout.readline())
    family = [server, *family_of(server)]
    assert len(family) == 3
    grader.kill()
    grader.wait()
    for process in family:
        wait_until_gone(process)


def wait_until_gone(process: int) -> None:
    """Return when no such process is there; a test that hangs here has found one."""
    while Path(f"/proc/{process}/cmdline").exists():
        if not Path(f"/proc/{process}/cmdline").read_bytes():
            return  # It has ended, and its parent has not looked yet.


def test_probes_that_cannot_be_used_are_named() -> None:
    with pytest.raises(InputError, match="no_such_probes"):
        Worker(probes="no_such_probes", preload=())


def test_a_fork_server_refuses_to_know_answers() -> None:
    with pytest.raises(InputError, match=r"student code would inherit a3lib\.losses"):
        stand_in_worker(preload=("a3lib.losses",))
    with stand_in_worker(preload=("a3lib.losses",), trusted=True):
        pass


def test_a_fork_server_refuses_to_have_threads(tmp_path: Path) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True)"
    (tmp_path / "starts_a_thread.py").write_text(f"{code}.start()\n")
    with pytest.raises(InputError, match="a fork is not safe: 2 threads"):
        Worker(probes="stand_in_probes", folders=(HERE, tmp_path), preload=("starts_a_thread",))


def test_trusted_code_reads_the_library_and_other_code_does_not(worker: Worker) -> None:
    code = "def f():\n    from a3lib import losses\n    return len(open(losses.__file__).read())"
    assert ask(worker, code)[0] == "raised"
    with stand_in_worker(trusted=True) as trusted:
        assert ask(trusted, code)[0] == "answers"


def test_a_platform_without_fork_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InputError, match="only be graded on Linux"):
        Worker()


# What student code can do, on machines that differ in what they allow.
NOTHING = {
    "computes": [2, 2, 2],
    "reads_answers": 0,
    "imports_answers": 0,
    "imports_a_neighbour": 0,
    "reads_passwords": 0,
    "signals_the_grader": 0,
    "signals_its_parent": 0,
    "connects": 0,
    "writes_outside": 0,
    "writes_inside": 1,
    "writes_a_large_file": 0,
    "reads_the_policy": 1,
    "starts_a_thread": 1,
    "raises_limits": 0,
    "has_capabilities": 0,
    "user": 61234,
    "leaves_a_process": 1,
    "hangs": "timeout",
}
CASES = {
    "root": ("0", "", {}, []),
    "root on an old kernel": ("0", "landlock_create_ruleset", {}, ["Landlock"]),
    "a user": ("61234", "", {}, ["User"]),
    "root in a container": ("0", "unshare", {}, ["Files", "Processes"]),
    "root without mounts": ("0", "mount", {}, ["Files"]),
    "a user in a container": (
        "61234",
        "unshare",
        {"leaves_a_process": 0},
        ["Files", "User", "Processes"],
    ),
    "a user in a container on an old kernel": (
        "61234",
        "unshare,landlock_create_ruleset",
        {
            "leaves_a_process": 0,
            "reads_answers": 1,
            "imports_answers": 1,
            "reads_passwords": 1,
            "writes_outside": 1,
        },
        ["Files", "User", "Landlock", "Processes", "Answers"],
    ),
}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become other users")
@pytest.mark.parametrize("name", CASES)
def test_what_protects_elsewhere_and_what_the_report_says(name: str) -> None:
    user, refused, different, missing = CASES[name]
    if user != "0" and not Path(sys.prefix).stat().st_mode & 0o001:
        pytest.skip("the virtual environment's own folder is closed to other users")
    report = elsewhere(user, refused)
    done = report["done"]
    assert (done.pop("user") == 61234) == (user == "61234")
    assert done == {key: value for key, value in (NOTHING | different).items() if key != "user"}
    assert [sentence.split(":")[0] for sentence in report["missing"]] == missing
    assert (report["processes_left"], report["folders_left"]) == (0, 0)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_an_interpreter_that_only_root_can_read_is_refused() -> None:
    if Path(sys.base_prefix).parts[:2] != ("/", "root"):
        pytest.skip("everybody can read this interpreter")
    report = elsewhere("0", "unshare", who="root")
    assert "install Python where every user can read it" in report["refused"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
@pytest.mark.parametrize("refused", ["", "unshare"])
def test_a_library_among_other_packages_is_left_out_and_they_are_not(
    refused: str, tmp_path: Path
) -> None:
    """Once by the small root folder, once by Landlock alone."""
    packages = tmp_path / "site-packages"
    shutil.copytree(PROJECT / "a3lib", packages / "a3lib", ignore=shutil.ignore_patterns("*.pyc"))
    (packages / "a3_neighbour.py").touch()
    report = elsewhere("0", refused, packages)
    done = report["done"]
    assert (done["imports_a_neighbour"], done["computes"]) == (1, [2, 2, 2])
    assert (done["imports_answers"], done["reads_answers"]) == (0, 0)
    assert ("Files" in str(report["missing"])) == bool(refused)


def elsewhere(user: str, refused: str, library: Path = PROJECT, who: str = "everybody") -> dict:
    arguments = [str(HERE / "elsewhere.py"), user, refused, str(library), who]
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    Path("/var/tmp/a3-note").unlink(missing_ok=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become other users")
@pytest.mark.parametrize("user", ["0", "61234"])
@pytest.mark.parametrize("refused", ["", "unshare", "mount"])
def test_graders_beside_each_other_end_and_count_their_own_only(user: str, refused: str) -> None:
    command = [sys.executable, str(HERE / "beside.py"), user, refused]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == [["answers", 1], *[["answers", 1], ["answers", 2]] * 3]


def test_children_of_two_workers_do_not_mix(worker: Worker) -> None:
    with (
        stand_in_worker(slot=46, preload=()) as other,
        worker.child(["def f(): return 1"]) as one,
        other.child(["def f(): return 2"]) as two,
        worker.child(["def f(): return 3"]) as three,
    ):
        children: list[Child] = [one, two, three, one, two]
        found = [child.ask("f", {}).answers["value"] for child in children]
    assert found == [1, 2, 3, 1, 2]
