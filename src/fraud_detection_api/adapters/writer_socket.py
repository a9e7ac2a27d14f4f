"""A DecisionWriter in another process, over a Unix socket: one process keeps the decisions of all workers of a machine.

Committing beside scoring in one process costs each request half as much again, for the two take turns at the interpreter.

Frames are JSON after four bytes of length. Workers send arrays of requests: [rows], or [rows, caller, key, digest, answer].
They get {"fault": …, "results": …} in the same order, and {"fault": …} when it changes between two of these.
"""

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic_core import from_json, to_json

from fraud_detection_api.decision.stored import (
    ROWS,
    IdempotencyKey,
    SealedRequest,
    StoredAnswer,
    StoredRequest,
)
from fraud_detection_api.errors import StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.writing import GroupCommit
from fraud_detection_api.telemetry import log_event

START_SECONDS = 15.0
"""A worker waits so long for the first word of the process that keeps."""

RETRY_SECONDS = 0.1

LOOKS = 10
"""So often within its patience a worker looks whether the process that keeps still answers."""

_AWAY = "the process that keeps decisions is away; `fraud serve` starts it again"
_LENGTH_BYTES = 4


class _Frames(asyncio.Protocol):
    """Splits a stream of bytes into frames, and hands each on."""

    def __init__(self, owner: "WriterClient | WriterServer") -> None:
        self._owner, self._read = owner, bytearray()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are of a class of their own
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while len(self._read) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._read[:_LENGTH_BYTES], "big")
            if len(self._read) < end:
                return
            content = bytes(self._read[_LENGTH_BYTES:end])
            del self._read[:end]
            self._owner.received(self, from_json(content))

    def connection_lost(self, _error: Exception | None) -> None:
        self._owner.lost(self)

    def send(self, content: bytes) -> None:
        """Send a frame; to a connection that is lost, nothing."""
        self._transport.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)

    def close(self) -> None:
        """Send what waits, then close."""
        self._transport.close()

    def abort(self) -> None:
        """Close, whatever waits."""
        self._transport.abort()


class _Sent(NamedTuple):
    at: float
    requests: int
    records: int
    done: Callable[[Sequence[Result]], None]


class WriterClient:
    """The DecisionWriter whose socket is at `path`. At most `limit` records wait.

    One that has said nothing for `patience_seconds`, although something waits, hangs: it is as one that has gone.
    """

    def __init__(self, path: Path, *, limit: int, patience_seconds: float) -> None:
        self._path, self._limit, self._patience_seconds = path, limit, patience_seconds
        self._heard_at = 0.0
        self._sent: deque[_Sent] = deque()
        self._records = 0
        self._fault: str | None = _AWAY
        self._connection: _Frames | None = None
        self._idle: asyncio.Event | None = None

    @property
    def fault(self) -> str | None:
        return self._fault

    @property
    def waiting(self) -> int:
        return self._records

    async def start(self) -> None:
        self._told, self._gone = asyncio.Event(), asyncio.Event()
        self._connecting = asyncio.create_task(self._stay_connected())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), START_SECONDS)

    async def close(self) -> None:
        if self._sent:
            self._idle = asyncio.Event()
            await self._idle.wait()
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()

    def require_room(self) -> None:
        if self._fault is not None:
            raise StoreUnavailable(self._fault)
        if self._records >= self._limit:
            raise StoreBusy(retry_after_seconds=1)

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        records = sum(request.records for request in requests)
        if self._connection is None:
            done([StoreUnavailable(_AWAY)] * len(requests))
            return
        self._sent.append(_Sent(asyncio.get_running_loop().time(), len(requests), records, done))
        self._records += records
        self._connection.send(b"[%b]" % b",".join(map(_request_frame, requests)))

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError):
                self._gone.clear()
                await loop.create_unix_connection(lambda: _Frames(self), str(self._path))
                while not self._gone.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._gone.wait(), self._patience_seconds / LOOKS)
                    self._look(loop.time())
            await asyncio.sleep(RETRY_SECONDS)

    def _look(self, now: float) -> None:
        if self._connection is not None and self._sent:
            silent_since = max(self._heard_at, self._sent[0].at)
            if now - silent_since > self._patience_seconds:
                log_event("keeper_hangs", level=logging.ERROR, waiting=self._records)
                self._connection.abort()

    def connected(self, connection: _Frames) -> None:
        """The other side is there; it says at once how it is."""
        self._connection = connection

    def received(self, _connection: _Frames, frame: dict[str, Any]) -> None:
        """Results of the requests that were sent first, or a changed fault."""
        self._fault, self._heard_at = frame["fault"], asyncio.get_running_loop().time()
        self._told.set()
        if "results" in frame:
            self._settle([_result(told) for told in frame["results"]])

    def lost(self, _connection: _Frames) -> None:
        """Nobody knows what became of the requests under way; their callers are told so by a refusal."""
        self._fault, self._connection = _AWAY, None
        self._gone.set()
        while self._sent:
            self._settle([StoreUnavailable(_AWAY)] * self._sent[0].requests)

    def _settle(self, results: Sequence[Result]) -> None:
        sent = self._sent.popleft()
        self._records -= sent.records
        sent.done(results)
        if not self._sent and self._idle is not None:
            self._idle.set()


class WriterServer:
    """Takes the workers' requests at `path` and has `keeper` keep them."""

    def __init__(self, path: Path, keeper: GroupCommit) -> None:
        self._path, self._keeper = path, keeper
        self._connections: set[_Frames] = set()
        self._deserted = asyncio.Event()

    async def serve_until(self, ended: asyncio.Event) -> None:
        """Serve until then, and after that until the last worker has gone."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._keeper.start)
        self._path.unlink(missing_ok=True)  # of one that was killed
        server = await loop.create_unix_server(lambda: _Frames(self), str(self._path))
        telling = asyncio.create_task(self._tell_faults())
        await ended.wait()
        self._deserted.clear()
        server.close()
        if self._connections:
            await self._deserted.wait()
        telling.cancel()
        await asyncio.to_thread(self._keeper.close)

    def connected(self, connection: _Frames) -> None:
        """A worker has come."""
        self._connections.add(connection)
        connection.send(to_json({"fault": self._keeper.fault}))

    def lost(self, connection: _Frames) -> None:
        """A worker has gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._deserted.set()

    def received(self, connection: _Frames, frame: list[list[Any]]) -> None:
        """A worker's requests."""
        loop = asyncio.get_running_loop()

        def done(results: Sequence[Result]) -> None:
            told = {"fault": self._keeper.fault, "results": [_told(result) for result in results]}
            loop.call_soon_threadsafe(connection.send, to_json(told))

        self._keeper.submit([_request(sent) for sent in frame], done)

    async def _tell_faults(self) -> None:
        told = self._keeper.fault
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if (fault := self._keeper.fault) != told:
                told = fault
                for connection in self._connections:
                    connection.send(to_json({"fault": fault}))


def _request_frame(request: SealedRequest) -> bytes:
    if request.idempotency is None:
        return b"[%b]" % request.rows
    caller, key, digest = request.idempotency
    return b"[%b,%b" % (request.rows, to_json([caller, key, digest.hex(), _text(request.answer)])[1:])


def _request(sent: list[Any]) -> StoredRequest:
    rows, *keyed = sent
    decisions = [ROWS.row(values) for values in rows]
    if not keyed:
        return StoredRequest(decisions)
    caller, key, digest, answer = keyed
    return StoredRequest(decisions, IdempotencyKey(caller, key, bytes.fromhex(digest)), base64.b64decode(answer))


def _told(result: Result) -> Any:
    if result is None:
        return None
    if isinstance(result, StoredAnswer):
        return {"body_digest": result.body_digest.hex(), "answer": _text(result.answer)}
    return {"unavailable" if isinstance(result, StoreUnavailable) else "unexpected": str(result)}


def _result(told: Any) -> Result:
    match told:
        case None:
            return None
        case {"unavailable": reason}:
            return StoreUnavailable(reason)
        case {"unexpected": _}:
            return RuntimeError("a decision could not be kept; the log of the process that keeps has more")
    return StoredAnswer(bytes.fromhex(told["body_digest"]), base64.b64decode(told["answer"]))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
