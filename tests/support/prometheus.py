"""Prometheus' own programs: found or skipped, and a server of a test's own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from support import calls
from support.mlflow_servers import free_port

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = MONITORING / "rules"
_START_SECONDS = 60


def program(name: str) -> str:
    """Path of `prometheus`, `promtool`, `prometheus-alertmanager` or `amtool`.

    Without it the test skips, and fails where REQUIRE_PROMETHEUS says that it must be there.
    """
    path = shutil.which(name)
    if path is None:
        missing = f"no {name} here; on Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager"
        pytest.fail(missing) if os.environ.get("REQUIRE_PROMETHEUS") else pytest.skip(missing)
    return path


def checked(name: str, *arguments: str | Path) -> str:
    """What the program says, once it has found nothing to complain of."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True)
class RunningPrometheus:
    """A running Prometheus at `url`."""

    url: str

    def query(self, expression: str) -> list[dict]:
        """Series of the expression now, as Prometheus' JSON has them."""
        return self._get("query", query=expression)["result"]

    def query_range(self, expression: str, *, start: float, end: float, step: float) -> list[dict]:
        """Series of the expression from `start` to `end`, in seconds since 1970."""
        return self._get("query_range", query=expression, start=start, end=end, step=step)["result"]

    def alerts(self, name: str) -> list[dict]:
        """The alert's instances, pending or firing."""
        return [alert for alert in self._get("alerts")["alerts"] if alert["labels"]["alertname"] == name]

    def _get(self, path: str, **parameters) -> dict:
        answer = calls.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=60)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]


@contextmanager
def running_prometheus(config: Path, storage: Path, *options: str) -> Iterator[RunningPrometheus]:
    """A Prometheus on a free port of this machine, from `config`, with its data in `storage`; ready when it is yielded."""
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={storage}",
        f"--web.listen-address={address}",
        *options,
    ]
    log = storage.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen([program("prometheus"), *arguments], stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(process, f"http://{address}", log)
        yield RunningPrometheus(f"http://{address}")
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if calls.get(f"{url}/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Prometheus did not start:\n{log.read_text(encoding='utf-8')}")
