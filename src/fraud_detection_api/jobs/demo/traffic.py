"""The process that sends a demo's live payments to its server, and what is found out about them minutes later."""

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from heapq import heappop, heappush
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from fraud_detection_api.jobs.demo.truth import found_out
from fraud_detection_api.processes.child_process import beat, begun
from fraud_detection_api.training.data.card_world import SECOND_US, CardWorld

SECONDS_OF_A_DAY = 60.0
"""What takes a day in the past takes a minute now, so that labels mature while somebody watches."""

DRAWN_SECONDS = 3_600
_AGAIN_SECONDS, _LATE_SECONDS = 5.0, 60.0
_PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 10.0
_DAY_SECONDS = 86_400


class Post(Protocol):
    """Sends a document to a path. Returns the document that is answered, None where there is none."""

    def __call__(self, path: str, document: Mapping[str, Any], /) -> Any: ...


class LiveTraffic:
    """Payments of a world as they happen, so many a second, and their labels. While `post` gets no answer, labels wait."""

    def __init__(self, world: CardWorld, post: Post, *, payments_a_second: float, now: float) -> None:
        self._world, self._post, self._a_day = world, post, payments_a_second * _DAY_SECONDS
        self._rng = np.random.default_rng([world.seed, int(now)])
        self._payments: deque[tuple[dict[str, Any], bool]] = deque()
        self._labels: list[tuple[float, str, dict[str, Any]]] = []
        self._drawn_until = now

    def step(self, now: float) -> None:
        """Send what is due. What was due while the machine slept is lost."""
        if now >= self._drawn_until:
            self._draw(int(now))
        while self._payments and self._payments[0][0]["paid_at"].timestamp() <= now:
            record, is_fraud = self._payments.popleft()
            if now - record["paid_at"].timestamp() < _LATE_SECONDS:
                self._pay(now, record, is_fraud=is_fraud)
        due = []
        while self._labels and self._labels[0][0] <= now:
            due.append(heappop(self._labels))
        if due and self._post("/v1/labels", {"labels": [label for _, _, label in due]}) is None:
            for _, decision_id, label in due:
                heappush(self._labels, (now + _AGAIN_SECONDS, decision_id, label))

    def _draw(self, first: int) -> None:
        """Draw the payments of the next hour, which is long beside a burst of a stolen card that it cuts off."""
        self._drawn_until = first + DRAWN_SECONDS
        frame = self._world.payments(first * SECOND_US, int(self._drawn_until) * SECOND_US, a_day=self._a_day)
        rows = frame.drop("payment_id", "kind").iter_rows(named=True)
        self._payments = deque((row, bool(row.pop("is_fraud"))) for row in rows)

    def _pay(self, now: float, record: Mapping[str, Any], *, is_fraud: bool) -> None:
        sent = {**record, "paid_at": record["paid_at"].isoformat()}
        answer = self._post("/v1/decisions", {"explain": True, "records": [sent]})
        for decision in () if answer is None else answer["decisions"]:
            verdict = found_out(self._rng, decision["outcome"], is_fraud=is_fraud)
            if verdict is not None:
                decision_id, due = decision["decision_id"], now + verdict.days * SECONDS_OF_A_DAY
                label = {"decision_id": decision_id, "is_fraud": verdict.is_fraud, "source": verdict.source}
                heappush(self._labels, (due, decision_id, label))


class Server:
    """The server at an address, by one connection that is opened again after an error."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS)

    def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """The answer, None while there is none, as while the server starts."""
        try:
            self._connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return None
        return json.loads(body) if response.status == HTTPStatus.OK else None


def main(seed: str, origin_us: str, url: str, payments_a_second: str) -> None:
    """Send until standard input ends, which it does with the process that holds its other end."""
    with begun("traffic"):
        ended = threading.Event()
        threading.Thread(target=_wait_for_end, args=(ended,), name="end-of-input", daemon=True).start()
        world, rate = CardWorld(int(seed), int(origin_us)), float(payments_a_second)
        traffic = LiveTraffic(world, Server(url).post, payments_a_second=rate, now=time.time())
        while not ended.wait(_PAUSE_SECONDS):
            beat()
            traffic.step(time.time())


def _wait_for_end(ended: threading.Event) -> None:
    with suppress(OSError):  # where the other process was killed
        sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
