"""A real MLflow server on loopback, one for all test processes of a run: it takes seconds and hundreds of MB to start."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx

_START_SECONDS = 120
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_started: dict[int, subprocess.Popen[bytes]] = {}  # a server may outlive the fixture of the process that started it


@dataclass
class RunningMlflow:
    """An MLflow server: its address and its process."""

    url: str
    process_id: int

    def location(self) -> str:
        """A registry of a test's own on this server."""
        return f"mlflow:{self.url}?model=test-{uuid4().hex}"


def start_mlflow(folder: Path, port: int | None = None) -> RunningMlflow:
    """Start a server that keeps everything in `folder`, and wait until it answers."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **QUIET},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it starts processes of its own, and all are stopped together
        )
    _started[process.pid] = process
    server = RunningMlflow(f"http://127.0.0.1:{port}", process.pid)
    deadline = time.monotonic() + _START_SECONDS
    while not answers(server.url):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_mlflow(server)
            raise AssertionError(f"MLflow did not start:\n{(folder / 'server.log').read_text(encoding='utf-8')}")
        time.sleep(0.1)
    return server


def stop_mlflow(server: RunningMlflow) -> None:
    """Kill the server and what it started. Its folder can be served again."""
    with suppress(ProcessLookupError):
        os.killpg(server.process_id, signal.SIGKILL)
    if process := _started.pop(server.process_id, None):
        process.wait()


@contextmanager
def shared_mlflow(folder: Path) -> Iterator[RunningMlflow]:
    """The server of `folder`: the first test process that asks starts it, the last one that leaves stops it."""
    folder.mkdir(exist_ok=True)
    users = folder / "users"
    with _locked(folder):
        users.mkdir(exist_ok=True)
        if not any(users.iterdir()):
            server = start_mlflow(folder / "mlflow")
            (folder / "server.json").write_text(json.dumps([server.url, server.process_id]))
        (users / str(os.getpid())).touch()
        server = RunningMlflow(*json.loads((folder / "server.json").read_text()))
    try:
        yield server
    finally:
        with _locked(folder):
            (users / str(os.getpid())).unlink()
            if not any(users.iterdir()):
                stop_mlflow(server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
