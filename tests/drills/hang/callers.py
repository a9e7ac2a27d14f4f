"""Callers that measure how long each answer takes, while the store works and while it hangs."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import httpx2 as httpx

from support.builders import record

DEADLINE_MS = 400
LONGEST_ANSWER_SECONDS = 30


class Answered(NamedTuple):
    """When a request was sent, how long it took, its status and code, and the decisions that were answered."""

    sent_at: float
    seconds: float
    status: int
    code: str | None
    decision_ids: tuple[str, ...]


@dataclass
class Caller:
    """Sends one request after another: with a deadline, with a key, or with neither. A key is kept until it is answered."""

    url: str
    name: str
    headers: dict[str, str] = field(default_factory=dict)
    keyed: bool = False
    answers: list[Answered] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def call_until(self, stop: threading.Event) -> None:
        number = 0
        with httpx.Client(timeout=LONGEST_ANSWER_SECONDS, verify=False) as client:
            while not stop.is_set():
                headers = self.headers | ({"Idempotency-Key": f"{self.name}-{number}"} if self.keyed else {})
                sent_at = time.monotonic()
                body = {"records": [record(customer_id=number)]}
                try:
                    answer = client.post(f"{self.url}/v1/decisions", json=body, headers=headers)
                except httpx.HTTPError as error:
                    self.faults.append(f"{self.name}-{number}: {type(error).__name__}")
                    continue
                self.answers.append(_answered(sent_at, time.monotonic() - sent_at, answer))
                if answer.status_code == 200:
                    number += 1
                else:
                    stop.wait(0.02)


def _answered(sent_at: float, seconds: float, answer: httpx.Response) -> Answered:
    told = json.loads(answer.content)
    ids = tuple(decision["decision_id"] for decision in told.get("decisions", ()))
    return Answered(sent_at, seconds, answer.status_code, told.get("code"), ids)


@dataclass
class Probe:
    """Asks the routes of an orchestrator, over and over."""

    url: str
    path: str
    seen: list[tuple[float, float, int]] = field(default_factory=list)

    def call_until(self, stop: threading.Event) -> None:
        with httpx.Client(timeout=LONGEST_ANSWER_SECONDS, verify=False) as client:
            while not stop.wait(0.1):
                began = time.monotonic()
                status = client.get(f"{self.url}{self.path}").status_code
                self.seen.append((began, time.monotonic() - began, status))

    def longest(self) -> float:
        return max(seconds for _, seconds, _ in self.seen)

    def first(self, status: int, since: float) -> float:
        """Seconds until the first answer with that status."""
        return next(
            (began + took - since for began, took, found in self.seen if began >= since and found == status), 99
        )


class Load:
    """Callers and probes at work while the block runs."""

    def __init__(self, url: str) -> None:
        timed = {"X-Deadline-Ms": str(DEADLINE_MS)}
        self.plain = [Caller(url, f"plain-{number}") for number in range(3)]
        self.timed = [Caller(url, f"timed-{number}", timed) for number in range(2)]
        self.keyed = [Caller(url, f"keyed-{number}", keyed=True) for number in range(2)]
        self.ready, self.probes = Probe(url, "/readyz"), [Probe(url, "/livez"), Probe(url, "/metrics")]
        self.history = Probe(url, "/v1/decisions?limit=1")
        self._stop = threading.Event()
        everybody = [*self.callers, self.ready, *self.probes, self.history]
        self._threads = [threading.Thread(target=each.call_until, args=(self._stop,)) for each in everybody]

    @property
    def callers(self) -> list[Caller]:
        return [*self.plain, *self.timed, *self.keyed]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answers(self, callers: list[Caller] | None = None) -> list[Answered]:
        return [answer for caller in callers or self.callers for answer in list(caller.answers)]

    def acknowledged(self) -> list[str]:
        return [decision_id for answer in self.answers() for decision_id in answer.decision_ids]

    def first_good(self, since: float) -> float:
        """Seconds from then to the first good answer."""
        ends = [answer.sent_at + answer.seconds - since for answer in self.answers() if answer.status == 200]
        return min((end for end in ends if end >= 0), default=99.0)
