"""Servers replaced one by one under load, behind what takes its targets by /readyz as a Kubernetes Service does."""

import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import TimeoutExpired
from threading import Event, Thread
from typing import NamedTuple

import httpx2 as httpx

from drills.swap.callers import Load, Truth, offline
from fraud_detection_api.adapters.file_registry import FileRegistry
from support import calls
from support.polling import eventually
from support.servers import Server, start_server, wait_until_up

CLIENTS = 8
LOOK_SECONDS = 0.2
LONGEST_END_SECONDS = 30
LINGER_SECONDS = 2
"""Ten looks: whoever asks /readyz has found out before a server stops to listen."""


class Restarted(NamedTuple):
    """What was found; `connections` were opened by all callers."""

    restarts: int
    answered: Counter[tuple[str, str]]
    connections: int
    faults: list[str]


class Service:
    """Hands out the addresses of servers that were ready at the last look, in turn."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self._ready: list[str] = []
        self._turn = itertools.count()
        self._stop = Event()

    def target(self) -> str:
        """Where the next connection goes."""
        ready = self._ready
        return ready[next(self._turn) % len(ready)]

    def look(self) -> None:
        self._ready = [server.url for server in list(self.servers) if _is_ready(server.url)]

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look again and again while the block runs."""

        def again() -> None:
            while not self._stop.wait(LOOK_SECONDS):
                self.look()

        self.look()
        thread = Thread(target=again)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


def _is_ready(url: str) -> bool:
    try:
        return calls.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def restarts(registry: Path, folder: Path, *, count: int, workers: int) -> Restarted:
    """Two servers; so many times a third one is started, and the oldest one ended by SIGTERM."""
    truth, numbers, service = Truth(offline(FileRegistry(registry), "1")), itertools.count(1), Service()
    settings = {"FRAUD_WORKERS": str(workers), "FRAUD_LINGER_SECONDS": str(LINGER_SECONDS)}
    faults: list[str] = []

    def start() -> None:
        log = folder / f"server-{next(numbers)}.log"
        service.servers.append(wait_until_up(start_server(registry, log, own_group=True, **settings), log, ready=True))

    try:
        start()
        start()
        with service.looking(), Load(service.target, truth, clients=CLIENTS) as load:
            for _ in range(count):
                start()
                before = load.answered.total()
                eventually(lambda before=before: load.answered.total() > before + 50, "callers are answered")
                faults += _ended(service, service.servers[0])
                time.sleep(2 * LOOK_SECONDS)
        connections = sum(caller.connections for caller in load.callers)
        return Restarted(count, load.answered, connections, [*load.faults, *faults])
    finally:
        for server in service.servers:
            os.killpg(server.process.pid, signal.SIGKILL)  # its workers would outlive it
            server.process.wait()


def _ended(service: Service, server: Server) -> Iterator[str]:
    """End a server by SIGTERM; what went wrong with that."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(LINGER_SECONDS + LONGEST_END_SECONDS)
    except TimeoutExpired:
        yield "a server did not end"
        return
    if time.monotonic() - began < LINGER_SECONDS:
        yield "a server ended before it had lingered"
    service.servers.remove(server)
    if server.events("unexpected_error") or "Traceback" in server.log_text():
        yield f"{server.log.name} tells of an error"
