"""The real `fraud` command in processes of its own: run to its end, or serving on a free port."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from support import calls
from support.polling import eventually

FRAUD = [sys.executable, "-c", "from fraud_detection_api.cli import app; app()"]
QUICK_FRAUD = [sys.executable, "-c", "from support.commands import quick_fraud; quick_fraud()"]
"""Trains in a moment, for tests of what becomes of the process; it wants an environment that `finds_support`."""
_START_SECONDS = 180  # a server may train its first model before it listens


@dataclass
class Server:
    """A running server: `url`, its `process`, and the file that its log goes to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, object]]:
        """The logged events of that name; the announcement at the start is no JSON, and neither may a line be cut."""
        lines = [
            line for line in self.log_text().splitlines(keepends=True) if line.startswith("{") and line[-1] == "\n"
        ]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def request_event(self, request_id: str) -> dict[str, object]:
        """The one line logged about a request; it is written just after the answer, so it may have to be waited for."""
        (event,) = eventually(
            lambda: [event for event in self.events("request") if event["request_id"] == request_id],
            f"the request {request_id} is logged",
        )
        return event


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment of a command: nobody's own settings, these `FRAUD_…=…`, and one thread."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRAUD_")}
    return {**inherited, "OMP_NUM_THREADS": "1", **variables}


def finds_support(**variables: str) -> dict[str, str]:
    """The environment of a Python that imports what this one does, these tests' support too."""
    return clean_environment(PYTHONPATH=os.pathsep.join(sys.path), **variables)


def run_fraud(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a `fraud` command to its end."""
    return subprocess.run(
        [*FRAUD, *arguments],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def start_server(
    registry: Path, log: Path, *, arguments=(), own_group: bool = False, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a server as `running_server` does, and do not wait. All processes of its `own_group` can be killed at once."""
    environment = {
        "FRAUD_STORE": f"sqlite:///{log.with_suffix('.db')}",
        "FRAUD_LINGER_SECONDS": "0",
        "FRAUD_OBSERVER": "false",  # few tests are about it, and each is a process more
        **environment,
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [*FRAUD, "serve", "--port", "0", "--registry", str(registry), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(**environment),
            start_new_session=own_group,
        )


@contextmanager
def running_server(
    registry: Path, log: Path, *, ready: bool = True, arguments=(), **environment: str
) -> Iterator[Server]:
    """Serve `registry`, keeping decisions beside `log`; variables are given as `FRAUD_…=…`.

    With `ready`, the block runs once /readyz answers 200.
    """
    process = start_server(registry, log, arguments=arguments, **environment)
    try:
        yield wait_until_up(process, log, ready)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_command(words: list[str], folder: Path) -> Iterator[Server]:
    """Run `fraud …` in the folder, with no other setting; the block runs once the server is ready."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*FRAUD, *words], cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=clean_environment()
        )
    try:
        yield wait_until_up(process, log, ready=True)
    finally:
        process.terminate()
        process.wait(20)


def wait_until_up(process: subprocess.Popen[bytes], log: Path, ready: bool) -> Server:
    """The server, once it answers; with `ready`, once /readyz answers 200."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listens on (http://\S+)", log.read_text(encoding="utf-8"))
        if found:
            server = Server(found.group(1), process, log)
            try:
                if calls.get(f"{server.url}/{'readyz' if ready else 'livez'}").status_code == 200:
                    return server
            except httpx.TransportError:
                pass
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
