"""Champions swapped back and forth under load."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from drills.swap.callers import Load, Settled, Truth, offline
from fraud_detection_api.services.models.registry import ModelRegistry
from support import calls
from support.polling import eventually
from support.servers import Server, running_server

CLIENTS = 8
SETTLED_SECONDS = 0.2
"""How long callers are watched after each promotion, with all workers on the new champion."""


class Swapped(NamedTuple):
    """What was found; `converged_seconds` of each promotion, from its request until every worker served it."""

    promotions: int
    answered: Counter[tuple[str, str]]
    converged_seconds: list[float]
    faults: list[str]


class LoadedTail:
    """Counts the `model_loaded` events of a growing log by version, reading each line once."""

    def __init__(self, log: Path) -> None:
        self._log, self._read = log, 0
        self._rest = b""
        self.counts: Counter[str] = Counter()

    def count(self, version: str) -> int:
        with self._log.open("rb") as file:
            file.seek(self._read)
            written = file.read()
        self._read += len(written)
        *lines, self._rest = (self._rest + written).split(b"\n")
        for line in lines:
            if b'"model_loaded"' in line:
                self.counts[json.loads(line)["version"]] += 1
        return self.counts[version]


def promotions(location: str | Path, registry: ModelRegistry, folder: Path, *, count: int, workers: int) -> Swapped:
    """Promote version 2, then version 1, and so on; version 1 is champion at first, and both are sound and differ."""
    truth, log = Truth(offline(registry, "1", "2")), folder / "server.log"
    settings = {"FRAUD_WORKERS": str(workers), "FRAUD_LOG_FORMAT": "json"}
    converged = []
    with running_server(location, log, **settings) as server:
        tail = LoadedTail(log)
        eventually(lambda: tail.count("1") == workers, "all workers serve version 1")
        with Load(lambda: server.url, truth, clients=CLIENTS) as load:
            eventually(lambda: load.answered.total() >= 10 * CLIENTS, "callers are answered")
            for number in range(count):
                converged.append(_promote(server, tail, truth, str(2 - number % 2), workers))
                time.sleep(SETTLED_SECONDS)
                if load.faults:
                    break
    changes = [change for change in registry.audit() if change.cause.action == "promote"]
    faults = load.faults if len(changes) == count else [*load.faults, f"{len(changes)} of {count} promotions are kept"]
    return Swapped(count, load.answered, converged, faults)


def _promote(server: Server, tail: LoadedTail, truth: Truth, version: str, workers: int) -> float:
    truth.settled = None
    before, began = tail.count(version), time.monotonic()
    how = {"force": True, "reason": "a swap of the test"}
    answer = calls.post(f"{server.url}/v1/models/{version}/promote", json=how, timeout=20)
    assert answer.status_code == 200, answer.text
    eventually(lambda: tail.count(version) == before + workers, f"all workers serve version {version}")
    truth.settled = Settled(version, time.monotonic())
    return time.monotonic() - began
