"""wrk, which asks: how to run it, and what it prints."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.results import Load

SCRIPT = Path(__file__).with_name("post.lua")
MARK = "measured "
TIMEOUT_SECONDS = 60
"""Of one request. The slowest peers take seconds for a large batch, and that is no failure."""


class NoWrk(Exception):
    """wrk is not installed."""

    def __str__(self) -> str:
        return "wrk, which asks the servers, is not installed; on Debian and Ubuntu: apt-get install wrk"


@dataclass(frozen=True, slots=True)
class Ask:
    """What wrk is to post: a file, to an address, on so many connections for so many seconds, which wrk wants whole."""

    url: str
    body: Path
    connections: int
    seconds: int


def require_wrk() -> None:
    """Raise NoWrk where it is missing."""
    if shutil.which("wrk") is None:
        raise NoWrk


def start_wrk(ask: Ask) -> subprocess.Popen[str]:
    """Set wrk to work, on one thread; `finish_wrk` waits for it."""
    command = ["wrk", "--threads", "1", "--connections", str(ask.connections), "--duration", f"{ask.seconds}s"]
    command += ["--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT), ask.url]
    environment = {**os.environ, "BENCHMARK_BODY": str(ask.body)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 ours


def finish_wrk(process: subprocess.Popen[str]) -> Load:
    """What was measured."""
    return parse_wrk(process.communicate()[0])


def run_wrk(ask: Ask) -> Load:
    """Post and measure."""
    return finish_wrk(start_wrk(ask))


def parse_wrk(printed: str) -> Load:
    """What `post.lua` printed. Raises ValueError where wrk failed and printed something else.

    >>> parse_wrk('measured {"requests": 9, "duration_us": 3000000, "p50_us": 1500, "p99_us": 2500, "failed": 0}')
    Load(requests_per_second=3.0, p50_ms=1.5, p99_ms=2.5, failed=0)
    """
    lines = [line.removeprefix(MARK) for line in printed.splitlines() if line.startswith(MARK)]
    if not lines:
        raise ValueError(f"wrk failed: {' '.join(printed.split())[:200] or 'it printed nothing'}")
    counted = json.loads(lines[-1])
    return Load(
        requests_per_second=counted["requests"] / (counted["duration_us"] / 1e6),
        p50_ms=counted["p50_us"] / 1e3,
        p99_ms=counted["p99_us"] / 1e3,
        failed=counted["failed"],
    )
