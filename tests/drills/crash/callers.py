"""Clients that never rest, and remember every request that they sent and every answer that they got."""

import json
import random
import time
from dataclasses import dataclass, field
from threading import Event
from typing import NamedTuple

import httpx2 as httpx

from support.builders import record
from support.load import Load as CallersAtWork

SCORE, DECIDE = "/fraud_detection", "/v1/decisions"
FEW, MANY = 1, 20
REST_SECONDS = 0.02
ANSWER_SECONDS = 20
"""An answer that takes longer is a fault: a request was forgotten."""

REFUSED = (429, 503)


class Sent(NamedTuple):
    """A request, told apart from all others by its id; one with a key may be sent again under another id."""

    request_id: str
    path: str
    records: int
    key: str | None
    body: bytes

    def headers(self) -> dict[str, str]:
        named = {} if self.key is None else {"Idempotency-Key": self.key}
        return {"Content-Type": "application/json", "X-Request-ID": self.request_id, **named}


class Acknowledged(NamedTuple):
    """A request that was answered with 200, and the answer's bytes."""

    sent: Sent
    answer: bytes


def plain_client() -> httpx.Client:
    """A client that loads no certificates, which takes longer than many requests."""
    return httpx.Client(timeout=ANSWER_SECONDS, verify=False)


@dataclass
class Address:
    """Where the server is now; None while it is known to be nowhere."""

    url: str | None = None


@dataclass
class Caller:
    """Sends requests of all kinds, as `seed` draws them, until it is stopped.

    What breaks off or is refused is left alone where it has no key, and sent again under its key until it is answered.
    """

    name: str
    address: Address
    seed: int
    sent: list[Sent] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    pending: dict[str, Sent] = field(default_factory=dict)
    refused: int = 0
    refused_keys: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)

    def call_until(self, stop: Event) -> None:
        draw = random.Random(f"{self.seed} {self.name}")
        with plain_client() as client:
            while not stop.is_set():
                url = self.address.url
                sent = self._again(draw) if self.pending and draw.random() < 0.5 else self._new(draw)
                if url is None or not self._call(client, url, sent):
                    time.sleep(REST_SECONDS)

    def _call(self, client: httpx.Client, url: str, sent: Sent) -> bool:
        """Whether the request came to an end."""
        self.sent.append(sent)
        if sent.key:
            self.pending[sent.key] = sent
        try:
            answer = client.post(url + sent.path, content=sent.body, headers=sent.headers())
        except httpx.TimeoutException as error:
            self.faults.append(f"{sent.request_id}: no answer within {ANSWER_SECONDS} s ({type(error).__name__})")
            return False
        except httpx.TransportError:
            self.broken += 1
            return False
        if answer.status_code == 200:
            self.acknowledged.append(Acknowledged(sent, answer.content))
        elif answer.status_code in REFUSED:
            self.refused += not sent.key
            self.refused_keys += bool(sent.key)
            return False
        else:
            self.faults.append(f"{sent.request_id}: answered with {answer.status_code}: {answer.text[:200]}")
        self.pending.pop(sent.key, None)
        return True

    def _new(self, draw: random.Random) -> Sent:
        number, path = len(self.sent), draw.choice([SCORE, DECIDE])
        records = [
            record(customer_id=draw.randrange(10**6), total_balance=draw.randrange(10**5))
            for _ in range(draw.choice([FEW, MANY]))
        ]
        key = f"key-{self.name}-{number}" if path == DECIDE and draw.random() < 0.4 else None
        asked = records if path == SCORE else {"records": records, "explain": draw.random() < 0.5}
        return Sent(f"{self.name}-{number}", path, len(records), key, json.dumps(asked).encode())

    def _again(self, draw: random.Random) -> Sent:
        return draw.choice(list(self.pending.values()))._replace(request_id=f"{self.name}-{len(self.sent)}")


class Load(CallersAtWork[Caller]):
    """Callers at work while the block runs."""

    def __init__(self, address: Address, *, clients: int, seed: int) -> None:
        callers = [Caller(f"caller-{number}", address, seed) for number in range(clients)]
        super().__init__(callers, end_seconds=2 * ANSWER_SECONDS)

    @property
    def acknowledged(self) -> int:
        """Requests answered so far."""
        return sum(len(caller.acknowledged) for caller in self.callers)
