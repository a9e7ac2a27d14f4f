"""Clients that never rest, on connections that they keep, and that check every answer against its model's own."""

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fraud_detection_api.model.bundle import read_bundle
from support.builders import record
from support.load import Load as CallersAtWork

SCORE, DECIDE = "/fraud_detection", "/v1/decisions"
RECORDS = [
    record(customer_id=n, total_balance=n * 7919 % 90_000, number_of_open_accounts=2 + n % 40) for n in range(64)
]
ANSWER_SECONDS = 20
"""An answer that takes longer is a fault: a request was forgotten."""

Offline = Mapping[str, Sequence[float]]
"""Of each version, the probabilities of RECORDS as the bundle itself gives them, without a server."""


class Settled(NamedTuple):
    """All workers serve this version since that moment of the monotonic clock."""

    version: str
    since: float


@dataclass
class Truth:
    """What answers are held against; `settled` is None while a promotion is under way."""

    offline: Offline
    settled: Settled | None = None


def offline(registry: Any, *versions: str) -> Offline:
    """Probabilities without a server."""
    bundles = {version: read_bundle(registry.fetch(version), source=version) for version in versions}
    return {
        version: bundle.engine.assess_records(RECORDS).probabilities.tolist() for version, bundle in bundles.items()
    }


@dataclass
class Caller:
    """Posts records, drawn by its name, until it is stopped; `target` says where the next connection goes."""

    name: str
    target: Callable[[], str]
    truth: Truth
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    connections: int = 0
    faults: list[str] = field(default_factory=list)

    def call_until(self, stop: Event) -> None:
        draw, connection = random.Random(self.name), None
        while not stop.is_set():
            if connection is None or connection.sock is None:  # closed by the server, which had said so
                url = urlsplit(self.target())
                connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=ANSWER_SECONDS)
                self.connections += 1
            try:
                self._call(connection, draw.choice([SCORE, DECIDE]), draw.randrange(len(RECORDS)))
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(
                    f"{self.name}: no answer from port {connection.port}: {type(error).__name__}: {error}"
                )
                connection.close()
        if connection is not None:
            connection.close()

    def _call(self, connection: http.client.HTTPConnection, path: str, number: int) -> None:
        records = [RECORDS[number]]
        body = json.dumps(records if path == SCORE else {"records": records})
        settled = self.truth.settled
        sent_at = time.monotonic()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            self.faults.append(f"{self.name}: {path} was answered with {answer.status}: {told[:200]!r}")
            return
        version = answer.headers["X-Model-Version"]
        found = json.loads(told)
        probability = found[0] if path == SCORE else found["decisions"][0]["fraud_probability"]
        if probability != self.truth.offline[version][number]:
            self.faults.append(f"{self.name}: {path} told {probability!r} of version {version}")
        if path == DECIDE and found["decisions"][0]["model"]["version"] != version:
            self.faults.append(f"{self.name}: a decision names another version than its answer's header, {version}")
        if settled is not None and sent_at > settled.since and version != settled.version:
            self.faults.append(f"{self.name}: version {version} answered where all workers serve {settled.version}")
        self.answered[path, version] += 1


class Load(CallersAtWork[Caller]):
    """Callers at work while the block runs."""

    def __init__(self, target: Callable[[], str], truth: Truth, *, clients: int) -> None:
        callers = [Caller(f"caller-{number}", target, truth) for number in range(clients)]
        super().__init__(callers, end_seconds=2 * ANSWER_SECONDS)

    @property
    def answered(self) -> Counter[tuple[str, str]]:
        """Requests answered with what they should be, by route and version."""
        return sum((caller.answered for caller in self.callers), Counter())

    @property
    def faults(self) -> list[str]:
        """Everything that went wrong for any caller."""
        return [fault for caller in self.callers for fault in caller.faults]
