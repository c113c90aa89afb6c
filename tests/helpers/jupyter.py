"""A JupyterLab on loopback for one folder, with settings of its own and no way to the internet."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from helpers.chromium import need_module

START_SECONDS = 120
STOP_SECONDS = 20
# Every cell is drawn, also those out of sight; no questions, no news.
USER_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
# What must not reach the server and its kernels from the shell that started the tests.
UNWANTED_VARIABLE = re.compile(
    r"(JUPYTER|JPY_|IPY|A3_|MPLBACKEND|PYTHONPATH|PYTEST_).*|.*_proxy", re.I
)


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago; Jupyter tries others if it is not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_user_settings(configuration: Path) -> None:
    """Write `USER_SETTINGS` where JupyterLab keeps what a user chose in its settings editor."""
    for name, settings in USER_SETTINGS.items():
        file = configuration / f"lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")


def server_environment(home: Path, token: str) -> dict[str, str]:
    """Return this environment with a token and all of Jupyter's own folders below `home`."""
    kept = {k: v for k, v in os.environ.items() if not UNWANTED_VARIABLE.fullmatch(k)}
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    return kept | {k: str(v) for k, v in folders.items()} | {"JUPYTER_TOKEN": token}


def server_command(folder: Path) -> list[str]:
    """Return the command line of a JupyterLab that shows this folder."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": free_port(),
        "ServerApp.root_dir": folder,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]


def wait_for_address(runtime: Path, server: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return the address that the server writes down once it listens."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        for file in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(file.read_text(encoding="utf-8"))["url"])
            except json.JSONDecodeError:  # It is being written.
                continue
        if server.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def stop_with_kernels(server: "subprocess.Popen[bytes]") -> None:
    """End the server, which ends its kernels, and whatever of them is still there then."""
    family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    _, left = psutil.wait_procs(family, timeout=5)
    for process in left:
        process.kill()


@contextmanager
def running_jupyterlab(folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """Run JupyterLab on a folder and give its address and token; `home` is for its own files."""
    need_module("jupyterlab")
    token = secrets.token_hex()
    write_user_settings(home / "config")
    log = home / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            server_command(folder),
            env=server_environment(home, token),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for pytest, which ends the server in order.
            start_new_session=True,
        )
        try:
            yield wait_for_address(home / "runtime", server, log), token
        finally:
            stop_with_kernels(server)
