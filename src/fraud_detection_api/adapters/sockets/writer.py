"""A DecisionWriter in another process, over a Unix socket: one process stores the decisions of all workers of a machine.

Committing in the process that scores makes each request half as expensive again, as both compete for the interpreter.

Frames are MessagePack after four bytes of length; it is read three times as fast as JSON. Workers send [number, seconds,
requests]: a number of theirs, the seconds for the store or nil, and StoredRequests as arrays. They receive {"error": …,
"number": …, "results": …} for each frame, in any order, and {"error": …} when the error changes in between.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from msgspec import msgpack

from fraud_detection_api.decision.stored import StoredAnswer, StoredRequest
from fraud_detection_api.errors import CommitInDoubt, StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.writing import GroupCommit
from fraud_detection_api.telemetry import log_event

START_SECONDS = 15.0
"""Seconds that a worker waits for the first frame of the writer's process."""

RETRY_SECONDS = 0.1

_UNAVAILABLE = "the process that stores decisions is unavailable; `fraud serve` starts it again"
_LENGTH_BYTES = 4
_ENCODER = msgpack.Encoder()
_SUBMITTED = msgpack.Decoder(tuple[int, float | None, list[StoredRequest]])


class Owner(Protocol):
    """One side of a socket."""

    def connected(self, connection: "Frames") -> None:
        """There is a connection."""

    def received(self, connection: "Frames", content: bytes) -> None:
        """A frame has come."""

    def lost(self, connection: "Frames") -> None:
        """The connection is gone."""


class Frames(asyncio.Protocol):
    """Splits a stream of bytes into frames, and passes each to `owner`."""

    def __init__(self, owner: "Owner") -> None:
        self._owner, self._read = owner, bytearray()
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop has a class of its own
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while len(self._read) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._read[:_LENGTH_BYTES], "big")
            if len(self._read) < end:
                return
            content = bytes(self._read[_LENGTH_BYTES:end])
            del self._read[:end]
            self._owner.received(self, content)

    def connection_lost(self, _error: Exception | None) -> None:
        self._owner.lost(self)

    def send(self, frame: object) -> None:
        """Send a frame; a lost connection drops it."""
        if self.transport.is_closing():
            return
        content = _ENCODER.encode(frame)
        self.transport.writelines((len(content).to_bytes(_LENGTH_BYTES, "big"), content))


class _Sent(NamedTuple):
    due: float
    requests: int
    records: int
    done: Callable[[Sequence[Result]], None]


class WriterClient:
    """The worker's side of the socket at `path`. At most `limit` records wait.

    A writer's process that does not answer a request within `patience_seconds` hangs: the worker disconnects.
    """

    def __init__(self, path: Path, *, limit: int, patience_seconds: float) -> None:
        self._path, self._limit, self._patience_seconds = path, limit, patience_seconds
        self._sent: dict[int, _Sent] = {}  # by number, the oldest first
        self._number = self._records = 0
        self._error: str | None = _UNAVAILABLE
        self._connection: Frames | None = None
        self._idle: asyncio.Event | None = None

    @property
    def error(self) -> str | None:
        return self._error

    @property
    def waiting(self) -> int:
        return self._records

    async def start(self) -> None:
        self._greeted, self._gone = asyncio.Event(), asyncio.Event()
        self._connecting = asyncio.create_task(self._stay_connected())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._greeted.wait(), START_SECONDS)

    async def close(self) -> None:
        if self._sent:
            self._idle = asyncio.Event()
            await self._idle.wait()
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.transport.close()

    def require_room(self) -> None:
        if self._error is not None:
            raise StoreUnavailable(self._error)
        if self._records >= self._limit:
            raise StoreBusy(retry_after_seconds=1)

    def submit(
        self,
        requests: Sequence[StoredRequest],
        done: Callable[[Sequence[Result]], None],
        *,
        seconds: float | None = None,
    ) -> None:
        records = sum(len(request.decisions) for request in requests)
        if self._connection is None:
            done([StoreUnavailable(_UNAVAILABLE)] * len(requests))
            return
        self._number += 1
        due = asyncio.get_running_loop().time() + self._patience_seconds
        self._sent[self._number] = _Sent(due, len(requests), records, done)
        self._records += records
        self._connection.send((self._number, seconds, requests))

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError):
                self._gone.clear()
                await loop.create_unix_connection(lambda: Frames(self), str(self._path))
                while not self._gone.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._gone.wait(), self._oldest_due(loop.time()) - loop.time())
                    if self._oldest_due(math.inf) <= loop.time() and self._connection is not None:
                        log_event("keeper_hangs", level=logging.ERROR, waiting=self._records)
                        self._connection.transport.abort()
            await asyncio.sleep(RETRY_SECONDS)

    def _oldest_due(self, now: float) -> float:
        """When the oldest request must be answered; what is sent later must be answered later."""
        return next((sent.due for sent in self._sent.values()), now + self._patience_seconds)

    def connected(self, connection: Frames) -> None:
        """The other side has accepted; its first frame states its error."""
        self._connection = connection

    def received(self, _connection: Frames, content: bytes) -> None:
        """Take results of the requests that were sent first, or a changed error."""
        frame = msgpack.decode(content)
        self._error = frame["error"]
        self._greeted.set()
        if "results" in frame:
            self._settle(frame["number"], [_result(sent) for sent in frame["results"]])

    def lost(self, _connection: Frames) -> None:
        """Refuse the requests under way, as nobody knows whether they were stored."""
        self._error, self._connection = _UNAVAILABLE, None
        self._gone.set()
        for number, sent in list(self._sent.items()):
            self._settle(number, [CommitInDoubt(_UNAVAILABLE)] * sent.requests)

    def _settle(self, number: int, results: Sequence[Result]) -> None:
        sent = self._sent.pop(number)
        self._records -= sent.records
        sent.done(results)
        if not self._sent and self._idle is not None:
            self._idle.set()


class WriterServer:
    """The writer's side: takes the workers' requests at `path` and stores them by `commit`."""

    def __init__(self, path: Path, commit: GroupCommit) -> None:
        self._path, self._commit = path, commit
        self._connections: set[Frames] = set()
        self._all_gone = asyncio.Event()

    async def serve_until(self, ended: asyncio.Event) -> None:
        """Serve until `ended`, and after that until the last worker has disconnected."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._commit.start)
        self._path.unlink(missing_ok=True)  # a killed process left it
        server = await loop.create_unix_server(lambda: Frames(self), str(self._path))
        reporting = asyncio.create_task(self._report_errors())
        await ended.wait()
        self._all_gone.clear()
        server.close()
        if self._connections:
            await self._all_gone.wait()
        reporting.cancel()
        await asyncio.to_thread(self._commit.close)

    def connected(self, connection: Frames) -> None:
        """Greet a worker."""
        self._connections.add(connection)
        connection.send({"error": self._commit.error})

    def lost(self, connection: Frames) -> None:
        """Forget a worker."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()

    def received(self, connection: Frames, content: bytes) -> None:
        """A worker's requests."""
        loop = asyncio.get_running_loop()
        number, seconds, requests = _SUBMITTED.decode(content)

        def done(results: Sequence[Result]) -> None:
            reports = [_report(result) for result in results]
            report = {"error": self._commit.error, "number": number, "results": reports}
            loop.call_soon_threadsafe(connection.send, report)

        self._commit.submit(requests, done, seconds=seconds)

    async def _report_errors(self) -> None:
        reported = self._commit.error
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if (error := self._commit.error) != reported:
                reported = error
                for connection in self._connections:
                    connection.send({"error": error})


def _report(result: Result) -> Any:
    if result is None:
        return None
    if isinstance(result, StoredAnswer):
        return {"stored": result}
    if isinstance(result, CommitInDoubt):
        return {"in_doubt": result.reason}
    if isinstance(result, StoreBusy):
        return {"busy": result.retry_after_seconds}
    return {"unavailable" if isinstance(result, StoreUnavailable) else "unexpected": str(result)}


def _result(report: Any) -> Result:
    if report is None:
        return None
    match report:
        case {"stored": answer}:
            return StoredAnswer(*answer)
        case {"in_doubt": reason}:
            return CommitInDoubt(reason)
        case {"busy": seconds}:
            return StoreBusy(retry_after_seconds=seconds)
        case {"unavailable": reason}:
            return StoreUnavailable(reason)
    return RuntimeError("a decision could not be stored; the log of the process that stores decisions has the reason")
