"""A real MLflow server, as compose runs it but on loopback; all test processes of a run share one, for it starts slowly."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import yaml

from support import calls
from support.sharing import shared

_START_SECONDS = 120
COMPOSED = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8"))["services"][
    "mlflow"
]
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
    command = [sys.executable, "-m", *composed_command(folder, port)]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **COMPOSED["environment"]},
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
    """The server of `folder`, which all test processes share."""
    start = lambda: list(astuple(start_mlflow(folder / "mlflow")))  # noqa: E731
    with shared(folder, start, lambda told: stop_mlflow(RunningMlflow(*told))) as told:
        yield RunningMlflow(*told)


def composed_command(folder: Path, port: int) -> list[str]:
    """Compose's command, with another folder, another port, and loopback."""
    changes = {"=0.0.0.0": "=127.0.0.1", "/mlflow/": f"{folder}/", ":5000": f":{port}", "=5000": f"={port}"}
    changed = COMPOSED["command"]
    for old, new in changes.items():
        changed = [word.replace(old, new) for word in changed]
    return changed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    try:
        return calls.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False
