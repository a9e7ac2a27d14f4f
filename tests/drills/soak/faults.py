"""What befalls the server in a soak: each fault lasts a few seconds at most, and is over when its function returns."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx

from drills.crash.scenarios import locked
from drills.crash.service import Service
from support import calls

LONGEST_SECONDS = 3.0
FARTHEST_JUMP_SECONDS = 8

_FAKETIME = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")


class Clock(NamedTuple):
    """A clock that is read from a file; `offset` says by how many seconds it is wrong."""

    offset: Path
    library: Path

    def environment(self) -> dict[str, str]:
        """Of processes that have this clock. Their monotonic clock stays right."""
        self.offset.write_text("+0")
        faked = {"FAKETIME_TIMESTAMP_FILE": str(self.offset), "FAKETIME_CACHE_DURATION": "1"}
        return {"LD_PRELOAD": str(self.library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **faked}


def clock_that_jumps(folder: Path) -> Clock | None:
    """None where libfaketime is not installed. LIBFAKETIME may name it."""
    named = os.environ.get("LIBFAKETIME")
    library = Path(named) if named else next(_FAKETIME, None)
    return None if library is None else Clock(folder / "clock", library)


def kill_a_process(service: Service, draw: random.Random) -> None:
    """SIGKILL to a worker, the writer or the observer."""
    service.kill_a_part(draw)


def stop_a_process(service: Service, draw: random.Random) -> None:
    """SIGSTOP to a worker, the writer or the observer, and SIGCONT."""
    pid = draw.choice(service.parts())
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(draw.uniform(0, LONGEST_SECONDS))
        os.kill(pid, signal.SIGCONT)


def kill_the_server(service: Service, draw: random.Random) -> None:
    """SIGKILL to all processes; another life begins."""
    service.kill()
    service.start()


def lock_the_store(service: Service, draw: random.Random) -> None:
    """Another process holds SQLite's lock."""
    assert service.sqlite is not None
    with locked(service.sqlite):
        time.sleep(draw.uniform(0, LONGEST_SECONDS))


def fill_the_disk(service: Service, draw: random.Random) -> None:
    """No process that has the store open can make a file longer than the store's log is."""
    assert service.sqlite is not None
    log = Path(f"{service.sqlite}-wal")
    with _files_limited(_processes_with(service, service.sqlite), log.stat().st_size if log.exists() else 0):
        time.sleep(draw.uniform(0, LONGEST_SECONDS))


def promote_another(service: Service, draw: random.Random) -> None:
    """One of the versions becomes champion, which it may be already. A server that is hindered may refuse."""
    how = {"force": True, "reason": "a soak"}
    with suppress(httpx.TransportError):
        answer = calls.post(f"{service.url}/v1/models/{draw.choice('12')}/promote", json=how, timeout=20)
        assert answer.status_code in (200, 409, 503), answer.text


def clock_jumper(clock: Clock) -> Callable[[Service, random.Random], None]:
    """The clock of all processes jumps, back or ahead."""

    def jump(_service: Service, draw: random.Random) -> None:
        clock.offset.write_text(f"{draw.uniform(-FARTHEST_JUMP_SECONDS, FARTHEST_JUMP_SECONDS):+.1f}")
        time.sleep(1.5)  # until all have read it

    return jump


Fault = Callable[[Service, random.Random], None]
FAULTS: dict[str, Fault] = {
    "process killed": kill_a_process,
    "process stopped": stop_a_process,
    "server killed": kill_the_server,
    "store locked": lock_the_store,
    "disk full": fill_the_disk,
    "model promoted": promote_another,
}


def _processes_with(service: Service, path: Path) -> list[int]:
    """Those parts of the server that have the file open."""
    found = []
    for pid in service.parts():
        with suppress(OSError):
            if any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir()):
                found.append(pid)
    return found


@contextmanager
def _files_limited(pids: list[int], size: int) -> Iterator[None]:
    before = {}
    for pid in pids:
        with suppress(ProcessLookupError):
            _, hard = before[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
