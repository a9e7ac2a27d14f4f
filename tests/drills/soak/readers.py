"""Analysts beside the callers: they look acknowledged decisions up, and label them."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

import httpx2 as httpx

from drills.crash.callers import DECIDE, REST_SECONDS, Address, Caller, plain_client

SAME = ("fraud_probability", "risk_score", "outcome")


@dataclass
class Reader:
    """Compares stored decisions with the answers that `callers` got. One that waits in the journal is not found yet."""

    address: Address
    callers: Sequence[Caller]
    seed: int
    compared: int = 0
    labelled: int = 0
    faults: list[str] = field(default_factory=list)

    def call_until(self, stop: Event) -> None:
        draw = random.Random(self.seed)
        with plain_client() as client:
            while not stop.is_set():
                time.sleep(REST_SECONDS)
                answered = draw.choice(self.callers).acknowledged[-50:]
                decided = [one.answer for one in answered if one.sent.path == DECIDE]
                if self.address.url is not None and decided:
                    decision = draw.choice(json.loads(draw.choice(decided))["decisions"])
                    try:
                        self._call(client, self.address.url, decision, is_fraud=draw.random() < 0.3)
                    except httpx.TransportError:
                        continue

    def _call(self, client: httpx.Client, url: str, decision: dict, *, is_fraud: bool) -> None:
        decision_id = decision["decision_id"]
        found = client.get(f"{url}{DECIDE}/{decision_id}")
        if found.status_code == 200:
            self.compared += 1
            kept = found.json()
            if not kept["is_intact"] or any(kept[name] != decision[name] for name in SAME):
                self.faults.append(f"{decision_id}: is kept otherwise than it was answered")
        elif found.status_code not in (404, 429, 503):
            self.faults.append(f"{decision_id}: looked up with {found.status_code}")
        label = {"decision_id": decision_id, "is_fraud": is_fraud, "source": "analyst", "note": "soak"}
        answer = client.post(f"{url}/v1/labels", json={"labels": [label]})
        if answer.status_code == 200:
            self.labelled += answer.json()["recorded"]
        elif answer.status_code not in (429, 503):
            self.faults.append(f"{decision_id}: labelled with {answer.status_code}")
