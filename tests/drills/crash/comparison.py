"""What was acknowledged beside what is kept: each exactly once, equal, whole."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx

from drills.crash.callers import ANSWER_SECONDS, SCORE, Acknowledged, Sent, plain_client
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from support.polling import eventually

ROWS_A_PAGE = 5000
SAME = ("fraud_probability", "risk_score", "outcome")


class Compared(NamedTuple):
    """Records acknowledged and kept, requests that were kept although nobody was told, and what is wrong."""

    acknowledged_records: int
    kept_records: int
    unacknowledged_requests: int
    faults: list[str]


def compare(settings: Settings, sent: Sequence[Sent], acknowledged: Sequence[Acknowledged]) -> Compared:
    """Compare a store at rest with what callers remember."""
    requests = {request.request_id: request for request in sent}
    kept: dict[str, list[StoredDecision]] = defaultdict(list)
    faults, recorder = [], build_recorder(settings)
    for row in kept_rows(settings):
        kept[row.request_id].append(row)
        if not recorder.is_intact(row):
            faults.append(f"{row.request_id}: the seal of {row.decision_id} is broken")
    for request_id, rows in kept.items():
        rows.sort(key=lambda row: row.record_index)
        places, asked = [row.record_index for row in rows], requests.get(request_id)
        if asked is None:
            faults.append(f"{request_id}: kept, and never sent")
        elif places != list(range(asked.records)):
            faults.append(f"{request_id}: of {asked.records} records the places {places} are kept")
    under = _under_keys(kept)
    told: set[str] = set()
    for request, answer in acknowledged:
        rows = under.get(request.key, []) if request.key else kept.get(request.request_id, [])
        told |= {row.request_id for row in rows}
        faults += _unlike(request, answer, rows)
    return Compared(
        sum(one.sent.records for one in acknowledged),
        sum(map(len, kept.values())),
        len(kept.keys() - told),
        faults,
    )


def kept_rows(settings: Settings) -> Iterator[StoredDecision]:
    """Every row of the store, oldest first."""
    store = build_store(settings)
    assert store is not None
    last = None
    try:
        while page := store.following(DecisionFilter(), limit=ROWS_A_PAGE, after=last):
            yield from page
            last = page[-1].decision_id
    finally:
        store.close()


def _under_keys(kept: dict[str, list[StoredDecision]]) -> dict[str, list[StoredDecision]]:
    """The rows of each key."""
    under = defaultdict(list)
    for rows in kept.values():
        if rows[0].idempotency_key is not None:
            under[rows[0].idempotency_key] += rows
    return under


def _unlike(sent: Sent, answer: bytes, rows: Sequence[StoredDecision]) -> Iterable[str]:
    told = json.loads(answer)
    if len(rows) != sent.records:
        yield f"{sent.request_id}: {sent.records} records acknowledged, {len(rows)} kept"
    elif sent.path == SCORE:
        if told != [row.fraud_probability for row in rows]:
            yield f"{sent.request_id}: other probabilities were answered than are kept"
    elif [decision["decision_id"] for decision in told["decisions"]] != [row.decision_id for row in rows]:
        yield f"{sent.request_id}: other decisions were answered than are kept"
    elif [[decision[name] for name in SAME] for decision in told["decisions"]] != [
        [getattr(row, name) for name in SAME] for row in rows
    ]:
        yield f"{sent.request_id}: the decisions are kept otherwise than they were answered"


def damage(path: Path) -> list[str]:
    """What SQLite itself finds wrong with the file."""
    with closing(sqlite3.connect(path, timeout=ANSWER_SECONDS)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    return [f"integrity_check: {line}" for (line,) in found if line != "ok"] + [f"a row without: {s}" for s in strays]


def repeated(url: str, requests: Iterable[Sent]) -> Iterator[bytes]:
    """The answers to requests with a key that are sent again, as soon as the store can tell them."""
    with plain_client() as client:
        for sent in requests:
            yield eventually(partial(_answer, client, url, sent), f"{sent.key} is answered", every_seconds=0.1)


def _answer(client: httpx.Client, url: str, sent: Sent) -> bytes | None:
    response = client.post(url + sent.path, content=sent.body, headers=sent.headers())
    return response.content if response.status_code == 200 else None
