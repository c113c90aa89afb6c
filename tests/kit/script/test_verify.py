"""Import scripts in fresh processes, and look for the required functions."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.exported_scripts import required_source

from a3lib.kit.script.verify import verify_script


def test_verification_finds_functions_by_name_and_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    script = tmp_path / "A3.py"
    script.write_text(
        required_source(("evaluate", "train", "get_log_probs", "reset_model_optimizer"))
        + "\nimport functools, os, a3lib.profiles\nprint('noise')\nos.write(1, b'more noise')\n"
        "evaluate = 3\ndef train(model_name, other): pass\n"
        "def reset_model_optimizer(model_name, lr): pass\n"
        "def keep(f):\n    return functools.wraps(f)(lambda *a: f(*a))\n"
        "assert __name__ == 'A3'\n"
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: 'int'\n"
        "assert os.environ['HF_HUB_OFFLINE'] == '1' and os.environ['CUDA_VISIBLE_DEVICES'] == ''\n"
        "create_labels_from_attention_mask = keep(create_labels_from_attention_mask)\n"
    )
    check = verify_script(script)
    assert check.error is None
    assert 0 <= check.seconds < 30
    assert check.missing == ("get_log_probs",)
    assert check.different == (
        "evaluate is not a function",
        "reset_model_optimizer(model_name, lr) must have a default for lr",
        "train(model_name, other) must be "
        "train(model_name, alpha, lr, batch_size, use_kl_divergence, debug)",
    )
    assert "create_labels_from_attention_mask" in check.correct and len(check.correct) == 7
    assert not (tmp_path / "__pycache__").exists()


FAILING = {
    "x = 1\nx.absent": "AttributeError: 'int' object has no attribute 'absent'",
    "def f(:": "SyntaxError: invalid syntax",
    "import sys\nsys.exit(0)": "it exits with status 0",
    "import os\nos._exit(3)": "it exits with status 3",
}


def test_verification_of_a_script_that_does_not_import(tmp_path: Path) -> None:
    for source, error in FAILING.items():
        (tmp_path / "A3.py").write_text(source)
        check = verify_script(tmp_path / "A3.py")
        assert check.error == error
        assert (check.correct, check.missing, check.different) == ((), (), ())


def test_verification_finds_nothing_that_lies_beside_the_script_or_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    (tmp_path / "more").mkdir()
    for module in (tmp_path / "beside.py", tmp_path / "more" / "beside.py"):
        module.touch()
    # `tests` lies beside the library.
    for source in ("import beside", "import tests", "open('beside.py')"):
        (tmp_path / "A3.py").write_text(source)
        error = str(verify_script(tmp_path / "A3.py").error)
        assert "No module named" in error or "No such file" in error, source


def test_verification_has_a_time_limit(tmp_path: Path) -> None:
    (tmp_path / "A3.py").write_text("import time\ntime.sleep(25)")
    started = time.perf_counter()
    check = verify_script(tmp_path / "A3.py", timeout=0.5)
    assert check.error == "its import takes longer than 0.5 seconds"
    assert time.perf_counter() - started < 20


def test_verification_is_without_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        (tmp_path / "A3.py").write_text(
            f"""
import json, os, socket
def refused(call):
    try:
        call()
    except OSError as error:
        return str(error)
found = [
    refused(lambda: socket.create_connection({address!r})),
    refused(lambda: socket.getaddrinfo("localhost", 80)),
    refused(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", {address!r})),
]
left, right = socket.socketpair()
left.send(b"x")
local = socket.socket(socket.AF_UNIX)
local.bind("here")
local.listen()
socket.socket(socket.AF_UNIX).connect("here")
found += [right.recv(1).decode(), os.getuid(), os.readlink("/proc/self/ns/net")]
json.dump(found, open({str(tmp_path / "found.json")!r}, "w"))
"""
        )
        assert verify_script(tmp_path / "A3.py").error is None
    *found, user, network = json.loads((tmp_path / "found.json").read_text())
    assert found == ["a script is imported without network here"] * 3 + ["x"]
    assert user == os.getuid()
    try_it = "import ctypes; exit(ctypes.CDLL(None).unshare(0x40000000) != 0)"
    if subprocess.run([sys.executable, "-c", try_it]).returncode == 0:
        assert network != os.readlink("/proc/self/ns/net")


def test_verification_does_not_wait_for_what_a_script_leaves_behind(tmp_path: Path) -> None:
    (tmp_path / "A3.py").write_text(
        "import subprocess, time\nsubprocess.Popen(['sleep', '20'])\ntime.sleep(20)"
    )
    started = time.perf_counter()
    assert "longer than 0.5" in str(verify_script(tmp_path / "A3.py", timeout=0.5).error)
    assert time.perf_counter() - started < 15
