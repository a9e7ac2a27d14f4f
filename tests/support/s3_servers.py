"""A real S3 server, moto's; all test processes of a run share one. A test has a bucket of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx

from support import calls
from support.mlflow_servers import free_port
from support.sharing import shared

_START_SECONDS = 60
_started: dict[int, subprocess.Popen[bytes]] = {}  # a server may outlive the fixture of the process that started it


@dataclass(frozen=True)
class RunningS3:
    """An S3 server: its address and its process."""

    url: str
    process_id: int

    @property
    def environment(self) -> dict[str, str]:
        """What clients of the server read from the environment."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "SECRET-KEY-OF-A-TEST",
        }

    def bucket(self) -> str:
        """A new bucket, by its URL."""
        name = f"test-{uuid4().hex}"
        assert calls.put(f"{self.url}/{name}").status_code == 200
        return f"s3://{name}"

    def put(self, url: str, content: bytes) -> None:
        """Store an object, as another program does."""
        assert calls.put(self._address(url), content=content).status_code == 200

    def delete(self, url: str) -> None:
        """Remove an object, or an empty bucket."""
        assert calls.delete(self._address(url)).is_success

    def _address(self, url: str) -> str:
        return f"{self.url}/{url.removeprefix('s3://')}"


def start_s3(folder: Path) -> RunningS3:
    """Start a server that keeps everything in memory, and wait until it answers."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        command = [sys.executable, "-m", "moto.server", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    _started[process.pid] = process
    server = RunningS3(f"http://127.0.0.1:{port}", process.pid)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(server.url):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_s3(server)
            raise AssertionError(f"moto did not start:\n{(folder / 'server.log').read_text(encoding='utf-8')}")
        time.sleep(0.05)
    return server


def stop_s3(server: RunningS3) -> None:
    """Kill the server; what it held is lost."""
    with suppress(ProcessLookupError):
        os.killpg(server.process_id, signal.SIGKILL)
    if process := _started.pop(server.process_id, None):
        process.wait()


@contextmanager
def shared_s3(folder: Path) -> Iterator[RunningS3]:
    """The server of `folder`, which all test processes share."""
    start = lambda: list(astuple(start_s3(folder / "s3")))  # noqa: E731
    with shared(folder, start, lambda told: stop_s3(RunningS3(*told))) as told:
        yield RunningS3(*told)


def _answers(url: str) -> bool:
    try:
        return calls.get(f"{url}/moto-api/").status_code == 200
    except httpx.TransportError:
        return False
