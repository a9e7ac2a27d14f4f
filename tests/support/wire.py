"""Connections without sockets: bytes in, bytes out, and a clock that the test sets."""

import asyncio
import functools
import json
from types import SimpleNamespace

from uvicorn.server import ServerState

from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.wire.connection import WATCH, HttpProtocol
from fraud_detection_api.routes.wire.doors import DoorLimits
from fraud_detection_api.routes.wire.lane import LANES
from fraud_detection_api.routes.wire.watch import Patience, Watch

PATIENCE = Patience(head=10, body=5, write=20, leave=2, idle=75, crowded=5)
ROOMY = DoorLimits(total=9, per_address=9, reserve=2)
HEALTH_PORT = 9


class Transport:
    """Stands for a socket: keeps what is written, and says how much of it the caller has not taken."""

    def __init__(self, client: str, port: int):
        self.extra = {"peername": (client, 50000), "sockname": ("127.0.0.1", port)}
        self.written = b""
        self.unsent = 0
        self.closed = self.aborted = self.ended = False
        self.reading = True

    def get_extra_info(self, name):
        return self.extra.get(name)

    def write(self, data):
        assert not self.closed
        assert not self.ended
        self.written += data

    def write_eof(self):
        self.ended = True

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_write_buffer_size(self):
        return self.unsent

    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.written.split(b"HTTP/1.1 ")[1:]]

    def problem(self) -> str:
        head, _, body = self.written.rpartition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert b"connection: close" in head
        return json.loads(body)["code"]


class Clock:
    """The running event loop, with a time that the test sets."""

    def __init__(self):
        self._loop, self.now = asyncio.get_running_loop(), 0.0

    def time(self):
        return self.now

    def __getattr__(self, name):
        return getattr(self._loop, name)


class Bench:
    """Connections to an application with `lanes`, and a clock. `scopes` are of requests that the application answers."""

    def __init__(self, app, limits=ROOMY, lanes=None):
        self.clock, self.state, self.app, self.scopes, self.lanes = Clock(), ServerState(), app, [], lanes or {}
        self.watch = Watch(limits, tallies=Tallies(), health_port=HEALTH_PORT, patience=PATIENCE)
        self.config = SimpleNamespace(loaded=True, loaded_app=self.ask, root_path="")

    async def ask(self, scope, receive, send):
        self.scopes.append(scope)
        await self.app(scope, receive, send)

    def connect(self, *, client="192.0.2.1", port=80) -> tuple[HttpProtocol, Transport]:
        connection = HttpProtocol(self.config, self.state, {WATCH: self.watch, LANES: self.lanes, "own": 1}, self.clock)
        connection.connection_made(transport := Transport(client, port))
        return connection, transport

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.watch.look(self.clock.now)

    async def settle(self) -> None:
        """Let every task go as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)


def in_loop(test):
    @functools.wraps(test)
    def run(**given):
        asyncio.run(test(**given))

    return run
