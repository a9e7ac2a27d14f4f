"""The history of entities in another process, over a Unix socket: one process has it in memory for all workers of a machine.

Workers send [number, digest of a contract, requests, stored]: requests are arrays of AskedRecords, and stored are JustStored
since the last question. To say what they serve, they send [0, contract as JSON, [], []]. They receive [0, digest, b"", 0]
when the contract's history is in memory, and [number, position, values, newest] for each question: the features as bytes of
float64, and the time of the newest event; the position is nil while the history is unavailable.
"""

import asyncio
import gc
import json
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from msgspec import msgpack

from fraud_detection_api.adapters.sockets.writer import Frames
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics.catalogue import (
    HISTORY_EVENTS,
    HISTORY_LOAD_DURATION,
    HISTORY_POSITION,
    HISTORY_SIZE,
)
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import Answered, AskedRecord, Entities, Seen
from fraud_detection_api.services.entities.local import asked_records
from fraud_detection_api.services.history.arrivals import JustStored
from fraud_detection_api.telemetry import log_event

RETRY_SECONDS = 0.1
START_SECONDS = 15.0
"""Seconds that a worker waits for the process."""

PREPARE_SECONDS = 600.0
"""How long a new model waits for its history, which has to be read from the store."""

PAUSE_SECONDS = 1.0
"""How long nobody asks after a question that was not answered in time: each would wait as long."""

KEPT_CONTRACTS = 2
"""Histories in memory: that of the model in service, and of the one before or after it."""

SAVED_ARRIVALS, SAVE_SECONDS = 50_000, 30.0
"""So much arrives, and so much time passes, between two copies. What came after the last is folded at the next start."""

IDLE_SECONDS = 0.5
"""How often what has arrived is taken in while nobody asks."""

_SERVES = 0
"""The number of frames that ask nothing."""

MOST_STORED = 1_000
"""Decisions that the other side hears of with the next question. Above it, it reads them from the store."""

_FRAME = msgpack.Decoder(tuple[int, str, list[list[AskedRecord]], list[JustStored]])


class _Question(NamedTuple):
    done: Answered
    features: int
    timer: asyncio.TimerHandle


class HistoryClient:
    """The worker's side of the socket at `path`. `recorder` says how entities are stored."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self._path, self._recorder = path, recorder
        self._asked: dict[int, _Question] = {}
        self._number, self._resume_at = 0, 0.0
        self._contracts: dict[str, Contract] = {}
        self._stored: dict[str, list[JustStored]] = defaultdict(list)
        self._ready: dict[str, threading.Event] = {}
        self._connection: Frames | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        self._loop, self._gone, self._met = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._connecting = asyncio.create_task(self._stay_connected())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._met.wait(), START_SECONDS)

    async def close(self) -> None:
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.transport.close()

    def prepare(self, contract: Contract) -> None:
        digest, loop = contract.content_digest, self._loop
        if not contract.history or loop is None:
            return
        ready = self._ready.setdefault(digest, threading.Event())
        ready.clear()  # the process may have been restarted, or had others in memory since
        loop.call_soon_threadsafe(self._serve, contract)
        ends = time.monotonic() + PREPARE_SECONDS
        while not ready.wait(START_SECONDS):
            if self._connection is None or time.monotonic() >= ends:
                log_event("history_not_ready", level=logging.WARNING)
                return

    def ask(self, contract: Contract, requests: Sequence[Sequence[Record]], done: Answered, *, seconds: float) -> None:
        loop, digest = asyncio.get_running_loop(), contract.content_digest
        if digest not in self._contracts:
            self._serve(contract)
        if self._connection is None or loop.time() < self._resume_at:
            done(None)
            return
        self._number += 1
        timer = loop.call_later(seconds, self._late, self._number)
        self._asked[self._number] = _Question(done, len(contract.history), timer)
        asked = [asked_records(contract, request, self._recorder) for request in requests]
        self._connection.send((self._number, digest, asked, self._stored.pop(digest, ())))

    def stored(self, requests: Iterable[tuple[Contract, StoredRequest]]) -> None:
        for contract, request in requests:
            stored = self._stored[contract.content_digest]
            for each in request.decisions:
                stored.append(JustStored(uuid_bytes(each.decision_id), each.decided_at, each.entity, each.record))
            if len(stored) > MOST_STORED:
                stored.clear()

    def _serve(self, contract: Contract) -> None:
        self._contracts.pop(contract.content_digest, None)
        self._contracts[contract.content_digest] = contract
        while len(self._contracts) > KEPT_CONTRACTS:
            oldest = next(iter(self._contracts))
            del self._contracts[oldest]
            self._stored.pop(oldest, None)
        if self._connection is not None:
            self._connection.send((_SERVES, json.dumps(contract.as_json()), (), ()))

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError):
                self._gone.clear()
                await loop.create_unix_connection(lambda: Frames(self), str(self._path))
                await self._gone.wait()
            await asyncio.sleep(RETRY_SECONDS)

    def connected(self, connection: Frames) -> None:
        self._connection, self._resume_at = connection, 0.0
        self._met.set()
        for contract in list(self._contracts.values()):
            self._serve(contract)

    def received(self, _connection: Frames, content: bytes) -> None:
        number, about, values, newest = msgpack.decode(content)
        if number == _SERVES:
            self._ready.setdefault(about, threading.Event()).set()
            return
        question = self._asked.pop(number, None)
        if question is None:  # it was not answered in time
            return
        question.timer.cancel()
        seen = None
        if about is not None:
            seen = Seen(about, np.frombuffer(values).reshape(-1, question.features), newest)
        question.done(seen)

    def lost(self, _connection: Frames) -> None:
        self._connection = None
        self._gone.set()
        for number in list(self._asked):
            question = self._asked.pop(number)
            question.timer.cancel()
            question.done(None)

    def _late(self, number: int) -> None:
        self._resume_at = asyncio.get_running_loop().time() + PAUSE_SECONDS
        log_event("history_late", level=logging.WARNING)
        self._asked.pop(number).done(None)


class HistoryPlaces(Protocol):
    """Where a history comes from, and where a copy of it goes."""

    def opened(self, contract: Contract) -> Entities:
        """The history of a contract: the last copy, or nothing yet. Raises StoreUnavailable."""

    def save(self, entities: Entities) -> None:
        """Write a copy. Raises OSError."""

    def forget(self, contract: Contract) -> None:
        """Remove the copy of a contract's history."""


class HistoryServer:
    """The other side: has histories in memory, and answers workers at `path`."""

    def __init__(self, path: Path, places: HistoryPlaces, tallies: Tallies) -> None:
        self._path, self._places, self._tallies = path, places, tallies
        self._connections: set[Frames] = set()
        self._served: dict[str, _Served] = {}

    async def serve_until(self, ended: asyncio.Event) -> None:
        """Serve until `ended`."""
        loop = asyncio.get_running_loop()
        self._path.unlink(missing_ok=True)  # a killed process left it
        server = await loop.create_unix_server(lambda: Frames(self), str(self._path))
        following = asyncio.create_task(self._follow())
        await ended.wait()
        following.cancel()
        server.close()

    def connected(self, connection: Frames) -> None:
        self._connections.add(connection)

    def lost(self, connection: Frames) -> None:
        self._connections.discard(connection)

    def received(self, connection: Frames, content: bytes) -> None:
        number, about, requests, stored = _FRAME.decode(content)
        if number == _SERVES:
            self._serve(connection, parse_contract(json.loads(about), source="a worker"))
            return
        served = self._served.get(about)
        seen = None if served is None else served.answer(requests, stored)
        position, values, newest = (None, b"", 0) if seen is None else seen
        connection.send((number, position, bytes(values), newest))

    def _serve(self, connection: Frames, contract: Contract) -> None:
        digest = contract.content_digest
        served = self._served.pop(digest, None) or _Served(contract, self._places)
        self._served[digest] = served
        while len(self._served) > KEPT_CONTRACTS:
            self._served.pop(next(iter(self._served))).close()
        if served.entities is not None:
            connection.send((_SERVES, digest, b"", 0))
        elif served.loading is None:
            served.load(lambda: self._ready(digest))

    def _measure(self) -> None:
        """Say how much is in memory. What is not loaded yet has no part in it."""
        loaded = [each for each in self._served.values() if each.entities is not None]
        if not loaded:
            return
        entities = [each.entities for each in loaded if each.entities is not None]
        gauges = {
            HISTORY_EVENTS: sum(each.rows for each in entities),
            HISTORY_SIZE: sum(each.size_bytes for each in entities),
            HISTORY_POSITION: min(each.position for each in entities),
            HISTORY_LOAD_DURATION: loaded[-1].load_seconds,
        }
        for metric, value in gauges.items():
            self._tallies.gauge(metric).set(value)

    def _ready(self, digest: str) -> None:
        for connection in self._connections:
            connection.send((_SERVES, digest, b"", 0))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            for served in list(self._served.values()):
                served.follow()
                served.look_after()
                await asyncio.sleep(0)
            gc.collect()
            gc.freeze()  # what is in memory by now is not searched again
            self._measure()


class _Served:
    """The history of a contract, which answers once it is loaded."""

    def __init__(self, contract: Contract, places: HistoryPlaces) -> None:
        self._contract, self._places = contract, places
        self.entities: Entities | None = None
        self.loading: asyncio.Task[None] | None = None
        self._saved, self._save_at, self._saving = 0, 0.0, 0
        self.load_seconds = 0.0

    def answer(self, requests: Sequence[Sequence[AskedRecord]], stored: Sequence[JustStored]) -> Seen | None:
        """What is known of records; None while that is nothing."""
        with suppress(StoreUnavailable):
            return None if self.entities is None else self.entities.answers(requests, stored)
        return None

    def follow(self) -> None:
        """Take in what has arrived, if the store is there."""
        with suppress(StoreUnavailable):
            while self.entities is not None and self.entities.catch_up():
                pass

    def look_after(self) -> None:
        """Write a copy when much has arrived since the last one; load all anew once an entity was erased."""
        entities, now = self.entities, time.monotonic()
        if entities is None or self._is_saving():
            return
        entities.sweep()
        if entities.is_outdated and self.loading is None:
            self._places.forget(self._contract)
            self.load(lambda: None)
        elif not entities.is_outdated and entities.position - self._saved >= SAVED_ARRIVALS and now >= self._save_at:
            self._saved, self._save_at = entities.position, now + SAVE_SECONDS
            self._saving = self._save_aside(entities)

    def load(self, ready: Callable[[], None]) -> None:
        """Have the history loaded, and then call `ready`."""
        self.loading = asyncio.create_task(self._load(ready))

    def close(self) -> None:
        """End what goes on."""
        if self.loading is not None:
            self.loading.cancel()

    async def _load(self, ready: Callable[[], None]) -> None:
        began, more = time.monotonic(), True
        entities: Entities | None = None
        while entities is None or more:
            try:
                if entities is None:
                    # in a thread: a large copy takes seconds, and the loop shows that the process is alive
                    entities = await asyncio.to_thread(self._places.opened, self._contract)
                more = entities.catch_up()
            except StoreUnavailable as error:
                log_event("history_store_away", level=logging.WARNING, reason=str(error))
                ready()  # a server whose store is away is not kept from answering as it may
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(0)  # others are answered meanwhile
        self.entities, self.loading = entities, None
        self.load_seconds = round(time.monotonic() - began, 3)
        log_event("history_ready", position=entities.position, rows=entities.rows, seconds=self.load_seconds)
        ready()

    def _save_aside(self, entities: Entities) -> int:
        """Write a copy in another process, which has the memory as it is now; returns its id."""
        if process := os.fork():
            return process
        with suppress(OSError):
            self._places.save(entities)
        os._exit(0)

    def _is_saving(self) -> bool:
        if self._saving and os.waitpid(self._saving, os.WNOHANG)[0]:
            self._saving = 0
        return self._saving != 0
