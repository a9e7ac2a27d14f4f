"""The process that sends a demo's live payments to its server, and what is found out about them minutes later."""

import http.client
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from fraud_detection_api.jobs.demo.truth import found_out
from fraud_detection_api.processes.child_process import beat, begun
from fraud_detection_api.training.data.card_world import SECOND_US, CardWorld

SECONDS_OF_A_DAY = 60.0
"""What takes a day in the past takes a minute now, so that labels mature while somebody watches."""

DRAWN_SECONDS = 20
_PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 10.0
_DAY_SECONDS = 86_400


@dataclass
class LiveTraffic:
    """Payments of a world as they happen, and their labels, to the server at `url`, so many payments a second."""

    world: CardWorld
    url: str
    payments_a_second: float
    _due: list[tuple[float, int, dict[str, Any], bool]] = field(default_factory=list)
    _labels: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _drawn_until: int = 0
    _sent: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.world.seed, 4, int(time.time())])
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_TIMEOUT_SECONDS)

    def step(self, now: float) -> None:
        """Send what is due. While the server is away, payments are lost and labels wait."""
        self._draw(now)
        while self._due and self._due[0][0] <= now:
            _, _, record, is_fraud = heappop(self._due)
            self._pay(now, record, is_fraud=is_fraud)
        labels = []
        while self._labels and self._labels[0][0] <= now:
            labels.append(heappop(self._labels)[2])
        if labels and self._post("/v1/labels", {"labels": labels}) is None:
            for label in labels:
                heappush(self._labels, (now + SECONDS_OF_A_DAY / 2, self._number(), label))

    def _draw(self, now: float) -> None:
        """Draw the payments of the next seconds. What was missed while this process was stopped is not caught up."""
        if now < self._drawn_until:
            return
        first = int(now)
        self._drawn_until = first + DRAWN_SECONDS
        span = (first * SECOND_US, self._drawn_until * SECOND_US)
        frame = self.world.payments(*span, a_day=self.payments_a_second * _DAY_SECONDS)
        for row in frame.drop("payment_id", "kind").iter_rows(named=True):
            is_fraud, paid_at = bool(row.pop("is_fraud")), row["paid_at"]
            record = row | {"paid_at": paid_at.isoformat()}
            heappush(self._due, (paid_at.timestamp(), self._number(), record, is_fraud))

    def _pay(self, now: float, record: dict[str, Any], *, is_fraud: bool) -> None:
        answer = self._post("/v1/decisions", {"records": [record]})
        for decision in () if answer is None else answer["decisions"]:
            verdict = found_out(self._rng, decision["outcome"], is_fraud=is_fraud)
            if verdict is not None:
                label = {"decision_id": decision["decision_id"], "is_fraud": verdict.is_fraud, "source": verdict.source}
                heappush(self._labels, (now + verdict.days * SECONDS_OF_A_DAY, self._number(), label))

    def _post(self, path: str, document: dict[str, Any]) -> Any:
        """The answer of the server; None where it has none, as while it starts."""
        try:
            self._connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next request opens it again
            return None
        return json.loads(body) if response.status == http.client.OK else None

    def _number(self) -> int:
        """Keeps the order of what is due at the same time."""
        self._sent += 1
        return self._sent


def main(seed: str, origin_us: str, url: str, payments_a_second: str) -> None:
    """Send until standard input ends, which it does with the process that holds its other end."""
    with begun("traffic"):
        ended = threading.Event()
        threading.Thread(target=_wait_for_end, args=(ended,), name="end-of-input", daemon=True).start()
        traffic = LiveTraffic(CardWorld(int(seed), int(origin_us)), url, float(payments_a_second))
        while not ended.wait(_PAUSE_SECONDS):
            beat()
            traffic.step(time.time())


def _wait_for_end(ended: threading.Event) -> None:
    with suppress(OSError):  # where the other process was killed
        sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
