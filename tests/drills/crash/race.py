"""Many clients send the same request under the same key at the same moment."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing

import httpx2 as httpx
import psycopg

from drills.crash.callers import ANSWER_SECONDS, DECIDE, Acknowledged, Sent
from drills.crash.comparison import compare
from drills.crash.service import Service
from drills.crash.verdict import Verdict
from support.builders import record

_KEYS = "SELECT count(*) FROM idempotency_keys"


def keys_raced(service: Service, *, clients: int, keys: int) -> Verdict:
    """Each client, on a connection of its own, sends each key; all clients send one key at a time."""
    began = time.monotonic()
    with service.until_the_end():
        service.start()
        answered = asyncio.run(_race(service.url, clients, keys))
        sent = [sent for sent, _ in answered]
        acknowledged = [Acknowledged(sent, answer.content) for sent, answer in answered if answer.status_code == 200]
        compared = compare(service.settings, sent, acknowledged)
        stored = _stored_keys(service)
    different = {(one.sent.key, one.answer) for one in acknowledged}
    faults = [f"{sent.request_id}: answered with {answer.status_code}" for sent, answer in answered if answer.is_error]
    if len(different) != keys:
        faults.append(f"{keys} keys got {len(different)} different answers")
    if stored != keys:
        faults.append(f"{keys} keys were sent, {stored} are stored")
    if compared.kept_records != sum({one.key: one.records for one in sent}.values()):
        faults.append(f"{compared.kept_records} records are kept")
    return Verdict(
        kills=0,
        sent=len(sent),
        acknowledged=len(acknowledged),
        refused=0,
        refused_keys=len(sent) - len(acknowledged),
        broken=0,
        keys=stored,
        compared=compared,
        seconds=time.monotonic() - began,
        faults=[*faults, *compared.faults],
    )


async def _race(url: str, clients: int, keys: int) -> list[tuple[Sent, httpx.Response]]:
    options = {"base_url": url, "timeout": ANSWER_SECONDS, "verify": False}
    callers = [httpx.AsyncClient(**options) for _ in range(clients)]
    try:
        await asyncio.gather(*(caller.get("/ping") for caller in callers))  # connected, to this worker or that
        answered = []
        for number in range(keys):
            body = json.dumps({"records": [record(customer_id=number)] * (1 + number % 3), "explain": True}).encode()
            requests = [
                Sent(f"racer-{place}-{number}", DECIDE, 1 + number % 3, f"race-{number}", body)
                for place in range(clients)
            ]
            posted = [
                caller.post(sent.path, content=sent.body, headers=sent.headers())
                for caller, sent in zip(callers, requests, strict=True)
            ]
            answered += zip(requests, await asyncio.gather(*posted), strict=True)
        return answered
    finally:
        await asyncio.gather(*(caller.aclose() for caller in callers))


def _stored_keys(service: Service) -> int:
    if service.sqlite is not None:
        with closing(sqlite3.connect(service.sqlite)) as connection:
            return connection.execute(_KEYS).fetchone()[0]
    with psycopg.connect(service.store) as connection:
        return connection.execute(_KEYS).fetchone()[0]
